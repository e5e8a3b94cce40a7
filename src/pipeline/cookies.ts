/**
 * What a flow's cookie says: epoch(32) | vid high byte(8) | module(4) | local network id(12) |
 * vid low byte(8). For vids below 256 that is the record's layout to the digit.
 */
export const MODULE = {
  /** Base flows of a table. */
  base: 0x0,
  /** A port on this node. */
  port: 0x1,
  /** A VPC's tunnel side: ports elsewhere, entry from a tunnel. */
  tunnel: 0x2,
  vip: 0xb,
  /** Routing, policy routes, floating ips. */
  routing: 0xc,
  /** A revoked connection, held back. */
  hold: 0xe,
  security: 0xf,
} as const;

export type ModuleName = keyof typeof MODULE;

export interface CookieFields {
  /** Seconds since 1970, 32 bits. */
  readonly epoch: number;
  /** 0 … 65535; 0: no port. */
  readonly vid: number;
  /** 0 … 15, see MODULE. */
  readonly module: number;
  /** 0 … 4095; 0: no VPC. */
  readonly networkId: number;
}

const RANGES = [
  ['epoch', 0xffffffff],
  ['vid', 0xffff],
  ['module', 0xf],
  ['networkId', 0xfff],
] as const;

/** @throws {RangeError} when a part does not fit its bits. */
export function encodeCookie(fields: CookieFields): bigint {
  for (const [name, max] of RANGES) {
    const value = fields[name];
    if (!Number.isInteger(value) || value < 0 || value > max) {
      throw new RangeError(`cookie ${name} ${value} is not in 0…${max}`);
    }
  }
  const { epoch, vid, module, networkId } = fields;
  const low = ((vid >> 8) * 2 ** 24 + module * 2 ** 20 + networkId * 2 ** 8 + (vid & 0xff)) >>> 0;
  return (BigInt(epoch) << 32n) | BigInt(low);
}

/** The parts of a 64-bit cookie; total, whoever wrote it. */
export function decodeCookie(cookie: bigint): CookieFields {
  const low = Number(cookie & 0xffffffffn);
  return {
    epoch: Number((cookie >> 32n) & 0xffffffffn),
    vid: ((low >>> 24) << 8) | (low & 0xff),
    module: (low >>> 20) & 0xf,
    networkId: (low >>> 8) & 0xfff,
  };
}

/**
 * Whether a flow holds a revoked connection back. Such flows are no part of a compiled program and
 * outlive it: what sweeps a switch of flows that are not in the program leaves them alone, whatever
 * their epoch.
 */
export function isHold(cookie: bigint): boolean {
  return decodeCookie(cookie).module === MODULE.hold;
}

/**
 * 0x2 | local network id(12) | index(16).
 * @param networkId 1 … 4095
 * @param index the vid of the port the group delivers to
 */
export function groupId(networkId: number, index: number): number {
  return 0x2000_0000 + networkId * 0x1_0000 + index;
}

/** The switch's own meter of what goes to the agent without one (OpenFlow 1.5.1, OFPM_CONTROLLER). */
export const CONTROLLER_METER = 0xffff_fffe;

/** What a meter limits: the low three bits of its id. */
export const METER = {
  /** Packets that the port makes the switch send to the agent. */
  agent: 0,
  egressBand: 1,
  egressPps: 2,
  egressSyn: 3,
  ingressBand: 4,
  ingressPps: 5,
} as const;

/** @param vid 1 … 65535, so an id is 8 or more. */
export function meterId(vid: number, purpose: number): number {
  return vid * 8 + purpose;
}
