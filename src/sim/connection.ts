/**
 * The life of one connection, protocol by protocol, as OVS's userspace conntrack has it
 * (conntrack-tcp.c, -icmp.c, -other.c). Sequence numbers are not part of a flow key: every segment
 * counts as inside its window.
 */
import { IP_PROTO } from '../openflow/build.ts';

/** What a packet does to its connection. `restart`: it belongs to a new one of the same addresses. */
type Update = 'established' | 'new' | 'invalid' | 'restart';

export interface Life {
  /** Whether a packet with these flags or type may begin a connection. */
  begins(packet: PacketKind): boolean;
  /** State of a connection that `packet` began, and seconds until it expires. */
  start(): readonly [state: number, timeout: number];
  /** What `packet` does in `state`. */
  update(
    state: number,
    packet: PacketKind,
    reply: boolean,
  ): readonly [update: Update, state: number, timeout: number | null];
}

export interface PacketKind {
  readonly tcpFlags: number;
  readonly icmpType: number;
}

const FIN = 0x01;
const SYN = 0x02;
const RST = 0x04;
const PSH = 0x08;
const ACK = 0x10;
const URG = 0x20;

/** States of one end, in the order that conntrack compares them by (enum ct_dpif_tcp_state). */
const TCP = {
  closed: 0,
  synSent: 2,
  established: 4,
  closing: 7,
  finWait2: 9,
  timeWait: 10,
} as const;

/** Seconds (conntrack-tp.c, the default policy). */
const TCP_TIMEOUT = {
  first: 30,
  opening: 30,
  established: 86_400,
  closing: 900,
  finWait: 45,
  closed: 30,
} as const;

function invalidFlags(flags: number): boolean {
  if (flags & SYN ? flags & (RST | FIN) : !(flags & (ACK | RST))) return true;
  return !(flags & ACK) && (flags & (FIN | PSH | URG)) !== 0;
}

function tcpTimeout(low: number, high: number): number {
  if (low >= TCP.finWait2) return TCP_TIMEOUT.closed;
  if (low >= TCP.closing) return TCP_TIMEOUT.finWait;
  if (low < TCP.established) return TCP_TIMEOUT.opening;
  if (high >= TCP.closing) return TCP_TIMEOUT.closing;
  return TCP_TIMEOUT.established;
}

/** Both ends' states in one number: the originator's in the low byte. */
const ends = (originator: number, responder: number): number => originator | (responder << 8);

const tcp: Life = {
  // A stream may be picked up in the middle, but a SYN+ACK alone begins nothing.
  begins: ({ tcpFlags: flags }) => !invalidFlags(flags) && (flags & (SYN | ACK)) !== (SYN | ACK),
  start: () => [ends(TCP.synSent, TCP.closed), TCP_TIMEOUT.first],
  update(state, { tcpFlags: flags }, reply) {
    if (invalidFlags(flags)) return ['invalid', state, null];
    let from = reply ? state >> 8 : state & 0xff;
    let to = reply ? state & 0xff : state >> 8;
    const packed = () => (reply ? ends(to, from) : ends(from, to));
    if ((flags & (SYN | ACK)) === SYN) {
      if (to >= TCP.finWait2 && from >= TCP.finWait2) return ['restart', state, null];
      if (from <= TCP.synSent) {
        from = TCP.synSent;
        return ['new', packed(), TCP_TIMEOUT.first];
      }
    }
    from = Math.max(from, TCP.synSent);
    if (flags & FIN) from = Math.max(from, TCP.closing);
    if (flags & ACK) {
      if (to === TCP.synSent) to = TCP.established;
      else if (to === TCP.closing) to = TCP.finWait2;
    }
    if (flags & RST) from = to = TCP.timeWait;
    return ['established', packed(), tcpTimeout(Math.min(from, to), Math.max(from, to))];
  },
};

/** Replied to or not: all that the other protocols know. */
const FIRST = 0;
const MULTIPLE = 1;
const REPLIED = 2;

const ECHO_REQUEST = 8;
const TIMESTAMP = 13;
const INFORMATION = 15;
const ECHO_REQUEST_6 = 128;

const icmp = (requests: readonly number[]): Life => ({
  begins: ({ icmpType }) => requests.includes(icmpType),
  start: () => [FIRST, 60],
  update(state, _packet, reply) {
    if (reply || state === REPLIED) return ['established', REPLIED, 30];
    return ['new', FIRST, 60];
  },
});

const other: Life = {
  begins: () => true,
  start: () => [FIRST, 60],
  update(state, _packet, reply) {
    if (reply || state === REPLIED) return ['established', REPLIED, 30];
    return ['new', MULTIPLE, 60];
  },
};

const lives = new Map<number, Life>([
  [IP_PROTO.tcp, tcp],
  [IP_PROTO.icmp, icmp([ECHO_REQUEST, TIMESTAMP, INFORMATION])],
  [IP_PROTO.icmp6, icmp([ECHO_REQUEST_6])],
]);

export function lifeOf(protocol: number): Life {
  return lives.get(protocol) ?? other;
}

/** What a dump of conntrack calls the state of an end (ct_dpif_tcp_state_string in ct-dpif.c). */
const NAMED_STATES: readonly string[] = [
  'CLOSED',
  'LISTEN',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'CLOSE_WAIT',
  'FIN_WAIT_1',
  'CLOSING',
  'LAST_ACK',
  'FIN_WAIT_2',
  'TIME_WAIT',
];

/**
 * The state of a connection by its ends' states as a dump names them; one that has none counts as
 * answered. A dump that tells one state for both gives the further one.
 */
export function stateOf(protocol: number, originator?: string, responder?: string): number {
  if (protocol !== IP_PROTO.tcp) return REPLIED;
  const numbered = (name = 'ESTABLISHED'): number => Math.max(NAMED_STATES.indexOf(name), 0);
  const [from, to] = [numbered(originator), numbered(responder)];
  if (from === TCP.synSent && to === TCP.synSent) return ends(TCP.synSent, TCP.closed);
  return ends(from, to);
}

/** The further one of both ends' states by its name; undefined for a protocol that has none. */
export function stateName(protocol: number, state: number): string | undefined {
  if (protocol !== IP_PROTO.tcp) return undefined;
  return NAMED_STATES[Math.max(state & 0xff, state >> 8)];
}

/** ICMP and ICMPv6 types that ask and answer; an answer identifies the connection as its question does. */
const ICMP_PAIRS = [
  [0, 8],
  [13, 14],
  [15, 16],
] as const;
const ICMP6_PAIRS = [[128, 129]] as const;

const both = (pairs: readonly (readonly [number, number])[]): ReadonlyMap<number, number> =>
  new Map(pairs.flatMap(([a, b]) => [[a, b] as const, [b, a] as const]));

/** By protocol: the type that answers a type. Others, errors too, identify no connection. */
export const ICMP_ANSWER: ReadonlyMap<number, ReadonlyMap<number, number>> = new Map([
  [IP_PROTO.icmp, both(ICMP_PAIRS)],
  [IP_PROTO.icmp6, both(ICMP6_PAIRS)],
]);
