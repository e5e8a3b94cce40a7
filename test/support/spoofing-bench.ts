/**
 * A node with VMs that lie, and what a liar might send: the world is compiled once, and the same
 * frames go into the simulated switch and a real one.
 */
import { formatIp, linkLocalFromMac, parseMac } from '../../src/address/index.ts';
import { Topology } from '../../src/model/topology.ts';
import { LocalState } from '../../src/pipeline/local-state.ts';
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
  tagged,
  tcp,
  udp,
  unknown,
  type Frame,
} from './frames.ts';
import { network, node, port, put, securityGroup, securityGroupRule, subnet } from './objects.ts';

const uuid = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

export const TUNNEL = 1;

interface Vm {
  readonly id: string;
  readonly ofport: number;
  readonly mac: string;
  readonly ip: string;
  readonly ip6: string;
}

const vm = (n: number, host: number, more: Partial<Vm> = {}): Vm => ({
  id: uuid(0x100 + n),
  ofport: 10 + n,
  mac: `fa:16:3e:00:00:${n.toString(16).padStart(2, '0')}`,
  ip: `10.0.0.${host}`,
  ip6: `2001:db8::${host}`,
  ...more,
});

/** `liar` and `victim` are on one node, `remote` behind the tunnel; `open` has no port security. */
export const VM = {
  liar: vm(1, 2),
  victim: vm(2, 3),
  remote: vm(3, 4),
  open: vm(4, 5),
  paired: vm(5, 6),
  /** Another VPC with the same addresses. */
  twin: vm(6, 2),
  twinVictim: vm(7, 3),
} as const;

export const PAIR = {
  ip: '10.0.0.200',
  ip6: '2001:db8::200',
  mac: '00:00:5e:00:01:05',
  prefix: '10.0.9.0/24',
};

const GATEWAY = { mac: 'fe:ff:ff:ff:ff:ff', ip: '10.0.0.1', ip6: '2001:db8::1' };
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const ALL_NODES = { mac: '33:33:00:00:00:01', ip: 'ff02::1' };
const ALL_ROUTERS = { mac: '33:33:00:00:00:02', ip: 'ff02::2' };
const LOCAL_GATEWAY = 'fe80::fcff:ffff:feff:ffff';

export const linkLocal = (mac: string): string =>
  formatIp({ version: 6, value: linkLocalFromMac(parseMac(mac)) });

/** Everything is allowed: what stops a frame is not a rule. */
export function spoofingTopology(): Topology {
  const topology = new Topology();
  const apply = (change: Parameters<Topology['apply']>[0]) => topology.apply(change);
  const group = uuid(1);
  apply(put('node', node('node1', '10.163.133.43')));
  apply(put('node', node('node2', '10.163.133.42')));
  apply(put('security_group', securityGroup({ id: group })));
  let rule = 0x10;
  for (const direction of ['ingress', 'egress'] as const) {
    for (const ethertype of ['IPv4', 'IPv6'] as const) {
      const id = uuid(rule++);
      apply(
        put(
          'security_group_rule',
          securityGroupRule({ id, direction, ethertype, security_group_id: group }),
        ),
      );
    }
  }
  const place = (vpc: string, vni: number, ids: readonly [string, string]) => {
    apply(put('network', network({ id: vpc, vpc: { id: vpc, vni } })));
    const v4 = { id: ids[0], network_id: vpc, cidr: '10.0.0.0/24', gateway_ip: GATEWAY.ip };
    const v6 = { id: ids[1], network_id: vpc, cidr: '2001:db8::/64', gateway_ip: GATEWAY.ip6 };
    apply(put('subnet', subnet(v4)));
    apply(put('subnet', subnet(v6)));
    return (vm: Vm, more: Partial<Parameters<typeof port>[0]> = {}) =>
      apply(
        put(
          'port',
          port({
            id: vm.id,
            network_id: vpc,
            mac_address: vm.mac,
            fixed_ips: [
              { subnet_id: ids[0], ip_address: vm.ip },
              { subnet_id: ids[1], ip_address: vm.ip6 },
            ],
            security_groups: [group],
            'binding:host_id': 'node1',
            ...more,
          }),
        ),
      );
  };
  const plug = place(uuid(2), 0x170b, [uuid(3), uuid(4)]);
  plug(VM.liar);
  plug(VM.victim);
  plug(VM.remote, { 'binding:host_id': 'node2' });
  plug(VM.open, { port_security_enabled: false, security_groups: [] });
  plug(VM.paired, {
    allowed_address_pairs: [
      { ip_address: PAIR.ip, mac_address: PAIR.mac },
      { ip_address: PAIR.ip6, mac_address: PAIR.mac },
      { ip_address: PAIR.prefix, mac_address: VM.paired.mac },
    ],
  });
  const elsewhere = place(uuid(5), 0x170c, [uuid(6), uuid(7)]);
  elsewhere(VM.twin);
  elsewhere(VM.twinVictim);
  return topology;
}

/** node1 with all its VMs plugged. */
export function spoofingNode(topology: Topology): LocalState {
  const local = new LocalState({
    node: 'node1',
    vtep: '10.163.133.43',
    tunnel: { ofport: TUNNEL, name: 'vf-10.163.133.4' },
    uplinks: [{ ofport: 1, name: 'dpdk_phy0' }],
    vlan: 101,
    epoch: 0x63bfd884,
  });
  for (const { id, ofport } of Object.values(VM)) {
    if (topology.get('port', id)?.['binding:host_id'] !== 'node1') continue;
    local.attach(id, { ofport, interface: `vhu${id.slice(-11)}` });
  }
  return local;
}

export interface Sent {
  readonly name: string;
  readonly from: Vm;
  readonly frame: Frame;
  /** What a real switch's conntrack finds, where it is told; else a new connection. */
  readonly found?: 'trk,new' | 'trk,inv';
}

const sent = (from: Vm, name: string, frame: Frame): Sent => ({ name, from, frame });

/** Neighbour discovery that conntrack puts together and refuses, as it does with all of it. */
const refused = (from: Vm, name: string, frame: Frame): Sent => ({
  ...sent(from, name, frame),
  found: 'trk,inv',
});

const { liar, victim, remote, open, paired, twin } = VM;
const others = { mac: victim.mac, ip: victim.ip, ip6: victim.ip6 };

/** A frame of a VM, honest but for what is given. */
const four = (
  from: Vm,
  more: Partial<Record<'mac' | 'dst' | 'source' | 'destination', string>> = {},
  payload = tcp(40000, 22),
  options = {},
) =>
  ethernet(
    more.mac ?? from.mac,
    more.dst ?? GATEWAY.mac,
    ipv4(more.source ?? from.ip, more.destination ?? victim.ip, payload, options),
  );
const six = (
  from: Vm,
  more: Partial<Record<'mac' | 'dst' | 'source' | 'destination', string>> = {},
  payload = tcp(40000, 22),
  options = {},
) =>
  ethernet(
    more.mac ?? from.mac,
    more.dst ?? GATEWAY.mac,
    ipv6(more.source ?? from.ip6, more.destination ?? victim.ip6, payload, options),
  );

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

/** Also from a port whose addresses are not checked. */
const always = (from: Vm): Sent[] => [
  ...RESERVED_MACS.flatMap((mac) => [
    sent(from, `MAC ${mac}, IPv4`, four(from, { mac })),
    sent(from, `MAC ${mac}, IPv4 through the tunnel`, four(from, { mac, destination: remote.ip })),
    sent(from, `MAC ${mac}, IPv6`, six(from, { mac })),
    sent(
      from,
      `MAC ${mac}, ARP`,
      ethernet(mac, BROADCAST, arp(ARP.request, { sha: mac, spa: from.ip, tpa: others.ip })),
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
  sent(
    from,
    'NS for itself (duplicate detection)',
    ethernet(
      from.mac,
      '33:33:ff:00:00:02',
      ipv6('::', 'ff02::1:ff00:2', nd(ND.solicit, { target: from.ip6 }), { hops: 255 }),
    ),
  ),
  sent(
    from,
    'NS for its link-local address (duplicate detection)',
    ethernet(
      from.mac,
      '33:33:ff:00:00:02',
      ipv6('::', 'ff02::1:ff00:2', nd(ND.solicit, { target: linkLocal(from.mac) }), { hops: 255 }),
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
  sent(from, "a node's VTEP", four(from, { destination: '10.163.133.42' }, udp(1, 4789))),
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

const OPTIONS = {
  'router alert': [148, 4, 0, 0],
  'a loose source route': [131, 7, 4, 10, 0, 0, 3, 0],
};
const ROUTING_HEADER = [43, [2, 0, 1, 0, 0, 0, 0, ...Array.from({ length: 16 }, () => 1)]] as const;

/** What a port whose addresses are checked may not do. */
const checked = (from: Vm): Sent[] => [
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
  sent(
    paired,
    'NS for the pair (duplicate detection)',
    ethernet(
      PAIR.mac,
      '33:33:ff:00:02:00',
      ipv6('::', 'ff02::1:ff00:200', nd(ND.solicit, { target: PAIR.ip6 }), { hops: 255 }),
    ),
  ),
  sent(
    paired,
    'NS for the link-local address of the pair (duplicate detection)',
    ethernet(
      PAIR.mac,
      '33:33:ff:00:02:00',
      ipv6('::', 'ff02::1:ff00:200', nd(ND.solicit, { target: linkLocal(PAIR.mac) }), {
        hops: 255,
      }),
    ),
  ),
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
})[] = [liar, open].flatMap((from) =>
  (
    [
      ['UDP', 4, udp(1, 2), 2],
      ['ping', 4, echo(4), 2],
      ['UDP, IPv6', 6, udp(1, 2), 2],
      ['ping, IPv6', 6, echo(6), 2],
      ['RA', 6, nd(ND.routerAdvert, { lladdr: from.mac }), 0],
      ['NA', 6, nd(ND.advert, { target: victim.ip6, lladdr: from.mac }), 0],
      ['redirect', 6, nd(ND.redirect, { target: victim.ip6 }), 0],
    ] as const
  ).map(([name, family, payload, arrive]) => {
    const packets =
      family === 4
        ? inFragments(from.ip, victim.ip, payload)
        : inFragments(from.ip6, victim.ip6, payload);
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
    [
      'any source without port security',
      'to victim',
      open,
      four(open, { source: '192.0.2.1', mac: 'fa:16:3e:77:77:77' }),
    ],
    ['the pair', 'to victim', paired, four(paired, { mac: PAIR.mac, source: PAIR.ip })],
    ['the IPv6 pair', 'to victim', paired, six(paired, { mac: PAIR.mac, source: PAIR.ip6 })],
    ['the prefix pair', 'to victim', paired, four(paired, { source: '10.0.9.7' })],
    ['to the pair', 'to paired', liar, four(liar, { destination: PAIR.ip })],
    ['the same addresses in another VPC', 'to twinVictim', twin, four(twin)],
    ['the same addresses in another VPC, IPv6', 'to twinVictim', twin, six(twin)],
  ] as const
).map(([name, outcome, from, frame]) => ({ ...sent(from, name, frame), outcome }));
