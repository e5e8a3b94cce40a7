import { describe, expect, test } from 'vitest';
import { codeOf, World } from '../../test/support/model-world.ts';
import { recordVpc } from '../../test/support/vpcs.ts';
import type { SecurityGroupRuleInput } from './inputs.ts';
import { ensureDefaultSecurityGroup } from './plan.ts';

describe('security groups', () => {
  test("Neutron's default group is made with the first port that needs it", () => {
    const { world, network } = recordVpc({ defaultSecurityGroup: true });
    const first = world.create('port', { network_id: network.id });
    const second = world.create('port', { network_id: network.id });
    expect(first.security_groups).toHaveLength(1);
    expect(second.security_groups).toEqual(first.security_groups);
    const [id = ''] = first.security_groups;
    expect(world.get('security_group', id)).toMatchObject({ name: 'default', project_id: 'demo' });
    const rules = [...world.topology.all('security_group_rule')].map(
      (rule) => `${rule.direction} ${rule.ethertype} ${rule.remote_group_id === id}`,
    );
    expect(rules.sort()).toEqual([
      'egress IPv4 false',
      'egress IPv6 false',
      'ingress IPv4 true',
      'ingress IPv6 true',
    ]);
    expect(codeOf(() => world.create('security_group', { name: 'default' }))).toBe(
      'SecurityGroupDefaultAlreadyExists',
    );
    expect(codeOf(() => world.update('security_group', id, { name: 'x' }))).toBe(
      'SecurityGroupCannotUpdateDefault',
    );
    expect(codeOf(() => world.delete('security_group', id))).toBe('SecurityGroupInUse');
    world.delete('port', first.id);
    world.delete('port', second.id);
    const { context } = world;
    world.context = { ...context, caller: { ...context.caller, admin: false } };
    expect(codeOf(() => world.delete('security_group', id))).toBe(
      'SecurityGroupCannotRemoveDefault',
    );
    expect(ensureDefaultSecurityGroup(world.topology, world.context)).toEqual({
      ops: [],
      object: id,
    });
    world.context = context;
    world.delete('security_group', id);
    expect(world.topology.count('security_group_rule')).toBe(0);
  });

  test('a new group lets everything out, and each project has its own default', () => {
    const world = new World({ defaultSecurityGroup: true });
    const group = world.create('security_group', { name: 'web' });
    world.create('security_group', { name: 'web', project_id: 'other' });
    expect(world.topology.find('rule.by_group', group.id).size).toBe(2);
    expect(
      [...world.topology.all('security_group')]
        .map((each) => `${each.project_id} ${each.name}`)
        .sort(),
    ).toEqual(['demo default', 'demo web', 'other default', 'other web']);
    expect(codeOf(() => world.create('security_group', { stateful: false }))).toBe('InvalidInput');
  });

  test('a group takes the rules that refer to it along', () => {
    const world = new World();
    const web = world.create('security_group', { name: 'web' });
    const db = world.create('security_group', { name: 'db' });
    world.create('security_group_rule', {
      security_group_id: db.id,
      direction: 'ingress',
      remote_group_id: web.id,
    });
    world.create('security_group_rule', {
      security_group_id: web.id,
      direction: 'ingress',
      remote_group_id: web.id,
    });
    world.delete('security_group', web.id);
    expect(world.topology.count('security_group_rule')).toBe(0);
    world.delete('security_group', db.id);
    expect(world.entries.size).toBe(0);
  });

  type Terms = Partial<SecurityGroupRuleInput>;
  const refused: readonly (readonly [string, Terms])[] = [
    ['SecurityGroupProtocolRequiredWithPorts', { port_range_min: 22, port_range_max: 22 }],
    ['SecurityGroupInvalidPortRange', { protocol: 'tcp', port_range_min: 23, port_range_max: 22 }],
    ['SecurityGroupInvalidPortRange', { protocol: 'tcp', port_range_min: 22 }],
    ['SecurityGroupInvalidPortValue', { protocol: 'tcp', port_range_min: 0, port_range_max: 22 }],
    [
      'SecurityGroupInvalidPortValue',
      { protocol: 'udp', port_range_min: 1, port_range_max: 65536 },
    ],
    [
      'SecurityGroupInvalidProtocolForPort',
      { protocol: 'gre', port_range_min: 1, port_range_max: 2 },
    ],
    ['SecurityGroupInvalidProtocolForPort', { protocol: 47, port_range_min: 1, port_range_max: 2 }],
    ['SecurityGroupInvalidIcmpValue', { protocol: 'icmp', port_range_min: 256 }],
    ['SecurityGroupInvalidIcmpValue', { protocol: 'icmp', port_range_min: 8, port_range_max: 256 }],
    ['SecurityGroupMissingIcmpType', { protocol: 'icmp', port_range_max: 0 }],
    ['SecurityGroupRuleInvalidProtocol', { protocol: 'tcpp' }],
    ['SecurityGroupRuleInvalidProtocol', { protocol: 256 }],
    ['SecurityGroupEthertypeConflictWithProtocol', { protocol: 'ipv6-icmp' }],
    ['SecurityGroupEthertypeConflictWithProtocol', { protocol: 58 }],
    ['SecurityGroupRuleParameterConflict', { remote_ip_prefix: 'fd00::/8' }],
    ['SecurityGroupRuleParameterConflict', { ethertype: 'IPv6', remote_ip_prefix: '10.0.0.0/8' }],
    ['InvalidInput', { remote_ip_prefix: '10.0.0.0/33' }],
    ['SecurityGroupNotFound', { remote_group_id: 'nobody' }],
    ['SecurityGroupNotFound', { security_group_id: 'nobody' }],
  ];

  test.each(refused)('%s for %j', (code, terms) => {
    const world = new World();
    const group = world.create('security_group', {});
    const rule = { security_group_id: group.id, direction: 'ingress', ...terms } as const;
    expect(codeOf(() => world.create('security_group_rule', rule))).toBe(code);
  });

  const duplicates: readonly (readonly [Terms, Terms, boolean])[] = [
    [{}, {}, true],
    [{}, { remote_ip_prefix: '0.0.0.0/0' }, true],
    [{ ethertype: 'IPv6' }, { ethertype: 'IPv6', remote_ip_prefix: '::/0' }, true],
    [{ protocol: 'tcp' }, { protocol: 6 }, true],
    [{ protocol: 'tcp' }, { protocol: 'TCP', port_range_min: 1, port_range_max: 65535 }, true],
    [{ ethertype: 'IPv6', protocol: 'icmp' }, { ethertype: 'IPv6', protocol: 'ipv6-icmp' }, true],
    [{ remote_ip_prefix: '10.0.0.1' }, { remote_ip_prefix: '10.0.0.1/32' }, true],
    [{}, { direction: 'egress' }, false],
    [{}, { ethertype: 'IPv6' }, false],
    [{ protocol: 'tcp' }, { protocol: 'udp' }, false],
    [
      { protocol: 'icmp', port_range_min: 8 },
      { protocol: 'icmp', port_range_min: 8, port_range_max: 0 },
      false,
    ],
    [{ remote_ip_prefix: '10.0.0.0/8' }, { remote_ip_prefix: '10.0.0.0/9' }, false],
  ];

  test.each(duplicates)('%j and %j: the same is %s', (one, two, same) => {
    const world = new World();
    const group = world.create('security_group', {});
    const base = { security_group_id: group.id, direction: 'ingress' } as const;
    world.create('security_group_rule', { ...base, ...one });
    const code = codeOf(() => world.create('security_group_rule', { ...base, ...two }));
    expect(code).toBe(same ? 'SecurityGroupRuleExists' : null);
  });

  test('a remote is a prefix or a group', () => {
    const world = new World();
    const group = world.create('security_group', {});
    expect(
      codeOf(() =>
        world.create('security_group_rule', {
          security_group_id: group.id,
          direction: 'ingress',
          remote_ip_prefix: '10.0.0.0/8',
          remote_group_id: group.id,
        }),
      ),
    ).toBe('SecurityGroupMultipleRemoteEntites');
  });
});
