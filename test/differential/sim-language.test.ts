/**
 * The simulated switch against the real one over the whole language: random pipelines of every
 * action and every field, as text in a dummy Open vSwitch and as its dump in ours.
 */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Unixctl, controlSocket } from '../../src/net/unixctl.ts';
import {
  loadBridge,
  parseCtState,
  readPacket,
  traceOffline,
  type LoadedBridge,
} from '../../src/trace/offline/index.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { flatten, readSections, type RealSection } from './offline-peer.ts';
import { dumpBridge } from './offline-switch.ts';
import { LANGUAGE_CASES } from './sim-language-cases.ts';
import { randomLanguage } from './sim-language.ts';
import { PORTS, TUNNELS } from './sim-language-values.ts';
import { Random } from './sim-random.ts';
import { ctNext, drawStates } from './sim-states.ts';
import { countRules, empty, equip, hasAborted, program } from './sim-switch.ts';

const SEED = Number(process.env['TIANCHI_SEED'] ?? 1);
const CASES = Number(process.env['TIANCHI_CASES'] ?? 1000);
/** How many seconds a run of many cases may go on for. */
const SECONDS = Number(process.env['SIM_SECONDS'] ?? 36_000);
/** Numbers of the programs to run, in place of the first ones. */
const ONLY = process.env['SIM_PROGRAMS']?.split(',').map(Number) ?? null;
/** Of a run that is to tell all that it finds, this many are told. */
const MOST_TOLD = 20;

/** Of a connection whose addresses and ports a header hides, a switch prints zeros now and then. */
const NO_TUPLE =
  /ct_(nw|ipv6)_(src|dst)=(0\.0\.0\.0|::),|ct_nw_proto=\d+,ct_tp_src=0,ct_tp_dst=0,/g;

/** All that both tell, but for what they number on their own. */
const simulated = (sections: readonly RealSection[]) =>
  sections.map(({ path, finalFlow, datapathActions }) => ({
    path,
    finalFlow: finalFlow.replaceAll(NO_TUPLE, '').replace(/recirc_id=\d+,/, ''),
    datapathActions,
  }));

requireOrSkip('Open vSwitch', ovsAvailable)('the language', () => {
  let sandbox: Sandbox;
  let unixctl: Unixctl;
  /** Flows of the switch's own. */
  let rules: number;

  async function start(): Promise<void> {
    sandbox = await startOvs();
    sandbox.addBridge('br0');
    // By their numbers: NORMAL floods in the order in which ports came.
    for (const port of PORTS) sandbox.addPort('br0', `p${port}`, port, ...(TUNNELS[port] ?? []));
    unixctl = new Unixctl(controlSocket(sandbox.dir));
    // Tunnels as the kernel has them: no route is looked up, and no second bridge crossed.
    await unixctl.call('dpif/set-dp-features', 'br0', 'tnl_push_pop', 'false');
    equip(sandbox, 'br0');
    rules = await countRules(unixctl);
  }

  function stop(): void {
    unixctl.close();
    sandbox.stop();
  }

  beforeAll(start);
  afterAll(stop);

  let refused = 0;
  /** Programs that ovs-vswitchd aborts at. */
  let aborted = 0;
  /** Lines of dumps that ours cannot read. */
  const unread: string[] = [];

  async function loaded(
    flows: readonly string[],
    groups: readonly string[],
  ): Promise<LoadedBridge> {
    await empty(sandbox, unixctl, ['br0'], rules);
    refused += program(sandbox, 'br0', flows, groups);
    const dumps = await dumpBridge(sandbox, unixctl, 'br0');
    const bridge = loadBridge({ ...dumps, skipBad: true });
    const lines = dumps.flows.text.split('\n');
    for (const bad of bridge.skipped) {
      const line = Number(/^flows:(\d+)/.exec(bad)?.[1]);
      unread.push(`${bad}\n${lines[line - 1] ?? ''}`);
    }
    return bridge;
  }

  /** Null where ovs-vswitchd aborts. */
  async function traced(
    cases: readonly { readonly text: string; readonly next: readonly string[] }[],
  ): Promise<readonly string[] | null> {
    try {
      return await Promise.all(
        cases.map(({ text, next }) => unixctl.call('ofproto/trace', 'br0', text, ...next)),
      );
    } catch (error) {
      if (!hasAborted(error)) throw error;
      aborted += 1;
      // One that starts over the same database has its ports in another order.
      stop();
      await start();
      return null;
    }
  }

  for (const { name, flows, groups = [], packets } of LANGUAGE_CASES) {
    it(name, async () => {
      refused = 0;
      const bridge = await loaded(flows, groups);
      expect(refused).toBe(0);
      for (const packet of packets) {
        const answer = await unixctl.call('ofproto/trace', 'br0', packet);
        const { section } = traceOffline(bridge, readPacket(packet, bridge.textOptions, null));
        expect(simulated(flatten(section)), answer).toEqual(simulated(readSections(answer)));
      }
    });
  }

  it(`agrees on ${CASES} random packets (seed ${SEED})`, { timeout: 36_000_000 }, async () => {
    const met = new Map<string, number>();
    const disagreements: string[] = [];
    const until = performance.now() + SECONDS * 1000;
    let done = 0;
    let programs = 0;
    for (; done < CASES && performance.now() < until && programs !== ONLY?.length; programs += 1) {
      const index = ONLY?.[programs] ?? programs;
      const random = new Random(SEED * 100_000 + index);
      const { flows, groups, packets, kinds } = randomLanguage(random);
      const bridge = await loaded(flows, groups);
      const cases = packets.map(({ text }) => {
        const states = drawStates(random);
        return { text, states, next: ctNext(states) };
      });
      const answers = await traced(cases);
      if (answers === null) continue;
      for (const [at, { text, states, next }] of cases.entries()) {
        const answer = answers[at] ?? '';
        const expected = readSections(answer);
        const key = readPacket(text, bridge.textOptions, null);
        const { section } = traceOffline(bridge, key, states.map(parseCtState));
        const label = `seed ${SEED}, program ${index}: ${text} ${next.join(' ')}\n${answer}`;
        const found = simulated(flatten(section));
        const wanted = simulated(expected);
        if (JSON.stringify(found) !== JSON.stringify(wanted)) {
          disagreements.push(
            `${label}\nOURS ${JSON.stringify(found, null, 1)}\nREAL ${JSON.stringify(wanted, null, 1)}`,
          );
        }
        done += 1;
        for (const { cookie } of expected.flatMap(({ path }) => path)) {
          for (const kind of kinds.get(BigInt(cookie ?? 0)) ?? []) {
            met.set(kind, (met.get(kind) ?? 0) + 1);
          }
        }
      }
    }
    if (process.env['SIM_OUT']) {
      writeFileSync(process.env['SIM_OUT'] + '.unread', unread.join('\n'));
      writeFileSync(process.env['SIM_OUT'], disagreements.join('\n#############\n'));
    }
    if (process.env['TIANCHI_CASES'] !== undefined) {
      const table = [...met].sort((a, b) => a[1] - b[1]).map(([kind, n]) => `${n}\t${kind}\n`);
      process.stdout.write(
        `${done} packets, ${programs} programs, ${refused} lines refused, ${aborted} programs that the switch aborted at, ${disagreements.length} disagree; flows met with\n${table.join('')}`,
      );
    }
    expect(unread).toEqual([]);
    expect(disagreements.slice(0, MOST_TOLD)).toEqual([]);
    // A comparison of nothing but drops would prove nothing.
    expect(met.size).toBeGreaterThan(50);
  });
});
