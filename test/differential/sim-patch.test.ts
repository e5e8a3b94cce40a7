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
import { randomLanguage, type Packet } from './sim-language.ts';
import { PLAIN_PORTS, PORTS, TLV_MAP, TUNNEL_PORTS } from './sim-language-values.ts';
import { datapathOutputs } from './sim-ofproto-trace.ts';
import { Random } from './sim-random.ts';
import { countRules, empty, program } from './sim-switch.ts';

const SEED = Number(process.env['TIANCHI_SEED'] ?? 1);
const CASES = Number(process.env['TIANCHI_CASES'] ?? 180);
const STATES = ['trk|new', 'trk|est', 'trk|est|rpl', 'trk|inv', 'trk|rel'] as const;
const FORKS = 12;
/** The port of the first bridge that leads into the second. */
const [LEADING] = TUNNEL_PORTS;
/**
 * The port by which packets come into the second bridge. No flow of it puts out to that port by its
 * number: packets that go back and forth would fork without end.
 */
const ENTRY = 21;
/** Each bridge's ports by number, and which of them leads to the other bridge. */
const BRIDGES = [
  { bridge: 'br0', numbers: PORTS, patch: LEADING, peer: `br1p${ENTRY}` },
  { bridge: 'br1', numbers: [...PORTS, ENTRY], patch: ENTRY, peer: `br0p${LEADING}` },
] as const;
/** The cookies of the second bridge come after so many. */
const COOKIES = 0x1000;

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
  let ports: string;
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
      for (const option of TLV_MAP) sandbox.ofctl(['add-tlv-map', bridge, option]);
      for (const id of [1, 2]) {
        const meter = `meter=${id},pktps,bands=type=drop,rate=100`;
        sandbox.ofctl(['-O', 'OpenFlow13', 'add-meter', bridge, meter]);
      }
    }
    unixctl = new Unixctl(controlSocket(sandbox.dir));
    const shown = await unixctl.call('dpif/show');
    ports = TLV_MAP.map((option) => `# tlv-map ${option}\n`).join('') + shown;
    let bridge = '';
    for (const line of shown.split('\n')) {
      bridge = /^ {2}(\w+):$/.exec(line)?.[1] ?? bridge;
      const numbers = / (\d+)\/(\d+): \(/.exec(line);
      if (numbers !== null) names.set(Number(numbers[2]), `${bridge}:${numbers[1]}`);
    }
    rules = await countRules(unixctl);
  }

  function stop(): void {
    unixctl.close();
    sandbox.stop();
  }

  beforeAll(start);
  afterAll(stop);

  /** Programs each bridge. */
  async function load(random: Random): Promise<[LoadedBridge[], readonly Packet[]]> {
    let packets: readonly Packet[] = [];
    for (const { bridge } of BRIDGES) await empty(sandbox, unixctl, bridge, rules);
    const loaded = BRIDGES.map(({ bridge }) => {
      const drawn = randomLanguage(random);
      if (bridge === 'br0') ({ packets } = drawn);
      const flows = drawn.flows.map((line) =>
        line.replace(/(?<=cookie=)0x[0-9a-f]+/, (cookie) =>
          bridge === 'br0' ? cookie : `0x${(Number(cookie) + COOKIES).toString(16)}`,
        ),
      );
      program(sandbox, bridge, flows, drawn.groups);
      const dump = (command: string, version: string) =>
        sandbox.ofctl(['-O', version, '--no-names', command, bridge]);
      return loadBridge({
        bridge,
        flows: { name: 'flows', text: dump('dump-flows', 'OpenFlow13') },
        groups: { name: 'groups', text: dump('dump-groups', 'OpenFlow15') },
        ports: { name: 'ports', text: ports },
      });
    });
    return [loaded, packets];
  }

  it(`agree on ${CASES} random packets (seed ${SEED})`, { timeout: 36_000_000 }, async () => {
    let done = 0;
    let crossings = 0;
    const beyond = new Set<string>();
    for (let index = 0; done < CASES; index += 1) {
      const random = new Random(SEED * 100_000 + index);
      const [loaded, packets] = await load(random);
      const [first] = loaded;
      if (first === undefined) throw new Error('no bridge');
      const bridges = new Map(loaded.map(({ sim }) => [sim.name, sim]));
      for (const { text } of packets) {
        const states = Array.from({ length: FORKS }, () => random.pick(STATES));
        const next = states.flatMap((state) => ['--ct-next', state.replaceAll('|', ',')]);
        const answer = await unixctl.call('ofproto/trace', 'br0', text, ...next);
        const ctNext = states.map(parseCtState);
        const options = { conntrack: new Conntrack(), now: 0, ctNext, imitate: true, bridges };
        const found = execute(first.sim, readPacket(text, first.textOptions, null), options);
        const expected = readSections(answer).map(({ path, datapathActions }): Course => ({
          flows: path.map(({ table, cookie }) => `${table}:${Number(cookie) || 'none'}`),
          outputs: datapathOutputs(datapathActions).map((port) => names.get(port) ?? ''),
        }));
        expect(coursesOf(found), `program ${index}: ${text} ${next.join(' ')}\n${answer}`).toEqual(
          expected,
        );
        done += 1;
        for (const step of found.steps) if (step.kind === 'bridge') crossings += 1;
        for (const { outputs } of expected) {
          for (const port of outputs) if (port.startsWith('br1')) beyond.add(port);
        }
      }
    }
    expect(crossings).toBeGreaterThan(CASES / 2);
    expect(beyond.size).toBeGreaterThanOrEqual(PLAIN_PORTS.length);
  });
});
