import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { allowAll, subjectOf, walkthrough, type Walkthrough } from '../../test/support/traced.ts';
import { parseIp } from '../address/index.ts';
import { controller, gotoTable, group, match, output, resubmit } from '../openflow/build.ts';
import type { Action, Flow } from '../openflow/flow.ts';
import { PORT } from '../openflow/flow.ts';
import { addRouterInterface } from '../model/router-interfaces.ts';
import { advance } from '../model/vpc-moves.ts';
import { isMoving } from '../model/vpc.ts';
import { DROPS } from '../pipeline/drops.ts';
import type { SimBridge } from '../sim/bridge.ts';
import { imagine, type Imagined } from './imagined.ts';
import type { ProbeRequest } from './probe.ts';
import { REASONS } from './reasons.ts';
import { trace } from './trace.ts';
import type { Reason, Trace } from './types.ts';

let here: Walkthrough;
let nodes: Imagined;
const met = new Set<string>();

/** Traces over what the switches hold, which may be other than the intent. */
function reasonOf(from: string, to: string, request: ProbeRequest = {}): Reason {
  const traced: Trace = trace(subjectOf(here.world, from, to, request, nodes));
  expect(traced.verdict).toBe('dropped');
  expect(traced.legs).toHaveLength(1);
  if (traced.reason === null) throw new Error('dropped without a reason');
  met.add(traced.reason.code);
  return traced.reason;
}

const afresh = (): void => {
  nodes = imagine(here.world.topology);
};

function bridge(node: string, name: 'br-int' | 'br-phy' = 'br-int'): SimBridge {
  const found = nodes.fabric.nodes.get(node)?.bridges[name];
  if (found === undefined) throw new Error(`no ${name} on ${node}`);
  return found;
}

const flow = (table: number, actions: readonly Action[], priority = 65_535): Flow => ({
  table,
  priority,
  cookie: 0n,
  match: match(null),
  actions,
});

const insert = (target: SimBridge, ...add: readonly Flow[]): void =>
  target.apply({
    add,
    remove: [],
    addGroups: [],
    removeGroups: [],
    addMeters: [],
    removeMeters: [],
  });

const empty = (target: SimBridge): void => target.apply({ flows: [], groups: [], meters: [] });

beforeEach(() => {
  here = walkthrough();
  allowAll(here.world, here.group);
  for (const port of [here.vm1, here.vm2, here.vm3]) {
    here.world.update('port', port, { security_groups: [here.group] });
  }
  afresh();
});

describe('reasons that the topology gives', () => {
  it.each(['egress', 'ingress'] as const)('no %s rule', (direction) => {
    const end = direction === 'egress' ? here.vm1 : here.vm3;
    here.world.update('port', end, { security_groups: [] });
    afresh();
    const [code, table, node, object] =
      direction === 'egress'
        ? (['no_egress_rule', 72, 'node1', 'port vm1'] as const)
        : (['no_ingress_rule', 152, 'node2', 'port vm3'] as const);
    const reason = reasonOf(here.vm1, here.vm3);
    expect(reason).toMatchObject({ code, table, node, object });
    expect(reason.message).toContain('icmp from 178.1.3.2 to 178.1.3.6');
    expect(reason.message).toContain('no security group');
  });

  it('names the groups that have no rule for it', () => {
    const { id } = here.world.create('security_group', { name: 'web' });
    here.world.update('port', here.vm3, { security_groups: [id] });
    afresh();
    expect(reasonOf(here.vm1, here.vm3, { protocol: 'udp/53' }).message).toBe(
      'No security group rule lets udp/53 from 178.1.3.2 to 178.1.3.6 into port vm3, which has security group web.',
    );
  });

  it('an address that nobody has, no route, the gateway', () => {
    expect(reasonOf(here.vm1, '178.1.3.99')).toMatchObject({ code: 'no_such_address', table: 120 });
    expect(reasonOf(here.vm1, '8.8.8.8')).toMatchObject({ code: 'no_route', table: 110 });
    expect(reasonOf(here.vm1, '178.1.3.1', { protocol: 'udp/53' })).toMatchObject({
      code: 'gateway_only_answers_ping',
      object: 'address 178.1.3.1',
    });
  });

  it('the VPC that has the address', () => {
    const other = here.world.create('network', { name: 'other', cidr: '10.0.0.0/8' });
    here.world.create('subnet', { network_id: other.id, cidr: '10.0.0.0/24' });
    const stranger = here.world.create('port', { network_id: other.id, name: 'stranger' });
    afresh();
    for (const to of [stranger.id, '10.0.0.2']) {
      const reason = reasonOf(here.vm1, to);
      expect(reason.code).toBe('other_vpc');
      expect(reason.message).toContain('port stranger of VPC other');
    }
  });

  it('the networks that no router joins', () => {
    const { world } = here;
    const plain = world.create('network', { name: 'plain' });
    const subnet = world.create('subnet', { network_id: plain.id, cidr: '10.0.0.0/24' });
    const stranger = world.create('port', {
      network_id: plain.id,
      name: 'stranger',
      'binding:host_id': 'node2',
    });
    afresh();
    for (const to of [stranger.id, '10.0.0.2']) {
      expect(reasonOf(here.vm1, to)).toMatchObject({
        code: 'not_joined',
        message: 'No router joins network second and network plain, so they are VPCs of their own.',
      });
    }
    const router = world.create('router', { name: 'joiner' });
    for (const subnet_id of [here.subnet, subnet.id]) {
      world.run(addRouterInterface(world.topology, router.id, { subnet_id }, world.context));
    }
    while ([...world.topology.all('network')].some(isMoving)) {
      world.run(advance(world.topology, [...world.topology.all('network')], world.context));
    }
    world.update('router', router.id, { admin_state_up: false });
    afresh();
    expect(reasonOf(here.vm1, stranger.id)).toMatchObject({
      code: 'router_down',
      object: 'router joiner',
    });
  });

  it('another port with the address of a port of another VPC', () => {
    const other = here.world.create('network', { name: 'other', cidr: '178.1.0.0/16' });
    here.world.create('subnet', { network_id: other.id, cidr: '178.1.3.0/24' });
    const twin = here.world.create('port', {
      network_id: other.id,
      fixed_ips: [{ ip_address: '178.1.3.3' }],
    });
    afresh();
    expect(reasonOf(here.vm1, twin.id).code).toBe('other_vpc');
    expect(reasonOf(here.vm2, twin.id).code).toBe('other_vpc');
    here.world.update('port', here.vm2, { security_groups: [] });
    afresh();
    expect(reasonOf(here.vm1, twin.id).code).toBe('other_vpc');
  });

  it.each(['sender', 'receiver'] as const)('a %s that is unbound, or down, or nowhere', (end) => {
    const ask = (): Reason => {
      afresh();
      return end === 'sender' ? reasonOf(here.vm2, here.vm1) : reasonOf(here.vm1, here.vm2);
    };
    here.world.update('port', here.vm2, { admin_state_up: false });
    expect(ask()).toMatchObject({ code: 'port_down', object: 'port vm2' });
    here.world.update('port', here.vm2, { admin_state_up: true, 'binding:host_id': null });
    expect(ask()).toMatchObject({ code: 'port_unbound', object: 'port vm2' });
    here.world.update('port', here.vm2, { 'binding:host_id': 'nowhere' });
    expect(ask()).toMatchObject({
      code: end === 'sender' ? 'node_unknown' : 'no_tunnel_to_node',
      object: 'node nowhere',
    });
  });

  it('ends of different families', () => {
    const { id } = here.world.create('subnet', {
      network_id: here.network,
      cidr: '2001:db8::/64',
    });
    const six = here.world.create('port', {
      network_id: here.network,
      name: 'six',
      fixed_ips: [{ subnet_id: id }],
    });
    expect(reasonOf(here.vm1, six.id).message).toBe(
      'Port vm1 and port six share no address family: port six has no IPv4 address.',
    );
  });

  it('what a VM may not send', () => {
    expect(reasonOf(here.vm1, here.vm2, { protocol: 'udp/68', sourcePort: 67 })).toMatchObject({
      code: 'dhcp_server',
    });
    expect(reasonOf(here.vm1, '224.0.0.5')).toMatchObject({ code: 'not_flooded', table: 0 });
    expect(reasonOf(here.vm1, here.vm1)).toMatchObject({ code: 'returns_to_sender', table: 133 });
    const subject = subjectOf(here.world, here.vm1, here.vm2, {}, nodes);
    const from = { ...subject.from, address: parseIp('178.1.3.3') };
    expect(trace({ ...subject, from }).reason).toMatchObject({ code: 'source_not_allowed' });
  });
});

describe('reasons that only the switches give', () => {
  it('a port that is not plugged', () => {
    const plugged = nodes;
    nodes = {
      fabric: plugged.fabric,
      numbers(node) {
        const all = plugged.numbers(node);
        return all && { ...all, attachment: () => undefined };
      },
    };
    expect(reasonOf(here.vm1, here.vm2)).toMatchObject({
      code: 'port_not_plugged',
      object: 'port vm1',
    });
  });

  it('no flows at all', () => {
    empty(bridge('node1'));
    expect(reasonOf(here.vm1, here.vm2)).toMatchObject({ code: 'no_flows', node: 'node1' });
    empty(bridge('node2'));
    afresh();
    empty(bridge('node2', 'br-phy'));
    expect(reasonOf(here.vm1, here.vm3)).toMatchObject({ code: 'no_flows', node: 'node2' });
  });

  it('a table without a flow for it', () => {
    insert(bridge('node1'), flow(0, [gotoTable(200)]));
    expect(reasonOf(here.vm1, here.vm2)).toMatchObject({ code: 'no_matching_flow', table: 200 });
  });

  it('a drop that is not ours', () => {
    insert(bridge('node1'), flow(0, []));
    expect(reasonOf(here.vm1, here.vm2)).toMatchObject({ code: 'foreign_drop', table: 0 });
  });

  it('an interface without link, and one that is missing', () => {
    const { ports } = bridge('node1');
    const ofport = nodes.numbers('node1')?.attachment(here.vm2)?.ofport ?? 0;
    const port = ports.get(ofport);
    if (port === undefined) throw new Error('vm2 is not plugged');
    ports.set(ofport, { ...port, up: false });
    for (const [from, to] of [
      [here.vm1, here.vm2],
      [here.vm2, here.vm1],
    ] as const) {
      expect(reasonOf(from, to)).toMatchObject({ code: 'link_down', object: 'port vm2' });
    }
    ports.delete(ofport);
    expect(reasonOf(here.vm1, here.vm2)).toMatchObject({ code: 'no_such_interface' });
  });

  it('a packet that is too long, for the network of one end or the other', () => {
    const narrow = here.world.create('network', {
      name: 'narrow',
      mtu: 1280,
      router_id: here.world.get('network', here.network).router_id ?? '',
    });
    here.world.create('subnet', { network_id: narrow.id, cidr: '178.1.9.0/24' });
    const vm4 = here.world.create('port', {
      network_id: narrow.id,
      name: 'vm4',
      'binding:host_id': 'node2',
      security_groups: [here.group],
    });
    afresh();
    expect(reasonOf(here.vm1, here.vm3, { size: 1451 })).toMatchObject({
      code: 'longer_than_mtu',
      object: 'port vm1',
      table: null,
      message:
        'The interface of port vm1 does not carry the packet: 1451 bytes are more than the 1450 of network second.',
    });
    expect(reasonOf(here.vm1, vm4.id, { size: 1281 })).toMatchObject({
      code: 'longer_than_mtu',
      object: 'port vm4',
      node: 'node2',
    });
    expect(reasonOf(vm4.id, here.vm1, { size: 1281 })).toMatchObject({ object: 'port vm4' });
    for (const [to, size] of [
      [here.vm3, 1450],
      [vm4.id, 1280],
    ] as const) {
      expect(trace(subjectOf(here.world, here.vm1, to, { size }, nodes)).legs).toHaveLength(3);
    }
    expect(() => reasonOf(here.vm1, here.vm3, { size: 67 })).toThrow(/size 67/);
  });

  it('no uplink', () => {
    const { ports } = bridge('node1', 'br-phy');
    for (const [ofport, port] of ports)
      if (port.kind === 'uplink') ports.set(ofport, { ...port, up: false });
    expect(reasonOf(here.vm1, here.vm3)).toMatchObject({ code: 'uplinks_down', node: 'node1' });
  });

  it('a node that is gone', () => {
    nodes.fabric.nodes.delete('node2');
    const reason = reasonOf(here.vm1, here.vm3);
    expect(reason).toMatchObject({ code: 'lost_in_underlay', node: 'node1' });
    expect(reason.message).toContain('10.163.133.42');
  });

  it('a node that may be missing from a capture only', () => {
    nodes.fabric.nodes.delete('node2');
    const subject = subjectOf(here.world, here.vm1, here.vm3, {}, nodes);
    const { reason } = trace({ ...subject, partial: true });
    met.add(reason?.code ?? '');
    expect(reason).toMatchObject({ code: 'not_followed', node: 'node1' });
    expect(reason?.message).toContain('10.163.133.42');
  });

  it("a drop by a flow of somebody else's cloud", () => {
    const node1 = nodes.fabric.nodes.get('node1');
    if (node1 === undefined) throw new Error('node1 is gone');
    nodes.fabric.nodes.set('node1', { ...node1, foreign: true });
    insert(bridge('node1'), flow(0, []));
    const reason = reasonOf(here.vm1, here.vm2);
    expect(reason).toMatchObject({ code: 'dropped_by_flow', node: 'node1', table: 0 });
    expect(reason.message).toContain('actions=drop');
  });

  it('a tunnel neighbour that does not answer', () => {
    const node1 = nodes.fabric.nodes.get('node1');
    if (node1 === undefined) throw new Error('node1 is gone');
    nodes.fabric.nodes.set('node1', { ...node1, cold: new Set(['10.163.133.42']) });
    const reason = reasonOf(here.vm1, here.vm3);
    expect(reason).toMatchObject({ code: 'cold_neighbour', node: 'node1', table: null });
    expect(reason.message).toContain('10.163.133.42');
    expect(reasonOf(here.vm1, here.vm3).code).toBe('cold_neighbour');
  });

  it('a group that is missing', () => {
    insert(bridge('node1'), flow(120, [group(99)]));
    expect(reasonOf(here.vm1, here.vm2)).toMatchObject({ code: 'no_live_bucket', table: 120 });
  });

  it('an output to the port it came from, back to it, to the agent, a loop', () => {
    const sender = nodes.numbers('node1')?.attachment(here.vm1)?.ofport ?? 0;
    const replace = (actions: readonly Action[]): Reason => {
      afresh();
      insert(bridge('node1'), flow(0, actions));
      return reasonOf(here.vm1, here.vm2);
    };
    expect(replace([output(sender)]).code).toBe('output_to_in_port');
    expect(replace([output(PORT.inPort)]).code).toBe('came_back');
    expect(replace([controller()]).code).toBe('sent_to_agent');
    expect(replace([output(PORT.local)]).code).toBe('no_such_interface');
    expect(replace([resubmit({ table: 0 })]).code).toBe('switch_error');
  });

  it('another port that gets it', () => {
    const other = here.world.create('port', {
      network_id: here.network,
      fixed_ips: [{ ip_address: '178.1.3.9' }],
      'binding:host_id': 'node2',
      security_groups: [here.group],
    });
    afresh();
    const vm3 = nodes.numbers('node2')?.attachment(here.vm3)?.ofport ?? 0;
    insert(bridge('node2'), flow(120, [output(vm3)]));
    const reason = reasonOf(here.vm1, other.id);
    expect(reason.code).toBe('delivered_elsewhere');
    expect(reason.message).toContain('port vm3');
  });

  it.each(DROPS.map((drop) => [drop.code, drop.bridge, drop.table, drop.priority] as const))(
    'the drop row %s of %s table %i at %i',
    (code, name, table, priority) => {
      const target = bridge('node1', name);
      empty(target);
      insert(target, flow(table, [], priority));
      if (name === 'br-int' && table > 0) insert(target, flow(0, [gotoTable(table)], 1));
      const receiver = name === 'br-phy' ? here.vm3 : here.vm2;
      expect(reasonOf(here.vm1, receiver)).toMatchObject({ code, table, node: 'node1' });
    },
  );
});

describe('the catalogue', () => {
  it('has every code of the drop rows', () => {
    expect(Object.keys(REASONS)).toEqual(expect.arrayContaining(DROPS.map(({ code }) => code)));
  });

  it('says something in each entry', () => {
    const facts = {
      packet: 'P',
      sender: 'S',
      receiver: 'R',
      subject: 'X',
      subjectAddress: 'XA',
      senderGroups: 'SG',
      receiverGroups: 'RG',
      source: 'A',
      destination: 'B',
      vpc: 'V',
      node: 'N',
      receiverNode: 'RN',
      place: 'PL',
      detail: 'D',
    };
    for (const [code, { message, cure }] of Object.entries(REASONS)) {
      for (const text of [message(facts), cure(facts)]) {
        expect(text, code).toMatch(/\w+ \w+/);
        expect(text, code).not.toMatch(/undefined|[.:;,]$|^[A-Z][a-z]/);
      }
    }
  });

  afterAll(() => {
    const missing = Object.keys(REASONS).filter((code) => !met.has(code));
    expect(missing, 'codes that no test here reaches').toEqual([]);
  });
});
