/** The lies, and the truths beside them. */
import {
  arp,
  ARP,
  echo,
  ethernet,
  inFragments,
  ipv4,
  ipv6,
  nd,
  ND,
  raw,
  snap,
  tcp,
  udp,
  type Frame,
} from '../frames.ts';
import { always } from './always.ts';
import { checked } from './checked.ts';
import {
  BROADCAST,
  ALL_ROUTERS,
  linkLocal,
  sent,
  four,
  six,
  OPTIONS,
  type Sent,
} from './sending.ts';
import { GATEWAY, PAIR, VM, type Vm } from './world.ts';

const { liar, victim, remote, open, paired, twin } = VM;

const pairs: readonly Sent[] = [
  sent(paired, "the pair's address with the port's MAC", four(paired, { source: PAIR.ip })),
  sent(paired, "the port's address with the pair's MAC", four(paired, { mac: PAIR.mac })),
  sent(
    paired,
    'the prefix with the other MAC',
    four(paired, { mac: PAIR.mac, source: '10.0.9.7' }),
  ),
  sent(paired, 'an address beside the prefix', four(paired, { source: '10.0.10.7' })),
  sent(
    paired,
    "ARP of the pair with the port's MAC",
    ethernet(
      paired.mac,
      BROADCAST,
      arp(ARP.request, { sha: paired.mac, spa: PAIR.ip, tpa: GATEWAY.ip }),
    ),
  ),
  sent(
    paired,
    "the pair's address in ARP with a foreign sha",
    ethernet(
      PAIR.mac,
      BROADCAST,
      arp(ARP.request, { sha: paired.mac, spa: PAIR.ip, tpa: GATEWAY.ip }),
    ),
  ),
  sent(
    paired,
    'gratuitous ARP of the pair',
    ethernet(PAIR.mac, BROADCAST, arp(ARP.request, { sha: PAIR.mac, spa: PAIR.ip, tpa: PAIR.ip })),
  ),
  sent(
    paired,
    'ARP probe of the pair',
    ethernet(
      PAIR.mac,
      BROADCAST,
      arp(ARP.request, { sha: PAIR.mac, spa: '0.0.0.0', tpa: PAIR.ip }),
    ),
  ),
  ...['10.0.0.64', '10.0.0.66', '10.0.0.117', '10.0.0.127'].flatMap((address) => [
    sent(
      paired,
      `gratuitous ARP of ${address} in the prefix`,
      ethernet(
        paired.mac,
        BROADCAST,
        arp(ARP.request, { sha: paired.mac, spa: address, tpa: address }),
      ),
    ),
    sent(
      paired,
      `ARP probe of ${address} in the prefix`,
      ethernet(
        paired.mac,
        BROADCAST,
        arp(ARP.request, { sha: paired.mac, spa: '0.0.0.0', tpa: address }),
      ),
    ),
  ]),
  sent(paired, "the pair's IPv6 address with the port's MAC", six(paired, { source: PAIR.ip6 })),
  sent(
    paired,
    "DHCP with the pair's MAC",
    ethernet(PAIR.mac, BROADCAST, ipv4('0.0.0.0', '255.255.255.255', udp(68, 67))),
  ),
];

/** None of these may go anywhere: to a port, into the tunnel, back, or to the agent. */
export const LIES: readonly Sent[] = [
  ...checked(liar),
  ...always(liar),
  ...always(open),
  ...pairs,
  sent(liar, 'to itself', four(liar, { destination: liar.ip })),
];

/** Datagrams in two fragments, and how many of them reach the victim. */
export const FRAGMENTED: readonly (Omit<Sent, 'frame'> & {
  readonly frames: readonly Frame[];
  readonly arrive: number;
})[] = [liar, open].flatMap((from, sender) =>
  (
    [
      ['UDP', 4, udp(1, 2), 2],
      ['ping', 4, echo(4), 2],
      ['UDP, IPv6', 6, udp(1, 2), 2],
      ['ping, IPv6', 6, echo(6), 2],
      // A port without port security is not tracked, and its fragments bear no ports to see.
      ['a DHCP server', 4, udp(67, 68), from === liar ? 0 : 2],
      ['a DHCPv6 server', 6, udp(547, 546), from === liar ? 0 : 2],
      ['RA', 6, nd(ND.routerAdvert, { lladdr: from.mac }), 0],
      ['NA', 6, nd(ND.advert, { target: victim.ip6, lladdr: from.mac }), 0],
      ['redirect', 6, nd(ND.redirect, { target: victim.ip6 }), 0],
    ] as const
  ).map(([name, family, payload, arrive], index) => {
    const id = 1000 * (sender + 1) + index;
    const packets =
      family === 4
        ? inFragments(from.ip, victim.ip, payload, id)
        : inFragments(from.ip6, victim.ip6, payload, id);
    const frames = packets.map((packet) => ethernet(from.mac, GATEWAY.mac, packet));
    return { name, from, frames, arrive };
  }),
);

export type Outcome = 'agent' | 'back' | 'tunnel' | `to ${keyof typeof VM}`;

const asks = (from: Vm, mac: string, packet: Parameters<typeof ethernet>[2]): Frame =>
  ethernet(from.mac, mac, packet);

/** And these must get through, else nothing is proved by what does not. */
export const TRUTHS: readonly (Sent & { readonly outcome: Outcome })[] = (
  [
    ['IPv4', 'to victim', liar, four(liar)],
    ['IPv6', 'to victim', liar, six(liar)],
    ['ping', 'to victim', liar, four(liar, {}, echo(4))],
    [
      'with IP options',
      'to victim',
      liar,
      four(liar, {}, tcp(1, 2), { options: OPTIONS['router alert'] }),
    ],
    [
      'in SNAP',
      'to victim',
      liar,
      ethernet(liar.mac, GATEWAY.mac, snap(ipv4(liar.ip, victim.ip, tcp(1, 2)))),
    ],
    ['GRE', 'to victim', liar, four(liar, {}, raw(47))],
    ['IPv4 through the tunnel', 'tunnel', liar, four(liar, { destination: remote.ip })],
    ['IPv6 through the tunnel', 'tunnel', liar, six(liar, { destination: remote.ip6 })],
    ['ping of the gateway', 'back', liar, four(liar, { destination: GATEWAY.ip }, echo(4))],
    [
      'ARP for the gateway',
      'back',
      liar,
      asks(liar, BROADCAST, arp(ARP.request, { sha: liar.mac, spa: liar.ip, tpa: GATEWAY.ip })),
    ],
    [
      'ARP probe for a foreign address',
      'back',
      liar,
      asks(liar, BROADCAST, arp(ARP.request, { sha: liar.mac, spa: '0.0.0.0', tpa: victim.ip })),
    ],
    ['DHCP', 'agent', liar, asks(liar, BROADCAST, ipv4('0.0.0.0', '255.255.255.255', udp(68, 67)))],
    ['DHCP renewal', 'agent', liar, four(liar, { destination: GATEWAY.ip }, udp(68, 67))],
    [
      'DHCPv6',
      'agent',
      liar,
      asks(liar, '33:33:00:01:00:02', ipv6(linkLocal(liar.mac), 'ff02::1:2', udp(546, 547))),
    ],
    [
      'RS',
      'agent',
      liar,
      asks(
        liar,
        ALL_ROUTERS.mac,
        ipv6(linkLocal(liar.mac), ALL_ROUTERS.ip, nd(ND.routerSolicit, { lladdr: liar.mac }), {
          hops: 255,
        }),
      ),
    ],
    [
      'NS for the gateway',
      'agent',
      liar,
      asks(
        liar,
        '33:33:ff:00:00:01',
        ipv6(
          linkLocal(liar.mac),
          'ff02::1:ff00:1',
          nd(ND.solicit, { target: GATEWAY.ip6, lladdr: liar.mac }),
          { hops: 255 },
        ),
      ),
    ],
    [
      'NS for a foreign address (duplicate detection)',
      'agent',
      liar,
      asks(
        liar,
        '33:33:ff:00:00:03',
        ipv6('::', 'ff02::1:ff00:3', nd(ND.solicit, { target: victim.ip6 }), { hops: 255 }),
      ),
    ],
    // The agent keeps silent to who asks for its own address.
    ...[liar.ip6, linkLocal(liar.mac)].map(
      (target) =>
        [
          `NS for ${target} of its own (duplicate detection)`,
          'agent',
          liar,
          asks(
            liar,
            '33:33:ff:00:00:02',
            ipv6('::', 'ff02::1:ff00:2', nd(ND.solicit, { target }), { hops: 255 }),
          ),
        ] as const,
    ),
    [
      'any source without port security',
      'to victim',
      open,
      four(open, { source: '192.0.2.1', mac: 'fa:16:3e:77:77:77' }),
    ],
    ['the pair', 'to victim', paired, four(paired, { mac: PAIR.mac, source: PAIR.ip })],
    ['the IPv6 pair', 'to victim', paired, six(paired, { mac: PAIR.mac, source: PAIR.ip6 })],
    [
      'ARP from the prefix for a foreign address',
      'back',
      paired,
      asks(
        paired,
        BROADCAST,
        arp(ARP.request, { sha: paired.mac, spa: '10.0.0.65', tpa: '10.0.0.66' }),
      ),
    ],
    ['the prefix pair', 'to victim', paired, four(paired, { source: '10.0.9.7' })],
    ['to the pair', 'to paired', liar, four(liar, { destination: PAIR.ip })],
    ['the same addresses in another VPC', 'to twinVictim', twin, four(twin)],
    ['the same addresses in another VPC, IPv6', 'to twinVictim', twin, six(twin)],
  ] as const
).map(([name, outcome, from, frame]) => ({ ...sent(from, name, frame), outcome }));
