/** What no VM may send, from a port with port security or without. */
import {
  arp,
  ARP,
  echo,
  ethernet,
  ipv4,
  ipv6,
  nd,
  ND,
  tagged,
  tcp,
  udp,
  unknown,
  vxlan,
} from '../frames.ts';
import {
  BROADCAST,
  ALL_NODES,
  LOCAL_GATEWAY,
  linkLocal,
  sent,
  refused,
  four,
  six,
  type Sent,
} from './sending.ts';
import { GATEWAY, VM, VNI, type Vm } from './world.ts';

const { victim, remote } = VM;

const RESERVED_MACS = [
  '02:00:00:00:00:00',
  '02:00:00:00:00:01',
  '04:00:00:00:00:00',
  '04:12:34:56:78:9a',
  '05:00:00:00:00:00',
  '05:77:00:00:00:00',
  GATEWAY.mac,
  BROADCAST,
  '01:00:5e:00:00:01',
  ALL_NODES.mac,
];

/** A frame to the victim in the tunnel of its own VPC. */
const tunnelled = (from: Vm) =>
  vxlan(VNI, ethernet(from.mac, '02:00:00:00:00:00', ipv4(from.ip, victim.ip, udp(1, 2))));

/** Also from a port whose addresses are not checked. */
export const always = (from: Vm): Sent[] => [
  ...RESERVED_MACS.flatMap((mac) => [
    sent(from, `MAC ${mac}, IPv4`, four(from, { mac })),
    sent(from, `MAC ${mac}, IPv4 through the tunnel`, four(from, { mac, destination: remote.ip })),
    sent(from, `MAC ${mac}, IPv6`, six(from, { mac })),
    sent(
      from,
      `MAC ${mac}, ARP`,
      ethernet(mac, BROADCAST, arp(ARP.request, { sha: mac, spa: from.ip, tpa: victim.ip })),
    ),
    sent(
      from,
      `MAC ${mac}, tagged`,
      ethernet(mac, GATEWAY.mac, tagged(5, ipv4(from.ip, victim.ip, echo(4)))),
    ),
  ]),
  ...[0, 1, 5, 101, 0x6000, 4095].flatMap((tag) => [
    sent(
      from,
      `tag ${tag}, IPv4`,
      ethernet(from.mac, GATEWAY.mac, tagged(tag, ipv4(from.ip, victim.ip, tcp(40000, 22)))),
    ),
    sent(
      from,
      `tag ${tag}, IPv6`,
      ethernet(from.mac, GATEWAY.mac, tagged(tag, ipv6(from.ip6, victim.ip6, echo(6)))),
    ),
    sent(
      from,
      `tag ${tag}, ARP`,
      ethernet(
        from.mac,
        BROADCAST,
        tagged(tag, arp(ARP.request, { sha: from.mac, spa: from.ip, tpa: GATEWAY.ip })),
      ),
    ),
    sent(
      from,
      `tag ${tag}, DHCP`,
      ethernet(from.mac, BROADCAST, tagged(tag, ipv4('0.0.0.0', '255.255.255.255', udp(68, 67)))),
    ),
  ]),
  sent(
    from,
    'an 802.1ad tag',
    ethernet(from.mac, GATEWAY.mac, tagged(5, ipv4(from.ip, victim.ip, echo(4)), 0x88a8)),
  ),
  sent(
    from,
    'ARP reply for the victim',
    ethernet(
      from.mac,
      remote.mac,
      arp(ARP.reply, { sha: from.mac, spa: victim.ip, tha: remote.mac, tpa: remote.ip }),
    ),
  ),
  sent(
    from,
    'ARP reply as the gateway',
    ethernet(
      from.mac,
      victim.mac,
      arp(ARP.reply, { sha: from.mac, spa: GATEWAY.ip, tha: victim.mac, tpa: victim.ip }),
    ),
  ),
  sent(
    from,
    'ARP reply for itself',
    ethernet(
      from.mac,
      victim.mac,
      arp(ARP.reply, { sha: from.mac, spa: from.ip, tha: victim.mac, tpa: victim.ip }),
    ),
  ),
  sent(
    from,
    'RARP',
    ethernet(
      from.mac,
      BROADCAST,
      arp(3, { sha: from.mac, spa: '0.0.0.0', tpa: '0.0.0.0' }, 0x8035),
    ),
  ),
  sent(
    from,
    'gratuitous ARP for itself',
    ethernet(from.mac, BROADCAST, arp(ARP.request, { sha: from.mac, spa: from.ip, tpa: from.ip })),
  ),
  sent(
    from,
    'ARP probe for itself',
    ethernet(
      from.mac,
      BROADCAST,
      arp(ARP.request, { sha: from.mac, spa: '0.0.0.0', tpa: from.ip }),
    ),
  ),
  sent(
    from,
    'gratuitous ARP reply for itself',
    ethernet(
      from.mac,
      BROADCAST,
      arp(ARP.reply, { sha: from.mac, spa: from.ip, tha: BROADCAST, tpa: from.ip }),
    ),
  ),
  ...[
    [from.ip6, 'itself'],
    [victim.ip6, 'the victim'],
    [GATEWAY.ip6, 'the gateway'],
    [LOCAL_GATEWAY, 'the router'],
  ].flatMap(([target = '', whom]) => [
    sent(
      from,
      `NA for ${whom} to all`,
      ethernet(
        from.mac,
        ALL_NODES.mac,
        ipv6(from.ip6, ALL_NODES.ip, nd(ND.advert, { target, lladdr: from.mac }), { hops: 255 }),
      ),
    ),
    sent(
      from,
      `NA for ${whom} to the victim`,
      six(from, { dst: victim.mac }, nd(ND.advert, { target, lladdr: from.mac }), { hops: 255 }),
    ),
    sent(
      from,
      `NA for ${whom} from the link-local address`,
      six(from, { source: linkLocal(from.mac) }, nd(ND.advert, { target, lladdr: from.mac }), {
        hops: 255,
      }),
    ),
  ]),
  ...[from.ip6, linkLocal(from.mac), LOCAL_GATEWAY].flatMap((source) => [
    sent(
      from,
      `RA from ${source} to all`,
      ethernet(
        from.mac,
        ALL_NODES.mac,
        ipv6(source, ALL_NODES.ip, nd(ND.routerAdvert, { lladdr: from.mac }), { hops: 255 }),
      ),
    ),
    sent(
      from,
      `RA from ${source} to the victim`,
      six(from, { source, dst: victim.mac }, nd(ND.routerAdvert, { lladdr: from.mac }), {
        hops: 255,
      }),
    ),
    sent(
      from,
      `redirect from ${source}`,
      six(from, { source }, nd(ND.redirect, { target: from.ip6 }), { hops: 255 }),
    ),
  ]),
  sent(
    from,
    'RA behind a hop-by-hop header',
    six(from, {}, nd(ND.routerAdvert, { lladdr: from.mac }), {
      hops: 255,
      extensions: [[0, [0, 1, 4, 0, 0, 0, 0]]],
    }),
  ),
  sent(
    from,
    'RA behind destination options',
    six(from, {}, nd(ND.routerAdvert, { lladdr: from.mac }), {
      hops: 255,
      extensions: [[60, [0, 1, 4, 0, 0, 0, 0]]],
    }),
  ),
  refused(
    from,
    'RA as a first fragment',
    six(from, {}, nd(ND.routerAdvert, { lladdr: from.mac }), {
      hops: 255,
      fragment: { offset: 0, more: true },
    }),
  ),
  refused(
    from,
    'NA as a first fragment',
    six(from, {}, nd(ND.advert, { target: victim.ip6, lladdr: from.mac }), {
      hops: 255,
      fragment: { offset: 0, more: true },
    }),
  ),
  sent(
    from,
    'MLD report',
    ethernet(
      from.mac,
      '33:33:00:00:00:16',
      ipv6(linkLocal(from.mac), 'ff02::16', nd(143), {
        hops: 1,
        extensions: [[0, [0, 5, 2, 0, 0, 1, 0]]],
      }),
    ),
  ),
  sent(from, 'broadcast', four(from, { dst: BROADCAST, destination: '10.0.0.255' }, udp(1, 2))),
  sent(
    from,
    'limited broadcast',
    four(from, { dst: BROADCAST, destination: '255.255.255.255' }, udp(1, 2)),
  ),
  sent(from, "broadcast to the victim's address", four(from, { dst: BROADCAST })),
  sent(
    from,
    'multicast',
    four(from, { dst: '01:00:5e:00:00:fb', destination: '224.0.0.251' }, udp(5353, 5353)),
  ),
  sent(
    from,
    'multicast by a unicast MAC',
    four(from, { dst: victim.mac, destination: '224.0.0.251' }, udp(5353, 5353)),
  ),
  sent(
    from,
    'broadcast address by a unicast MAC',
    four(from, { dst: victim.mac, destination: '10.0.0.255' }, udp(1, 2)),
  ),
  sent(
    from,
    'multicast, IPv6',
    ethernet(from.mac, '33:33:00:00:00:fb', ipv6(from.ip6, 'ff02::fb', udp(5353, 5353))),
  ),
  ...['10.163.133.42', '10.163.133.43'].flatMap((vtep) => [
    sent(from, `VXLAN to the VTEP ${vtep}`, four(from, { destination: vtep }, tunnelled(from))),
    sent(
      from,
      `VXLAN to the VTEP ${vtep}, from a VTEP`,
      four(from, { source: '10.163.133.42', destination: vtep }, tunnelled(from)),
    ),
  ]),
  sent(
    from,
    "the victim's link-local address",
    six(from, { destination: linkLocal(victim.mac) }, echo(6)),
  ),
  ...[0x88cc, 0x8863, 0x9000, 0x22f0].map((type) =>
    sent(
      from,
      `Ethernet type 0x${type.toString(16)}`,
      ethernet(from.mac, victim.mac, unknown(type)),
    ),
  ),
];
