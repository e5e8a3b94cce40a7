/** IP protocols by the names that Neutron knows (`icmpv6` is an older name of `ipv6-icmp`). */
const NUMBERS: ReadonlyMap<string, number> = new Map([
  ['ah', 51],
  ['dccp', 33],
  ['egp', 8],
  ['esp', 50],
  ['gre', 47],
  ['hopopt', 0],
  ['icmp', 1],
  ['icmpv6', 58],
  ['igmp', 2],
  ['ip', 0],
  ['ipip', 4],
  ['ipv6-encap', 41],
  ['ipv6-frag', 44],
  ['ipv6-icmp', 58],
  ['ipv6-nonxt', 59],
  ['ipv6-opts', 60],
  ['ipv6-route', 43],
  ['ospf', 89],
  ['pgm', 113],
  ['rsvp', 46],
  ['sctp', 132],
  ['tcp', 6],
  ['udp', 17],
  ['udplite', 136],
  ['vrrp', 112],
]);

export const PROTOCOL_NAMES: readonly string[] = [...NUMBERS.keys()];

/** The number of a protocol named or numbered as in a rule, 0 … 255; null when there is none such. */
export function protocolNumber(protocol: string): number | null {
  const number = NUMBERS.get(protocol);
  if (number !== undefined) return number;
  return /^(0|[1-9][0-9]{0,2})$/.test(protocol) && Number(protocol) <= 255
    ? Number(protocol)
    : null;
}

/** Protocols with ports, by number. */
export const PORT_PROTOCOLS: ReadonlySet<number> = new Set([6, 17, 33, 132, 136]);

/** Headers and protocols of IPv6 alone. */
export const IPV6_PROTOCOLS: ReadonlySet<number> = new Set([41, 43, 44, 58, 59, 60]);
