import { describe, expect, test } from 'vitest';
import { World } from '../../test/support/model-world.ts';
import type { RbacAction, RbacPolicy } from './objects.ts';
import { isShared } from './sharing.ts';

const PROJECTS = { admin: true, projectId: 'A' };

function open() {
  const world = new World({ caller: PROJECTS });
  const network = world.create('network', {});
  world.create('subnet', { network_id: network.id, cidr: '10.0.0.0/24' });
  const share = (target_tenant: string, action: RbacAction = 'access_as_shared'): RbacPolicy =>
    world.create('rbac_policy', {
      object_type: 'network',
      object_id: network.id,
      action,
      target_tenant,
    });
  const isExternal = () => world.get('network', network.id)['router:external'];
  return { world, network, share, isExternal };
}

const as = (world: World, projectId: string): void => {
  world.context = { ...world.context, caller: { projectId, admin: false } };
};

describe('a policy', () => {
  test('shares with its target, with all, and counts as a change of the network', () => {
    const { world, network, share } = open();
    const before = world.get('network', network.id).revision_number;
    share('B');
    expect(['A', 'B', 'C'].map((each) => isShared(world.topology, network.id, each))).toEqual([
      false,
      true,
      false,
    ]);
    share('*');
    expect(isShared(world.topology, network.id, 'C')).toBe(true);
    expect(world.get('network', network.id).revision_number).toBe(before + 2);
  });

  test('is there once', () => {
    const { share } = open();
    share('B');
    expect(() => share('B')).toThrow(expect.objectContaining({ code: 'DuplicateRbacPolicy' }));
  });

  test('goes with what it is on', () => {
    const { world, network, share } = open();
    const { id } = share('B');
    world.delete('network', network.id);
    expect(world.topology.get('rbac_policy', id)).toBeUndefined();
  });

  test('stays while its target has a port that no other policy allows', () => {
    const { world, network, share } = open();
    const own = share('B');
    const port = world.create('port', { network_id: network.id, project_id: 'B' });
    const inUse = expect.objectContaining({ code: 'RbacPolicyInUse' });
    expect(() => world.delete('rbac_policy', own.id)).toThrow(inUse);
    expect(() => world.update('rbac_policy', own.id, { target_tenant: 'C' })).toThrow(inUse);
    const all = share('*');
    world.delete('rbac_policy', own.id);
    expect(() => world.update('network', network.id, { shared: false })).toThrow(inUse);
    world.delete('port', port.id);
    world.delete('rbac_policy', all.id);
    expect(isShared(world.topology, network.id, 'B')).toBe(false);
  });

  test('of the owner for himself is never needed', () => {
    const { world, network, share } = open();
    const own = share('A');
    world.create('port', { network_id: network.id, project_id: 'A' });
    world.delete('rbac_policy', own.id);
    expect(world.topology.count('rbac_policy')).toBe(0);
  });

  test('for all is what a network called shared has', () => {
    const { world, network } = open();
    world.update('network', network.id, { shared: true });
    expect([...world.topology.all('rbac_policy')]).toMatchObject([
      { object_id: network.id, action: 'access_as_shared', target_tenant: '*' },
    ]);
    world.update('network', network.id, { shared: false });
    expect(world.topology.count('rbac_policy')).toBe(0);
  });
});

describe('a policy about the outside', () => {
  test('makes a network external, and the last one takes that away', () => {
    const { world, share, isExternal } = open();
    const [b, c] = [share('B', 'access_as_external'), share('C', 'access_as_external')];
    expect(isExternal()).toBe(true);
    world.delete('rbac_policy', b.id);
    expect(isExternal()).toBe(true);
    world.delete('rbac_policy', c.id);
    expect(isExternal()).toBe(false);
  });

  test('is made and taken away with router:external', () => {
    const { world, network } = open();
    world.update('network', network.id, { 'router:external': true });
    expect([...world.topology.all('rbac_policy')]).toMatchObject([
      { action: 'access_as_external', target_tenant: '*' },
    ]);
    world.update('network', network.id, { 'router:external': false });
    expect(world.topology.count('rbac_policy')).toBe(0);
  });

  test('stays while a router of its target has its gateway there', () => {
    const { world, network, share } = open();
    const all = share('*', 'access_as_external');
    const external_gateway_info = { network_id: network.id };
    const router = world.create('router', { project_id: 'B', external_gateway_info });
    const inUse = expect.objectContaining({ code: 'RbacPolicyInUse' });
    expect(() => world.delete('rbac_policy', all.id)).toThrow(inUse);
    const own = share('B', 'access_as_external');
    world.delete('rbac_policy', all.id);
    expect(() => world.delete('rbac_policy', own.id)).toThrow(inUse);
    world.delete('router', router.id);
    world.delete('rbac_policy', own.id);
  });

  test('for all stays on the default network', () => {
    const { world } = open();
    world.create('network', { 'router:external': true, is_default: true });
    const [policy] = world.topology.all('rbac_policy');
    expect(() => world.delete('rbac_policy', policy?.id ?? '')).toThrow(
      expect.objectContaining({ code: 'RbacPolicyInUse' }),
    );
  });
});

describe('who may', () => {
  test('share: the owner; others are told as much as they see', () => {
    const { world, share } = open();
    as(world, 'B');
    expect(() => share('B')).toThrow(expect.objectContaining({ code: 'NetworkNotFound' }));
    world.context = { ...world.context, caller: PROJECTS };
    share('B');
    as(world, 'B');
    expect(() => share('C')).toThrow(expect.objectContaining({ code: 'InvalidInput' }));
    as(world, 'A');
    expect(share('C').project_id).toBe('A');
  });

  test('share a group as a gateway: nobody', () => {
    const { world } = open();
    const group = world.create('security_group', {});
    const policy = {
      object_type: 'security_group',
      object_id: group.id,
      action: 'access_as_external',
      target_tenant: 'B',
    } as const;
    expect(() => world.create('rbac_policy', policy)).toThrow(
      expect.objectContaining({ code: 'InvalidActionForType' }),
    );
  });

  test('share a pool: with those who may use its scope', () => {
    const { world } = open();
    const scope = world.create('address_scope', { ip_version: 4 });
    const pool = world.create('subnetpool', {
      prefixes: ['10.0.0.0/8'],
      address_scope_id: scope.id,
    });
    const share = (object_type: 'subnetpool' | 'address_scope', object_id: string) =>
      world.create('rbac_policy', {
        object_type,
        object_id,
        action: 'access_as_shared',
        target_tenant: 'B',
      });
    expect(() => share('subnetpool', pool.id)).toThrow(
      expect.objectContaining({ code: 'RbacPolicyInitError' }),
    );
    share('address_scope', scope.id);
    expect(share('subnetpool', pool.id)).toMatchObject({ object_id: pool.id });
  });
});
