/**
 * Random topologies that the API could have made, and random changes of them: several VPCs with
 * overlapping address spaces, both families, ports here, elsewhere, down and unbound, address pairs,
 * rules of every kind, floating ips. The same seed gives the same world.
 */
import { formatIp, parseIp, parsePrefix, prefixesOverlap } from '../../src/address/index.ts';
import type { Change, Port, SecurityGroupRule, Subnet } from '../../src/model/objects.ts';
import { INTERFACE_OWNER, Topology, type DependencyKey } from '../../src/model/topology.ts';
import { advanced, headedFor, isMoving, vpcsOf } from '../../src/model/vpc.ts';
import {
  addressGroup,
  floatingIp,
  network,
  node,
  port,
  put,
  remove,
  router,
  securityGroup,
  securityGroupRule,
  subnet,
} from './objects.ts';
import { Random } from './random.ts';

export interface WorldOptions {
  readonly nodes?: number;
  readonly vpcs?: number;
  readonly ports?: number;
  readonly groups?: number;
  readonly rules?: number;
  /** Networks move between VPCs, routers have interfaces and routes, and go down. */
  readonly wired?: boolean;
}

const V4_CIDRS = ['10.0.0.0/24', '10.0.1.0/24', '10.0.2.0/23', '172.16.0.0/26', '192.168.0.0/16'];
const V6_CIDRS = ['2001:db8:0:1::/64', '2001:db8:0:2::/64', 'fd00:1::/112'];
const EXTERNAL_CIDRS = ['203.0.113.0/24', '10.0.0.0/23'];
const V4_PAIRS = [
  '10.0.0.200',
  '10.0.9.9',
  '10.0.0.0/8',
  '10.0.0.128/25',
  '0.0.0.0/0',
  '10.0.1.7/32',
];
const V6_PAIRS = ['2001:db8:0:1::99', '2001:db8::/32', '2001:db8:0:1::/64'];
const V4_REMOTES = ['0.0.0.0/0', '10.0.0.0/24', '10.0.0.4/30', '10.0.1.5/32', '192.168.0.0/16'];
const V6_REMOTES = ['::/0', '2001:db8:0:1::/64', '2001:db8:0:2::4/126'];
/** Few, so that groups share some; wide and narrow, inside and outside of VPCs. */
const GROUPED = [...V4_REMOTES, '10.0.0.0/8', '0.0.0.0/1', ...V6_REMOTES, '2001:db8::/32'];
const ADDRESS_GROUPS = ['a1', 'a2', 'a3'].map(
  (tail) => `00000000-0000-4000-8000-0000000000${tail}`,
);
const PORTS = ['tcp', 'udp', 'sctp'];
const OTHERS = ['gre', 'ah', '112', '4'];
const V4_PROTOCOLS = [null, 'icmp', 'icmp', ...PORTS, ...OTHERS];
const V6_PROTOCOLS = [null, 'ipv6-icmp', 'ipv6-icmp', ...PORTS, ...OTHERS];
const RANGES = [
  [22, 22],
  [80, 80],
  [1000, 1999],
  [1, 65535],
  [33000, 33003],
] as const;

/** A mutable world; every method returns the changes that it applied to `topology`. */
export class World {
  readonly topology = new Topology();
  readonly random: Random;
  readonly nodes: readonly string[];
  readonly #wired: boolean;
  #serial = 0;
  #touched = new Set<DependencyKey>();

  constructor(seed: number, options: WorldOptions = {}) {
    this.random = new Random(seed);
    this.#wired = options.wired ?? false;
    const count = options.nodes ?? 3;
    this.nodes = Array.from({ length: count }, (_, index) => `node${index + 1}`);
    this.#grow(options);
  }

  /** All that there is, in an order in which it can be created. */
  changes(): Change[] {
    const { topology } = this;
    return [
      ...[...topology.all('node')].map((object) => put('node', object)),
      ...[...topology.all('network')].map((object) => put('network', object)),
      ...[...topology.all('router')].map((object) => put('router', object)),
      ...[...topology.all('subnet')].map((object) => put('subnet', object)),
      ...[...topology.all('address_group')].map((object) => put('address_group', object)),
      ...[...topology.all('security_group')].map((object) => put('security_group', object)),
      ...[...topology.all('security_group_rule')].map((o) => put('security_group_rule', o)),
      ...[...topology.all('port')].map((object) => put('port', object)),
      ...[...topology.all('floatingip')].map((object) => put('floatingip', object)),
    ];
  }

  #grow(options: WorldOptions): void {
    this.nodes.forEach((name, index) =>
      this.#apply([put('node', node(name, `10.163.133.${43 + index}`))]),
    );
    for (const cidr of EXTERNAL_CIDRS) this.#addExternal(cidr);
    for (let i = 0; i < (options.vpcs ?? 2); i += 1) this.addVpc();
    for (const id of ADDRESS_GROUPS) this.#setAddresses(id);
    for (let i = 0; i < (options.groups ?? 4); i += 1) this.addGroup();
    for (let i = 0; i < (options.rules ?? 14); i += 1) this.addRule();
    for (let i = 0; i < (options.ports ?? 12); i += 1) this.addPort();
    for (let i = 0; i < 4; i += 1) this.addFloatingIp();
  }

  #apply(changes: readonly Change[]): Change[] {
    for (const change of changes) {
      for (const key of this.topology.apply(change)) this.#touched.add(key);
    }
    return [...changes];
  }

  /** The keys touched since the last call. */
  takeTouched(): Set<DependencyKey> {
    const touched = this.#touched;
    this.#touched = new Set();
    return touched;
  }

  #next(): number {
    this.#serial += 1;
    return this.#serial;
  }

  /** Later objects are younger, several within one second. */
  #now(): string {
    const time = new Date(Date.UTC(2023, 0, 12) + Math.floor(this.#serial / 3) * 1000);
    return time.toISOString().replace('.000Z', 'Z');
  }

  #mac(): string {
    return `fa:16:3e:00:${[this.#next() >> 8, this.#serial & 255]
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join(':')}`;
  }

  #addExternal(cidr: string): void {
    const id = this.random.uuid();
    const vpc = { id, vni: 1000 + this.#next() };
    this.#apply([
      put('network', network({ id, vpc, 'router:external': true })),
      put('subnet', subnet({ id: this.random.uuid(), network_id: id, cidr, enable_dhcp: false })),
    ]);
  }

  #externals(): string[] {
    return [...this.topology.all('network')].filter((n) => n['router:external']).map((n) => n.id);
  }

  #internals(): string[] {
    return [...this.topology.all('network')]
      .filter((n) => !n['router:external'] && n.id !== n.vpc.id)
      .map((n) => n.id);
  }

  /** A first-layer network, its router, one or two networks in it with subnets of both families. */
  addVpc(): Change[] {
    const { random } = this;
    const id = random.uuid();
    const vpc = { id, vni: 1000 + this.#next() };
    const routerId = random.uuid();
    const external = random.chance(0.6) ? random.pick(this.#externals()) : null;
    const external_gateway_info =
      external === null
        ? null
        : { network_id: external, enable_snat: true, external_fixed_ips: [] };
    const changes = this.#apply([
      put('network', network({ id, vpc, cidr: '0.0.0.0/0' })),
      put('router', router({ id: routerId, network_id: id, external_gateway_info })),
    ]);
    for (let count = random.between(1, 2); count > 0; count -= 1) {
      const networkId = random.uuid();
      changes.push(
        ...this.#apply([put('network', network({ id: networkId, vpc, router_id: routerId }))]),
        ...this.addSubnet(networkId, 4),
        ...(random.chance(0.5) ? this.addSubnet(networkId, 4) : []),
        ...(random.chance(0.7) ? this.addSubnet(networkId, 6) : []),
      );
    }
    return changes;
  }

  #subnetsOfVpc(vpc: string): Subnet[] {
    return [...this.topology.find('subnet.by_vpc', vpc)].flatMap(
      (id) => this.topology.get('subnet', id) ?? [],
    );
  }

  addSubnet(networkId = this.random.pick(this.#internals()), version: 4 | 6 = 4): Change[] {
    const { random } = this;
    const around = this.topology.get('network', networkId);
    const vpcs = around === undefined ? [] : vpcsOf(around);
    const taken = new Set(vpcs.flatMap(({ id }) => this.#subnetsOfVpc(id)).map((s) => s.cidr));
    const free = (version === 4 ? V4_CIDRS : V6_CIDRS).filter((cidr) => !taken.has(cidr));
    if (free.length === 0) return [];
    const cidr = random.pick(free);
    const gateway = { version, value: parsePrefix(cidr).value + 1n };
    return this.#apply([
      put(
        'subnet',
        subnet({
          id: random.uuid(),
          network_id: networkId,
          cidr,
          gateway_ip: random.chance(0.85) ? formatIp(gateway) : null,
          enable_dhcp: random.chance(0.8),
        }),
      ),
    ]);
  }

  #freeAddress({ id, cidr, ip_version }: Subnet): string {
    const taken = new Set(
      [...this.topology.find('port.by_subnet', id)].flatMap((portId) =>
        (this.topology.get('port', portId)?.fixed_ips ?? []).map((fixed) => fixed.ip_address),
      ),
    );
    const first = parsePrefix(cidr).value;
    for (let host = 2n; ; host += 1n) {
      const address = formatIp({ version: ip_version, value: first + host });
      if (!taken.has(address)) return address;
    }
  }

  #fixedIps(networkId: string): Port['fixed_ips'] {
    const { random, topology } = this;
    const subnets = [...topology.find('subnet.by_network', networkId)].flatMap(
      (id) => topology.get('subnet', id) ?? [],
    );
    const chosen = random.some(subnets, 0.7);
    if (chosen.length === 0) chosen.push(random.pick(subnets));
    return chosen.map((s) => ({ subnet_id: s.id, ip_address: this.#freeAddress(s) }));
  }

  #pairs(mac: string): Port['allowed_address_pairs'] {
    const { random } = this;
    return random.some([...V4_PAIRS, ...V6_PAIRS], 0.15).map((ip_address) => ({
      ip_address,
      mac_address: random.chance(0.7) ? mac : '00:00:5e:00:01:05',
    }));
  }

  #groups(): string[] {
    return [...this.topology.all('security_group')].map((group) => group.id);
  }

  #host(): string {
    return this.random.chance(0.85) ? this.random.pick(this.nodes) : '';
  }

  addPort(): Change[] {
    const { random } = this;
    const networkId = random.pick(this.#internals());
    const mac_address = this.#mac();
    const secured = random.chance(0.85);
    return this.#apply([
      put(
        'port',
        port({
          id: random.uuid(),
          network_id: networkId,
          created_at: this.#now(),
          mac_address,
          admin_state_up: random.chance(0.92),
          fixed_ips: this.#fixedIps(networkId),
          allowed_address_pairs: secured && random.chance(0.4) ? this.#pairs(mac_address) : [],
          port_security_enabled: secured,
          security_groups: secured ? random.some(this.#groups(), 0.4) : [],
          'binding:host_id': this.#host(),
        }),
      ),
    ]);
  }

  addGroup(): Change[] {
    return this.#apply([put('security_group', securityGroup({ id: this.random.uuid() }))]);
  }

  #setAddresses(id: string): Change[] {
    const addresses = [...new Set([1, 2, 3].map(() => this.random.pick(GROUPED)))];
    return this.#apply([
      put('address_group', addressGroup({ id, name: `office-${id.slice(-2)}`, addresses })),
    ]);
  }

  changeAddresses(): Change[] {
    return this.#setAddresses(this.random.pick(ADDRESS_GROUPS));
  }

  addRule(): Change[] {
    const groups = this.#groups();
    if (groups.length === 0) return [];
    const { random } = this;
    const rule = this.#rule(random.pick(groups), groups);
    const key = ruleKey(rule);
    for (const other of this.topology.all('security_group_rule')) {
      if (ruleKey(other) === key) return [];
    }
    return this.#apply([put('security_group_rule', rule)]);
  }

  #rule(group: string, groups: readonly string[]): SecurityGroupRule {
    const { random } = this;
    const v4 = random.chance(0.65);
    const protocol = random.pick(v4 ? V4_PROTOCOLS : V6_PROTOCOLS);
    const remote = random.next();
    const prefix = random.pick(v4 ? V4_REMOTES : V6_REMOTES);
    const [low, high] = this.#range(protocol);
    return securityGroupRule({
      id: random.uuid(),
      security_group_id: group,
      direction: random.chance(0.5) ? 'egress' : 'ingress',
      ethertype: v4 ? 'IPv4' : 'IPv6',
      protocol,
      port_range_min: low,
      port_range_max: high,
      remote_ip_prefix: remote < 0.4 ? prefix : null,
      remote_address_group_id: remote > 0.5 && remote < 0.65 ? random.pick(ADDRESS_GROUPS) : null,
      remote_group_id: remote > 0.65 ? random.pick(groups) : null,
    });
  }

  #range(protocol: string | null): readonly [number | null, number | null] {
    const { random } = this;
    if (protocol === null || OTHERS.includes(protocol) || random.chance(0.3)) return [null, null];
    if (PORTS.includes(protocol)) return random.pick(RANGES);
    const type = protocol === 'icmp' ? random.pick([8, 8, 13, 3]) : random.pick([128, 128, 129]);
    return [type, random.chance(0.5) ? 0 : null];
  }

  addFloatingIp(): Change[] {
    const { random, topology } = this;
    const ports = [...topology.all('port')].filter((p) =>
      p.fixed_ips.some((fixed) => !fixed.ip_address.includes(':')),
    );
    const routers = [...topology.all('router')].filter((r) => r.external_gateway_info !== null);
    const reachable = ports.filter((p) =>
      routers.some((r) => r.network_id === topology.get('network', p.network_id)?.vpc.id),
    );
    if (reachable.length === 0) return [];
    const target = random.pick(reachable);
    const vpc = topology.get('network', target.network_id)?.vpc.id;
    const via = routers.find((r) => r.network_id === vpc);
    const fixed = target.fixed_ips.find(({ ip_address }) => !ip_address.includes(':'));
    const networkId = via?.external_gateway_info?.network_id;
    if (via === undefined || fixed === undefined || networkId === undefined) return [];
    const mapped = [...topology.find('floatingip.by_port', target.id)].some(
      (id) => topology.get('floatingip', id)?.fixed_ip_address === fixed.ip_address,
    );
    const [pool] = [...topology.find('subnet.by_network', networkId)];
    const cidr = pool === undefined ? undefined : topology.get('subnet', pool)?.cidr;
    if (mapped || cidr === undefined) return [];
    const value = parsePrefix(cidr).value + BigInt(10 + (topology.count('floatingip') % 40));
    const floating_ip_address = formatIp({ version: 4, value });
    const taken = [...topology.find('floatingip.by_address', floating_ip_address)].some(
      (id) => topology.get('floatingip', id)?.floating_network_id === networkId,
    );
    if (taken) return [];
    return this.#apply([
      put(
        'floatingip',
        floatingIp({
          id: random.uuid(),
          created_at: this.#now(),
          floating_network_id: networkId,
          floating_ip_address,
          port_id: target.id,
          fixed_ip_address: fixed.ip_address,
          router_id: via.id,
        }),
      ),
    ]);
  }

  #update(kind: 'port', id: string, patch: Partial<Port>): Change[] {
    const present = this.topology.get(kind, id);
    return present === undefined ? [] : this.#apply([put(kind, { ...present, ...patch })]);
  }

  #anyPort(): Port | undefined {
    const ports = [...this.topology.all('port')];
    return ports.length === 0 ? undefined : this.random.pick(ports);
  }

  deletePort(): Change[] {
    const present = this.#anyPort();
    if (present === undefined) return [];
    const freed = [...this.topology.find('floatingip.by_port', present.id)].flatMap((id) => {
      const found = this.topology.get('floatingip', id);
      return found === undefined
        ? []
        : [put('floatingip', { ...found, port_id: null, fixed_ip_address: null, router_id: null })];
    });
    return this.#apply([...freed, remove('port', present.id)]);
  }

  changePort(): Change[] {
    const { random } = this;
    const present = this.#anyPort();
    if (present === undefined) return [];
    const secured = present.port_security_enabled;
    const groups = random.some(this.#groups(), 0.4);
    const patch = random.pick<() => Partial<Port>>([
      () => ({ 'binding:host_id': this.#host() }),
      () => ({ 'binding:host_id': this.#host() }),
      () => ({ admin_state_up: !present.admin_state_up }),
      () => (secured ? { security_groups: groups } : {}),
      () => (secured ? { allowed_address_pairs: this.#pairs(present.mac_address) } : {}),
      () =>
        secured
          ? { port_security_enabled: false, security_groups: [], allowed_address_pairs: [] }
          : { port_security_enabled: true, security_groups: groups },
      () => ({ name: `renamed ${this.#next()}` }),
      () => ({ fixed_ips: this.#fixedIps(present.network_id) }),
    ])();
    if (
      patch.fixed_ips !== undefined &&
      this.topology.find('floatingip.by_port', present.id).size
    ) {
      return [];
    }
    return this.#update('port', present.id, patch);
  }

  deleteRule(): Change[] {
    const rules = [...this.topology.all('security_group_rule')];
    return rules.length === 0
      ? []
      : this.#apply([remove('security_group_rule', this.random.pick(rules).id)]);
  }

  deleteGroup(): Change[] {
    const unused = this.#groups().filter(
      (id) =>
        this.topology.find('port.by_group', id).size === 0 &&
        this.topology.find('rule.by_remote_group', id).size === 0,
    );
    if (unused.length === 0) return [];
    const id = this.random.pick(unused);
    const rules = [...this.topology.find('rule.by_group', id)];
    return this.#apply([
      ...rules.map((rule) => remove('security_group_rule', rule)),
      remove('security_group', id),
    ]);
  }

  deleteSubnet(): Change[] {
    const unused = [...this.topology.all('subnet')].filter(
      (s) =>
        this.topology.find('port.by_subnet', s.id).size === 0 &&
        !this.#externals().includes(s.network_id) &&
        this.topology.find('subnet.by_network', s.network_id).size > 1,
    );
    return unused.length === 0 ? [] : this.#apply([remove('subnet', this.random.pick(unused).id)]);
  }

  changeSubnet(): Change[] {
    const { random } = this;
    const subnets = [...this.topology.all('subnet')].filter(
      (s) => !this.#externals().includes(s.network_id),
    );
    const present = random.pick(subnets);
    const gateway = parseIp(present.gateway_ip ?? formatIp(parsePrefix(present.cidr)));
    const moved = formatIp({ ...gateway, value: parsePrefix(present.cidr).value + 1n });
    const patch = random.chance(0.5)
      ? { enable_dhcp: !present.enable_dhcp }
      : { gateway_ip: present.gateway_ip === null ? moved : null };
    return this.#apply([put('subnet', { ...present, ...patch })]);
  }

  changeGateway(): Change[] {
    const present = this.random.pick([...this.topology.all('router')]);
    if (this.topology.find('floatingip.by_router', present.id).size > 0) return [];
    const external_gateway_info =
      present.external_gateway_info === null
        ? {
            network_id: this.random.pick(this.#externals()),
            enable_snat: true,
            external_fixed_ips: [],
          }
        : null;
    return this.#apply([put('router', { ...present, external_gateway_info })]);
  }

  deleteFloatingIp(): Change[] {
    const all = [...this.topology.all('floatingip')];
    return all.length === 0 ? [] : this.#apply([remove('floatingip', this.random.pick(all).id)]);
  }

  /** Takes a floating ip from its port. */
  changeFloatingIp(): Change[] {
    const used = [...this.topology.all('floatingip')].filter(({ port_id }) => port_id !== null);
    if (used.length === 0) return [];
    const free = { port_id: null, fixed_ip_address: null, router_id: null };
    return this.#apply([put('floatingip', { ...this.random.pick(used), ...free })]);
  }

  changeNode(): Change[] {
    const present = this.topology.get('node', this.random.pick(this.nodes));
    if (present === undefined) return [];
    const vtep = `10.163.134.${this.#next() & 255}`;
    return this.#apply([put('node', { ...present, vtep })]);
  }

  #addInterface(): Change[] {
    const { random } = this;
    const networkId = random.pick(this.#internals());
    const inside = [...this.topology.find('subnet.by_network', networkId)].flatMap(
      (id) => this.topology.get('subnet', id) ?? [],
    );
    if (inside.length === 0) return [];
    const chosen = random.pick(inside);
    const taken = [...this.topology.find('interface.by_network', networkId)].some((id) =>
      this.topology.get('port', id)?.fixed_ips.some((fixed) => fixed.subnet_id === chosen.id),
    );
    if (taken) return [];
    const gateway = random.chance(0.6) ? chosen.gateway_ip : null;
    const ip_address = gateway ?? this.#freeAddress(chosen);
    return this.#apply([
      put(
        'port',
        port({
          id: random.uuid(),
          network_id: networkId,
          created_at: this.#now(),
          mac_address: this.#mac(),
          fixed_ips: [{ subnet_id: chosen.id, ip_address }],
          port_security_enabled: false,
          device_owner: INTERFACE_OWNER,
          device_id: random.pick([...this.topology.all('router')]).id,
        }),
      ),
    ]);
  }

  #removeInterface(): Change[] {
    const ids = [...this.topology.keysOf('interface.by_network')].flatMap((key) => [
      ...this.topology.find('interface.by_network', key),
    ]);
    return ids.length === 0 ? [] : this.#apply([remove('port', this.random.pick(ids))]);
  }

  /** Sends a network on its way to another VPC that has none of its prefixes, or a step further. */
  #moveNetwork(): Change[] {
    const { random } = this;
    const present = this.topology.get('network', random.pick(this.#internals()));
    if (present === undefined) return [];
    if (random.chance(0.6) && isMoving(present)) {
      return this.#apply([put('network', advanced(present))]);
    }
    const firstLayers = [...this.topology.all('network')].filter((each) => each.cidr !== null);
    const { id, vpc } = random.pick(firstLayers);
    const there = this.#subnetsOfVpc(id).filter((each) => each.network_id !== present.id);
    const own = [...this.topology.find('subnet.by_network', present.id)];
    const overlaps = own.some((subnetId) => {
      const cidr = this.topology.get('subnet', subnetId)?.cidr ?? '';
      return there.some((other) => prefixesOverlap(parsePrefix(cidr), parsePrefix(other.cidr)));
    });
    if (overlaps) return [];
    return this.#apply([put('network', headedFor(present, { id, vni: vpc.vni }))]);
  }

  #changeRouter(): Change[] {
    const { random } = this;
    const present = random.pick([...this.topology.all('router')]);
    const hops = [...this.topology.all('port')].flatMap((each) => each.fixed_ips);
    const hop = hops.length === 0 ? '10.0.0.9' : random.pick(hops).ip_address;
    const six = ['2001:db8:0:1::/64', '2001:db8:9::/48', '::/0'];
    const four = ['10.0.0.0/24', '10.0.1.128/25', '198.51.100.0/24', '0.0.0.0/0'];
    const destination = random.pick(hop.includes(':') ? six : four);
    const routes = random.chance(0.3) ? [] : [...present.routes, { destination, nexthop: hop }];
    const patch = random.chance(0.8) ? { routes } : { admin_state_up: !present.admin_state_up };
    return this.#apply([put('router', { ...present, ...patch })]);
  }

  #wire(): Change[] {
    return this.random.pick<() => Change[]>([
      () => this.#addInterface(),
      () => this.#removeInterface(),
      () => this.#moveNetwork(),
      () => this.#moveNetwork(),
      () => this.#moveNetwork(),
      () => this.#changeRouter(),
      () => this.#changeRouter(),
    ])();
  }

  /** One random change, as one request to the API would make it; often several objects, never none. */
  step(): Change[] {
    for (;;) {
      if (this.#wired && this.random.chance(0.3)) {
        const changes = this.#wire();
        if (changes.length > 0) return changes;
      }
      const operation = this.random.pick<() => Change[]>([
        () => this.addPort(),
        () => this.addPort(),
        () => this.deletePort(),
        () => this.changePort(),
        () => this.changePort(),
        () => this.changePort(),
        () => this.changePort(),
        () => this.addRule(),
        () => this.addRule(),
        () => this.deleteRule(),
        () => this.changeAddresses(),
        () => this.addGroup(),
        () => this.deleteGroup(),
        () => this.addSubnet(),
        () => this.addSubnet(this.random.pick(this.#internals()), 6),
        () => this.deleteSubnet(),
        () => this.changeSubnet(),
        () => this.changeGateway(),
        () => this.addFloatingIp(),
        () => this.deleteFloatingIp(),
        () => this.changeFloatingIp(),
        () => this.changeNode(),
        () => (this.topology.count('network') < 16 ? this.addVpc() : []),
      ]);
      const changes = operation();
      if (changes.length > 0) return changes;
    }
  }
}

/** What makes two rules of Neutron duplicates. */
function ruleKey(rule: SecurityGroupRule): string {
  return [
    rule.security_group_id,
    rule.direction,
    rule.ethertype,
    rule.protocol,
    rule.port_range_min,
    rule.port_range_max,
    rule.remote_ip_prefix,
    rule.remote_group_id,
    rule.remote_address_group_id,
  ].join(' ');
}
