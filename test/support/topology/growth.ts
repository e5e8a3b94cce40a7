/** What is made in a random world: VPCs with overlapping address spaces, ports, rules, floating ips. */
import { formatIp, parsePrefix } from '../../../src/address/index.ts';
import type { Change, Port } from '../../../src/model/objects.ts';
import { vpcsOf } from '../../../src/model/vpc.ts';
import {
  addressGroup,
  floatingIp,
  network,
  node,
  port,
  put,
  router,
  securityGroup,
  subnet,
} from '../objects.ts';
import { Ground } from './ground.ts';
import { randomRule, ruleKey, V4_REMOTES, V6_REMOTES } from './rules.ts';

export interface Size {
  readonly nodes?: number;
  readonly vpcs?: number;
  readonly ports?: number;
  readonly groups?: number;
  readonly rules?: number;
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
/** Few, so that groups share some; wide and narrow, inside and outside of VPCs. */
const GROUPED = [...V4_REMOTES, '10.0.0.0/8', '0.0.0.0/1', ...V6_REMOTES, '2001:db8::/32'];
const ADDRESS_GROUPS = ['a1', 'a2', 'a3'].map(
  (tail) => `00000000-0000-4000-8000-0000000000${tail}`,
);

export class Growth extends Ground {
  constructor(seed: number, size: Size) {
    super(seed, size.nodes ?? 3);
    this.#grow(size);
  }

  #grow(options: Size): void {
    this.nodes.forEach((name, index) =>
      this.apply([put('node', node(name, `10.163.133.${43 + index}`))]),
    );
    for (const cidr of EXTERNAL_CIDRS) this.#addExternal(cidr);
    for (let i = 0; i < (options.vpcs ?? 2); i += 1) this.addVpc();
    for (const id of ADDRESS_GROUPS) this.setAddresses(id);
    for (let i = 0; i < (options.groups ?? 4); i += 1) this.addGroup();
    for (let i = 0; i < (options.rules ?? 14); i += 1) this.addRule();
    for (let i = 0; i < (options.ports ?? 12); i += 1) this.addPort();
    for (let i = 0; i < 4; i += 1) this.addFloatingIp();
  }

  #addExternal(cidr: string): void {
    const id = this.random.uuid();
    const vpc = { id, vni: 1000 + this.next() };
    this.apply([
      put('network', network({ id, vpc, 'router:external': true })),
      put('subnet', subnet({ id: this.random.uuid(), network_id: id, cidr, enable_dhcp: false })),
    ]);
  }

  /** A first-layer network, its router, one or two networks in it with subnets of both families. */
  addVpc(): Change[] {
    const { random } = this;
    const id = random.uuid();
    const vpc = { id, vni: 1000 + this.next() };
    const routerId = random.uuid();
    const external = random.chance(0.6) ? random.pick(this.externals()) : null;
    const external_gateway_info =
      external === null
        ? null
        : { network_id: external, enable_snat: true, external_fixed_ips: [] };
    const changes = this.apply([
      put('network', network({ id, vpc, cidr: '0.0.0.0/0' })),
      put('router', router({ id: routerId, network_id: id, external_gateway_info })),
    ]);
    for (let count = random.between(1, 2); count > 0; count -= 1) {
      const networkId = random.uuid();
      changes.push(
        ...this.apply([put('network', network({ id: networkId, vpc, router_id: routerId }))]),
        ...this.addSubnet(networkId, 4),
        ...(random.chance(0.5) ? this.addSubnet(networkId, 4) : []),
        ...(random.chance(0.7) ? this.addSubnet(networkId, 6) : []),
      );
    }
    return changes;
  }

  addSubnet(networkId = this.random.pick(this.internals()), version: 4 | 6 = 4): Change[] {
    const { random } = this;
    const around = this.topology.get('network', networkId);
    const vpcs = around === undefined ? [] : vpcsOf(around);
    const taken = new Set(vpcs.flatMap(({ id }) => this.subnetsOfVpc(id)).map((s) => s.cidr));
    const free = (version === 4 ? V4_CIDRS : V6_CIDRS).filter((cidr) => !taken.has(cidr));
    if (free.length === 0) return [];
    const cidr = random.pick(free);
    const gateway = { version, value: parsePrefix(cidr).value + 1n };
    return this.apply([
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

  protected fixedIps(networkId: string): Port['fixed_ips'] {
    const { random, topology } = this;
    const subnets = [...topology.find('subnet.by_network', networkId)].flatMap(
      (id) => topology.get('subnet', id) ?? [],
    );
    const chosen = random.some(subnets, 0.7);
    if (chosen.length === 0) chosen.push(random.pick(subnets));
    return chosen.map((s) => ({ subnet_id: s.id, ip_address: this.freeAddress(s) }));
  }

  protected pairs(mac: string): Port['allowed_address_pairs'] {
    const { random } = this;
    return random.some([...V4_PAIRS, ...V6_PAIRS], 0.15).map((ip_address) => ({
      ip_address,
      mac_address: random.chance(0.7) ? mac : '00:00:5e:00:01:05',
    }));
  }

  protected host(): string {
    return this.random.chance(0.85) ? this.random.pick(this.nodes) : '';
  }

  addPort(): Change[] {
    const { random } = this;
    const networkId = random.pick(this.internals());
    const mac_address = this.mac();
    const secured = random.chance(0.85);
    return this.apply([
      put(
        'port',
        port({
          id: random.uuid(),
          network_id: networkId,
          created_at: this.now(),
          mac_address,
          admin_state_up: random.chance(0.92),
          fixed_ips: this.fixedIps(networkId),
          allowed_address_pairs: secured && random.chance(0.4) ? this.pairs(mac_address) : [],
          port_security_enabled: secured,
          security_groups: secured ? random.some(this.groups(), 0.4) : [],
          'binding:host_id': this.host(),
        }),
      ),
    ]);
  }

  addGroup(): Change[] {
    return this.apply([put('security_group', securityGroup({ id: this.random.uuid() }))]);
  }

  protected setAddresses(id: string): Change[] {
    const addresses = [...new Set([1, 2, 3].map(() => this.random.pick(GROUPED)))];
    return this.apply([
      put('address_group', addressGroup({ id, name: `office-${id.slice(-2)}`, addresses })),
    ]);
  }

  changeAddresses(): Change[] {
    return this.setAddresses(this.random.pick(ADDRESS_GROUPS));
  }

  addRule(): Change[] {
    const groups = this.groups();
    if (groups.length === 0) return [];
    const { random } = this;
    const rule = randomRule(random, random.pick(groups), groups, ADDRESS_GROUPS);
    const key = ruleKey(rule);
    for (const other of this.topology.all('security_group_rule')) {
      if (ruleKey(other) === key) return [];
    }
    return this.apply([put('security_group_rule', rule)]);
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
    return this.apply([
      put(
        'floatingip',
        floatingIp({
          id: random.uuid(),
          created_at: this.now(),
          floating_network_id: networkId,
          floating_ip_address,
          port_id: target.id,
          fixed_ip_address: fixed.ip_address,
          router_id: via.id,
        }),
      ),
    ]);
  }
}
