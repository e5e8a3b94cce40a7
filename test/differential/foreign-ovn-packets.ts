/**
 * Packets that mean something in the network of `test/support/ovn.ts`: of its VMs, of the outside and
 * out of the tunnel, to each other, to routers, load balancers and addresses of NAT; most are well
 * formed, some have a part that does not fit.
 */
import type { Ovn } from '../support/ovn.ts';
import type { Random } from './sim-random.ts';

const mac = (last: number): string => `0a:00:00:00:00:${last.toString(16).padStart(2, '0')}`;

interface Host {
  readonly mac: string;
  readonly v4: string;
  readonly v6: string;
}

const host = (net: number, number: number): Host => ({
  mac: mac(number),
  v4: `10.0.${net}.${number}`,
  v6: `fd00:${net}::${number}`,
});

const [VM1, VM2, VM3, VM4] = [host(0, 11), host(0, 12), host(1, 13), host(1, 14)];
const STRANGER: Host = { mac: mac(0x99), v4: '10.0.0.99', v6: 'fd00::99' };
const OUTSIDE: Host = { mac: '52:54:00:00:00:01', v4: '172.16.0.99', v6: 'fd16::99' };
const GATEWAY: Host = { mac: mac(0xf5), v4: '172.16.0.10', v6: 'fd16::10' };
const LR0: Host = { mac: mac(0xf1), v4: '10.0.0.1', v6: 'fd00::1' };
const LR1: Host = { mac: mac(0xf4), v4: '10.0.1.1', v6: 'fd00:1::1' };
const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** Addresses of which no port of their own has the MAC: what lies beyond a router. */
const FAR4 = [
  ...[VM1, VM2, VM3, VM4, LR0, LR1, GATEWAY].map(({ v4 }) => v4),
  '100.64.0.1',
  '100.64.0.2',
  '172.16.0.21',
  '172.16.0.22',
  '172.16.0.99',
  '172.16.0.77',
  '10.0.0.100',
  '10.0.0.100',
  '10.0.0.101',
  '9.9.9.9',
  '9.9.9.10',
  '8.8.8.8',
] as const;
const ODD4 = ['10.0.0.255', '255.255.255.255', '224.0.0.1', '239.1.2.3', '127.0.0.1', '0.0.0.0'];
const V4 = [...FAR4, ...ODD4, '10.0.0.3', '10.0.1.20'];
const FAR6 = [
  ...[VM1, VM2, VM3, VM4, LR0, LR1, GATEWAY].map(({ v6 }) => v6),
  'fd00::100',
  'fd00::100',
  'fd64::2',
  'fd00::99',
  'fd16::77',
  '2001:db8::1',
] as const;
const LINK6 = ['fe80::800:ff:fe00:b', 'fe80::800:ff:fe00:f1', 'fe80::800:ff:fe00:f5'] as const;
const GROUPS6 = ['ff02::1', 'ff02::2', 'ff02::16', 'ff02::1:2', 'ff02::1:ff00:11', 'ff05::5'];
const V6 = [...FAR6, ...LINK6, ...GROUPS6, '::'];
const SERVICES = [22, 23, 53, 80, 80, 443, 5000, 5500, 8080, 40000] as const;
const MACS = [
  ...[VM1, VM2, VM3, VM4, STRANGER, LR0, LR1, GATEWAY].map((one) => one.mac),
  ...[0x21, 0xf2, 0xf3].map(mac),
  BROADCAST,
  '33:33:00:00:00:01',
  '01:00:5e:01:02:03',
] as const;

type Terms = readonly string[];

/** Who speaks, and to whom. */
interface Ends {
  readonly source: Host;
  readonly v4: readonly string[];
  readonly v6: readonly string[];
}

const ports = (random: Random, protocol: string): Terms => [
  `${protocol}_src=${random.pick([40000, ...SERVICES])}`,
  `${protocol}_dst=${random.pick(SERVICES)}`,
];
const TTLS = [64, 64, 64, 64, 64, 64, 255, 2, 1, 0] as const;
const ttl = (random: Random): string => `nw_ttl=${random.pick(TTLS)}`;
const LATER = 'nw_frag=later';
const fragment = (random: Random): Terms =>
  random.chance(8) ? [random.pick(['nw_frag=first', LATER])] : [];

/** No fragment but the first has what the transport protocol writes. */
function whole(terms: Terms): Terms {
  if (!terms.includes(LATER)) return terms;
  return terms.filter((term) => !/^(?:tcp|udp|sctp|icmp|icmpv6)_/.test(term));
}

type Kind = (random: Random, ends: Ends) => Terms;

const flags = (random: Random): Terms =>
  random.chance(30) ? [`tcp_flags=${random.pick(['syn', 'syn|ack', 'rst', 'fin|ack'])}`] : [];

function address4(random: Random, { source, v4 }: Ends): Terms {
  const from = random.chance(94) ? source.v4 : random.pick(V4);
  const to = random.chance(90) ? random.pick(v4) : random.pick(V4);
  return [`nw_src=${from}`, `nw_dst=${to}`, ttl(random), ...fragment(random)];
}

function address6(random: Random, { source, v6 }: Ends): Terms {
  const from = random.chance(94) ? source.v6 : random.pick(V6);
  const to = random.chance(90) ? random.pick(v6) : random.pick(V6);
  return [`ipv6_src=${from}`, `ipv6_dst=${to}`, ttl(random), ...fragment(random)];
}

/** A neighbour is asked for, or answers. */
const neighbour: Kind = (random, { source, v6 }) => {
  const asked = random.chance(60);
  const link = asked ? 'nd_sll' : 'nd_tll';
  return [
    'icmp6',
    `icmpv6_type=${asked ? 135 : 136}`,
    'icmpv6_code=0',
    `ipv6_src=${random.chance(85) ? source.v6 : random.pick(V6)}`,
    `ipv6_dst=${random.pick(['ff02::1:ff00:11', ...v6, ...V6])}`,
    `nd_target=${random.chance(70) ? random.pick(v6) : random.pick(V6)}`,
    `${link}=${random.chance(85) ? source.mac : random.pick(MACS)}`,
    `nw_ttl=${random.pick([255, 255, 255, 64])}`,
  ];
};

const KINDS: readonly Kind[] = [
  (random, ends) => ['tcp', ...address4(random, ends), ...ports(random, 'tcp'), ...flags(random)],
  (random, ends) => ['tcp', ...address4(random, ends), 'tcp_src=40000', 'tcp_dst=80'],
  (random, ends) => ['udp', ...address4(random, ends), ...ports(random, 'udp')],
  (random, ends) => ['sctp', ...address4(random, ends), ...ports(random, 'sctp')],
  (random, ends) => [
    'icmp',
    ...address4(random, ends),
    ...random.pick([['icmp_type=8'], ['icmp_type=0'], ['icmp_type=3', 'icmp_code=4']]),
  ],
  (random, ends) => ['tcp6', ...address6(random, ends), ...ports(random, 'tcp')],
  (random, ends) => ['udp6', ...address6(random, ends), ...ports(random, 'udp')],
  (random, ends) => ['udp', ...address4(random, ends), 'udp_src=40000', 'udp_dst=53'],
  (random, ends) => [
    'icmp6',
    ...address6(random, ends),
    `icmpv6_type=${random.pick([128, 128, 129, 1, 2, 130, 131, 143])}`,
    'icmpv6_code=0',
  ],
  (random, { source, v4 }) => [
    'arp',
    `arp_op=${random.pick([1, 1, 2])}`,
    `arp_spa=${random.chance(85) ? source.v4 : random.pick(V4)}`,
    `arp_tpa=${random.chance(80) ? random.pick(v4) : random.pick(V4)}`,
    `arp_sha=${random.chance(85) ? source.mac : random.pick(MACS)}`,
    `arp_tha=${random.pick(['00:00:00:00:00:00', ...MACS])}`,
  ],
  neighbour,
  (random, { source }) => [
    'icmp6',
    `icmpv6_type=${random.pick([133, 134])}`,
    'icmpv6_code=0',
    `ipv6_src=${random.chance(70) ? source.v6 : random.pick(LINK6)}`,
    `ipv6_dst=${random.pick(['ff02::1', 'ff02::2'])}`,
    'nw_ttl=255',
  ],
  // Address leases.
  (random, { source }) => [
    'udp',
    `nw_src=${random.pick(['0.0.0.0', source.v4])}`,
    `nw_dst=${random.pick(['255.255.255.255', '10.0.0.1'])}`,
    'nw_ttl=64',
    'udp_src=68',
    'udp_dst=67',
  ],
  (random, { source }) => [
    'udp6',
    `ipv6_src=${random.pick(['fe80::800:ff:fe00:b', source.v6])}`,
    'ipv6_dst=ff02::1:2',
    'nw_ttl=1',
    'udp_src=546',
    'udp_dst=547',
  ],
];
/** Seldom: what nobody programs flows for. */
const ODD_KINDS: readonly Kind[] = [
  (random, ends) => ['ip', 'nw_proto=2', ...address4(random, ends)],
  (random, ends) => ['ip', 'nw_proto=47', ...address4(random, ends)],
  () => ['dl_type=0x88cc'],
];

/** Where packets come in, with all that is to be known of the header of the tunnel. */
interface Entrance {
  readonly terms: Terms;
  readonly source: Host;
  /** Next hops, with the addresses behind them. */
  readonly next: readonly (readonly [mac: string, v4: readonly string[], v6: readonly string[]])[];
}

const alone = ({ mac: own, v4, v6 }: Host): Entrance['next'][number] => [own, [v4], [v6]];
const router = ({ mac: own }: Host): Entrance['next'][number] => [own, FAR4, FAR6];
const everybody: Entrance['next'][number] = [BROADCAST, V4, V6];

const VMS: readonly Entrance[] = [
  { terms: ['in_port=11'], source: VM1, next: [alone(VM2), router(LR0), router(LR0), everybody] },
  { terms: ['in_port=12'], source: VM2, next: [alone(VM1), router(LR0), router(LR0), everybody] },
  { terms: ['in_port=13'], source: VM3, next: [alone(VM4), router(LR1), router(LR1), everybody] },
];
const BEHIND = ['172.16.0.21', '172.16.0.22', '172.16.0.10', '10.0.0.12', '10.0.0.100'];
const OUT: Entrance = {
  terms: ['in_port=1'],
  source: OUTSIDE,
  next: [
    [GATEWAY.mac, BEHIND, FAR6],
    [GATEWAY.mac, BEHIND, FAR6],
    [mac(0x21), ['172.16.0.21'], [VM1.v6]],
    everybody,
  ],
};

/** A logical port as it is told of in the header of a tunnel. */
export interface TunnelPort {
  readonly name: string;
  readonly datapath: number;
  readonly key: number;
}

/** All ports of the network, in the order of their names: their numbers differ from run to run. */
export function tunnelPorts(ovn: Ovn): TunnelPort[] {
  const read = (table: string, columns: string): string[][] =>
    ovn
      .sbctl('--format=csv', '--no-headings', `--columns=${columns}`, 'list', table)
      .trim()
      .split('\n')
      .map((line) => line.replaceAll('"', '').split(','));
  const datapaths = new Map(
    read('Datapath_Binding', '_uuid,tunnel_key').map(([id = '', key]) => [id, Number(key)]),
  );
  return read('Port_Binding', 'logical_port,tunnel_key,datapath')
    .map(([name = '', key, datapath = '']) => ({
      name,
      key: Number(key),
      datapath: datapaths.get(datapath) ?? 0,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

const FLOOD = 0x8000;

function fromTunnel(random: Random, known: readonly TunnelPort[]): Entrance {
  const from = random.chance(75)
    ? (known.find(({ name }) => name === 'vm4') ?? random.pick(known))
    : random.pick(known);
  const beside = known.filter(({ datapath }) => datapath === from.datapath);
  const to = random.chance(75) ? random.pick(beside).key : FLOOD + random.below(6);
  const option = `0x${((from.key << 16) | to).toString(16)}`;
  return {
    terms: [
      'in_port=2',
      `tun_id=${random.chance(92) ? from.datapath : 1 + random.below(9)}`,
      'tun_src=192.168.0.2',
      'tun_dst=192.168.0.1',
      ...(random.chance(94) ? [`tun_metadata0=${option}`] : []),
    ],
    source: VM4,
    next: [alone(VM3), router(LR1), everybody],
  };
}

/** How many of a hundred packets are given the hash that groups select by. */
const HASHED = 40;

/** A packet in the words of `ofproto/trace`. */
export function ovnPacket(random: Random, known: readonly TunnelPort[]): string {
  const { terms, source, next } = random.chance(65)
    ? random.pick(VMS)
    : random.chance(55)
      ? OUT
      : fromTunnel(random, known);
  const speaker = random.chance(95) ? source : STRANGER;
  const [destination, v4, v6] = random.pick(next);
  const kind = random.pick(random.chance(95) ? KINDS : ODD_KINDS);
  return [
    ...terms,
    ...(random.chance(3) ? [`dl_vlan=${random.pick([0, 7])}`] : []),
    `dl_src=${random.chance(96) ? speaker.mac : random.pick(MACS)}`,
    `dl_dst=${random.chance(94) ? destination : random.pick(MACS)}`,
    ...whole(kind(random, { source: speaker, v4, v6 })),
    ...(random.chance(HASHED) ? [`dp_hash=${random.below(16)}`] : []),
  ].join(',');
}

const STATES = [
  'trk|new',
  'trk|new',
  'trk|new',
  'trk|est',
  'trk|est',
  'trk|est|rpl',
  'trk|inv',
  'trk|rel',
  'trk|rel|rpl',
  'trk|new|dnat',
  'trk|est|dnat',
  'trk|est|rpl|snat',
] as const;

/** What conntrack says at the first forks; of those beyond it says that the connection is new. */
export function connectionStates(random: Random): string[] {
  const one = random.pick(STATES);
  return Array.from({ length: random.below(7) }, () =>
    random.chance(75) ? one : random.pick(STATES),
  );
}
