import { beforeEach, describe, expect, it } from 'vitest';
import type { World } from '../../test/support/model-world.ts';
import { allowAll, subjectOf, walkthrough, type Walkthrough } from '../../test/support/traced.ts';
import { parseFlow } from '../openflow/text/index.ts';
import { compileAll } from '../pipeline/compiler.ts';
import { FEATURES } from '../pipeline/features/index.ts';
import type { NodeIdentity } from '../pipeline/local.ts';
import { LocalState } from '../pipeline/local-state.ts';
import type { SimNode } from '../sim/fabric.ts';
import { explain } from './explain.ts';
import { imagine, imaginedIdentity } from './imagined.ts';
import type { ProbeRequest } from './probe.ts';
import { stepsOf } from './render/words.ts';
import type { Leg, Trace } from './types.ts';

const OUT = [0, 60, 65, 66, 67, 68, 70, 71, 72, 74, 80, 104, 105, 110, 115, 120];
const IN = [133, 135, 140, 148, 150, 151, 152, 154, 155, 159, 160, 165, 180];
const without = (tables: readonly number[], ...skipped: number[]) =>
  tables.filter((table) => !skipped.includes(table));

const visits = (leg: Leg | undefined): string[] =>
  (leg?.hops ?? []).map((hop) => `${hop.node} ${hop.bridge} ${hop.table}`);
const at = (place: string, tables: readonly number[]): string[] =>
  tables.map((table) => `${place} ${table}`);

let it1: Walkthrough;
const run = (from: string, to: string, request: ProbeRequest = {}): Trace =>
  explain(subjectOf(it1.world, from, to, request));

beforeEach(() => {
  it1 = walkthrough();
});

describe('the walkthrough with the security group bound', () => {
  beforeEach(() => {
    allowAll(it1.world, it1.group);
    for (const port of [it1.vm1, it1.vm2, it1.vm3]) {
      it1.world.update('port', port, { security_groups: [it1.group] });
    }
  });

  it('follows VM1 to VM2 through the tables of the record', () => {
    const traced = run(it1.vm1, it1.vm2);
    expect(traced.verdict).toBe('delivered');
    expect(traced.reason).toBeNull();
    expect(visits(traced.legs[0])).toEqual(at('node1 br-int', [...OUT, ...IN]));
    expect(traced.legs[0]?.stops.map(({ step, kind, name }) => [step, kind, name])).toEqual([
      [1, 'vm', 'eth0'],
      [1, 'vm_port', `vhu${it1.vm1.slice(0, 11)}`],
      [2, 'br-int', 'br-int'],
      [3, 'vm_port', `vhu${it1.vm2.slice(0, 11)}`],
      [4, 'vm', 'eth0'],
    ]);
  });

  it('follows VM1 to VM3 over br-phy of both nodes', () => {
    const traced = run(it1.vm1, it1.vm3);
    expect(traced.verdict).toBe('delivered');
    expect(visits(traced.legs[0])).toEqual([
      ...at('node1 br-int', OUT),
      'node1 br-phy 0',
      'node2 br-phy 0',
      ...at('node2 br-int', [0, 100, 101, 120, ...IN]),
    ]);
    expect(traced.legs[0]?.stops.map(({ step, kind, node }) => `${step} ${kind} ${node}`)).toEqual([
      '1 vm node1',
      '1 vm_port node1',
      '2 br-int node1',
      '3 tunnel_port node1',
      '4 kernel_route node1',
      '5 br-phy node1',
      '5 uplink node1',
      '6 wire node1',
      '6 uplink node2',
      '6 br-phy node2',
      '7 kernel_route node2',
      '8 tunnel_port node2',
      '9 br-int node2',
      '10 vm_port node2',
      '10 vm node2',
    ]);
  });

  describe('in words', () => {
    /** The steps from VM1 to VM3 over nodes that are changed before. */
    const told = (change: (node: SimNode) => void = () => {}) => {
      const nodes = imagine(it1.world.topology);
      for (const node of nodes.fabric.nodes.values()) change(node);
      const [leg] = explain(subjectOf(it1.world, it1.vm1, it1.vm3, {}, nodes)).legs;
      const steps = leg === undefined ? [] : stepsOf(leg);
      return {
        others: (leg?.stops ?? []).filter(({ kind }) => kind === 'uplink').map((s) => s.others),
        step: (number: number) => steps.find((step) => step.number === number)?.text,
      };
    };
    /** br-phy as the agent of a node with other uplinks or VLAN makes it. */
    const underlay = (different: Partial<NodeIdentity>) => (node: SimNode) => {
      const identity = {
        ...imaginedIdentity(node.name, node.vteps[0]?.address ?? ''),
        ...different,
      };
      const bridge = node.bridges['br-phy'];
      const { topology } = it1.world;
      bridge.apply(compileAll(topology, new LocalState(identity), FEATURES)['br-phy']);
      const kept = new Set(identity.uplinks.map((uplink) => uplink.ofport));
      for (const { ofport, kind } of bridge.ports.values())
        if (kind === 'uplink' && !kept.has(ofport)) bridge.ports.delete(ofport);
    };

    it('names the bond, the VLAN, LOCAL and the MACs, as the record does', () => {
      const { step, others } = told();
      expect(step(5)).toMatch(
        /^br-phy of node1: table 0; group 0 picks dpdk_phy([01]) of 2 uplinks and adds VLAN 101\.$/,
      );
      expect(step(6)).toMatch(
        /^Crosses the underlay in VLAN 101; arrives by dpdk_phy([01]) of node2; br-phy of node2: table 0; it strips the VLAN and hands the packet to LOCAL\.$/,
      );
      const { mac_address } = it1.world.get('port', it1.vm3);
      expect(step(10)).toContain(
        `receives it on eth0, with source MAC fe:ff:ff:ff:ff:ff and destination MAC ${mac_address}.`,
      );
      const used = /dpdk_phy[01]/.exec(step(5) ?? '')?.[0];
      const other = used === 'dpdk_phy0' ? 'dpdk_phy1' : 'dpdk_phy0';
      expect(others).toEqual([[other], [other]]);
    });

    it('counts no uplinks where there is one', () => {
      const { step, others } = told(underlay({ uplinks: [{ ofport: 2, name: 'dpdk_phy1' }] }));
      expect(step(5)).toBe('br-phy of node1: table 0; group 0 picks dpdk_phy1 and adds VLAN 101.');
      expect(others).toEqual([undefined, undefined]);
    });

    it('names no VLAN where the underlay has none', () => {
      const { step } = told(underlay({ vlan: null }));
      expect(step(5)).toMatch(/picks dpdk_phy[01] of 2 uplinks\.$/);
      expect(step(6)).toMatch(
        /^Crosses the underlay untagged; .* table 0; it hands the packet to LOCAL\.$/,
      );
    });

    it('names no group where none is asked', () => {
      const flow = parseFlow('priority=30,in_port=LOCAL actions=mod_vlan_vid:101,output:2');
      const { step } = told(({ bridges }) => {
        const program = bridges['br-phy'].program();
        bridges['br-phy'].apply({ ...program, flows: [...program.flows, flow] });
      });
      expect(step(5)).toBe('br-phy of node1: table 0; leaves the node by dpdk_phy1.');
    });

    it('names the MAC alone that the last table writes', () => {
      const { step } = told(({ bridges }) => {
        const program = bridges['br-int'].program();
        const kept = program.flows.map((flow) => ({
          ...flow,
          actions: flow.actions.filter(
            (action) =>
              flow.table !== 180 || action.kind !== 'set_field' || action.field.name !== 'eth_dst',
          ),
        }));
        bridges['br-int'].apply({ ...program, flows: kept });
      });
      expect(step(10)).toMatch(/receives it on eth0, with source MAC fe:ff:ff:ff:ff:ff\.$/);
    });
  });

  it.each(['icmp', 'tcp/22', 'udp/53'])(
    'takes the reply and what follows past the rules: %s',
    (protocol) => {
      const [request, reply, established] = run(it1.vm1, it1.vm2, { protocol }).legs;
      expect(request?.verdict).toBe('delivered');
      expect(reply).toMatchObject({
        direction: 'reply',
        connection: 'established',
        verdict: 'delivered',
      });
      expect(established).toMatchObject({ direction: 'request', verdict: 'delivered' });
      const past = at('node1 br-int', [...without(OUT, 72, 74, 80), ...without(IN, 152, 154, 155)]);
      expect(visits(reply)).toEqual(past);
      expect(visits(established)).toEqual(past);
    },
  );

  it('tells the group, the state of the connection, the object and what changed', () => {
    const hops = run(it1.vm1, it1.vm2).legs[0]?.hops ?? [];
    const hop = (table: number) => hops.find((candidate) => candidate.table === table);
    expect(hop(0)).toMatchObject({ name: 'INPUT', priority: 30, object: 'port vm1' });
    expect(hop(0)?.changes).toContain('reg12=0x1');
    expect(hop(71)?.ct_state).toBe('+new+trk');
    expect(hop(72)?.object).toBe('security groups of port vm1');
    expect(hop(120)).toMatchObject({ object: 'port vm2', group: { bucket: 1 } });
    expect(hop(133)?.note).toMatch(/with in_port 0 it may/);
    for (const { note, table } of hops) expect(note, `table ${table}`).toBeTruthy();
  });

  it('answers what 02:… means where the packet leaves the node', () => {
    const hops = run(it1.vm1, it1.vm3).legs[0]?.hops ?? [];
    expect(hops.find(({ table }) => table === 120)?.note).toMatch(/02:00:00:00:00:00/);
    expect(hops.find(({ table }) => table === 101)?.note).toMatch(/external gateway/);
  });
});

describe('beyond the record', () => {
  const six = (name: string, subnet: string, node: string): string =>
    it1.world.create('port', {
      network_id: it1.network,
      name,
      fixed_ips: [{ subnet_id: subnet }],
      security_groups: [it1.group],
      'binding:host_id': node,
    }).id;

  beforeEach(() => {
    allowAll(it1.world, it1.group);
    for (const port of [it1.vm1, it1.vm2, it1.vm3]) {
      it1.world.update('port', port, { security_groups: [it1.group] });
    }
  });

  it.each(['icmp', 'tcp/80', 'ip/47'])('walks the same tables over IPv6: %s', (protocol) => {
    const { id } = it1.world.create('subnet', { network_id: it1.network, cidr: '2001:db8::/64' });
    const [a, b] = [six('a', id, 'node1'), six('b', id, 'node1')];
    const traced = run(a, b, { family: 6, protocol });
    expect(traced.legs.map(({ verdict }) => verdict)).toEqual(Array(3).fill('delivered'));
    const untracked = protocol === 'ip/47' ? [71, 151] : [];
    expect(visits(traced.legs[0])).toEqual(
      at('node1 br-int', without([...OUT, ...IN], ...untracked)),
    );
  });

  it('finds who claims an address by a pair or a prefix', () => {
    it1.world.update('port', it1.vm3, {
      allowed_address_pairs: [
        { ip_address: '178.1.3.200' },
        { ip_address: '178.1.3.128/26' },
        { ip_address: '178.1.3.160/28', mac_address: '00:00:5e:00:01:05' },
      ],
    });
    for (const address of ['178.1.3.200', '178.1.3.140', '178.1.3.170']) {
      const traced = run(it1.vm1, address);
      expect(traced).toMatchObject({
        verdict: 'delivered',
        to: { address, port: { name: 'vm3' } },
      });
      expect(traced.legs[1]?.verdict).toBe('delivered');
    }
  });

  it('goes past tracking and rules of a port without port security', () => {
    it1.world.update('port', it1.vm2, { security_groups: [], port_security_enabled: false });
    expect(visits(run(it1.vm1, it1.vm2).legs[0])).toEqual(
      at('node1 br-int', without([...OUT, ...IN], 150, 151, 152, 154, 155)),
    );
    expect(visits(run(it1.vm2, it1.vm1).legs[0])).toEqual(
      at('node1 br-int', without([...OUT, ...IN], 70, 71, 72, 74, 80)),
    );
  });
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

describe('a gateway', () => {
  beforeEach(() => {
    allowAll(it1.world, it1.group);
    it1.world.update('port', it1.vm1, { security_groups: [it1.group] });
  });

  it('is pinged: the row that answers ends the request, and no table sees the reply', () => {
    const { verdict, reason, fix, legs, to } = run(it1.vm1, '178.1.3.1');
    expect({ verdict, reason, fix }).toEqual({ verdict: 'delivered', reason: null, fix: [] });
    expect(to).toMatchObject({ port: null, address: '178.1.3.1', gateway: true });
    expect(legs.map((leg) => [leg.direction, leg.connection, leg.verdict])).toEqual([
      ['request', 'new', 'delivered'],
      ['reply', 'established', 'delivered'],
      ['request', 'established', 'delivered'],
    ]);
    const toGateway = at('node1 br-int', without(OUT, 115, 120));
    expect(legs.map(visits)).toEqual([toGateway, [], toGateway]);
    expect(legs[0]?.hops.at(-1)?.note).toMatch(/^A gateway is pinged/);
    const steps = legs.map((leg) => stepsOf(leg).map(({ text }) => text));
    expect(steps[0]?.at(-1)).toBe(
      'br-int of node1: tables 0 to 110; it answers for 178.1.3.1 itself.',
    );
    expect(steps[1]?.at(-1)).toBe('Port vm1 receives it on eth0.');
  });

  it('of another subnet, over IPv6, is pinged too', () => {
    const { world, network } = it1;
    world.create('subnet', { network_id: network, cidr: '2001:db8:1::/64', ip_version: 6 });
    world.create('subnet', { network_id: network, cidr: '2001:db8:2::/64', ip_version: 6 });
    const { id } = world.create('port', {
      network_id: network,
      fixed_ips: [{ ip_address: '2001:db8:1::9' }],
      security_groups: [it1.group],
      'binding:host_id': 'node1',
    });
    for (const gateway of ['2001:db8:1::1', '2001:db8:2::1']) {
      expect(run(id, gateway, { family: 6 })).toMatchObject({ verdict: 'delivered' });
    }
  });

  it('takes nothing else, and no ping that no rule lets out', () => {
    const tcp = run(it1.vm1, '178.1.3.1', { protocol: 'tcp/22' });
    expect(tcp.reason).toMatchObject({ code: 'gateway_only_answers_ping', table: 110 });
    expect(tcp.legs[0]?.hops.at(-1)?.note).toMatch(/answers ping and takes nothing else/);
    expect(run(it1.vm2, '178.1.3.1').reason).toMatchObject({ code: 'no_egress_rule', table: 72 });
  });
});

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
