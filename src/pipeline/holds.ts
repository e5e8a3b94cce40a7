/**
 * Rows that hold a revoked connection back. To forget it is not enough: userspace conntrack picks
 * TCP up in mid-stream, and any protocol by its next packet, so the other side's next packet would
 * begin it anew, reversed, and by the port's own rules. These rows lie above all others of 71 and
 * 151, match the connection in either direction, and expire when both sides are silent. They look
 * at conntrack's tuple, not at the packet's headers: fragments bear it too, and so do ICMP errors
 * about the connection. No feature emits them: they come of connections, not of the topology.
 */
import { formatIp, parseIp } from '../address/index.ts';
import { ctState, IP_PROTO, match } from '../openflow/build.ts';
import type { Flow, Match } from '../openflow/flow.ts';
import { decodeCookie, encodeCookie, isHold, MODULE } from './cookies.ts';
import { dropIn } from './drops.ts';
import { familyOf } from './features/shared.ts';

/** A connection as its first packet had it. */
export interface Tuple {
  /** IP protocol number. */
  readonly protocol: number;
  readonly source: string;
  readonly destination: string;
  /** 0 where conntrack knows no ports of the protocol. */
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** A connection of the port with this vid. */
export interface Hold extends Tuple {
  readonly vid: number;
}

/** The tables that see what conntrack found, and which register says whose packet it is. */
const SIDES = [
  { table: 71, vid: 'reg12' },
  { table: 151, vid: 'reg13' },
] as const;
const READ_FROM = SIDES[0].table;

const IDLE_SECONDS = { tcp: 65_535, other: 120 } as const;

/**
 * Seconds without a packet of either side after which a hold expires. For TCP the longest that
 * OpenFlow can say, 18 hours: a silent peer asks after two hours whether the other side is still
 * there (tcp_keepalive_time, tcp(7)), and would bring the connection back to life. Other protocols
 * have no connection but conntrack's, which lasts 60 s: what comes later is a new one.
 */
export const holdSeconds = ({ protocol }: Tuple): number =>
  protocol === IP_PROTO.tcp ? IDLE_SECONDS.tcp : IDLE_SECONDS.other;

/** Of these conntrack knows the ports (ovs-vswitchd 3.1, conntrack.c). */
const PORTED = new Set<number>([IP_PROTO.tcp, IP_PROTO.udp]);

/** An echo begins by a request alone, which meets the rules once it is forgotten. */
export const canBeHeld = ({ protocol }: Tuple): boolean =>
  protocol !== IP_PROTO.icmp && protocol !== IP_PROTO.icmp6;

export const reversed = (tuple: Tuple): Tuple => ({
  protocol: tuple.protocol,
  source: tuple.destination,
  destination: tuple.source,
  sourcePort: tuple.destinationPort,
  destinationPort: tuple.sourcePort,
});

const FIELDS = {
  4: { source: 'ct_nw_src', destination: 'ct_nw_dst' },
  6: { source: 'ct_ipv6_src', destination: 'ct_ipv6_dst' },
} as const;
const PROTOCOL = 'ct_nw_proto';
const PORTS = { source: 'ct_tp_src', destination: 'ct_tp_dst' } as const;

function matchOf(tuple: Tuple, register: string, vid: number): Match {
  const source = parseIp(tuple.source);
  const fields = FIELDS[source.version];
  return match(familyOf(source.version).ip, {
    [register]: vid,
    ct_state: ctState('-inv+trk'),
    [PROTOCOL]: tuple.protocol,
    [fields.source]: source.value,
    [fields.destination]: parseIp(tuple.destination).value,
    ...(PORTED.has(tuple.protocol) && {
      [PORTS.source]: tuple.sourcePort,
      [PORTS.destination]: tuple.destinationPort,
    }),
  });
}

/**
 * The rows of a hold. What says which end began the connection is the priority: that of the drop's
 * first declaration for the connection as it was, one below for its reverse.
 * @param owner epoch of the node and local number of the port's VPC, for the cookie.
 */
export function holdFlows(
  hold: Hold,
  owner: { readonly epoch: number; readonly networkId: number },
): Flow[] {
  const cookie = encodeCookie({ ...owner, vid: hold.vid, module: MODULE.hold });
  const idleTimeout = holdSeconds(hold);
  return SIDES.flatMap(({ table, vid }) => {
    const { priority } = dropIn(table, 'connection_revoked');
    const row = (tuple: Tuple, below: number): Flow => ({
      table,
      priority: priority - below,
      cookie,
      match: matchOf(tuple, vid, hold.vid),
      actions: [],
      idleTimeout,
    });
    return [row(hold, 0), row(reversed(hold), 1)];
  });
}

/** The hold that a row is part of; null for any row but one of each hold. */
export function readHold(flow: Flow): Hold | null {
  const { priority } = dropIn(READ_FROM, 'connection_revoked');
  if (!isHold(flow.cookie) || flow.table !== READ_FROM || flow.priority !== priority) return null;
  const values = new Map(flow.match.map(({ field, value }) => [field.name, value]));
  const version = values.has(FIELDS[4].source) ? 4 : 6;
  const fields = FIELDS[version];
  const ip = (name: string) => formatIp({ version, value: values.get(name) ?? 0n });
  const number = (name: string) => Number(values.get(name) ?? 0n);
  return {
    vid: decodeCookie(flow.cookie).vid,
    protocol: number(PROTOCOL),
    source: ip(fields.source),
    destination: ip(fields.destination),
    sourcePort: number(PORTS.source),
    destinationPort: number(PORTS.destination),
  };
}
