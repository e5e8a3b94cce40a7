/** The random life of a small cloud, change by change over REST, with bare interfaces for VMs. */
import { vhuName } from '../../src/lab/names.ts';
import type { Json } from '../cli/cloud.ts';
import { Random } from '../support/random.ts';
import type { Bench } from './harness.ts';

/** Now and then none. */
const HOSTS = ['node1', 'node1', 'node2', 'node2', ''];

const RULES: readonly Json[] = [
  {},
  { protocol: 'tcp', port_range_min: 22, port_range_max: 22 },
  { protocol: 'tcp', port_range_min: 1000, port_range_max: 1999 },
  { protocol: 'udp', port_range_min: 53, port_range_max: 60_000 },
];
const PINGS = { IPv4: 'icmp', IPv6: 'ipv6-icmp' } as const;
const PREFIXES = { IPv4: '10.20.0.0/16', IPv6: 'fd00:20::/32' } as const;
const MODES = ['slaac', 'dhcpv6-stateful', 'dhcpv6-stateless'];

interface Port {
  readonly id: string;
  host: string;
  /** The node with its interface. */
  plugged: string;
}

interface Subnet {
  readonly id: string;
  readonly network: string;
  readonly cidr: string;
}

/** Refused by the API: nothing changes then. */
const isRefusal = (error: unknown): boolean =>
  error instanceof Error && /: 4\d\d /.test(error.message);

function remove<T>(list: T[], item: T): void {
  list.splice(list.indexOf(item), 1);
}

export class Life {
  readonly #bench: Bench;
  readonly #random: Random;
  readonly #networks: string[] = [];
  readonly #routers: string[] = [];
  readonly #subnets: Subnet[] = [];
  readonly #groups: string[] = [];
  readonly #rules: string[] = [];
  readonly #ports: Port[] = [];
  #made = 0;

  constructor(bench: Bench, seed: number) {
    this.#bench = bench;
    this.#random = new Random(seed);
  }

  /** What may happen. */
  get kinds(): readonly string[] {
    return this.#changes.map(([name]) => name);
  }

  /** What the changes begin with: two VPCs, groups that speak of each other, a few ports. */
  async begin(): Promise<void> {
    for (let vpc = 0; vpc < 2; vpc += 1) {
      await this.#vpc();
      await this.#network();
    }
    for (const network of this.#networks) {
      await this.#subnetOf(network, this.#freeCidr(4));
      await this.#subnetOf(network, this.#freeCidr(6));
    }
    for (let group = 0; group < 3; group += 1) await this.#group();
    for (let rule = 0; rule < 8; rule += 1) await this.#rule().catch(ignoreRefusal);
    for (let port = 0; port < 8; port += 1) await this.#port();
  }

  /** One change. @returns what it was; null when it was refused, and so was none. */
  async change(): Promise<string | null> {
    const [name, work] = this.#random.pick(this.#changes);
    try {
      return (await work()) === false ? null : name;
    } catch (error) {
      if (isRefusal(error)) return null;
      throw error;
    }
  }

  /** Each as often as it stands here; `false` when there is nothing to change. */
  readonly #changes: readonly (readonly [string, () => Promise<unknown>])[] = (
    [
      ['create a port', 6, () => this.#port()],
      ['delete a port', 4, () => this.#deletePort()],
      ['bind a port to another node', 4, () => this.#rebind()],
      ['plug or unplug', 2, () => this.#replug()],
      ['change the groups of a port', 4, () => this.#regroup()],
      ['switch port security', 3, () => this.#security()],
      ['change address pairs', 3, () => this.#pairs()],
      ['switch a port', 1, () => this.#admin()],
      ['create a rule', 6, () => this.#rule()],
      ['delete a rule', 3, () => this.#delete('security-group-rules', this.#rules)],
      ['create a group', 2, () => this.#group()],
      ['delete a group', 4, () => this.#delete('security-groups', this.#groups)],
      ['create a subnet', 2, () => this.#subnet()],
      ['change a subnet', 3, () => this.#changeSubnet()],
      ['delete a subnet', 2, () => this.#deleteSubnet()],
      ['create a network', 1, () => this.#network()],
    ] as const
  ).flatMap(([name, often, work]) => Array.from({ length: often }, () => [name, work] as const));

  async #create(collection: string, key: string, body: Json): Promise<string> {
    return (await this.#bench.rest('POST', collection, { [key]: body })).id;
  }

  async #vpc(): Promise<void> {
    const cidr = '10.20.0.0/16';
    const vpc = await this.#create('networks', 'network', { name: 'vpc', cidr });
    this.#routers.push(await this.#create('routers', 'router', { network_id: vpc }));
  }

  async #network(): Promise<void> {
    const router_id = this.#random.pick(this.#routers);
    this.#networks.push(await this.#create('networks', 'network', { router_id }));
  }

  /** No two are alike, so that each fits anywhere. */
  #freeCidr(version: 4 | 6): string {
    this.#made += 1;
    return version === 4 ? `10.20.${this.#made}.0/24` : `fd00:20:${this.#made}::/64`;
  }

  async #subnetOf(network: string, cidr: string): Promise<void> {
    const version = cidr.includes(':') ? 6 : 4;
    const mode = this.#random.pick(MODES);
    const id = await this.#create('subnets', 'subnet', {
      network_id: network,
      cidr,
      ip_version: version,
      ...(version === 6 ? { ipv6_ra_mode: mode, ipv6_address_mode: mode } : {}),
    });
    this.#subnets.push({ id, network, cidr });
  }

  #subnet(): Promise<void> {
    const cidr = this.#freeCidr(this.#random.chance(0.7) ? 4 : 6);
    return this.#subnetOf(this.#random.pick(this.#networks), cidr);
  }

  async #changeSubnet(): Promise<boolean> {
    if (this.#subnets.length === 0) return false;
    const { id, cidr } = this.#random.pick(this.#subnets);
    const [first, second] = cidr.includes(':')
      ? [cidr.replace('/64', '1'), cidr.replace('/64', 'ff')]
      : [cidr.replace('0/24', '1'), cidr.replace('0/24', '254')];
    const subnet = this.#random.pick<Json>([
      { enable_dhcp: false },
      { enable_dhcp: true },
      { gateway_ip: null },
      { gateway_ip: first },
      { gateway_ip: second },
      { host_routes: [{ destination: '10.99.0.0/16', nexthop: first }] },
    ]);
    await this.#bench.rest('PUT', `subnets/${id}`, { subnet });
    return true;
  }

  async #deleteSubnet(): Promise<boolean> {
    if (this.#subnets.length === 0) return false;
    const subnet = this.#random.pick(this.#subnets);
    await this.#bench.request('DELETE', `/v2.0/subnets/${subnet.id}`);
    remove(this.#subnets, subnet);
    return true;
  }

  async #group(): Promise<void> {
    this.#groups.push(await this.#create('security-groups', 'security_group', { name: 'group' }));
  }

  async #rule(): Promise<boolean> {
    if (this.#groups.length === 0) return false;
    const random = this.#random;
    const ethertype = random.pick(['IPv4', 'IPv6'] as const);
    const rule = {
      security_group_id: random.pick(this.#groups),
      direction: random.pick(['ingress', 'egress']),
      ethertype,
      ...random.pick([...RULES, { protocol: PINGS[ethertype] }]),
      ...random.pick([
        {},
        { remote_group_id: random.pick(this.#groups) },
        { remote_ip_prefix: PREFIXES[ethertype] },
      ]),
    };
    this.#rules.push(await this.#create('security-group-rules', 'security_group_rule', rule));
    return true;
  }

  async #delete(collection: string, list: string[]): Promise<boolean> {
    if (list.length === 0) return false;
    const id = this.#random.pick(list);
    // A rule may have gone with its group.
    remove(list, id);
    await this.#bench.request('DELETE', `/v2.0/${collection}/${id}`).catch((error: unknown) => {
      if (error instanceof Error && error.message.includes(': 409 ')) list.push(id);
      throw error;
    });
    return true;
  }

  async #port(): Promise<boolean> {
    const network = this.#random.pick(this.#networks);
    const subnets = this.#subnets.filter((subnet) => subnet.network === network);
    if (subnets.length === 0) return false;
    const host = this.#random.pick(HOSTS);
    const id = await this.#create('ports', 'port', {
      network_id: network,
      fixed_ips: this.#random.some(subnets, 0.7).map((subnet) => ({ subnet_id: subnet.id })),
      security_groups: this.#random.some(this.#groups, 0.3),
      'binding:host_id': host,
      device_owner: host === '' ? '' : 'compute:nova',
    });
    const port = { id, host, plugged: '' };
    this.#ports.push(port);
    if (this.#random.chance(0.9)) await this.#plug(port, host);
    return true;
  }

  /** Moves a port's interface. @param node where to; '' takes it away. */
  async #plug(port: Port, node: string): Promise<void> {
    const name = vhuName(port.id);
    if (port.plugged !== '') {
      await this.#bench.ovs(port.plugged, 'ovs-vsctl', 'del-port', 'br-int', name);
    }
    port.plugged = node;
    if (node === '') return;
    const words = ['type=internal', `external_ids:iface-id=${port.id}`];
    const add = ['add-port', 'br-int', name, '--', 'set', 'Interface', name, ...words];
    await this.#bench.ovs(node, 'ovs-vsctl', '--timeout=30', ...add);
  }

  async #deletePort(): Promise<boolean> {
    const port = this.#anyPort();
    if (port === undefined) return false;
    const first = this.#random.chance(0.5);
    if (first) await this.#plug(port, '');
    await this.#bench.request('DELETE', `/v2.0/ports/${port.id}`);
    if (!first) await this.#plug(port, '');
    remove(this.#ports, port);
    return true;
  }

  #anyPort(): Port | undefined {
    return this.#ports.length === 0 ? undefined : this.#random.pick(this.#ports);
  }

  async #change(port: Port | undefined, body: Json): Promise<boolean> {
    if (port === undefined) return false;
    await this.#bench.rest('PUT', `ports/${port.id}`, { port: body });
    return true;
  }

  async #rebind(): Promise<boolean> {
    const port = this.#anyPort();
    if (port === undefined) return false;
    const host = this.#random.pick(HOSTS);
    const early = this.#random.chance(0.5);
    if (early) await this.#plug(port, host);
    await this.#change(port, { 'binding:host_id': host });
    port.host = host;
    if (!early) await this.#plug(port, host);
    return true;
  }

  async #replug(): Promise<boolean> {
    const port = this.#anyPort();
    if (port === undefined) return false;
    await this.#plug(port, port.plugged === '' ? port.host : '');
    return true;
  }

  #regroup(): Promise<boolean> {
    const security_groups = this.#random.some(this.#groups, 0.3);
    return this.#change(this.#anyPort(), { security_groups });
  }

  #security(): Promise<boolean> {
    const off = { security_groups: [], allowed_address_pairs: [] };
    const on = this.#random.chance(0.6);
    return this.#change(this.#anyPort(), { port_security_enabled: on, ...(on ? {} : off) });
  }

  #pairs(): Promise<boolean> {
    const pairs = [
      { ip_address: '10.20.200.1' },
      { ip_address: '10.20.201.0/26', mac_address: '00:00:5e:00:01:05' },
      { ip_address: 'fd00:20:ff::7' },
    ];
    return this.#change(this.#anyPort(), { allowed_address_pairs: this.#random.some(pairs, 0.5) });
  }

  #admin(): Promise<boolean> {
    return this.#change(this.#anyPort(), { admin_state_up: this.#random.chance(0.5) });
  }
}

function ignoreRefusal(error: unknown): boolean {
  if (!isRefusal(error)) throw error;
  return false;
}
