/**
 * Two bridges that patch ports lead between, each with a random pipeline of the whole language: the
 * same flows in the same order and the same outputs as `ofproto/trace` of a real switch tells.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Unixctl, controlSocket } from '../../src/net/unixctl.ts';
import { Conntrack, execute, type Execution } from '../../src/sim/index.ts';
import {
  loadBridge,
  parseCtState,
  readPacket,
  type LoadedBridge,
} from '../../src/trace/offline/index.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { readSections } from './offline-peer.ts';
import { dumpBridge } from './offline-switch.ts';
import { randomLanguage } from './sim-language.ts';
import { PLAIN_PORTS, PORTS, TUNNEL_PORTS } from './sim-language-values.ts';
import { datapathOutputs, datapathPorts } from './sim-ofproto-trace.ts';
import { Random } from './sim-random.ts';
import { ctNext, drawStates } from './sim-states.ts';
import { countRules, empty, equip, hasAborted, program } from './sim-switch.ts';

const SEED = Number(process.env['TIANCHI_SEED'] ?? 1);
const CASES = Number(process.env['TIANCHI_CASES'] ?? 180);
/** The port of the first bridge that leads into the second. */
const [LEADING] = TUNNEL_PORTS;
/**
 * The port by which packets come into the second bridge, in place of a port whose slot it has in the
 * switch's hash table: the order of a flood can be told. No flow of it puts out to that port by its
 * number: packets that go back and forth would fork without end.
 */
const [ENTRY, REPLACED] = [36, 12];
const BEYOND = [...PORTS.filter((port) => port !== REPLACED), ENTRY];
/** Each bridge's ports by number, and which of them leads to the other bridge. */
const BRIDGES = [
  { bridge: 'br0', numbers: PORTS, patch: LEADING, peer: `br1p${ENTRY}` },
  { bridge: 'br1', numbers: BEYOND, patch: ENTRY, peer: `br0p${LEADING}` },
] as const;
/** The cookies of the second bridge come after so many. */
const COOKIES = 0x1000;

const UDP =
  'udp,in_port=1,eth_src=02:00:00:00:00:01,eth_dst=02:00:00:00:00:02,ip_src=10.0.0.1,ip_dst=10.0.0.2,nw_ttl=64,udp_src=7,udp_dst=9';

interface Lines {
  readonly flows: readonly string[];
  readonly groups?: readonly string[];
}

/** The flows of the bridge at the place `at`, with cookies that no other bridge's flows have. */
const renumbered = (flows: readonly string[], at: number): string[] =>
  flows.map((line) =>
    line.replace(
      /(?<=cookie=)0x[0-9a-f]+/,
      (cookie) => `0x${(Number(cookie) + at * COOKIES).toString(16)}`,
    ),
  );

/** Flows and outputs of one pass. Of a miss in the second bridge the switch shows a flow of its own, without a cookie. */
interface Course {
  readonly flows: string[];
  readonly outputs: string[];
}

/** Breadth first. */
function coursesOf({ steps, failures }: Execution): Course[] {
  const courses: (Course & { readonly forks: number[] })[] = [];
  const bridges: string[] = ['br0'];
  for (const step of steps) {
    const course = (courses[step.pass] ??= { flows: [], outputs: [], forks: [] });
    if (step.kind === 'bridge') bridges[step.pass] = step.bridge;
    else if (step.kind === 'table') {
      course.flows.push(`${step.table}:${step.flow === null ? 'none' : step.flow.cookie}`);
    } else if (step.kind === 'output') {
      course.outputs.push(`${bridges[step.pass]}:${step.port & 0xffff}`);
    } else if (step.kind === 'conntrack' && step.fork !== null) {
      course.forks.push(step.fork);
      bridges[step.fork] = bridges[step.pass] ?? '';
    }
  }
  const order = [0];
  for (const pass of order) order.push(...(courses[pass]?.forks ?? []));
  return order.map((pass) => {
    const { flows = [], outputs = [] } = courses[pass] ?? {};
    return { flows, outputs: (failures[pass] ?? null) === null ? outputs : [] };
  });
}

requireOrSkip('Open vSwitch', ovsAvailable)('patch ports', () => {
  let sandbox: Sandbox;
  let unixctl: Unixctl;
  let rules: number;
  /** By the datapath's number. */
  const names = new Map<number, string>();

  async function start(): Promise<void> {
    sandbox = await startOvs();
    for (const { bridge, numbers, patch, peer } of BRIDGES) {
      sandbox.addBridge(bridge);
      // By their numbers: NORMAL floods in the order in which ports came.
      for (const port of numbers) {
        const options = port === patch ? ['patch', `options:peer=${peer}`] : [];
        sandbox.addPort(bridge, `${bridge}p${port}`, port, ...options);
      }
      equip(sandbox, bridge);
    }
    unixctl = new Unixctl(controlSocket(sandbox.dir));
    names.clear();
    for (const { bridge, ofport, number } of datapathPorts(await unixctl.call('dpif/show'))) {
      names.set(number, `${bridge}:${ofport}`);
    }
    rules = await countRules(unixctl);
  }

  function stop(): void {
    unixctl.close();
    sandbox.stop();
  }

  beforeAll(start);
  afterAll(stop);

  /** Programs each bridge with flows and groups of its own. */
  async function load(programs: readonly Lines[]): Promise<LoadedBridge[]> {
    const bridges = BRIDGES.map(({ bridge }) => bridge);
    await empty(sandbox, unixctl, bridges, rules);
    return Promise.all(
      BRIDGES.map(async ({ bridge }, at) => {
        const { flows = [], groups = [] } = programs[at] ?? {};
        program(sandbox, bridge, flows, groups);
        return loadBridge(await dumpBridge(sandbox, unixctl, bridge));
      }),
    );
  }

  /** Takes a packet through both, and has them agree; null where ovs-vswitchd aborts. */
  async function compare(
    loaded: readonly LoadedBridge[],
    packet: string,
    states: readonly string[],
    label: string,
  ): Promise<{ readonly found: Execution; readonly courses: readonly Course[] } | null> {
    const [first] = loaded;
    if (first === undefined) throw new RangeError('no bridge');
    const next = ctNext(states);
    let answer: string;
    try {
      answer = await unixctl.call('ofproto/trace', 'br0', packet, ...next);
    } catch (error) {
      if (!hasAborted(error)) throw error;
      // One that starts over the same database has its ports in another order.
      stop();
      await start();
      return null;
    }
    const found = execute(first.sim, readPacket(packet, first.textOptions, null), {
      conntrack: new Conntrack(),
      now: 0,
      ctNext: states.map(parseCtState),
      imitate: true,
      bridges: new Map(loaded.map(({ sim }) => [sim.name, sim])),
    });
    const courses = readSections(answer).map(({ path, datapathActions }): Course => ({
      flows: path.map(({ table, cookie }) => `${table}:${Number(cookie) || 'none'}`),
      outputs: datapathOutputs(datapathActions).map((port) => names.get(port) ?? ''),
    }));
    expect(coursesOf(found), `${label}: ${packet} ${next.join(' ')}\n${answer}`).toEqual(courses);
    return { found, courses };
  }

  it('leave the connection behind at the port, and have it back behind the way there', async () => {
    const loaded = await load([
      {
        flows: [
          `cookie=0x1,udp,actions=output:${LEADING},resubmit(,1)`,
          'table=1,cookie=0x2,udp,ct_state=+trk,ct_zone=1,ct_mark=5,actions=output:3',
        ],
      },
      {
        flows: [
          ...['ct_state=+trk', 'ct_zone=1', 'ct_mark=5'].map(
            (term, index) => `cookie=0x10,priority=${index + 2},udp,${term},actions=output:1`,
          ),
          'cookie=0x11,priority=1,udp,actions=output:2',
        ],
      },
    ]);
    const met = await compare(loaded, `${UDP},ct_state=trk|est,ct_zone=1,ct_mark=5`, [], '');
    expect(met?.courses).toEqual([{ flows: ['0:1', '0:17', '1:2'], outputs: ['br1:2', 'br0:3'] }]);
  });

  it('take a packet without an Ethernet header', async () => {
    const loaded = await load([
      { flows: [`cookie=0x1,udp,actions=encap(nsh),output:${LEADING},output:3`] },
      {
        flows: [
          'cookie=0x10,priority=2,udp,actions=output:1',
          'cookie=0x11,priority=1,packet_type=(1,0x894f),actions=encap(ethernet),output:2',
        ],
      },
    ]);
    const met = await compare(loaded, UDP, [], '');
    expect(met?.courses).toEqual([{ flows: ['0:1', '0:17'], outputs: ['br1:2'] }]);
  });

  it(`agree on ${CASES} random packets (seed ${SEED})`, { timeout: 36_000_000 }, async () => {
    let done = 0;
    let crossings = 0;
    const beyond = new Set<string>();
    for (let index = 0; done < CASES && index < CASES; index += 1) {
      const random = new Random(SEED * 100_000 + index);
      const programs = BRIDGES.map(() => randomLanguage(random));
      const loaded = await load(
        programs.map(({ flows, groups }, at) => ({ flows: renumbered(flows, at), groups })),
      );
      for (const { text } of programs[0]?.packets ?? []) {
        const met = await compare(loaded, text, drawStates(random), `program ${index}`);
        if (met === null) break;
        const { found, courses } = met;
        done += 1;
        for (const step of found.steps) if (step.kind === 'bridge') crossings += 1;
        for (const { outputs } of courses) {
          for (const port of outputs) if (port.startsWith('br1')) beyond.add(port);
        }
      }
    }
    expect(crossings).toBeGreaterThan(CASES / 2);
    expect(beyond.size).toBeGreaterThanOrEqual(PLAIN_PORTS.length);
  });
});
