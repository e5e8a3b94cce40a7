/**
 * The simulated switch against the real one: random pipelines in a dummy Open vSwitch, random
 * packets through `ofproto/trace`, the same flows in the same order and the same outputs in ours.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CT_STATE } from '../../src/openflow/build.ts';
import type { FlowKey } from '../../src/openflow/fields.ts';
import { PORT } from '../../src/openflow/flow.ts';
import { execute, SimBridge, type SimPort, type Step, type Tracker } from '../../src/sim/index.ts';
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

/** Our passes breadth first, as ofproto/trace lists them. */
function passesOf(steps: readonly Step[]): Pass[] {
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
    return { flows, outputs };
  });
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
    try {
      sandbox.ofctl(['-O', 'OpenFlow15', 'add-flows', 'br0', '-'], lines(flows).join(''));
    } catch (e) {
      const n = /-:(\d+):/.exec(String(e));
      if (n) console.log(flows[Number(n[1]) - 1]?.text);
      throw e;
    }
  }

  async function real(packet: string, state: string): Promise<Pass[]> {
    const next = Array.from({ length: MOST_FORKS }, () => ['--ct-next', state]).flat();
    const args = ['br0', packet, ...(packet.startsWith('arp') ? [] : next)];
    return readTrace(await unixctl.call('ofproto/trace', ...args), odpPorts);
  }

  function ours(bridge: SimBridge, key: FlowKey, state: string): Pass[] {
    const options = { conntrack: scripted(stateOf(state)), now: 0 };
    return passesOf(execute(bridge, key, options).steps);
  }

  it(`agrees on ${PROGRAMS * PACKETS} packets (seed ${SEED})`, async () => {
    let outputs = 0;
    let forks = 0;
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
        expect(found, `seed ${SEED}, program ${index}: ${packet.text} --ct-next ${state}`).toEqual(
          expected,
        );
        outputs += expected.reduce((sum, pass) => sum + pass.outputs.length, 0);
        forks += expected.length - 1;
      }
    }
    // A comparison of nothing but drops would prove nothing.
    expect(outputs).toBeGreaterThan(PROGRAMS * 5);
    expect(forks).toBeGreaterThan(PROGRAMS * 2);
  });
});
