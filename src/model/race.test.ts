/** Two servers plan from the same topology; of these pairs only the first to be written may hold. */
import { describe, expect, test } from 'vitest';
import { World } from '../../test/support/model-world.ts';
import { StoreConflict } from '../store/contract.ts';
import type { Kind, Objects } from './objects.ts';
import type { Inputs } from './inputs.ts';
import { PLANNERS, type Plan } from './plan.ts';

/** Not yet written. */
class Planned {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  create<K extends Kind>(kind: K, input: Inputs[K]['create']): Plan<Objects[K]> {
    return PLANNERS[kind].create(this.#world.topology, input, this.#world.context);
  }

  update<K extends Kind>(kind: K, id: string, patch: Inputs[K]['update']): Plan<Objects[K]> {
    return PLANNERS[kind].update(this.#world.topology, id, patch, this.#world.context);
  }

  delete<K extends Kind>(kind: K, id: string): Plan<Objects[K]> {
    return PLANNERS[kind].delete(this.#world.topology, id, this.#world.context);
  }
}

/** A VPC with one second-layer network, two outsides, a gateway on the first, two loose floating ips. */
function scene() {
  const world = new World();
  const vpc = world.create('network', { cidr: '10.0.0.0/16' });
  const router = world.create('router', { network_id: vpc.id });
  const network = world.create('network', { router_id: router.id });
  const subnet = world.create('subnet', { network_id: network.id, cidr: '10.0.1.0/24' });
  const port = world.create('port', { network_id: network.id });
  const [outside = vpc, other = vpc] = ['20.0.0.0/24', '21.0.0.0/24'].map((cidr) => {
    const external = world.create('network', { 'router:external': true });
    world.create('subnet', { network_id: external.id, cidr });
    return external;
  });
  world.update('router', router.id, { external_gateway_info: { network_id: outside.id } });
  const [one = port, two = port] = [1, 2].map(() =>
    world.create('floatingip', { floating_network_id: outside.id }),
  );
  const web = world.create('security_group', { name: 'web' });
  const db = world.create('security_group', { name: 'db' });
  const bare = world.create('network', { cidr: '10.0.0.0/16' });
  const spare = world.create('router', {});
  const plan = new Planned(world);
  return {
    world,
    plan,
    vpc,
    router,
    network,
    subnet,
    port,
    outside,
    other,
    one,
    two,
    web,
    db,
    bare,
    spare,
  };
}

type Scene = ReturnType<typeof scene>;
type Race = readonly [string, (s: Scene) => Plan<unknown>, (s: Scene) => Plan<unknown>];

const RACES: readonly Race[] = [
  [
    'a port and the deletion of its network',
    (s) => s.plan.create('port', { network_id: s.bare.id }),
    (s) => s.plan.delete('network', s.bare.id),
  ],
  [
    'a subnet and the deletion of its network',
    (s) => s.plan.create('subnet', { network_id: s.bare.id, cidr: '10.0.9.0/24' }),
    (s) => s.plan.delete('network', s.bare.id),
  ],
  [
    'a port and the deletion of its group',
    (s) => s.plan.create('port', { network_id: s.bare.id, security_groups: [s.web.id] }),
    (s) => s.plan.delete('security_group', s.web.id),
  ],
  [
    'a port that takes a group and the deletion of the group',
    (s) => s.plan.update('port', s.port.id, { security_groups: [s.web.id] }),
    (s) => s.plan.delete('security_group', s.web.id),
  ],
  [
    'two subnets of one VPC that overlap',
    (s) => s.plan.create('subnet', { network_id: s.network.id, cidr: '10.0.2.0/24' }),
    (s) => s.plan.create('subnet', { network_id: s.vpc.id, cidr: '10.0.2.0/25' }),
  ],
  [
    'two ports with one address',
    (s) =>
      s.plan.create('port', { network_id: s.network.id, fixed_ips: [{ ip_address: '10.0.1.9' }] }),
    (s) => s.plan.update('port', s.port.id, { fixed_ips: [{ ip_address: '10.0.1.9' }] }),
  ],
  [
    'two ports with one MAC',
    (s) =>
      s.plan.create('port', {
        network_id: s.network.id,
        mac_address: 'fa:16:3e:00:00:01',
        fixed_ips: [],
      }),
    (s) => s.plan.update('port', s.port.id, { mac_address: 'fa:16:3e:00:00:01' }),
  ],
  [
    'a port and a gateway with one address',
    (s) =>
      s.plan.create('port', { network_id: s.network.id, fixed_ips: [{ ip_address: '10.0.1.9' }] }),
    (s) => s.plan.update('subnet', s.subnet.id, { gateway_ip: '10.0.1.9', allocation_pools: [] }),
  ],
  [
    'a port and a floating ip with one address',
    (s) =>
      s.plan.create('port', { network_id: s.outside.id, fixed_ips: [{ ip_address: '20.0.0.9' }] }),
    (s) =>
      s.plan.create('floatingip', {
        floating_network_id: s.outside.id,
        floating_ip_address: '20.0.0.9',
      }),
  ],
  [
    'two routers of one network',
    (s) => s.plan.create('router', { network_id: s.bare.id }),
    (s) => s.plan.create('router', { network_id: s.bare.id }),
  ],
  [
    'a router and the deletion of its network',
    (s) => s.plan.create('router', { network_id: s.bare.id }),
    (s) => s.plan.delete('network', s.bare.id),
  ],
  [
    'a gateway and the end of being external',
    (s) =>
      s.plan.update('router', s.spare.id, { external_gateway_info: { network_id: s.other.id } }),
    (s) => s.plan.update('network', s.other.id, { 'router:external': false }),
  ],
  [
    'a floating ip and the end of being external',
    (s) => s.plan.create('floatingip', { floating_network_id: s.other.id }),
    (s) => s.plan.update('network', s.other.id, { 'router:external': false }),
  ],
  [
    'a floating ip and the deletion of its network',
    (s) => s.plan.create('floatingip', { floating_network_id: s.other.id }),
    (s) => s.plan.delete('network', s.other.id),
  ],
  [
    'a floating ip and the loss of its fixed address',
    (s) => s.plan.update('floatingip', s.one.id, { port_id: s.port.id }),
    (s) => s.plan.update('port', s.port.id, { fixed_ips: [{ ip_address: '10.0.1.9' }] }),
  ],
  [
    'a floating ip and the deletion of its port',
    (s) => s.plan.update('floatingip', s.one.id, { port_id: s.port.id }),
    (s) => s.plan.delete('port', s.port.id),
  ],
  [
    'a floating ip and the end of the gateway',
    (s) => s.plan.update('floatingip', s.one.id, { port_id: s.port.id }),
    (s) => s.plan.update('router', s.router.id, { external_gateway_info: null }),
  ],
  [
    'a floating ip and a gateway that moves elsewhere',
    (s) => s.plan.update('floatingip', s.one.id, { port_id: s.port.id }),
    (s) =>
      s.plan.update('router', s.router.id, { external_gateway_info: { network_id: s.other.id } }),
  ],
  [
    'two floating ips for one fixed address',
    (s) => s.plan.update('floatingip', s.one.id, { port_id: s.port.id }),
    (s) => s.plan.update('floatingip', s.two.id, { port_id: s.port.id }),
  ],
  [
    'two rules that say the same',
    (s) =>
      s.plan.create('security_group_rule', { security_group_id: s.web.id, direction: 'ingress' }),
    (s) =>
      s.plan.create('security_group_rule', {
        security_group_id: s.web.id,
        direction: 'ingress',
        remote_ip_prefix: '0.0.0.0/0',
      }),
  ],
  [
    'a rule and the deletion of its group',
    (s) =>
      s.plan.create('security_group_rule', { security_group_id: s.web.id, direction: 'ingress' }),
    (s) => s.plan.delete('security_group', s.web.id),
  ],
  [
    'a rule and the deletion of its remote group',
    (s) =>
      s.plan.create('security_group_rule', {
        security_group_id: s.web.id,
        direction: 'ingress',
        remote_group_id: s.db.id,
      }),
    (s) => s.plan.delete('security_group', s.db.id),
  ],
  [
    'two nodes with one VTEP',
    (s) => s.plan.create('node', { name: 'node1', vtep: '10.9.0.1' }),
    (s) => s.plan.create('node', { name: 'node2', vtep: '10.9.0.1' }),
  ],
  [
    'two changes of one port',
    (s) => s.plan.update('port', s.port.id, { name: 'a' }),
    (s) => s.plan.update('port', s.port.id, { status: 'ACTIVE' }),
  ],
  [
    'a change and the deletion of one port',
    (s) => s.plan.update('port', s.port.id, { name: 'a' }),
    (s) => s.plan.delete('port', s.port.id),
  ],
];

describe('of two servers the later one has to plan again', () => {
  test.each(RACES)('%s', (_, first, second) => {
    for (const turned of [false, true]) {
      const s = scene();
      const plans = [first(s), second(s)];
      const [early, late] = turned ? plans.toReversed() : plans;
      if (early === undefined || late === undefined) throw new Error('two plans are needed');
      s.world.run(early);
      const before = new Map(s.world.entries);
      expect(() => s.world.run(late), turned ? 'turned' : 'in order').toThrow(StoreConflict);
      expect(s.world.entries).toEqual(before);
    }
  });

  test('a second-layer network and the deletion of its router', () => {
    for (const turned of [false, true]) {
      const s = scene();
      const router = s.world.create('router', { network_id: s.bare.id });
      const plans = [
        s.plan.create('network', { router_id: router.id }),
        s.plan.delete('router', router.id),
      ] as const;
      s.world.run<unknown>(plans[turned ? 1 : 0]);
      expect(() => s.world.run<unknown>(plans[turned ? 0 : 1])).toThrow(StoreConflict);
    }
  });

  test('a floating ip and its fixed address in the hands of another port by now', () => {
    const s = scene();
    const late = s.plan.update('floatingip', s.one.id, { port_id: s.port.id });
    s.world.update('port', s.port.id, { fixed_ips: [{ ip_address: '10.0.1.9' }] });
    s.world.create('port', { network_id: s.network.id, fixed_ips: [{ ip_address: '10.0.1.2' }] });
    expect(() => s.world.run(late)).toThrow(StoreConflict);
  });

  test('two default groups, two VPCs with one VNI', () => {
    const world = new World({ defaultSecurityGroup: true, random: () => 0.5 });
    const plan = new Planned(world);
    const groups = [plan.create('security_group', {}), plan.create('security_group', {})];
    const vpcs = [plan.create('network', {}), plan.create('network', {})];
    for (const [one, two] of [groups, vpcs]) {
      if (one === undefined || two === undefined) throw new Error('two plans are needed');
      world.run<unknown>(one);
      expect(() => world.run<unknown>(two)).toThrow(StoreConflict);
    }
  });

  test('what does not meet goes side by side', () => {
    const s = scene();
    const ports = [
      s.plan.create('port', { network_id: s.network.id, fixed_ips: [{ ip_address: '10.0.1.8' }] }),
      s.plan.create('port', { network_id: s.network.id, fixed_ips: [{ ip_address: '10.0.1.9' }] }),
    ];
    const rest = [
      s.plan.create('subnet', { network_id: s.bare.id, cidr: '10.0.1.0/24' }),
      s.plan.update('network', s.network.id, { name: 'x' }),
      s.plan.update('floatingip', s.one.id, { port_id: s.port.id }),
    ];
    const before = s.world.topology.count('port');
    for (const plan of [...ports, ...rest]) s.world.run<unknown>(plan);
    expect(s.world.topology.count('port')).toBe(before + ports.length);
  });
});
