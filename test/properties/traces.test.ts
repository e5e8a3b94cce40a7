/**
 * What a trace says, held against a page of plain rules: the verdict, the reason, the way back, and
 * that its fix cures. By intent and over live switches the answers are the same.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Topology } from '../../src/model/topology.ts';
import { formatFlow, formatGroup, formatMeter } from '../../src/openflow/text/index.ts';
import { BRIDGES } from '../../src/pipeline/compiler.ts';
import { protocolNumber } from '../../src/trace/probe.ts';
import type { Leg, Trace } from '../../src/trace/types.ts';
import { judge, TRACKED, type Judgement, type Obstacle, type Packet } from '../support/oracle.ts';
import { answerOf } from '../support/packets.ts';
import { question, questionWith, type Question } from '../support/questions.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { Random } from '../support/random.ts';
import { requireOrSkip } from '../support/require.ts';
import { World } from '../support/topology/world.ts';
import { copyOf, liveNodes, Operator, tracerOf } from '../support/trace-bench.ts';

const TRACES = Number(process.env['TIANCHI_TRACES'] ?? 300);
const SEED = Number(process.env['TIANCHI_SEED'] ?? 20231112);
/** Obstacles of the packets that are traced in each world. */
const WANTED = [0, 0, 0, 1, 1, 2] as const;

const worldOf = (seed: number): World =>
  new World(seed, { nodes: 3, vpcs: 2, ports: 14, groups: 4, rules: 30 });

/** What a trace may say where this is the first thing in the way. */
const REASONS: Readonly<Record<Obstacle, readonly string[]>> = {
  'sender not on a node': ['port_unbound', 'port_down'],
  'not the address of the sender': ['source_not_allowed'],
  'no egress rule': ['no_egress_rule'],
  'a gateway answers ping alone': ['gateway_only_answers_ping'],
  'nobody has the address': ['no_route', 'no_such_address', 'no_gateway', 'other_vpc'],
  'receiver not on a node': ['port_unbound', 'port_down'],
  'to itself': ['returns_to_sender'],
  'no ingress rule': ['no_ingress_rule'],
};

const ELSEWHERE: ReadonlySet<string> = new Set(['other_vpc', 'delivered_elsewhere']);

/** The traced packet as the oracle takes it. */
function packetOf({ from, to, probe }: Trace): Packet {
  const v6 = probe.family === 6;
  return {
    port: from.port?.id ?? '',
    mac: from.port?.mac ?? '',
    source: from.address,
    destination: to.address,
    protocol: protocolNumber(probe),
    sourcePort: probe.source_port,
    destinationPort: probe.destination_port,
    icmp: probe.protocol.startsWith('icmp') ? { type: v6 ? 128 : 8, code: 0 } : null,
  };
}

/** Complaints about the first leg. */
function aboutRequest(
  topology: Topology,
  asked: Question,
  trace: Trace,
  judgement: Judgement,
): string[] {
  const meant = topology.get('port', asked.to);
  const [first] = judgement.obstacles;
  const code = trace.reason?.code ?? 'delivered';
  // Named as a port, its address may be another's in the sender's VPC.
  if (meant !== undefined && ELSEWHERE.has(code)) {
    return judgement.to?.id === meant.id ? [`expected ${first ?? 'delivered'}, ${code}`] : [];
  }
  if (first === undefined) return code === 'delivered' ? [] : [`expected delivered, ${code}`];
  if (trace.verdict !== 'dropped') return [`expected dropped: ${judgement.obstacles.join()}`];
  return REASONS[first].includes(code) ? [] : [`expected ${first}, ${code}`];
}

/** Complaints about the legs that follow a delivered request. */
function aboutConnection(
  topology: Topology,
  trace: Trace,
  packet: Packet,
  { to, gateway }: Judgement,
): string[] {
  const [, reply, again, ...more] = trace.legs;
  if (gateway) {
    const verdicts = trace.legs.map(({ verdict }) => verdict).join();
    const answered = verdicts === 'delivered,delivered,delivered' && reply?.hops.length === 0;
    return answered && trace.to.gateway === true ? [] : [`a gateway's ping: ${verdicts}`];
  }
  if (to === undefined || reply === undefined || again === undefined || more.length > 0) {
    return [`${trace.legs.length} legs`];
  }
  const shape = (leg: Leg) => `${leg.direction} ${leg.connection}`;
  const shapes = [shape(reply), shape(again)].join();
  const back = judge(topology, answerOf(packet, to));
  const answers = !back.obstacles.includes('not the address of the sender');
  const tracked = TRACKED.includes(packet.protocol);
  const expected = answers && (tracked || back.obstacles.length === 0);
  return [
    ...(shapes === 'reply established,request established' ? [] : [`legs ${shapes}`]),
    ...((reply.verdict === 'delivered') === expected
      ? []
      : [`reply ${reply.verdict}, ${back.obstacles.join()} ${reply.reason?.code}`]),
    ...(again.verdict === 'delivered' ? [] : [`established ${again.reason?.code}`]),
  ];
}

/** Complaints about a fix: run as printed, the same trace must say delivered. */
async function aboutFix(topology: Topology, asked: Question, trace: Trace): Promise<string[]> {
  if (trace.fix.length === 0) {
    const rules = ['no_egress_rule', 'no_ingress_rule'].includes(trace.reason?.code ?? '');
    const { obstacles } = judge(topology, packetOf(trace));
    const only = obstacles.every((it) => it === 'no egress rule' || it === 'no ingress rule');
    const exact = topology.get('port', asked.to) !== undefined;
    return rules && only && exact && judge(topology, packetOf(trace)).to?.id === asked.to
      ? [`no fix for ${obstacles.join()}`]
      : [];
  }
  const cured = copyOf(topology);
  const operator = new Operator(cured);
  for (const command of trace.fix) operator.run(command);
  const after = await tracerOf(cured)({ ...asked, source: 'live' });
  return after.verdict === 'delivered'
    ? []
    : [`the fix leaves ${after.reason?.code}: ${trace.fix.join('; ')}`];
}

const seen = new Map<string, number>();
const count = (what: string): void => {
  seen.set(what, (seen.get(what) ?? 0) + 1);
};

async function complaints(seed: number): Promise<string[]> {
  const { topology } = worldOf(seed);
  const ask = tracerOf(topology);
  const random = new Random(seed ^ 0x7ace);
  const found: string[] = [];
  for (const wanted of WANTED) {
    const asked = questionWith(wanted, random, topology);
    const intent = await ask({ ...asked, source: 'intent' });
    const live = await ask({ ...asked, source: 'live' });
    const told: string[] = [];
    if (JSON.stringify({ ...live, source: '' }) !== JSON.stringify({ ...intent, source: '' })) {
      told.push('live and intent differ');
    }
    count(live.reason?.code ?? 'delivered');
    if (live.reason?.code === 'families_differ') continue;
    const packet = packetOf(live);
    const judgement = judge(topology, packet);
    told.push(...aboutRequest(topology, asked, live, judgement));
    if (judgement.gateway && live.verdict === 'delivered') count('gateway pinged');
    if (live.verdict === 'delivered')
      told.push(...aboutConnection(topology, live, packet, judgement));
    else if (live.legs.length !== 1) told.push(`${live.legs.length} legs of a dropped request`);
    if (live.fix.length > 0) count('fix');
    told.push(...(await aboutFix(topology, asked, live)));
    found.push(
      ...told.map(
        (it) =>
          `seed ${seed} ${JSON.stringify(asked)} (${packet.source} to ${packet.destination}): ${it}`,
      ),
    );
  }
  return found;
}

describe('traces of random worlds', () => {
  it(`say of ${TRACES} packets what a page of plain rules says, and cure what they can`, async () => {
    const found: string[] = [];
    for (let seed = SEED; seed < SEED + TRACES / WANTED.length; seed += 1)
      found.push(...(await complaints(seed)));
    process.stdout.write(
      `traces: ${[...seen].map(([what, times]) => `${what} ${times}`).join(', ')}\n`,
    );
    expect(found).toEqual([]);
  }, 300_000);

  it('met most reasons, and found many fixes', () => {
    const wanted = [
      'delivered',
      'fix',
      'no_egress_rule',
      'no_ingress_rule',
      'port_unbound',
      'port_down',
      'other_vpc',
      'no_such_address',
      'gateway pinged',
      'gateway_only_answers_ping',
    ];
    expect(wanted.filter((what) => (seen.get(what) ?? 0) < TRACES / 100)).toEqual([]);
  });
});

requireOrSkip('Open vSwitch', ovsAvailable)('the hops of a trace', () => {
  let ovs: Sandbox;
  beforeAll(async () => {
    ovs = await startOvs();
    for (const bridge of BRIDGES) ovs.addBridge(bridge);
  });
  afterAll(() => ovs.stop());

  const FLOW =
    /^ cookie=(\w+),.* table=(\d+),.* n_bytes=\d+, (?:priority=(\d+),?)?(\S*) actions=(.*)$/;

  it.each([SEED, SEED + 1])('are told as a real switch tells them (world %i)', async (seed) => {
    const { topology } = worldOf(seed);
    const nodes = liveNodes(topology);
    const ask = tracerOf(topology, nodes);
    const told = new Map<string, Set<string>>();
    for (const [name, { sim }] of nodes) {
      for (const bridge of BRIDGES) {
        const { flows, groups, meters } = sim.bridges[bridge].program();
        ovs.ofctl(['-O', 'OpenFlow15', 'del-flows', bridge]);
        ovs.ofctl(['-O', 'OpenFlow15', 'del-groups', bridge]);
        ovs.ofctl(['-O', 'OpenFlow15', 'del-meters', bridge]);
        // A simulated node made without meters still refers to them.
        for (const meter of meters)
          ovs.ofctl(['-O', 'OpenFlow15', 'add-meter', bridge, formatMeter(meter)]);
        const text = groups.map((group) => formatGroup(group)).join('\n');
        if (groups.length > 0) ovs.ofctl(['-O', 'OpenFlow15', 'add-groups', bridge, '-'], text);
        ovs.ofctl(
          ['-O', 'OpenFlow13', '--bundle', 'add-flows', bridge, '-'],
          flows
            .map((flow) => `cookie=0x${flow.cookie.toString(16)},${formatFlow(flow)}`)
            .join('\n'),
        );
        const dump = ovs.ofctl(['-O', 'OpenFlow13', '--no-names', 'dump-flows', bridge]);
        const lines = dump.split('\n').flatMap((line) => {
          const [, cookie, table, priority, match, actions] = FLOW.exec(line) ?? [];
          return cookie === undefined ? [] : [[cookie, table, priority, match, actions].join(' ')];
        });
        told.set(`${name} ${bridge}`, new Set(lines));
      }
    }
    const random = new Random(seed);
    const unlike = new Set<string>();
    let hops = 0;
    for (let count = 0; count < 40; count += 1) {
      const { legs } = await ask({ ...question(random, topology), source: 'live' });
      for (const { node, bridge, cookie, table, priority, match, actions } of legs.flatMap(
        (leg) => leg.hops,
      )) {
        hops += 1;
        const line = [cookie, table, priority, match, actions].join(' ');
        if (told.get(`${node} ${bridge}`)?.has(line) !== true) unlike.add(line);
      }
    }
    expect([...unlike]).toEqual([]);
    expect(hops).toBeGreaterThan(100);
  });
});
