/**
 * The simulated switch against the real one: random pipelines in a dummy Open vSwitch, random
 * packets through `ofproto/trace`, the same flows in the same order and the same outputs in ours.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CT_STATE } from '../../src/openflow/build.ts';
import { field, type FlowKey } from '../../src/openflow/fields.ts';
import { PORT } from '../../src/openflow/flow.ts';
import { newKey, readField } from '../../src/openflow/key.ts';
import { parsePacket } from '../../src/openflow/text/index.ts';
import {
  execute,
  SimBridge,
  type Execution,
  type SimPort,
  type Tracker,
} from '../../src/sim/index.ts';
import { AT } from '../../src/sim/words.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { PORTS, randomPacket, randomProgram, type Program, type Written } from './sim-generator.ts';
import { Random } from './sim-random.ts';
import { readTrace, type Pass } from './sim-ofproto-trace.ts';
import { Unixctl } from './sim-unixctl.ts';

const SEED = Number(process.env['SIM_SEED'] ?? 1);
const PROGRAMS = Number(process.env['SIM_PROGRAMS'] ?? 30);
const PACKETS = 20;
/** Forks of one packet that get a state by `--ct-next`; more of them end the comparison. */
const MOST_FORKS = 60;

const STATES = ['trk,new', 'trk,est', 'trk,est,rpl', 'trk,inv', 'trk,rel'] as const;

const stateOf = (text: string): number =>
  text.split(',').reduce((bits, flag) => bits | CT_STATE[flag as keyof typeof CT_STATE], 0);

/** Finds `state` whatever the packet, and leaves mark and label as the action set them, as a trace does. */
const scripted = (state: number): Tracker => ({
  track(key, tracking, { zone }) {
    Object.assign(tracking, { state, zone, mark: key[AT.ctMark] });
  },
});

const ports = (): SimPort[] => [
  ...PORTS.map((ofport) => ({ ofport, name: `p${ofport}`, kind: 'vm' as const, up: true })),
  { ofport: PORT.local, name: 'br0', kind: 'local', up: true },
];

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

requireOrSkip('Open vSwitch', ovsAvailable)('ofproto/trace', () => {
  let sandbox: Sandbox;
  let unixctl: Unixctl;
  const odpPorts = new Map<number, number>();

  beforeAll(async () => {
    sandbox = await startOvs();
    sandbox.addBridge('br0');
    for (const port of PORTS) sandbox.addPort('br0', `p${port}`, port);
    unixctl = new Unixctl(sandbox);
    for (const line of (await unixctl.call('dpif/show')).split('\n')) {
      const numbers = / (\d+)\/(\d+): \(/.exec(line);
      if (numbers === null) continue;
      const ofport = Number(numbers[1]);
      odpPorts.set(Number(numbers[2]), ofport === 65534 ? PORT.local : ofport);
    }
  });

  afterAll(() => {
    unixctl.close();
    sandbox.stop();
  });

  function load({ flows, groups }: Program): void {
    sandbox.ofctl(['del-flows', 'br0']);
    sandbox.ofctl(['-O', 'OpenFlow15', 'del-groups', 'br0']);
    const lines = (entries: readonly Written<unknown>[]) => entries.map(({ text }) => `${text}\n`);
    sandbox.ofctl(['-O', 'OpenFlow15', 'add-groups', 'br0', '-'], lines(groups).join(''));
    sandbox.ofctl(['-O', 'OpenFlow15', 'add-flows', 'br0', '-'], lines(flows).join(''));
  }

  async function real(packet: string, state: string): Promise<Pass[]> {
    const next = Array.from({ length: MOST_FORKS }, () => ['--ct-next', state]).flat();
    const args = ['br0', packet, ...(packet.startsWith('arp') ? [] : next)];
    return readTrace(await unixctl.call('ofproto/trace', ...args), odpPorts);
  }

  function ours(bridge: SimBridge, key: FlowKey, state: string): OurPass[] {
    const options = { conntrack: scripted(stateOf(state)), now: 0 };
    return passesOf(execute(bridge, key, options));
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
        const path = ({ flows, outputs }: Pass | OurPass) => ({ flows, outputs });
        expect(found.map(path), label).toEqual(expected.map(path));
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
