/**
 * The simulated switch against the real one: random pipelines in a dummy Open vSwitch, random
 * packets through `ofproto/trace`, the same flows in the same order and the same outputs in ours.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { field, type FlowKey } from '../../src/openflow/fields.ts';
import { PORT } from '../../src/openflow/flow.ts';
import { newKey, readField } from '../../src/openflow/key.ts';
import { parseFlows, parseGroups, parsePacket } from '../../src/openflow/text/index.ts';
import { execute, SimBridge, type Execution, type SimPort } from '../../src/sim/index.ts';
import type { Unixctl } from '../../src/net/unixctl.ts';
import { ovsAvailable, type Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { startTracedSwitch } from '../support/traced-switch.ts';
import { PORTS } from './sim-generator-fields.ts';
import { randomPacket, randomProgram } from './sim-generator.ts';
import { Random } from './sim-random.ts';
import { alike, always, ctNext, STATES } from './sim-states.ts';
import { datapathPorts, readTrace, type Pass } from './sim-ofproto-trace.ts';

const SEED = Number(process.env['TIANCHI_SEED'] ?? 1);
const PROGRAMS = Number(process.env['SIM_PROGRAMS'] ?? 30);
const PACKETS = 20;

const ports = (): SimPort[] => [
  ...PORTS.map((ofport) => ({ ofport, name: `p${ofport}`, kind: 'vm' as const, up: true })),
  { ofport: PORT.local, name: 'br0', kind: 'local', up: true },
];

const pathOf = ({ flows, outputs }: Pass | OurPass) => ({ flows, outputs });

type OurPass = Omit<Pass, 'final'> & { readonly key: FlowKey };

/** Our passes breadth first, as ofproto/trace lists them. */
function passesOf({ steps, final }: Execution): OurPass[] {
  const passes: { flows: string[]; outputs: number[]; failed: boolean; children: number[] }[] = [];
  let forkOf: number | null = null;
  for (const step of steps) {
    let pass = passes[step.pass];
    if (pass === undefined) {
      pass = { flows: [], outputs: [], failed: false, children: [] };
      passes[step.pass] = pass;
      if (forkOf !== null) passes[forkOf]?.children.push(step.pass);
    }
    forkOf = null;
    if (step.kind === 'table') {
      pass.flows.push(`${step.table}:${step.flow === null ? 'none' : step.flow.cookie}`);
    } else if (step.kind === 'output') pass.outputs.push(step.port);
    else if (step.kind === 'error') pass.failed = true;
    else if (step.kind === 'conntrack' && step.table !== null) forkOf = step.pass;
  }
  const order = [0];
  for (const number of order) order.push(...(passes[number]?.children ?? []));
  return order.map((number) => {
    const { flows = [], outputs = [] } = passes[number] ?? {};
    return { flows, outputs, key: final[number] ?? newKey() };
  });
}

const COMPARED = (
  'reg0 reg1 reg2 reg3 reg4 reg5 reg12 reg13 metadata in_port tun_id ct_mark eth_src eth_dst ' +
  'eth_type vlan_tci ip_src ip_dst ipv6_src ipv6_dst ip_proto ip_dscp nw_ttl tcp_src tcp_dst'
).split(' ');

const fieldsOf = (key: FlowKey) =>
  Object.fromEntries(COMPARED.map((name) => [name, readField(key, field(name))]));

const WORDS =
  /^(arp|ip|icmp|tcp|udp|ipv6|icmp6|tcp6|udp6|(xx?)?reg\d+|metadata|in_port|tun_id|vlan_tci|dl_\w+|arp_\w+|nw_\w+|ipv6_\w+|tp_\w+|icmp_\w+|nd_\w+|ct_mark)$/;
const SECOND_VLAN = /^dl_vlan(_pcp)?1$/;

/** A final flow, without what is no field of a packet here. */
function packetOf(text: string): FlowKey {
  const parts = text.split(',').filter((part) => {
    const name = part.replace(/=.*/, '');
    return WORDS.test(name) && !SECOND_VLAN.test(name);
  });
  return parsePacket(parts.join(','));
}

interface Texts {
  readonly flows: readonly { readonly text: string }[];
  readonly groups: readonly { readonly text: string }[];
}

interface Case {
  readonly name: string;
  readonly flows: readonly string[];
  readonly groups?: readonly string[];
  readonly packets: readonly string[];
}

const times = (count: number, action: string) =>
  Array.from({ length: count }, () => action).join(',');
const IP_PACKET = 'icmp,in_port=1,ip_src=10.0.0.1,ip_dst=10.0.0.2,nw_ttl=64,icmp_type=8';

/** What random pipelines hardly come upon. */
const CASES: readonly Case[] = [
  {
    name: 'nesting beyond the limit voids what was put out before',
    flows: ['table=0,cookie=1,actions=output:2,resubmit(,0)'],
    packets: [IP_PACKET],
  },
  {
    name: 'goto_table and forward resubmits nest nothing',
    flows: [
      ...Array.from(
        { length: 80 },
        (_, table) => `table=${table},cookie=${table + 1},actions=goto_table:${table + 1}`,
      ),
      ...Array.from(
        { length: 80 },
        (_, n) => `table=${n + 80},cookie=${n + 81},actions=resubmit(,${n + 81})`,
      ),
      'table=160,cookie=161,actions=output:2',
    ],
    packets: [IP_PACKET],
  },
  {
    name: 'buckets nest',
    flows: ['table=0,cookie=1,actions=group:1', 'table=1,cookie=2,actions=output:2,group:1'],
    groups: ['group_id=1,type=all,bucket=bucket_id:1,actions=resubmit(,1)'],
    packets: [IP_PACKET],
  },
  {
    name: 'too many resubmits',
    flows: [0, 1, 2, 3].map(
      (table) =>
        `table=${table},cookie=${table + 1},actions=${table === 3 ? 'output:2' : times(17, `resubmit(,${table + 1})`)}`,
    ),
    packets: [IP_PACKET],
  },
  {
    name: 'a field that the packet lacks is not set',
    flows: [
      'table=0,cookie=1,actions=group:1',
      'table=1,cookie=2,priority=2,arp,arp_tpa=10.0.0.9,actions=output:2',
      'table=1,cookie=3,priority=1,actions=output:3',
    ],
    groups: [
      'group_id=1,type=all,bucket=bucket_id:1,actions=set_field:10.0.0.9->ip_dst,resubmit(,1)',
    ],
    packets: ['arp,in_port=1,arp_op=1,arp_tpa=10.0.0.1', IP_PACKET],
  },
  {
    name: 'a conjunction without a flow for its id falls back',
    flows: [
      'table=0,cookie=1,priority=10,ip,ip_src=10.0.0.1,actions=conjunction(5,1/2)',
      'table=0,cookie=2,priority=10,ip,ip_dst=10.0.0.2,actions=conjunction(5,2/2)',
      'table=0,cookie=3,priority=5,ip,ip_src=10.0.0.1,actions=output:2',
      'table=0,cookie=4,priority=4,ip,actions=output:3',
    ],
    packets: [IP_PACKET, IP_PACKET.replace('ip_src=10.0.0.1', 'ip_src=10.0.0.7')],
  },
  {
    name: 'a conjunction that nothing at all completes gives way too',
    flows: [
      'table=0,cookie=1,priority=10,ip,ip_src=10.0.0.1,actions=conjunction(5,1/2)',
      'table=0,cookie=2,priority=10,ip,ip_dst=10.0.0.2,actions=conjunction(5,2/2)',
      'table=0,cookie=3,priority=5,ip,ip_src=10.0.0.1,actions=output:2',
    ],
    packets: [IP_PACKET],
  },
  {
    name: 'a conjunction gives way to the next with the same match',
    flows: [
      'table=0,cookie=1,priority=10,ip,ip_src=10.0.0.1,actions=conjunction(5,1/2)',
      'table=0,cookie=2,priority=8,ip,ip_src=10.0.0.1,actions=conjunction(6,1/2)',
      'table=0,cookie=3,priority=8,ip,ip_dst=10.0.0.2,actions=conjunction(6,2/2)',
      'table=0,cookie=4,priority=8,ip,conj_id=6,actions=output:2',
      'table=0,cookie=5,priority=4,ip,ip_src=10.0.0.1,actions=output:3',
    ],
    packets: [IP_PACKET, IP_PACKET.replace('ip_dst=10.0.0.2', 'ip_dst=10.0.0.7')],
  },
  {
    name: 'a conjunction of three clauses, shared by two ids',
    flows: [
      'table=0,cookie=1,priority=10,tcp,ip_src=10.0.0.1,actions=conjunction(5,1/3),conjunction(6,1/3)',
      'table=0,cookie=2,priority=10,tcp,ip_dst=10.0.0.2,actions=conjunction(6,2/3)',
      'table=0,cookie=3,priority=10,tcp,ip_dst=10.0.0.3,actions=conjunction(5,2/3)',
      'table=0,cookie=4,priority=10,tcp,tcp_dst=0x50/0xfffe,actions=conjunction(5,3/3),conjunction(6,3/3)',
      'table=0,cookie=5,priority=10,conj_id=5,tcp,actions=output:2',
      'table=0,cookie=6,priority=10,conj_id=6,tcp,actions=output:3',
      'table=0,cookie=7,priority=1,actions=output:4',
    ],
    packets: ['10.0.0.2', '10.0.0.3', '10.0.0.4'].map(
      (to) => `tcp,in_port=1,ip_src=10.0.0.1,ip_dst=${to},tcp_dst=81`,
    ),
  },
  {
    name: 'a clone has an action set of its own',
    flows: [
      'table=0,cookie=1,actions=write_actions(output:2),goto_table:1',
      'table=1,cookie=2,actions=clone(output:3,set_field:7->reg0),output:4,clone(set_field:8->reg1,output:3)',
    ],
    packets: [IP_PACKET],
  },
  {
    name: 'a check of length runs the action set in its first outcome alone, and again behind it',
    flows: [
      'table=0,cookie=1,actions=write_actions(output:2),goto_table:1',
      'table=1,cookie=2,actions=check_pkt_larger(100)->NXM_NX_REG0[0],output:3',
    ],
    packets: [IP_PACKET],
  },
  {
    name: 'iter_hash halves its links as integers are',
    flows: [
      `table=0,cookie=1,actions=${[0, 30, 31, 32, 33].map((basis, reg) => `multipath(symmetric_l3,${basis},iter_hash,9,19,NXM_NX_REG${reg}[])`).join(',')},output:2`,
    ],
    packets: [IP_PACKET],
  },
  {
    name: 'an action set is executed in its own order',
    flows: ['table=0,cookie=1,actions=group:1', 'table=1,cookie=2,priority=1,actions=output:4'],
    groups: [
      'group_id=1,type=all,bucket=bucket_id:1,actions=output:2,set_field:5->reg0,output:3,bucket=bucket_id:2,actions=resubmit(,1),output:2,bucket=bucket_id:3,actions=set_field:1->reg1',
    ],
    packets: [IP_PACKET],
  },
  {
    name: 'of a fragment no table sees the ports',
    flows: [
      'table=0,cookie=1,priority=3,udp,udp_dst=53,actions=output:2',
      'table=0,cookie=2,priority=2,udp,udp_dst=0,actions=output:3',
      'table=0,cookie=3,priority=1,ip,ip_frag=later,actions=output:4',
    ],
    packets: ['no', 'first', 'later'].map(
      (frag) => `udp,in_port=1,ip_src=10.0.0.1,ip_dst=10.0.0.2,nw_ttl=9,udp_dst=53,ip_frag=${frag}`,
    ),
  },
  {
    name: 'an expired TTL ends the list that decrements it, not what called it',
    flows: [
      'table=0,cookie=1,ip,actions=resubmit(,1),output:2',
      'table=1,cookie=2,ip,actions=output:3,dec_ttl,output:4',
    ],
    packets: [IP_PACKET, IP_PACKET.replace('nw_ttl=64', 'nw_ttl=1')],
  },
  {
    name: 'two VLAN headers, the outer taken off',
    flows: [
      'table=0,cookie=1,actions=push_vlan:0x8100,set_field:4197->vlan_vid,push_vlan:0x8100,set_field:4101->vlan_vid,pop_vlan,goto_table:1',
      'table=1,cookie=2,priority=2,dl_vlan=101,actions=output:2,pop_vlan,goto_table:2',
      'table=2,cookie=3,priority=2,vlan_tci=0x0000/0x1fff,actions=output:3',
      'table=2,cookie=4,priority=1,actions=output:4',
    ],
    packets: [IP_PACKET],
  },
  {
    name: 'in_port 0 lets a packet out where it came in, until the group ends',
    flows: [
      'table=0,cookie=1,actions=output:1,group:1,output:1',
      'table=1,cookie=2,priority=2,in_port=0,actions=output:4',
      'table=1,cookie=3,priority=1,actions=load:0->NXM_OF_IN_PORT[],output:1,goto_table:2',
      'table=2,cookie=4,priority=2,in_port=1,actions=output:2',
      'table=2,cookie=5,priority=1,actions=output:3',
    ],
    groups: [
      'group_id=1,type=all,bucket=bucket_id:1,actions=resubmit(,1),bucket=bucket_id:2,actions=resubmit(0,1)',
    ],
    packets: [IP_PACKET],
  },
];

requireOrSkip('Open vSwitch', ovsAvailable)('ofproto/trace', () => {
  let sandbox: Sandbox;
  let unixctl: Unixctl;
  let stop: () => void;
  const odpPorts = new Map<number, number>();

  beforeAll(async () => {
    ({ sandbox, unixctl, stop } = await startTracedSwitch(PORTS));
    for (const { ofport, number } of datapathPorts(await unixctl.call('dpif/show'))) {
      odpPorts.set(number, ofport === 65534 ? PORT.local : ofport);
    }
  });

  afterAll(() => stop());

  function load({ flows, groups }: Texts): void {
    sandbox.ofctl(['del-flows', 'br0']);
    sandbox.ofctl(['-O', 'OpenFlow15', 'del-groups', 'br0']);
    const lines = (entries: Texts['flows']) => entries.map(({ text }) => `${text}\n`);
    sandbox.ofctl(['-O', 'OpenFlow15', 'add-groups', 'br0', '-'], lines(groups).join(''));
    sandbox.ofctl(['-O', 'OpenFlow15', 'add-flows', 'br0', '-'], lines(flows).join(''));
  }

  async function real(packet: string, state: string): Promise<Pass[]> {
    const next = packet.startsWith('arp') ? [] : ctNext(alike(state));
    return readTrace(await unixctl.call('ofproto/trace', 'br0', packet, ...next), odpPorts);
  }

  function ours(bridge: SimBridge, key: FlowKey, state: string): OurPass[] {
    const options = { conntrack: always(state), now: 0 };
    return passesOf(execute(bridge, key, options));
  }

  for (const { name, flows, groups = [], packets } of CASES) {
    it(name, async () => {
      const program = {
        flows: parseFlows(flows.join('\n')),
        groups: parseGroups(groups.join('\n')),
      };
      expect([...program.flows.errors, ...program.groups.errors]).toEqual([]);
      const text = (line: string) => ({ text: line, value: line });
      load({ flows: flows.map(text), groups: groups.map(text) });
      const bridge = new SimBridge('br0', ports());
      bridge.apply({ flows: program.flows.flows, groups: program.groups.groups, meters: [] });
      for (const packet of packets) {
        const expected = await real(packet, 'trk|new');
        const found = ours(bridge, parsePacket(packet), 'trk|new');
        expect(found.map(pathOf), packet).toEqual(expected.map(pathOf));
      }
    });
  }

  it(`agrees on ${PROGRAMS * PACKETS} packets (seed ${SEED})`, async () => {
    let outputs = 0;
    let forks = 0;
    let finals = 0;
    for (let index = 0; index < PROGRAMS; index += 1) {
      const random = new Random(SEED * 1000 + index);
      const program = randomProgram(random);
      load(program);
      const bridge = new SimBridge('br0', ports());
      bridge.apply({
        flows: program.flows.map(({ value }) => value),
        groups: program.groups.map(({ value }) => value),
        meters: [],
      });
      for (let number = 0; number < PACKETS; number += 1) {
        const packet = randomPacket(random);
        const state = random.pick(STATES);
        const expected = await real(packet.text, state);
        const found = ours(bridge, packet.value, state);
        const label = `seed ${SEED}, program ${index}: ${packet.text} --ct-next ${state}`;
        expect(found.map(pathOf), label).toEqual(expected.map(pathOf));
        for (const [pass, { final }] of expected.entries()) {
          if (final === null) continue;
          finals += 1;
          expect(fieldsOf(found[pass]?.key ?? newKey()), label).toEqual(fieldsOf(packetOf(final)));
        }
        outputs += expected.reduce((sum, pass) => sum + pass.outputs.length, 0);
        forks += expected.length - 1;
      }
    }
    // A comparison of nothing but drops would prove nothing.
    expect(outputs).toBeGreaterThan(PROGRAMS * 5);
    expect(finals).toBeGreaterThan(PROGRAMS * 5);
    expect(forks).toBeGreaterThan(PROGRAMS * 2);
  });
});
