/** Makes a switch forget connections. */
import { parseIp } from '../../address/index.ts';
import { Failure } from '../../base/failure.ts';
import { ct } from '../../openflow/build.ts';
import { PORT } from '../../openflow/flow.ts';
import type { CtTuple, Message } from '../../openflow/wire/index.ts';
import {
  encodeEcho,
  encodeEthernet,
  encodeIcmpv6,
  encodeIpv6,
  ETHER_TYPE,
  ICMPV6_TYPE,
  IP_PROTOCOL,
} from '../../packet/index.ts';
import { errorName } from './errors.ts';
import type { Link } from './link.ts';

/** A tracked connection, as its first packet had it. */
export interface TrackedConnection {
  /** Its conntrack zone, 0 … 65535. */
  readonly zone: number;
  /** IP protocol number. */
  readonly protocol: number;
  readonly source: string;
  readonly destination: string;
  /** TCP, UDP and SCTP: the port; ICMP: the id on both sides; else 0. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Of ICMP, and there needed. */
  readonly icmp?: { readonly type: number; readonly code: number };
}

/** ::ffff:0:0/96, in which NXT_CT_FLUSH writes IPv4. */
const MAPPED = 0xffff_0000_0000n;
/** Any will do: the frame goes nowhere. */
const NO_MAC = 0x0200_0000_0000n;

/**
 * How to make a switch forget a connection of a protocol; the others are named by their ports. Open
 * vSwitch 3.1 knows the reverse of ICMPv4's types only, and ends its process when it is to flush a tuple of
 * ICMPv6, or of an ICMP type that conntrack does not follow.
 */
const WAYS: ReadonlyMap<number, (connection: TrackedConnection) => readonly Message[]> = new Map([
  [IP_PROTOCOL.icmp, flushIcmp],
  [IP_PROTOCOL.icmpv6, replaceEcho],
]);

/** Forgets all connections of these zones. */
export function flushZones(link: Link, zones: readonly number[]): Promise<void> {
  return tell(
    link,
    zones.map((zone) => ({ kind: 'ct_flush_zone', zone })),
  );
}

/**
 * Forgets exactly these connections. The switch says nothing of one that it does not know.
 * @throws {Failure} for an address that is none; `SwitchRefused`.
 */
export async function flushConnections(
  link: Link,
  connections: readonly TrackedConnection[],
): Promise<void> {
  await tell(
    link,
    connections.flatMap((connection) => (WAYS.get(connection.protocol) ?? flushPorts)(connection)),
  );
}

function flushPorts(connection: TrackedConnection): readonly Message[] {
  const { sourcePort, destinationPort } = connection;
  return [flush(connection, { sourcePort, destinationPort })];
}

/** Echo, timestamp, information: request and reply. */
const FOLLOWED: ReadonlySet<number> = new Set([0, 8, 13, 14, 15, 16]);

function flushIcmp(connection: TrackedConnection): readonly Message[] {
  const { sourcePort, icmp } = connection;
  return icmp === undefined || !FOLLOWED.has(icmp.type)
    ? []
    : [flush(connection, { icmpId: sourcePort, icmpType: icmp.type, icmpCode: icmp.code })];
}

function flush(connection: TrackedConnection, rest: CtTuple): Message {
  const original = {
    source: mapped(connection.source),
    destination: mapped(connection.destination),
    ...rest,
  };
  return {
    kind: 'ct_flush',
    protocol: connection.protocol,
    zone: connection.zone,
    original,
    reply: {},
  };
}

function mapped(address: string): bigint {
  const { version, value } = parseIp(address, 'address');
  return version === 4 ? MAPPED | value : value;
}

/**
 * An echo reply that is to be the first packet of its connection takes the place of the one that it
 * answers (`force` in ovs-actions(7)); and since no connection may begin with a reply, none is left.
 */
function replaceEcho(connection: TrackedConnection): readonly Message[] {
  const { zone, sourcePort } = connection;
  const source = parseIp(connection.destination, 'destination').value;
  const destination = parseIp(connection.source, 'source').value;
  const body = encodeEcho({ identifier: sourcePort, sequence: 0, data: new Uint8Array() });
  const reply = encodeIcmpv6(
    { type: ICMPV6_TYPE.echoReply, code: connection.icmp?.code ?? 0, body },
    { version: 6, source, destination },
  );
  const packet = encodeIpv6({
    source,
    destination,
    trafficClass: 0,
    flowLabel: 0,
    hopLimit: 64,
    protocol: IP_PROTOCOL.icmpv6,
    payload: reply,
  });
  const frame = encodeEthernet({
    destination: NO_MAC,
    source: NO_MAC,
    tags: [],
    type: ETHER_TYPE.ipv6,
    payload: packet,
  });
  return [
    {
      kind: 'packet_out',
      inPort: PORT.controller,
      actions: [ct({ zone, commit: true, force: true })],
      data: frame,
    },
  ];
}

async function tell({ flows }: Link, messages: readonly Message[]): Promise<void> {
  if (messages.length === 0) return;
  const { refusals } = await flows.exchange(messages, messages.length);
  const [refused] = refusals;
  if (refused === undefined) return;
  const name = errorName(refused.error);
  throw new Failure('invalid', 'SwitchRefused', `the switch does not forget connections: ${name}`, {
    remedy: name,
  });
}
