/** Random clouds of two VPCs with the same addresses, made over REST as a user makes them. */
import type { Network, Port, SecurityGroup, Subnet } from '../../src/model/objects.ts';
import { Random } from '../support/random.ts';

/** One REST call that must succeed; `body` and answer without their outer key. */
export type Create = <T>(collection: string, key: string, body: object) => Promise<T>;

export interface CloudPort {
  readonly port: Port;
  readonly node: string;
  readonly vpc: number;
}

export interface Cloud {
  readonly ports: readonly CloudPort[];
  /** What a probe of a VM in that VPC may aim at although no port has it. */
  readonly strays: readonly string[];
  readonly gateways: readonly string[];
}

export interface Aim {
  readonly from: CloudPort;
  readonly source: string;
  readonly to: string;
  readonly protocol: 'icmp' | 'tcp' | 'udp';
  readonly port: number;
}

const NODES = ['node1', 'node2'];
const GROUPS = 6;
/** In the words of `rule`. */
const EVERYTHING_OUT = ['IPv4', 'IPv6'].map((ethertype) => ({
  direction: 'egress',
  ethertype,
  protocol: null,
}));
/** Bounds of the ranges in rules, so that probes meet their edges. */
const PORTS = [22, 80, 443, 1000, 1001, 1999, 2000, 2001, 8080, 60_000];

interface Shelf {
  readonly network: Network;
  readonly subnets: readonly Subnet[];
}

async function vpc(create: Create, name: string): Promise<readonly [near: Shelf, far: Shelf]> {
  const vpc = await create<Network>('networks', 'network', { name, cidr: '10.20.0.0/16' });
  const router = await create<{ id: string }>('routers', 'router', {
    name: `${name}-router`,
    network_id: vpc.id,
  });
  const layer = (suffix: string) =>
    create<Network>('networks', 'network', { name: `${name}-${suffix}`, router_id: router.id });
  const subnet = (network: Network, cidr: string, more: object = {}) =>
    create<Subnet>('subnets', 'subnet', {
      network_id: network.id,
      cidr,
      ip_version: cidr.includes(':') ? 6 : 4,
      ...more,
    });
  const [near, far] = [await layer('near'), await layer('far')];
  return [
    {
      network: near,
      subnets: [
        await subnet(near, '10.20.1.0/24'),
        await subnet(near, 'fd00:20:1::/64', {
          ipv6_ra_mode: 'dhcpv6-stateful',
          ipv6_address_mode: 'dhcpv6-stateful',
        }),
      ],
    },
    { network: far, subnets: [await subnet(far, '10.20.2.0/24')] },
  ];
}

function range(random: Random): { port_range_min?: number; port_range_max?: number } {
  if (random.chance(0.25)) return {};
  const [first, second] = [random.pick(PORTS), random.pick(PORTS)];
  return { port_range_min: Math.min(first, second), port_range_max: Math.max(first, second) };
}

function rule(random: Random, groups: readonly SecurityGroup[]): object {
  const ethertype = random.chance(0.7) ? 'IPv4' : 'IPv6';
  const icmp = ethertype === 'IPv4' ? 'icmp' : 'ipv6-icmp';
  const protocol = random.pick([null, 'tcp', 'tcp', 'udp', 'udp', icmp]);
  const echo = ethertype === 'IPv4' ? 8 : 128;
  const ranged = protocol === 'tcp' || protocol === 'udp' ? range(random) : {};
  const typed = protocol === icmp && random.chance(0.5) ? { port_range_min: echo } : {};
  const prefixes =
    ethertype === 'IPv4'
      ? ['10.20.1.0/24', '10.20.2.0/24', '10.20.0.0/16', '10.20.1.0/29']
      : ['fd00:20:1::/64', 'fd00:20:1::/124'];
  const remote = random.pick([
    {},
    { remote_ip_prefix: random.pick(prefixes) },
    { remote_group_id: random.pick(groups).id },
    { remote_group_id: random.pick(groups).id },
  ]);
  const direction = random.chance(0.5) ? 'ingress' : 'egress';
  return { direction, ethertype, protocol, ...ranged, ...typed, ...remote };
}

async function securityGroups(create: Create, random: Random): Promise<SecurityGroup[]> {
  const groups: SecurityGroup[] = [];
  for (let index = 0; index < GROUPS; index += 1) {
    groups.push(
      await create<SecurityGroup>('security-groups', 'security_group', { name: `group${index}` }),
    );
  }
  for (const group of groups) {
    const rules = Array.from({ length: random.between(3, 6) }, () => rule(random, groups));
    // Most groups let everything out, or most probes would end at their sender.
    if (random.chance(0.8)) rules.push(...EVERYTHING_OUT);
    const told = new Set<string>();
    for (const it of rules) {
      const same = JSON.stringify(it);
      if (told.has(same)) continue;
      told.add(same);
      await create('security-group-rules', 'security_group_rule', {
        security_group_id: group.id,
        ...it,
      });
    }
  }
  return groups;
}

/** @param vms how many, the last of them without port security. */
export async function randomCloud(create: Create, seed: number, vms: number): Promise<Cloud> {
  const random = new Random(seed);
  const vpcs = [await vpc(create, 'blue'), await vpc(create, 'green')] as const;
  const groups = await securityGroups(create, random);
  const ports: CloudPort[] = [];
  for (let index = 0; index < vms; index += 1) {
    const which = index % 8 < 5 ? 0 : 1;
    const [near, far] = vpcs[which];
    const { network, subnets } = random.chance(0.7) ? near : far;
    const open = index === vms - 1;
    const port = await create<Port>('ports', 'port', {
      name: `vm${index}`,
      network_id: network.id,
      fixed_ips: subnets.map(({ id }) => ({ subnet_id: id })),
      ...(open
        ? { port_security_enabled: false, security_groups: [] }
        : { security_groups: random.some(groups, 0.5).map(({ id }) => id) }),
    });
    ports.push({ port, node: NODES[index % NODES.length] ?? '', vpc: which });
  }
  return {
    ports,
    strays: ['10.20.1.200', '10.20.2.200', 'fd00:20:1::dead', '10.99.0.1'],
    gateways: ['10.20.1.1', '10.20.2.1', 'fd00:20:1::1'],
  };
}

const isV6 = (address: string): boolean => address.includes(':');

/** Where VMs of the cloud may try to get. */
export function aims(cloud: Cloud, seed: number, count: number): Aim[] {
  const random = new Random(seed);
  const found: Aim[] = [];
  while (found.length < count) {
    const from = random.pick(cloud.ports);
    const chance = random.next();
    const others = cloud.ports.filter(({ port, vpc }) => port !== from.port && vpc === from.vpc);
    const targets =
      chance < 0.9
        ? others.flatMap(({ port }) => port.fixed_ips.map(({ ip_address }) => ip_address))
        : chance < 0.96
          ? cloud.strays
          : cloud.gateways;
    if (targets.length === 0) continue;
    const to = random.pick(targets);
    const own = from.port.fixed_ips.map(({ ip_address }) => ip_address);
    const source = own.find((address) => isV6(address) === isV6(to));
    if (source === undefined) continue;
    const protocol = random.pick(['icmp', 'tcp', 'udp'] as const);
    const port = protocol === 'icmp' ? 0 : random.pick(PORTS) + random.pick([-1, 0, 0, 1]);
    found.push({ from, source, to, protocol, port });
  }
  return found;
}
