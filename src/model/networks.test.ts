import { describe, expect, test } from 'vitest';
import { codeOf, World } from '../../test/support/model-world.ts';
import { recordVpc } from '../../test/support/vpcs.ts';
import { PLANNERS } from './plan.ts';
import { decodeEntry } from './tree.ts';

describe("the record's objects", () => {
  test('lie where the record has them', () => {
    const ids = [
      'fa177aca-f909-4a77-9d7b-10551d105cb3',
      'd35d9cd1-3d71-4ccb-a6c3-3ea22a7e111a',
      'cf4b66f8-00b2-43db-ac97-2b3df786c9df',
      '56a84738-7ef6-49d5-a68b-bb745d482d50',
      '458ec446-9e78-40ab-a386-f2c29ee0a53b',
    ];
    const { world, vpc, network, subnet } = recordVpc({ newId: () => ids.shift() ?? '' });
    const port = world.create('port', {
      network_id: network.id,
      fixed_ips: [{ subnet_id: subnet.id }],
    });
    const path =
      '/cns/topologies/networks/34/fa177aca-f909-4a77-9d7b-10551d105cb3' +
      '/ports_v2/36/458ec446-9e78-40ab-a386-f2c29ee0a53b';
    expect(decodeEntry(path, world.entries.get(path)?.value ?? '')).toEqual({
      kind: 'port',
      id: port.id,
      object: port,
    });
    expect(port.fixed_ips).toEqual([{ subnet_id: subnet.id, ip_address: '178.1.3.2' }]);
    expect(port).toMatchObject({
      status: 'DOWN',
      security_groups: [],
      port_security_enabled: true,
    });
    expect(port.mac_address).toMatch(/^fa:16:3e(:[0-9a-f]{2}){3}$/);
    expect(network.vpc).toEqual(vpc.vpc);
    expect(network.birth_vpc).toBe(vpc.id);
    expect(subnet.gateway_ip).toBe('178.1.3.1');
    expect(subnet.allocation_pools).toEqual([{ start: '178.1.3.2', end: '178.1.3.254' }]);
    expect(network.mtu).toBe(1450);
  });

  test('with default groups off a group may be called default and has no rules', () => {
    const { world, network } = recordVpc();
    const group = world.create('security_group', { name: 'default' });
    expect(world.topology.count('security_group_rule')).toBe(0);
    expect(world.topology.count('security_group')).toBe(1);
    const port = world.create('port', { network_id: network.id });
    expect(world.update('port', port.id, { security_groups: [group.id] }).security_groups).toEqual([
      group.id,
    ]);
    world.update('port', port.id, { security_groups: [] });
    world.delete('security_group', group.id);
  });
});

describe('networks', () => {
  test('what is refused', () => {
    const { world, vpc, router, network } = recordVpc();
    const make = (input: Parameters<typeof PLANNERS.network.create>[1]) =>
      codeOf(() => world.create('network', input));
    expect(make({ cidr: '178.1.0.1/16' })).toBe('InvalidInput');
    expect(make({ cidr: '224.0.0.0/8' })).toBe('InvalidInput');
    expect(make({ cidr: '0.0.0.0/0' })).toBe('InvalidInput');
    expect(make({ cidr: '10.0.0.0/8', router_id: router.id })).toBe('InvalidInput');
    expect(make({ 'router:external': true, router_id: router.id })).toBe('InvalidInput');
    expect(make({ router_id: 'nobody' })).toBe('RouterNotFound');
    expect(make({ mtu: 1451 })).toBe('InvalidInput');
    expect(make({ mtu: 67 })).toBe('InvalidInput');
    const lone = world.create('router', {});
    expect(make({ router_id: lone.id })).toBe('BadRequest');
    const owned = world.create('network', {});
    expect(codeOf(() => world.create('router', { network_id: owned.id }))).toBe('BadRequest');
    expect(codeOf(() => world.create('router', { network_id: vpc.id }))).toBe('NetworkInUse');
    expect(codeOf(() => world.delete('network', vpc.id))).toBe('NetworkInUse');
    expect(codeOf(() => world.delete('router', router.id))).toBe('RouterInUse');
    world.create('port', { network_id: network.id });
    expect(codeOf(() => world.delete('network', network.id))).toBe('NetworkInUse');
  });

  test('a network goes with its subnets, and the VPC leaves nothing behind', () => {
    const { world, vpc, router, network } = recordVpc();
    world.delete('network', network.id);
    expect(world.topology.count('subnet')).toBe(0);
    world.create('subnet', { network_id: vpc.id, cidr: '178.1.3.0/24' });
    world.delete('router', router.id);
    world.delete('network', vpc.id);
    expect([...world.entries.keys()]).toEqual([]);
  });

  test('a VNI of a write in flight is left alone', () => {
    const world = new World({ random: () => 0 });
    const plan = () => PLANNERS.network.create(world.topology, {}, world.context);
    const first = plan();
    for (const op of first.ops) if (op.op === 'create') world.claimed.add(op.path);
    expect(first.object.vpc.vni).toBe(4096);
    expect(plan().object.vpc.vni).toBe(4097);
  });

  test('an update that changes nothing writes nothing', () => {
    const { world, network: made } = recordVpc();
    const network = world.get('network', made.id);
    const same = PLANNERS.network.update(
      world.topology,
      network.id,
      { name: network.name },
      world.context,
    );
    expect(same).toEqual({ ops: [], object: network });
    const renamed = world.update('network', network.id, { name: 'other' });
    expect(renamed.revision_number).toBe(network.revision_number + 1);
  });

  test('count it as a change when a subnet comes or goes', () => {
    const { world, network } = recordVpc();
    const revision = () => world.get('network', network.id).revision_number;
    const before = revision();
    const [subnet = ''] = world.topology.find('subnet.by_network', network.id);
    world.delete('subnet', subnet);
    expect(revision()).toBe(before + 1);
  });

  test('one external network is the default', () => {
    const world = new World();
    const one = world.create('network', { 'router:external': true, is_default: true });
    const two = world.create('network', { 'router:external': true });
    expect(codeOf(() => world.update('network', two.id, { is_default: true }))).toBe(
      'DefaultExternalNetworkExists',
    );
    expect(codeOf(() => world.create('network', { is_default: true }))).toBe('InvalidInput');
    const [policy] = [...world.topology.find('rbac.by_object', one.id)];
    expect(codeOf(() => world.delete('rbac_policy', policy ?? ''))).toBe('RbacPolicyInUse');
    expect(world.update('network', one.id, { 'router:external': false }).is_default).toBe(false);
    expect(world.update('network', two.id, { is_default: true }).is_default).toBe(true);
  });
});
