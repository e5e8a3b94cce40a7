/**
 * Random plans, alone and in races of two servers that know nothing of each other, against
 * invariants that are worked out anew from the tree after every step.
 */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomFrom, World } from '../../test/support/model-world.ts';
import { Failure } from '../base/failure.ts';
import {
  formatIp,
  parseIp,
  parsePrefix,
  prefixContains,
  prefixesOverlap,
} from '../address/index.ts';
import { StoreConflict } from '../store/contract.ts';
import { nodesOf } from './claims.ts';
import type { Inputs } from './inputs.ts';
import type { FixedIp, Kind, Objects, Port } from './objects.ts';
import { PLANNERS, type Plan } from './plan.ts';
import { addRouterInterface, removeRouterInterface } from './router-interfaces.ts';
import { ruleKey } from './rule-key.ts';
import { GATEWAY_OWNER, INTERFACE_OWNER, Topology } from './topology.ts';
import { decodeEntry, prefixesPath } from './tree.ts';
import { advance, connectedTo, routersOf } from './vpc-moves.ts';
import { goalOf, isMoving, vpcsOf } from './vpc.ts';

const KINDS = Object.keys(PLANNERS) as Kind[];

/** The more that can go wrong with a kind, the oftener. */
const WEIGHTS: readonly Kind[] = [
  ...KINDS,
  ...(['port', 'port', 'port', 'floatingip', 'floatingip', 'floatingip'] as const),
  ...(['router', 'router', 'subnet', 'subnet', 'security_group', 'security_group_rule'] as const),
  ...(['subnetpool', 'subnetpool', 'network', 'network'] as const),
];

/** A VPC with a gateway, two networks in it, and an outside. */
function furnish(world: World): void {
  const vpc = world.create('network', { cidr: '10.0.0.0/24' });
  const outside = world.create('network', { 'router:external': true });
  world.create('subnet', { network_id: outside.id, cidr: '10.1.0.0/28' });
  const router = world.create('router', {
    network_id: vpc.id,
    external_gateway_info: { network_id: outside.id },
  });
  for (const cidr of ['10.0.0.0/28', '10.0.0.16/28']) {
    const network = world.create('network', { router_id: router.id });
    world.create('subnet', { network_id: network.id, cidr });
    world.create('port', { network_id: network.id });
  }
  world.create('security_group', { name: 'web' });
}

type Write = (world: World) => Plan<unknown>;

/** Chooses inputs that often collide: few prefixes, addresses, MACs and names. */
class Chooser {
  readonly #random: () => number;
  readonly #world: World;

  constructor(random: () => number, world: World) {
    this.#random = random;
    this.#world = world;
  }

  one<T>(...from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] as T;
  }

  maybe(probability = 0.5): boolean {
    return this.#random() < probability;
  }

  /** A network that is external, or one that is not. */
  #network(external: boolean): string {
    const ids = [...this.#world.topology.all('network')]
      .filter((network) => network['router:external'] === external)
      .map((network) => network.id);
    return this.maybe(0.05) || ids.length === 0 ? this.id('network') : this.one(...ids);
  }

  id(kind: Kind): string {
    const ids = [...this.#world.topology.all(kind)].map((object) => object.id);
    return this.maybe(0.03) || ids.length === 0 ? 'nobody' : this.one(...ids);
  }

  #cidr(): string {
    return this.one(
      '10.0.0.0/28',
      '10.0.0.0/29',
      '10.0.0.16/28',
      '10.1.0.0/28',
      'fd00::/64',
      'fd00:1::/64',
    );
  }

  #address(): string {
    return this.one(
      '10.0.0.2',
      '10.0.0.3',
      '10.0.0.17',
      '10.1.0.5',
      '10.0.0.1',
      'fd00::5',
      'fd00:1::7',
    );
  }

  /** Prefixes of pools, which subnets may be cut from. */
  #prefixes() {
    return [this.one('10.0.0.0/27', '10.0.0.0/28', '10.1.0.0/27', 'fd00::/62', 'fd00:1::/64')];
  }

  #fixedIps() {
    return Array.from({ length: Math.floor(this.#random() * 3) }, () =>
      this.maybe() ? { ip_address: this.#address() } : { subnet_id: this.id('subnet') },
    );
  }

  #port() {
    return {
      ...(this.maybe() ? { fixed_ips: this.#fixedIps() } : {}),
      ...(this.maybe(0.3)
        ? { mac_address: this.one('fa:16:3e:00:00:01', 'fa:16:3e:00:00:02') }
        : {}),
      ...(this.maybe(0.4)
        ? { security_groups: this.maybe(0.3) ? [] : [this.id('security_group')] }
        : {}),
      ...(this.maybe(0.2) ? { port_security_enabled: this.maybe() } : {}),
      ...(this.maybe(0.3) ? { 'binding:host_id': this.one('node1', 'node2', '') } : {}),
    };
  }

  #limits() {
    const kind = this.one('port', 'port', 'security_group', 'security_group_rule', 'subnet');
    return { [kind]: this.one(-1, 2, 5), check_limit: true };
  }

  #gateway() {
    return {
      network_id: this.#network(true),
      ...(this.maybe(0.3) ? { external_fixed_ips: [{ ip_address: this.#address() }] } : {}),
    };
  }

  #shareable() {
    const kinds = ['network', 'security_group', 'subnetpool', 'address_group'] as const;
    const object_type = this.one(...kinds, 'address_scope' as const);
    return { object_type, object_id: this.id(object_type) };
  }

  readonly inputs: { readonly [K in Kind]: () => Inputs[K]['create'] } = {
    network: () =>
      this.one<Inputs['network']['create']>(
        { cidr: '10.0.0.0/24' },
        { router_id: this.id('router') },
        { 'router:external': true },
        {},
      ),
    subnet: () => ({
      network_id: this.id('network'),
      ...this.one<Pick<Inputs['subnet']['create'], 'cidr' | 'subnetpool_id'>>(
        { cidr: this.#cidr() },
        { cidr: this.#cidr(), subnetpool_id: this.id('subnetpool') },
        { subnetpool_id: this.id('subnetpool') },
      ),
      ...(this.maybe(0.2) ? { gateway_ip: this.maybe() ? null : this.#address() } : {}),
      ...(this.maybe(0.3) ? { ipv6_address_mode: 'slaac', ipv6_ra_mode: 'slaac' } : {}),
    }),
    router: () => ({
      ...(this.maybe(0.8) ? { network_id: this.id('network') } : {}),
      ...(this.maybe(0.3) ? { external_gateway_info: this.#gateway() } : {}),
    }),
    port: () => ({ network_id: this.#network(false), ...this.#port() }),
    security_group: () => ({
      name: this.one('web', 'default'),
      project_id: this.one('a', 'b', 'demo'),
    }),
    security_group_rule: () => ({
      security_group_id: this.id('security_group'),
      direction: this.one('ingress', 'egress'),
      ...(this.maybe() ? { protocol: this.one('tcp', '6', 'icmp') } : {}),
      ...this.one(
        {},
        { remote_group_id: this.id('security_group') },
        { remote_address_group_id: this.id('address_group') },
      ),
    }),
    floatingip: () => ({
      floating_network_id: this.#network(true),
      ...(this.maybe(0.3) ? { floating_ip_address: this.#address() } : {}),
      ...(this.maybe() ? { port_id: this.id('port') } : {}),
    }),
    address_scope: () => ({ ip_version: this.one(4, 6), project_id: this.one('a', 'demo') }),
    subnetpool: () => ({
      prefixes: this.#prefixes(),
      min_prefixlen: this.one(26, 64),
      default_prefixlen: this.one(28, 64),
      ...(this.maybe(0.3) ? { is_default: true } : {}),
      ...(this.maybe() ? { address_scope_id: this.id('address_scope') } : {}),
    }),
    address_group: () => ({ addresses: this.#prefixes() }),
    quota: () => ({ project_id: this.one('a', 'b', 'demo'), ...this.#limits() }),
    rbac_policy: () => ({
      ...this.#shareable(),
      action: this.one('access_as_shared', 'access_as_external'),
      target_tenant: this.one('a', 'b', '*'),
    }),
    node: () => ({ name: this.one('node1', 'node2'), vtep: this.one('10.9.0.1', '10.9.0.2') }),
  };

  readonly patches: { readonly [K in Kind]: () => Inputs[K]['update'] } = {
    network: () =>
      this.one({ name: 'x' }, { 'router:external': this.maybe() }, { shared: this.maybe() }),
    subnet: () => ({
      gateway_ip: this.maybe() ? null : this.#address(),
      ...(this.maybe() ? { allocation_pools: [] } : {}),
    }),
    router: () => ({ external_gateway_info: this.maybe(0.7) ? this.#gateway() : null }),
    port: () => this.#port(),
    security_group: () => ({ name: this.one('web', 'db', 'app') }),
    security_group_rule: () => ({ description: this.one('x', 'y') }),
    floatingip: () => ({ port_id: this.maybe(0.7) ? this.id('port') : null }),
    address_scope: () => ({ name: this.one('x', 'y') }),
    subnetpool: () =>
      this.one<Inputs['subnetpool']['update']>(
        { prefixes: [...this.#prefixes(), ...this.#prefixes()] },
        { address_scope_id: this.maybe() ? null : this.id('address_scope') },
        { is_default: this.maybe() },
      ),
    address_group: () => ({ name: this.one('x', 'y') }),
    quota: () => this.#limits(),
    rbac_policy: () => ({ target_tenant: this.one('a', 'b', '*') }),
    node: () => ({ vtep: this.one('10.9.0.1', '10.9.0.3') }),
  };

  /** Puts a router into a subnet, takes one out, or takes a step of a move. */
  #wire(): Write {
    const router = this.id('router');
    const input = this.maybe(0.7) ? { subnet_id: this.id('subnet') } : { port_id: this.id('port') };
    const choice = this.#random();
    if (choice < 0.5) {
      return ({ topology, context }) => addRouterInterface(topology, router, input, context);
    }
    if (choice < 0.8) {
      return ({ topology, context }) => removeRouterInterface(topology, router, input, context);
    }
    const moving = [...this.#world.topology.all('network')].filter(isMoving);
    return ({ topology, context }) => advance(topology, moving, context);
  }

  write(): Write {
    if (this.maybe(0.15)) return this.#wire();
    // One kind stands for all: what is chosen for a kind goes to that kind's planner.
    const kind = this.one(...WEIGHTS) as 'port';
    const planner = PLANNERS[kind];
    const id = this.id(kind);
    const choice = this.#random();
    if (choice < 0.55) {
      const input = this.inputs[kind]();
      return ({ topology, context }) => planner.create(topology, input, context);
    }
    if (choice < 0.8) {
      const patch = this.patches[kind]();
      return ({ topology, context }) => planner.update(topology, id, patch, context);
    }
    return ({ topology, context }) => planner.delete(topology, id, context);
  }
}

/** What is wrong with the tree, from its objects alone. */
function faultsOf(world: World): string[] {
  const faults: string[] = [];
  const objects = new Map<string, Objects[Kind]>();
  const fresh = new Topology();
  for (const [path, { value }] of world.entries) {
    const change = decodeEntry(path, value);
    if (change?.object == null) continue;
    objects.set(`${change.kind} ${change.id}`, change.object);
    fresh.apply(change);
  }
  const all = <K extends Kind>(kind: K): Objects[K][] => [...fresh.all(kind)];
  const refer = (kind: Kind, id: string | null, from: string) => {
    if (id !== null && !objects.has(`${kind} ${id}`))
      faults.push(`${from} refers to ${kind} ${id}`);
  };
  const unique = (what: string, keys: readonly string[]) => {
    const twice = keys.filter((key, index) => keys.indexOf(key) !== index);
    faults.push(...twice.map((key) => `${what} ${key} twice`));
  };
  for (const kind of KINDS) {
    for (const object of world.topology.all(kind)) {
      if (JSON.stringify(objects.get(`${kind} ${object.id}`)) !== JSON.stringify(object)) {
        faults.push(`${kind} ${object.id} is not as in the tree`);
      }
    }
    if (world.topology.count(kind) !== all(kind).length) faults.push(`${kind}s are lost`);
  }

  const vpcsAround = (id: string): string[] => {
    const network = fresh.get('network', id);
    return network === undefined ? [] : vpcsOf(network).map((vpc) => vpc.id);
  };
  /** Such an address is the subnet's, and beside it the interface's. */
  const isAtGateway = (port: Port, fixed: FixedIp) =>
    port.device_owner === INTERFACE_OWNER &&
    fresh.get('subnet', fixed.subnet_id)?.gateway_ip === fixed.ip_address;

  const nodes = KINDS.flatMap((kind) =>
    all(kind).flatMap((object) => nodesOf(kind, object, fresh)),
  );
  unique(
    'node',
    nodes.map((node) => node.path),
  );
  const expected = new Map(nodes.map((node) => [node.path, node.value]));
  for (const network of all('network')) {
    if (network.vni === null) continue;
    const cidrs = all('subnet')
      .filter((each) => vpcsAround(each.network_id).includes(network.id))
      .map((each) => each.cidr);
    expected.set(prefixesPath(network.id), JSON.stringify(cidrs.sort()));
  }
  for (const [path, { value }] of world.entries) {
    if (expected.get(path) !== value) faults.push(`${path} is ${value}, not ${expected.get(path)}`);
    expected.delete(path);
  }
  faults.push(...[...expected.keys()].map((path) => `${path} is missing`));

  const policies = all('rbac_policy');
  for (const { id, object_type, object_id } of policies) refer(object_type, object_id, id);
  unique(
    'grant',
    policies.map((each) => `${each.object_id} ${each.action} ${each.target_tenant}`),
  );
  for (const network of all('network')) {
    const opened = policies.some(
      (each) => each.object_id === network.id && each.action === 'access_as_external',
    );
    if (opened !== network['router:external']) faults.push(`policies of ${network.id}`);
    refer('router', network.router_id, network.id);
    refer('network', goalOf(network).id, network.id);
    refer('network', network.birth_vpc, network.id);
    for (const { id, vni } of vpcsOf(network)) {
      const own = fresh.get('network', id)?.vni;
      // What a network only sends in still may be named after one that is gone.
      if (own !== vni && (own !== undefined || id === goalOf(network).id))
        faults.push(`VNI of ${network.id}`);
    }
    const connected = connectedTo(fresh, network, {});
    const together = all('network').filter((each) => goalOf(each).id === goalOf(network).id);
    if (connected.length !== together.length || connected.some((each) => !together.includes(each)))
      faults.push(`the VPC of ${network.id} is not what routers connect it to`);
  }
  unique(
    'VNI',
    all('network').flatMap((each) => (each.vni === null ? [] : String(each.vni))),
  );
  unique(
    'router of',
    all('router').flatMap((each) => each.network_id ?? []),
  );
  unique(
    'default group of',
    all('security_group').flatMap((each) => (each.is_default ? each.project_id : [])),
  );
  unique(
    'rule',
    all('security_group_rule').map((each) => `${each.security_group_id} ${ruleKey(each)}`),
  );
  unique(
    'MAC',
    all('port').map((each) => `${each.network_id} ${each.mac_address}`),
  );
  unique(
    'VTEP',
    all('node').map((each) => each.vtep),
  );
  unique(
    'fixed address',
    all('floatingip').flatMap((each) =>
      each.port_id ? `${each.port_id} ${each.fixed_ip_address}` : [],
    ),
  );
  unique('address', [
    ...all('port').flatMap((each) =>
      each.fixed_ips
        .filter((fixed) => !isAtGateway(each, fixed))
        .map((fixed) => `${each.network_id} ${fixed.ip_address}`),
    ),
    ...all('floatingip').map((each) => `${each.floating_network_id} ${each.floating_ip_address}`),
    ...all('subnet').flatMap((each) =>
      each.gateway_ip ? `${each.network_id} ${each.gateway_ip}` : [],
    ),
  ]);

  unique(
    'interface',
    all('port').flatMap((each) =>
      each.fixed_ips
        .filter((fixed) => isAtGateway(each, fixed))
        .map((fixed) => `${each.network_id} ${fixed.ip_address}`),
    ),
  );

  const subnets = all('subnet').map((subnet) => ({
    subnet,
    prefix: parsePrefix(subnet.cidr),
    vpcs: vpcsAround(subnet.network_id),
  }));
  for (const [index, { subnet, prefix, vpcs }] of subnets.entries()) {
    refer('network', subnet.network_id, subnet.id);
    const born = fresh.get('network', subnet.network_id)?.birth_vpc ?? '';
    const outer = fresh.get('network', born)?.cidr;
    const whole = outer ? parsePrefix(outer) : null;
    if (
      whole?.version === prefix.version &&
      !(prefixContains(whole, prefix) && prefix.length >= whole.length)
    ) {
      faults.push(`${subnet.cidr} is not inside ${outer}`);
    }
    for (const other of subnets.slice(index + 1)) {
      const together = other.vpcs.some((vpc) => vpcs.includes(vpc));
      if (together && prefixesOverlap(prefix, other.prefix))
        faults.push(`${subnet.cidr} overlaps ${other.subnet.cidr}`);
    }
  }
  for (const router of all('router')) {
    refer('network', router.network_id, router.id);
    const gateway = router.external_gateway_info;
    const ports = all('port').filter(
      (each) => each.device_id === router.id && each.device_owner === GATEWAY_OWNER,
    );
    if (ports.length !== (gateway ? 1 : 0))
      faults.push(`router ${router.id} has ${ports.length} gateway ports`);
    if (!gateway) continue;
    if (!fresh.get('network', gateway.network_id)?.['router:external'])
      faults.push(`gateway of ${router.id}`);
    if (JSON.stringify(ports[0]?.fixed_ips) !== JSON.stringify(gateway.external_fixed_ips))
      faults.push(`gateway addresses of ${router.id}`);
  }
  for (const port of all('port')) {
    refer('network', port.network_id, port.id);
    if (port.device_owner === INTERFACE_OWNER) refer('router', port.device_id, port.id);
    for (const group of port.security_groups) refer('security_group', group, port.id);
    for (const fixed of port.fixed_ips) {
      const subnet = fresh.get('subnet', fixed.subnet_id);
      if (
        subnet?.network_id !== port.network_id ||
        !prefixContains(parsePrefix(subnet.cidr), parseIp(fixed.ip_address))
      ) {
        faults.push(`${fixed.ip_address} of port ${port.id} is outside of its subnet`);
      }
    }
    if (!port.port_security_enabled && port.security_groups.length > 0)
      faults.push(`groups of ${port.id}`);
  }
  for (const rule of all('security_group_rule')) {
    refer('security_group', rule.security_group_id, rule.id);
    refer('security_group', rule.remote_group_id, rule.id);
  }
  for (const floating of all('floatingip')) {
    if (!fresh.get('network', floating.floating_network_id)?.['router:external'])
      faults.push(`network of floating ip ${floating.id}`);
    if (floating.port_id === null) continue;
    const port = fresh.get('port', floating.port_id);
    const router = floating.router_id ? fresh.get('router', floating.router_id) : undefined;
    if (!port?.fixed_ips.some((fixed) => fixed.ip_address === floating.fixed_ip_address))
      faults.push(`fixed address of ${floating.id}`);
    if (router?.external_gateway_info?.network_id !== floating.floating_network_id)
      faults.push(`router of ${floating.id}`);
    const network = fresh.get('network', port?.network_id ?? '');
    if (network && !routersOf(fresh, network).has(router?.id ?? ''))
      faults.push(`the router of ${floating.id} is elsewhere`);
  }
  for (const { subnet, prefix } of subnets) {
    let free = prefix.value;
    while (
      fresh.addresses.holder(subnet.network_id, formatIp({ version: prefix.version, value: free }))
    )
      free += 1n;
    const found = world.topology.addresses.nextFree(
      subnet.network_id,
      prefix.version,
      prefix.value,
    );
    if (found !== free)
      faults.push(`lowest free address of ${subnet.cidr} is ${free}, not ${found}`);
  }
  return faults;
}

interface Tally {
  readonly done: Map<string, number>;
  lost: number;
}

/** Plans as a server would; null when the request is refused. */
function planned(write: Write, world: World): Plan<unknown> | null {
  try {
    return write(world);
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
}

function attempt(plan: Plan<unknown> | null, world: World, tally: Tally): void {
  if (plan === null) return;
  try {
    world.run(plan);
    for (const { op, path } of plan.ops) {
      const claim = path.includes('/interfaces/') ? 'interface' : 'claim';
      const done = `${op} ${decodeEntry(path, null)?.kind ?? claim}`;
      tally.done.set(done, (tally.done.get(done) ?? 0) + 1);
    }
  } catch (error) {
    if (!(error instanceof StoreConflict)) throw error;
    tally.lost += 1;
  }
}

describe('any sequence of plans', () => {
  test.each([true, false])('keeps every invariant, default groups %s', (defaultSecurityGroup) => {
    const tally: Tally = { done: new Map(), lost: 0 };
    fc.assert(
      fc.property(fc.noBias(fc.integer()), (seed) => {
        const random = randomFrom(seed);
        const world = new World({ defaultSecurityGroup, random });
        const chooser = new Chooser(random, world);
        furnish(world);
        for (let step = 0; step < 50; step += 1) {
          if (chooser.maybe(0.6)) attempt(planned(chooser.write(), world), world, tally);
          else {
            const writes = [chooser.write(), chooser.write()];
            const plans = writes.map((write) => planned(write, world));
            for (const plan of plans) attempt(plan, world, tally);
          }
          expect(faultsOf(world)).toEqual([]);
        }
      }),
      { seed: 20230112, numRuns: 80 },
    );
    expect(tally.done.get('create interface')).toBeGreaterThan(20);
    expect(tally.done.get('delete interface')).toBeGreaterThan(4);
    // Neither all refused nor all alike: each kind got its share of what was written.
    for (const kind of KINDS) {
      for (const op of ['create', 'set', 'delete']) {
        expect(tally.done.get(`${op} ${kind}`), `${op} ${kind}`).toBeGreaterThan(4);
      }
    }
    expect(tally.lost).toBeGreaterThan(10);
  });
});
