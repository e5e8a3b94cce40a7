import { beforeEach, describe, expect, it } from 'vitest';
import type { World } from '../../../test/support/model-world.ts';
import {
  allowAll,
  at,
  IN,
  OUT,
  subjectOf,
  visits,
  walkthrough,
  type Walkthrough,
} from '../../../test/support/traced.ts';
import { explain } from '../explain.ts';
import type { ProbeRequest } from '../probe.ts';
import type { Trace } from '../types.ts';

let it1: Walkthrough;
const run = (from: string, to: string, request: ProbeRequest = {}): Trace =>
  explain(subjectOf(it1.world, from, to, request));

beforeEach(() => {
  it1 = walkthrough();
});

/** Runs the commands of a fix on the model, as the command line would. */
function obey(world: World, commands: readonly string[]): void {
  const group = (reference: string): string => {
    for (const { id, name } of world.topology.all('security_group')) {
      if (id === reference || name === reference) return id;
    }
    throw new Error(`no group ${reference}`);
  };
  for (const command of commands) {
    const [tianchi, verb, object = '', ...rest] = command.split(' ');
    expect(tianchi).toBe('tianchi');
    const options = new Map<string, string[]>();
    for (let index = 0; index < rest.length; index += 2) {
      const name = rest[index] ?? '';
      options.set(name, [...(options.get(name) ?? []), rest[index + 1] ?? '']);
    }
    const one = (name: string): string | undefined => options.get(name)?.[0];
    if (verb === 'security-group-create') world.create('security_group', { name: object });
    else if (verb === 'port-update') {
      const [id = object] = world.topology.find('port.by_name', object);
      const groups = (options.get('--security-group') ?? []).map(group);
      world.update('port', id, { security_groups: groups });
    } else if (verb === 'security-group-rule-create') {
      const range = one('--port-range')?.split(':').map(Number);
      world.create('security_group_rule', {
        security_group_id: group(object),
        direction: one('--direction') === 'egress' ? 'egress' : 'ingress',
        ethertype: one('--ethertype') === 'IPv6' ? 'IPv6' : 'IPv4',
        protocol: one('--protocol') ?? null,
        ...(range ? { port_range_min: range[0] ?? 0, port_range_max: range[1] ?? 0 } : {}),
        remote_ip_prefix: one('--remote-ip') ?? null,
      });
    } else throw new Error(`unknown command ${verb}`);
  }
}

describe('a fix', () => {
  const check = (from: string, to: string, request: ProbeRequest = {}): readonly string[] => {
    const traced = run(from, to, request);
    expect(traced.verdict).toBe('dropped');
    obey(it1.world, traced.fix);
    expect(run(from, to, request)).toMatchObject({ verdict: 'delivered', fix: [] });
    return traced.fix;
  };

  it('binds an existing group that allows it, at both ends', () => {
    allowAll(it1.world, it1.group);
    const traced = run(it1.vm1, it1.vm3);
    expect(traced.reason).toMatchObject({ code: 'no_egress_rule', table: 72, node: 'node1' });
    expect(visits(traced.legs[0])).toEqual(at('node1 br-int', OUT.slice(0, OUT.indexOf(72) + 1)));
    expect(traced.legs[0]?.stops.map(({ kind, dropped }) => [kind, dropped])).toEqual([
      ['vm', false],
      ['vm_port', false],
      ['br-int', true],
    ]);
    expect(check(it1.vm1, it1.vm3)).toEqual([
      'tianchi port-update vm1 --security-group default',
      'tianchi port-update vm3 --security-group default',
    ]);
  });

  it('binds it at the receiver where only the sender may send', () => {
    allowAll(it1.world, it1.group);
    it1.world.update('port', it1.vm1, { security_groups: [it1.group] });
    const traced = run(it1.vm1, it1.vm2);
    expect(traced.reason).toMatchObject({
      code: 'no_ingress_rule',
      table: 152,
      object: 'port vm2',
    });
    expect(visits(traced.legs[0])).toEqual(
      at('node1 br-int', [...OUT, ...IN.slice(0, IN.indexOf(152) + 1)]),
    );
    expect(check(it1.vm1, it1.vm2)).toEqual(['tianchi port-update vm2 --security-group default']);
  });

  it('makes a narrow group where no group allows it', () => {
    expect(check(it1.vm1, it1.vm2)).toEqual([
      'tianchi security-group-create allow-icmp',
      'tianchi security-group-rule-create allow-icmp --direction egress --ethertype IPv4 --protocol icmp --port-range 8:0 --remote-ip 178.1.3.3/32',
      'tianchi port-update vm1 --security-group allow-icmp',
      'tianchi security-group-rule-create allow-icmp --direction ingress --ethertype IPv4 --protocol icmp --port-range 8:0 --remote-ip 178.1.3.2/32',
      'tianchi port-update vm2 --security-group allow-icmp',
    ]);
  });

  it('makes a narrow group where only one that is meant for others would do', () => {
    const { id } = it1.world.create('security_group', { name: 'wide' });
    allowAll(it1.world, id);
    expect(check(it1.vm1, it1.vm2)[0]).toBe('tianchi security-group-create allow-icmp');
    it1.world.update('port', it1.vm2, { security_groups: [id] });
    it1.world.update('port', it1.vm1, { security_groups: [] });
    expect(check(it1.vm1, it1.vm2)).toEqual(['tianchi port-update vm1 --security-group wide']);
  });

  it('is found where a rule allows the address for the group of a third port', () => {
    const members = it1.world.create('security_group', { name: 'members' });
    it1.world.update('port', it1.vm3, {
      allowed_address_pairs: [{ ip_address: '178.1.3.0/28' }],
      security_groups: [members.id],
    });
    it1.world.create('security_group_rule', {
      security_group_id: it1.group,
      direction: 'egress',
      remote_group_id: members.id,
    });
    it1.world.update('port', it1.vm1, { security_groups: [it1.group] });
    expect(run(it1.vm1, it1.vm2).reason?.code).toBe('no_ingress_rule');
    expect(check(it1.vm1, it1.vm2)).not.toEqual([]);
  });

  it('adds a narrow rule to a bound group, and keeps the groups', () => {
    for (const port of [it1.vm1, it1.vm2]) {
      const { id } = it1.world.create('security_group', { name: `of ${port}` });
      it1.world.update('port', port, { security_groups: [it1.group, id] });
    }
    const before = it1.world.get('port', it1.vm1).security_groups;
    const fix = check(it1.vm1, it1.vm2, { protocol: 'udp/53' });
    expect(fix).toHaveLength(2);
    expect(fix[0]).toMatch(
      /^tianchi security-group-rule-create [0-9a-f-]{36} --direction egress --ethertype IPv4 --protocol udp --port-range 53:53 --remote-ip 178\.1\.3\.3\/32$/,
    );
    expect(it1.world.get('port', it1.vm1).security_groups).toEqual(before);
  });

  it('names by uuid what shares its name', () => {
    allowAll(it1.world, it1.group);
    it1.world.create('security_group', { name: 'default' });
    it1.world.update('port', it1.vm2, { name: 'vm1' });
    expect(check(it1.vm1, it1.vm2)).toEqual([
      `tianchi port-update ${it1.vm1} --security-group ${it1.group}`,
      `tianchi port-update ${it1.vm2} --security-group ${it1.group}`,
    ]);
  });

  it('uses the rules for members of the same group', () => {
    for (const rule of [
      { direction: 'egress' },
      { direction: 'ingress', remote_group_id: it1.group },
    ] as const) {
      it1.world.create('security_group_rule', { security_group_id: it1.group, ...rule });
    }
    expect(check(it1.vm1, it1.vm3)).toEqual([
      'tianchi port-update vm1 --security-group default',
      'tianchi port-update vm3 --security-group default',
    ]);
  });

  it('is empty where no command helps', () => {
    expect(run(it1.vm1, '178.1.3.99').fix).toEqual([]);
    const other = it1.world.create('network', { name: 'other', cidr: '10.0.0.0/8' });
    it1.world.create('subnet', { network_id: other.id, cidr: '10.0.0.0/24' });
    const stranger = it1.world.create('port', { network_id: other.id });
    expect(run(it1.vm1, stranger.id).fix).toEqual([]);
  });
});
