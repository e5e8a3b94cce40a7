/** Short ways to write matches and actions in code. A wrong value here is a programming error: RangeError. */
import { field, type Field } from './fields.ts';
import type { Action, Match, NatSpec, Subfield, Term } from './flow.ts';
import { fieldMask } from './key.ts';

export const ETH_TYPE = { ip: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd } as const;
export const IP_PROTO = { icmp: 1, tcp: 6, udp: 17, icmp6: 58, sctp: 132 } as const;

/** Bits of ct_state as in ovs-fields(7). */
export const CT_STATE = {
  new: 0x01,
  est: 0x02,
  rel: 0x04,
  rpl: 0x08,
  inv: 0x10,
  trk: 0x20,
  snat: 0x40,
  dnat: 0x80,
} as const;

export interface MaskedValue {
  readonly value: bigint | number;
  readonly mask: bigint | number;
}
export type MatchValue = bigint | number | MaskedValue;

function term(target: Field, given: MatchValue): Term {
  const full = fieldMask(target);
  const masked = typeof given === 'object' ? given : { value: given, mask: target.exact };
  const value = BigInt(masked.value);
  const mask = BigInt(masked.mask);
  if (value < 0n || mask < 0n || value > full || mask > full) {
    throw new RangeError(`${target.name} has ${target.bits} bits: ${value}/${mask}`);
  }
  return { field: target, value: value & mask, mask };
}

const ethType = (value: number) => term(field('eth_type'), value);
const ipProto = (value: number) => term(field('ip_proto'), value);

const protocols = {
  ip: [ethType(ETH_TYPE.ip)],
  ipv6: [ethType(ETH_TYPE.ipv6)],
  arp: [ethType(ETH_TYPE.arp)],
  icmp: [ethType(ETH_TYPE.ip), ipProto(IP_PROTO.icmp)],
  tcp: [ethType(ETH_TYPE.ip), ipProto(IP_PROTO.tcp)],
  udp: [ethType(ETH_TYPE.ip), ipProto(IP_PROTO.udp)],
  sctp: [ethType(ETH_TYPE.ip), ipProto(IP_PROTO.sctp)],
  icmp6: [ethType(ETH_TYPE.ipv6), ipProto(IP_PROTO.icmp6)],
  tcp6: [ethType(ETH_TYPE.ipv6), ipProto(IP_PROTO.tcp)],
  udp6: [ethType(ETH_TYPE.ipv6), ipProto(IP_PROTO.udp)],
  sctp6: [ethType(ETH_TYPE.ipv6), ipProto(IP_PROTO.sctp)],
} as const satisfies Record<string, readonly Term[]>;

/** The words that ovs-ofctl writes for an Ethernet type and an IP protocol. */
export type Protocol = keyof typeof protocols;

/** The prerequisites that a protocol word stands for. */
export const PROTOCOLS: Readonly<Record<Protocol, readonly Term[]>> = protocols;

/**
 * A match: the prerequisites of `protocol`, and `values` by field name. A mask of 0 matches
 * anything and leaves no term; bits of a value outside its mask are dropped.
 */
export function match(
  protocol: Protocol | null,
  values: Readonly<Record<string, MatchValue>> = {},
): Match {
  const terms: Term[] = protocol === null ? [] : [...PROTOCOLS[protocol]];
  for (const name in values) {
    const given = values[name];
    if (given === undefined) continue;
    const next = term(field(name), given);
    if (next.mask !== 0n) terms.push(next);
  }
  return terms;
}

/**
 * A ct_state match from its text, such as `+new+trk` or `-est+trk`.
 * @throws {RangeError} for a flag that does not exist.
 */
export function ctState(text: string): MaskedValue {
  let value = 0;
  let mask = 0;
  for (const flag of text.match(/[+-][a-z]+/g) ?? []) {
    const bit: number | undefined = (CT_STATE as Record<string, number>)[flag.slice(1)];
    if (bit === undefined) throw new RangeError(`ct_state has no flag ${flag}`);
    mask |= bit;
    if (flag.startsWith('+')) value |= bit;
  }
  return { value, mask };
}

type ActionOf<K extends Action['kind']> = Extract<Action, { kind: K }>;

/** Bits of a field, the whole of it by default. */
export function sub(name: string, first = 0, bits?: number): Subfield {
  const target = field(name);
  const width = bits ?? target.bits - first;
  if (first < 0 || width < 1 || first + width > target.bits) {
    throw new RangeError(`${name} has ${target.bits} bits: [${first}..${first + width - 1}]`);
  }
  return { field: target, first, bits: width };
}

/** `set_field:VALUE[/MASK]->NAME` */
export function setField(
  name: string,
  value: bigint | number,
  mask?: bigint | number,
): ActionOf<'set_field'> {
  const given = mask === undefined ? value : { value, mask };
  return { kind: 'set_field', ...term(field(name), given) };
}

/** `load:VALUE->NAME[first..first+bits-1]` */
export function load(
  value: bigint | number,
  name: string,
  first?: number,
  bits?: number,
): ActionOf<'load'> {
  const target = sub(name, first, bits);
  if (BigInt(value) < 0n || BigInt(value) >> BigInt(target.bits) !== 0n) {
    throw new RangeError(`${value} does not fit in ${target.bits} bits of ${name}`);
  }
  return { kind: 'load', value: BigInt(value), target };
}

export function move(source: Subfield, target: Subfield): ActionOf<'move'> {
  if (source.bits !== target.bits) {
    throw new RangeError(`move of ${source.bits} bits to ${target.bits}`);
  }
  return { kind: 'move', source, target };
}

export function output(port: number): ActionOf<'output'> {
  return { kind: 'output', port };
}

export function group(id: number): ActionOf<'group'> {
  return { kind: 'group', group: id };
}

/** `resubmit(inPort,table)`; what is absent stays as it is. */
export function resubmit(
  to: { readonly inPort?: number | null; readonly table?: number | null } = {},
): ActionOf<'resubmit'> {
  return { kind: 'resubmit', inPort: to.inPort ?? null, table: to.table ?? null, ct: false };
}

/** `ct(…)`; `nat: {}` is the bare nat, which applies the mapping of the connection. */
export function ct(options: {
  readonly zone: number | Subfield;
  readonly commit?: boolean;
  readonly force?: boolean;
  readonly table?: number | null;
  readonly nat?: NatSpec | null;
  readonly exec?: readonly Action[];
}): ActionOf<'ct'> {
  return {
    kind: 'ct',
    commit: options.commit ?? false,
    force: options.force ?? false,
    zone: options.zone,
    table: options.table ?? null,
    nat: options.nat ?? null,
    exec: options.exec ?? [],
    alg: null,
  };
}

export function ctClear(): ActionOf<'ct_clear'> {
  return { kind: 'ct_clear' };
}

export function writeMetadata(
  value: bigint,
  mask = 0xffff_ffff_ffff_ffffn,
): ActionOf<'write_metadata'> {
  return { kind: 'write_metadata', value, mask };
}

export function gotoTable(table: number): ActionOf<'goto_table'> {
  return { kind: 'goto_table', table };
}

/** Clause `clause` (1 …) of `clauses` of the conjunction that matches as `conj_id=id`. */
export function conjunction(id: number, clause: number, clauses: number): ActionOf<'conjunction'> {
  return { kind: 'conjunction', id, clause, clauses };
}

/** With controllers: those that get the packet when the TTL expires. */
export function decTtl(controllers: readonly number[] = []): ActionOf<'dec_ttl'> {
  return { kind: 'dec_ttl', controllers };
}

export function meter(id: number): ActionOf<'meter'> {
  return { kind: 'meter', meter: id };
}

/** To the controller; by default the whole packet, for the reason `action`, to controller 0. */
export function controller(
  options: {
    readonly maxLength?: number;
    readonly reason?: string;
    readonly controllerId?: number;
    readonly userdata?: readonly number[];
    readonly pause?: boolean;
    readonly meterId?: number;
  } = {},
): ActionOf<'controller'> {
  return {
    kind: 'controller',
    maxLength: options.maxLength ?? 65535,
    reason: options.reason ?? 'action',
    controllerId: options.controllerId ?? 0,
    pause: options.pause ?? false,
    ...(options.userdata !== undefined && { userdata: options.userdata }),
    ...(options.meterId !== undefined && { meterId: options.meterId }),
  };
}

export function pushVlan(etherType: number = ETH_TYPE.vlan): ActionOf<'push_vlan'> {
  return { kind: 'push_vlan', etherType };
}

export function popVlan(): ActionOf<'pop_vlan'> {
  return { kind: 'pop_vlan' };
}

/** The bit of a vlan_vid value that says a VLAN header is present (OFPVID_PRESENT). */
export const VLAN_PRESENT = 0x1000;

export function clone(actions: readonly Action[]): ActionOf<'clone'> {
  return { kind: 'clone', actions };
}

export function note(bytes: readonly number[]): ActionOf<'note'> {
  return { kind: 'note', bytes };
}

export function clearActions(): ActionOf<'clear_actions'> {
  return { kind: 'clear_actions' };
}

export function writeActions(actions: readonly Action[]): ActionOf<'write_actions'> {
  return { kind: 'write_actions', actions };
}
