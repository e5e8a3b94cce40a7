/** ICMP "time exceeded" to who sent a packet with too small a TTL, as traceroute does. */
import { Reader } from '../base/bytes.ts';
import { assemble } from '../packet/assemble.ts';
import {
  decodeEthernet,
  ETHER_TYPE,
  ICMP_TYPE,
  ICMPV6_TYPE,
  IP_PROTOCOL,
  IPV6_HEADER_LENGTH,
  isIcmpError,
  isIcmpv6Error,
  Malformed,
} from '../packet/index.ts';
import { malformed, reply, silence, type Answer, type Responder } from './answer.ts';
import { maySendAs, nearest, type Client } from './client.ts';
import {
  GATEWAY_LINK_LOCAL,
  isMulticast6,
  openIpv4,
  openIpv6,
  sealIcmp,
  sealIcmpv6,
  UNSPECIFIED,
} from './envelope.ts';

/** What a router without an IPv4 address reports from (RFC 7600 §4.8). */
const DUMMY_ADDRESS = 0xc000_0008n;

/** Bytes of the packet that come back behind its IPv4 header (RFC 792). */
const QUOTED_BYTES = 8;
/** An ICMPv6 error fits any link (RFC 4443 §2.4 c); this much of it is not the packet. */
const LONGEST_ERROR = 1280;
const ERROR_HEADERS = IPV6_HEADER_LENGTH + 8;

const isGroupMac = (mac: bigint): boolean => ((mac >> 40n) & 1n) === 1n;

/** Multicast, reserved and broadcast; 0 is nobody's and 127 never on a wire. */
function isOneHost4(ip: bigint): boolean {
  const first = ip >> 24n;
  return first > 0n && first !== 127n && first < 224n;
}

/** Four unused bytes, then the packet's beginning. */
const quoting = (quoted: Uint8Array): Uint8Array =>
  assemble((writer) => writer.u32(0).bytes(quoted));

function expired4(bytes: Uint8Array, client: Client): Answer {
  const opened = openIpv4(bytes);
  if (opened instanceof Malformed) return malformed(opened);
  const { frame, ip } = opened;
  const sender = { version: 4, value: ip.source } as const;
  if (!maySendAs(client, frame.source, sender)) return silence('not_its_own');
  const type = ip.protocol === IP_PROTOCOL.icmp ? (ip.payload[0] ?? 0) : null;
  // RFC 1122 §3.2.2, RFC 1812 §4.3.2.7.
  if (
    ip.fragmentOffset > 0 ||
    !isOneHost4(ip.source) ||
    !isOneHost4(ip.destination) ||
    isGroupMac(frame.destination) ||
    (type !== null && isIcmpError(type))
  ) {
    return silence('none_due', 'no error answers such a packet');
  }
  const headerLength = 20 + ip.options.length;
  const quoted = frame.payload.subarray(
    0,
    headerLength + Math.min(QUOTED_BYTES, ip.payload.length),
  );
  const route = {
    mac: frame.source,
    source: nearest(client, sender)?.gateway ?? DUMMY_ADDRESS,
    destination: ip.source,
  };
  const error = { type: ICMP_TYPE.timeExceeded, code: 0, body: quoting(quoted) };
  return reply('time_exceeded', sealIcmp(route, error));
}

function expired6(bytes: Uint8Array, client: Client): Answer {
  const opened = openIpv6(bytes);
  if (opened instanceof Malformed) return malformed(opened);
  const { frame, ip } = opened;
  const sender = { version: 6, value: ip.source } as const;
  if (!maySendAs(client, frame.source, sender)) return silence('not_its_own');
  const later = (ip.fragment?.offset ?? 0) > 0;
  const type = ip.protocol === IP_PROTOCOL.icmpv6 && !later ? (ip.payload[0] ?? 0) : null;
  // RFC 4443 §2.4 e; its exceptions are of other errors.
  if (
    later ||
    ip.source === UNSPECIFIED ||
    isMulticast6(ip.source) ||
    isMulticast6(ip.destination) ||
    isGroupMac(frame.destination) ||
    (type !== null && isIcmpv6Error(type))
  ) {
    return silence('none_due', 'no error answers such a packet');
  }
  const length = IPV6_HEADER_LENGTH + new Reader(frame.payload).skip(4).u16();
  const quoted = frame.payload.subarray(0, Math.min(length, LONGEST_ERROR - ERROR_HEADERS));
  const route = {
    mac: frame.source,
    source: nearest(client, sender)?.gateway ?? GATEWAY_LINK_LOCAL,
    destination: ip.source,
  };
  const error = { type: ICMPV6_TYPE.timeExceeded, code: 0, body: quoting(quoted) };
  return reply('time_exceeded', sealIcmpv6(route, error));
}

const BY_ETHER_TYPE = new Map<number, Responder>([
  [ETHER_TYPE.ipv4, expired4],
  [ETHER_TYPE.ipv6, expired6],
]);

/** Answers a packet that reached the router between two subnets with nothing left to count down. */
export function answerExpired(bytes: Uint8Array, client: Client): Answer {
  const frame = decodeEthernet(bytes);
  if (frame instanceof Malformed) return malformed(frame);
  const answer = BY_ETHER_TYPE.get(frame.type);
  return answer === undefined ? silence('none_due', 'it is no IP packet') : answer(bytes, client);
}
