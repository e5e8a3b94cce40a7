/** What a VM may not send from a port whose addresses are checked. */
import { arp, ARP, echo, ethernet, ipv4, ipv6, nd, ND, raw, snap, tcp, udp } from '../frames.ts';
import {
  BROADCAST,
  ALL_ROUTERS,
  LOCAL_GATEWAY,
  linkLocal,
  sent,
  four,
  six,
  OPTIONS,
  ROUTING_HEADER,
  type Sent,
} from './sending.ts';
import { GATEWAY, PAIR, VM, type Vm } from './world.ts';

const { liar, victim, remote } = VM;

const FOREIGN_MACS = {
  "the victim's": victim.mac,
  "a remote VM's": remote.mac,
  'an unused': 'fa:16:3e:12:34:56',
  'a zero': '00:00:00:00:00:00',
};
const FOREIGN_V4 = [
  victim.ip,
  remote.ip,
  GATEWAY.ip,
  PAIR.ip,
  '10.0.0.99',
  '10.0.0.255',
  '192.0.2.1',
  '0.0.0.0',
  '127.0.0.1',
  '224.0.0.1',
  '255.255.255.255',
];
const FOREIGN_V6 = [
  victim.ip6,
  remote.ip6,
  GATEWAY.ip6,
  PAIR.ip6,
  '2001:db8::99',
  '::',
  '::1',
  '::ffff:10.0.0.3',
  'fd00::1',
  'ff02::1',
  linkLocal(liar.mac),
  linkLocal(victim.mac),
  LOCAL_GATEWAY,
];
const sources = (from: Vm): Sent[] => [
  ...Object.entries(FOREIGN_MACS).flatMap(([whose, mac]) => [
    sent(from, `${whose} MAC, IPv4`, four(from, { mac })),
    sent(from, `${whose} MAC, IPv6`, six(from, { mac })),
  ]),
  ...FOREIGN_V4.flatMap((source) => [
    sent(from, `source ${source}`, four(from, { source })),
    sent(
      from,
      `source ${source}, through the tunnel`,
      four(from, { source, destination: remote.ip }),
    ),
    sent(
      from,
      `source ${source}, to the gateway`,
      four(from, { source, destination: GATEWAY.ip }, echo(4)),
    ),
  ]),
  ...FOREIGN_V6.flatMap((source) => [
    sent(from, `source ${source}`, six(from, { source })),
    sent(
      from,
      `source ${source}, through the tunnel`,
      six(from, { source, destination: remote.ip6 }),
    ),
  ]),
  sent(
    from,
    "the victim's MAC and address",
    four(from, { mac: victim.mac, source: victim.ip, destination: remote.ip }),
  ),
];

/** What a port whose addresses are checked may not do. */
export const checked = (from: Vm): Sent[] => [
  ...sources(from),
  sent(
    from,
    'ARP with a foreign spa',
    ethernet(
      from.mac,
      BROADCAST,
      arp(ARP.request, { sha: from.mac, spa: victim.ip, tpa: GATEWAY.ip }),
    ),
  ),
  sent(
    from,
    'ARP with a foreign sha',
    ethernet(
      from.mac,
      BROADCAST,
      arp(ARP.request, { sha: victim.mac, spa: from.ip, tpa: GATEWAY.ip }),
    ),
  ),
  sent(
    from,
    'ARP with a foreign source MAC',
    ethernet(
      victim.mac,
      BROADCAST,
      arp(ARP.request, { sha: from.mac, spa: from.ip, tpa: GATEWAY.ip }),
    ),
  ),
  sent(
    from,
    'ARP all foreign',
    ethernet(
      victim.mac,
      BROADCAST,
      arp(ARP.request, { sha: victim.mac, spa: victim.ip, tpa: GATEWAY.ip }),
    ),
  ),
  sent(
    from,
    'ARP probe with a foreign sha',
    ethernet(
      from.mac,
      BROADCAST,
      arp(ARP.request, { sha: victim.mac, spa: '0.0.0.0', tpa: victim.ip }),
    ),
  ),
  sent(
    from,
    'gratuitous ARP for the victim',
    ethernet(
      from.mac,
      BROADCAST,
      arp(ARP.request, { sha: from.mac, spa: victim.ip, tpa: victim.ip }),
    ),
  ),
  sent(
    from,
    'gratuitous ARP reply for the victim',
    ethernet(
      from.mac,
      BROADCAST,
      arp(ARP.reply, { sha: from.mac, spa: victim.ip, tha: BROADCAST, tpa: victim.ip }),
    ),
  ),
  sent(
    from,
    'ARP with a foreign spa by unicast',
    ethernet(
      from.mac,
      remote.mac,
      arp(ARP.request, { sha: from.mac, spa: victim.ip, tpa: remote.ip }),
    ),
  ),
  ...[victim.ip6, linkLocal(victim.mac), LOCAL_GATEWAY].flatMap((source) => [
    sent(
      from,
      `NS from ${source}`,
      ethernet(
        from.mac,
        '33:33:ff:00:00:01',
        ipv6(source, 'ff02::1:ff00:1', nd(ND.solicit, { target: GATEWAY.ip6, lladdr: from.mac }), {
          hops: 255,
        }),
      ),
    ),
    sent(
      from,
      `RS from ${source}`,
      ethernet(
        from.mac,
        ALL_ROUTERS.mac,
        ipv6(source, ALL_ROUTERS.ip, nd(ND.routerSolicit, { lladdr: from.mac }), { hops: 255 }),
      ),
    ),
  ]),
  sent(
    from,
    'NS with a foreign source MAC',
    ethernet(
      victim.mac,
      '33:33:ff:00:00:01',
      ipv6('::', 'ff02::1:ff00:1', nd(ND.solicit, { target: GATEWAY.ip6 }), { hops: 255 }),
    ),
  ),
  sent(from, 'DHCP server, to the victim', four(from, {}, udp(67, 68))),
  sent(
    from,
    'DHCP server, broadcast',
    four(from, { dst: BROADCAST, destination: '255.255.255.255' }, udp(67, 68)),
  ),
  sent(from, 'DHCP server, as the gateway', four(from, { source: GATEWAY.ip }, udp(67, 68))),
  sent(
    from,
    'DHCP server, through the tunnel',
    four(from, { destination: remote.ip }, udp(67, 68)),
  ),
  sent(
    from,
    'DHCP server, with IP options',
    four(from, {}, udp(67, 68), { options: OPTIONS['router alert'] }),
  ),
  sent(from, 'DHCPv6 server', six(from, {}, udp(547, 546))),
  sent(
    from,
    'DHCPv6 server, link-local',
    six(from, { source: linkLocal(from.mac), destination: linkLocal(victim.mac) }, udp(547, 546)),
  ),
  sent(
    from,
    'DHCPv6 server, behind destination options',
    six(from, {}, udp(547, 546), { extensions: [[60, [0, 1, 4, 0, 0, 0, 0]]] }),
  ),
  sent(
    from,
    'DHCP with a foreign MAC',
    ethernet(victim.mac, BROADCAST, ipv4('0.0.0.0', '255.255.255.255', udp(68, 67))),
  ),
  sent(
    from,
    'DHCP renewal of a foreign address',
    four(from, { source: victim.ip, destination: GATEWAY.ip }, udp(68, 67)),
  ),
  sent(from, 'DHCP from nobody to the victim', four(from, { source: '0.0.0.0' }, udp(68, 67))),
  sent(
    from,
    'DHCP from the victim to all',
    four(from, { dst: BROADCAST, source: victim.ip, destination: '255.255.255.255' }, udp(68, 67)),
  ),
  sent(
    from,
    'DHCPv6 from a foreign link-local address',
    ethernet(
      from.mac,
      '33:33:00:01:00:02',
      ipv6(linkLocal(victim.mac), 'ff02::1:2', udp(546, 547)),
    ),
  ),
  ...[0, 2, 185]
    .flatMap((offset) =>
      [true, false].flatMap((more) => [
        sent(
          from,
          `foreign source, fragment ${offset}${more ? '+' : ''}`,
          four(from, { source: GATEWAY.ip }, udp(1, 2), { fragment: { offset, more } }),
        ),
        sent(
          from,
          `foreign IPv6 source, fragment ${offset}${more ? '+' : ''}`,
          six(from, { source: GATEWAY.ip6 }, udp(1, 2), { fragment: { offset, more } }),
        ),
      ]),
    )
    .filter(({ name }) => !name.endsWith('fragment 0')),
  ...Object.entries(OPTIONS).map(([what, options]) =>
    sent(
      from,
      `foreign source with ${what}`,
      four(from, { source: GATEWAY.ip }, tcp(1, 2), { options }),
    ),
  ),
  sent(
    from,
    'foreign source with a routing header',
    six(from, { source: GATEWAY.ip6 }, tcp(1, 2), { extensions: [ROUTING_HEADER] }),
  ),
  sent(
    from,
    'foreign source in SNAP',
    ethernet(from.mac, GATEWAY.mac, snap(ipv4(victim.ip, remote.ip, tcp(1, 2)))),
  ),
  sent(from, 'foreign source, GRE', four(from, { source: victim.ip }, raw(47))),
  sent(from, 'foreign source, IP in IP', four(from, { source: victim.ip }, raw(4))),
];
