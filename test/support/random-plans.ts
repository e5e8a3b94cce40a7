/** Random plans that often collide, on a topology that has something of everything. */
import { Failure } from '../../src/base/failure.ts';
import type { Inputs } from '../../src/model/inputs.ts';
import type { Kind } from '../../src/model/objects.ts';
import { PLANNERS, type Plan } from '../../src/model/plan.ts';
import { addRouterInterface, removeRouterInterface } from '../../src/model/router-interfaces.ts';
import { decodeEntry } from '../../src/model/tree.ts';
import { advance } from '../../src/model/vpc-moves.ts';
import { isMoving } from '../../src/model/vpc.ts';
import { StoreConflict } from '../../src/store/contract.ts';
import type { World } from './model-world.ts';

export const KINDS = Object.keys(PLANNERS) as Kind[];

/** The more that can go wrong with a kind, the oftener. */
const WEIGHTS: readonly Kind[] = [
  ...KINDS,
  ...(['port', 'port', 'port', 'floatingip', 'floatingip', 'floatingip'] as const),
  ...(['router', 'router', 'subnet', 'subnet', 'security_group', 'security_group_rule'] as const),
  ...(['subnetpool', 'subnetpool', 'network', 'network', 'address_group'] as const),
];

/** A VPC with a gateway, two networks in it, and an outside. */
export function furnish(world: World): void {
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
export class Chooser {
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

/** What was written, by operation and kind, and how many writes lost a race. */
export interface Tally {
  readonly done: Map<string, number>;
  lost: number;
}

/** Plans as a server would; null when the request is refused. */
export function planned(write: Write, world: World): Plan<unknown> | null {
  try {
    return write(world);
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
}

export function attempt(plan: Plan<unknown> | null, world: World, tally: Tally): void {
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
