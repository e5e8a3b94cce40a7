/**
 * Traces over dumped text against `ofproto/trace` of the switch that the text was dumped from: the
 * same flows in the same order, the same packet in the end, the same datapath actions, byte by byte.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parsePacket } from '../../src/openflow/text/index.ts';
import { Unixctl, controlSocket } from '../../src/net/unixctl.ts';
import {
  loadBridge,
  parseCtState,
  traceOffline,
  type LoadedBridge,
} from '../../src/trace/offline/index.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { flatten, outcomeOf, readSections } from './offline-peer.ts';
import { PORTS, randomPacket, randomProgram } from './sim-generator.ts';
import { Random } from './sim-random.ts';

const SEED = Number(process.env['SIM_SEED'] ?? 1);
const CASES = Number(process.env['TIANCHI_CASES'] ?? 100);
const PACKETS = 20;
/** Forks of one packet beyond which it is not compared: OVS would follow them without end. */
const MOST_FORKS = 60;
const STATES = [
  'trk|new',
  'trk|est',
  'trk|est|rpl',
  'trk|inv',
  'trk|rel',
  'trk|rpl|est|dnat',
] as const;

requireOrSkip('Open vSwitch', ovsAvailable)('traces over dumped text', () => {
  let sandbox: Sandbox;
  let unixctl: Unixctl;

  beforeAll(async () => {
    sandbox = await startOvs();
    sandbox.addBridge('br0');
    for (const port of PORTS) sandbox.addPort('br0', `p${port}`, port);
    unixctl = new Unixctl(controlSocket(sandbox.dir));
  });

  afterAll(() => {
    unixctl.close();
    sandbox.stop();
  });

  function program(flows: readonly string[], groups: readonly string[]): void {
    sandbox.ofctl(['del-flows', 'br0']);
    sandbox.ofctl(['-O', 'OpenFlow15', 'del-groups', 'br0']);
    const lines = (texts: readonly string[]) => texts.map((text) => `${text}\n`).join('');
    sandbox.ofctl(['-O', 'OpenFlow15', 'add-groups', 'br0', '-'], lines(groups));
    sandbox.ofctl(['-O', 'OpenFlow15', 'add-flows', 'br0', '-'], lines(flows));
  }

  /** What a user would have: the three dumps as they are. */
  async function dumped(): Promise<LoadedBridge> {
    const flows = sandbox.ofctl(['-O', 'OpenFlow13', '--no-names', 'dump-flows', 'br0']);
    const groups = sandbox.ofctl(['-O', 'OpenFlow15', '--no-names', 'dump-groups', 'br0']);
    const ports = await unixctl.call('dpif/show');
    return loadBridge({
      flows: { name: 'flows', text: flows },
      groups: { name: 'groups', text: groups },
      ports: { name: 'ports', text: ports },
    });
  }

  async function compare(
    bridge: LoadedBridge,
    packet: string,
    states: readonly string[],
    label: string,
  ) {
    const next = states.flatMap((state) => ['--ct-next', state.replaceAll('|', ',')]);
    const text = await unixctl.call('ofproto/trace', 'br0', packet, ...next);
    const expected = readSections(text);
    const { section } = traceOffline(bridge, parsePacket(packet), states.map(parseCtState));
    const found = flatten(section);
    expect(found, `${label}\n${text}`).toEqual(expected);
    expect(section.outcome, `${label}\n${text}`).toBe(outcomeOf(expected));
    return { sections: expected.length, outcome: section.outcome };
  }

  it(`agrees on ${CASES} random packets (seed ${SEED})`, async () => {
    const outcomes = new Map<string, number>();
    let forks = 0;
    for (let index = 0; index * PACKETS < CASES; index += 1) {
      const random = new Random(SEED * 1000 + index);
      const { flows, groups } = randomProgram(random);
      program(
        flows.map(({ text }) => text),
        groups.map(({ text }) => text),
      );
      const bridge = await dumped();
      for (let number = 0; number < PACKETS; number += 1) {
        const packet = randomPacket(random);
        const state = random.pick(STATES);
        const states = Array.from({ length: MOST_FORKS }, () => state);
        const label = `seed ${SEED}, program ${index}, packet ${number}: ${packet.text} --ct-next ${state}`;
        const { sections, outcome } = await compare(bridge, packet.text, states, label);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        forks += sections - 1;
      }
    }
    // A comparison of nothing but drops would prove nothing.
    expect(outcomes.get('output')).toBeGreaterThan(CASES / 8);
    expect(forks).toBeGreaterThan(CASES / 10);
  });
});
