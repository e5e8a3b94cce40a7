/** Packets for the bridges of `test/support/cloud-flows.ts`: of guests, from other nodes, to each other and to services. */
import {
  CLUSTER_SERVICES,
  GUESTS,
  INTEGRATION,
  REMOTES,
  TUNNELS,
  VNI,
  type CloudGuest,
} from '../support/cloud-flows.ts';
import type { Random } from './sim-random.ts';

const ALL: readonly CloudGuest[] = [...GUESTS, ...REMOTES];
const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const MACS = [
  ...ALL.map(({ mac }) => mac),
  'fa:16:3e:00:00:fe',
  'fa:16:3f:00:00:01',
  BROADCAST,
  '33:33:ff:00:00:02',
];
const V4 = [
  ...ALL.map(({ v4 }) => v4),
  ...CLUSTER_SERVICES.map(({ v4 }) => v4),
  '10.1.0.254',
  '10.9.9.9',
  '255.255.255.255',
];
const V6 = [...ALL.map(({ v6 }) => v6), 'ff02::1', 'fe80::1'];
const PORTS = [22, 53, 80, 443, 8080, 8085, 40000];

type Terms = readonly string[];

const mostly = <T>(random: Random, one: T, others: readonly T[]): T =>
  random.chance(90) ? one : random.pick(others);

function transport(random: Random, protocol: string): Terms {
  const name = protocol.replace(/6$/, '');
  return [`${name}_src=40000`, `${name}_dst=${random.pick(PORTS)}`];
}

const service = (random: Random): Terms => {
  const { v4, port } = random.pick(CLUSTER_SERVICES);
  return [`nw_dst=${v4}`, 'tcp_src=40000', `tcp_dst=${port}`];
};

function headers(random: Random, from: CloudGuest, to: CloudGuest): Terms {
  const v4 = [
    `nw_src=${mostly(random, from.v4, V4)}`,
    `nw_dst=${mostly(random, to.v4, V4)}`,
    `nw_ttl=${random.pick([64, 64, 64, 1])}`,
  ];
  const v6 = [
    `ipv6_src=${mostly(random, from.v6, V6)}`,
    `ipv6_dst=${mostly(random, to.v6, V6)}`,
    'nw_ttl=255',
  ];
  const kinds: readonly (() => Terms)[] = [
    () => ['tcp', ...v4, ...transport(random, 'tcp')],
    () => ['tcp', `nw_src=${from.v4}`, 'nw_ttl=64', ...service(random)],
    () => ['udp', ...v4, ...transport(random, 'udp')],
    () => ['icmp', ...v4, `icmp_type=${random.pick([8, 0])}`],
    () => ['tcp6', ...v6, ...transport(random, 'tcp6')],
    () => ['udp6', ...v6, ...transport(random, 'udp6')],
    () => ['icmp6', ...v6, `icmpv6_type=${random.pick([128, 130, 132, 134])}`, 'icmpv6_code=0'],
    () => [
      'icmp6',
      ...v6,
      `icmpv6_type=${random.pick([135, 136])}`,
      'icmpv6_code=0',
      `nd_target=${mostly(random, from.v6, V6)}`,
    ],
    () => [
      'arp',
      `arp_op=${random.pick([1, 2])}`,
      `arp_spa=${mostly(random, from.v4, V4)}`,
      `arp_tpa=${random.pick([to.v4, ...V4])}`,
      `arp_sha=${mostly(random, from.mac, MACS)}`,
    ],
    () => [
      'udp',
      ...random.pick([
        ['nw_src=0.0.0.0', 'nw_dst=255.255.255.255', 'udp_src=68', 'udp_dst=67'],
        [`nw_src=${from.v4}`, `nw_dst=${to.v4}`, 'udp_src=67', 'udp_dst=68'],
      ]),
    ],
    () => [
      'udp6',
      ...v6,
      ...random.pick([
        ['udp_src=546', 'udp_dst=547'],
        ['udp_src=547', 'udp_dst=546'],
      ]),
    ],
  ];
  return random.pick(kinds)();
}

const HASHED = 50;

function packet(random: Random, entrance: Terms, from: CloudGuest, to: CloudGuest): string {
  return [
    ...entrance,
    `dl_src=${mostly(random, from.mac, MACS)}`,
    `dl_dst=${random.chance(80) ? to.mac : random.pick(MACS)}`,
    ...headers(random, from, to),
    ...(random.chance(HASHED) ? [`dp_hash=${random.below(16)}`] : []),
  ].join(',');
}

/** To the bridge that guests are plugged into. */
export function integrationPacket(random: Random): string {
  const to = random.pick(ALL);
  if (random.chance(70)) {
    const from = random.pick(GUESTS);
    return packet(random, [`in_port=${from.port}`], from, to);
  }
  const from = random.pick(REMOTES);
  const entrance = random.chance(60)
    ? [`in_port=${INTEGRATION.tunnels}`, `dl_vlan=${mostly(random, to.vlan, [1, 2, 3, 4095])}`]
    : [`in_port=${INTEGRATION.physical}`, ...random.pick([['dl_vlan=100'], ['dl_vlan=7'], []])];
  return packet(random, entrance, from, to);
}

/** To the bridge that leads to other nodes. */
export function tunnelPacket(random: Random): string {
  const here = random.pick(GUESTS);
  const there = random.pick(REMOTES);
  if (random.chance(60)) {
    const entrance = [
      `in_port=${TUNNELS.integration}`,
      `dl_vlan=${mostly(random, here.vlan, [1, 2, 3])}`,
    ];
    return packet(random, entrance, here, there);
  }
  const [port, remote] = random.pick([
    [TUNNELS.first, '192.0.2.1'],
    [TUNNELS.second, '192.0.2.2'],
  ] as const);
  const vni = mostly(random, VNI(there.vlan), [VNI(1), VNI(2), 9]);
  const entrance = [`in_port=${port}`, `tun_id=${vni}`, `tun_src=${remote}`, 'tun_dst=192.0.2.9'];
  return packet(random, entrance, there, here);
}

/** To the bridge of the Kubernetes network. */
export function clusterPacket(random: Random): string {
  const from = random.pick(GUESTS);
  return packet(random, [`in_port=${from.port}`], from, random.pick(GUESTS));
}
