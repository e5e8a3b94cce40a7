/**
 * Traces over dumped text against Open vSwitch's own ofproto/trace on the very switch that was
 * dumped, by one lasting connection to its control socket: the record's pipeline, and a table of
 * 100,000 flows. What is compared is a trace as a whole, from the text of a packet to that of the
 * answer. And reading those flows against `ovs-ofctl parse-flows`.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { formatFlow, formatGroup, formatMeter, parseFlows } from '../src/openflow/text/index.ts';
import { run } from '../src/cli/program.ts';
import { compileAll } from '../src/pipeline/compiler.ts';
import { Unixctl, controlSocket } from '../src/net/unixctl.ts';
import { Conntrack, execute } from '../src/sim/index.ts';
import {
  answerLine,
  loadBridge,
  readPacket,
  type LoadedBridge,
} from '../src/trace/offline/index.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../test/support/ovs.ts';
import { VMS, walkthroughNode, walkthroughTopology } from '../test/support/walkthrough.ts';
import { median, MIB, rate, round, timed } from './measure.ts';

/** Of each round: both sides take turns, so that what else the machine does meets both. */
const SECONDS = 0.6;
const ROUNDS = 5;
const FLOWS = 100_000;
/** Packets that are traced in turn, so that no lookup is the last one's. */
const PACKETS = 1000;
const READINGS = 5;
const [vm1, vm2] = VMS;

export interface OfflineSpeeds {
  /** From the text of a packet to that of the answer: what ofproto/trace does. */
  readonly tracesPerSecond: number;
  readonly ofprotoTracesPerSecond: number;
  readonly ratio: number;
  /** The simulated switch alone, from a packet to the steps of its way. */
  readonly executionsPerSecond: number;
  /** `tianchi trace --batch`, from a line of JSON to a line of JSON. */
  readonly batchPerSecond: number;
}

/** Null where Open vSwitch is not installed. */
export type OfflineFigures = {
  readonly record: OfflineSpeeds;
  readonly flows: number;
  readonly table: OfflineSpeeds;
  readonly parseMs: number;
  readonly ofctlParseMs: number;
  readonly parseRatio: number;
} | null;

const lines = (texts: readonly string[]): string => texts.map((text) => `${text}\n`).join('');

const address = (index: number): string =>
  `10.${(index >>> 16) & 255}.${(index >>> 8) & 255}.${index & 255}`;

/** Shaped like a large cloud's: hosts, services on hosts, pairs of subnets, and registers beside. */
function largeTable(): string[] {
  const texts: string[] = [];
  for (let index = 0; texts.length < FLOWS - 1; index += 1) {
    const host = address(index);
    const actions = `set_field:0x${index.toString(16)}->reg1,goto_table:1`;
    texts.push(
      `priority=100,ip,reg0=0x1,nw_dst=${host},actions=${actions}`,
      `priority=200,tcp,reg0=0x1,nw_dst=${host},tp_dst=${1 + (index % 1024)},actions=${actions}`,
      `priority=50,ip,nw_src=${address(index << 8)}/24,nw_dst=${address((index * 7) << 8)}/24,actions=drop`,
      `priority=150,ip,in_port=${1 + (index % 2)},dl_src=02:00:00:00:${((index >> 8) & 255).toString(16)}:${(index & 255).toString(16)},nw_src=${host},actions=${actions}`,
    );
  }
  return [...texts.slice(0, FLOWS - 1), 'table=1,priority=0,actions=output:2'];
}

const largePacket = (index: number): string =>
  `in_port=1,tcp,reg0=0x1,dl_src=0a:00:00:00:00:01,dl_dst=0a:00:00:00:00:02,` +
  `nw_src=192.168.0.1,nw_dst=${address(index * 17)},nw_ttl=64,tp_src=40000,tp_dst=${1 + ((index * 17) % 1024)}`;

interface Case {
  readonly bridge: LoadedBridge;
  readonly name: string;
  readonly packets: readonly string[];
  /** The paths of its dumps, as a request of a batch names them. */
  readonly files: Readonly<Record<'flows' | 'groups' | 'ports', string>>;
}

async function dumped(
  sandbox: Sandbox,
  unixctl: Unixctl,
  name: string,
): Promise<Pick<Case, 'bridge' | 'files'>> {
  const dump = (what: string, version: string) =>
    sandbox.ofctl(['-O', version, '--no-names', what, name]);
  const source = (what: string, text: string) => {
    const file = path.join(sandbox.dir, `${name}.${what}`);
    writeFileSync(file, text);
    return { name: file, text };
  };
  const flows = source('flows', dump('dump-flows', 'OpenFlow13'));
  const groups = source('groups', dump('dump-groups', 'OpenFlow15'));
  const ports = source('ports', await unixctl.call('dpif/show'));
  return {
    bridge: loadBridge({ flows, groups, ports, bridge: name }),
    files: { flows: flows.name, groups: groups.name, ports: ports.name },
  };
}

async function recordCase(sandbox: Sandbox, unixctl: Unixctl): Promise<Case> {
  const { flows, groups, meters } = compileAll(walkthroughTopology(), walkthroughNode('node1'))[
    'br-int'
  ];
  sandbox.addBridge('br-int');
  sandbox.addPort('br-int', 'vf', 1, 'vxlan', 'options:remote_ip=flow', 'options:key=flow');
  for (const vm of [vm1, vm2]) sandbox.addPort('br-int', `vhu${vm.ofport}`, vm.ofport);
  for (const meter of meters) {
    sandbox.ofctl(['-O', 'OpenFlow13', 'add-meter', 'br-int', formatMeter(meter)]);
  }
  const groupLines = lines(groups.map((group) => formatGroup(group)));
  sandbox.ofctl(['-O', 'OpenFlow15', 'add-groups', 'br-int', '-'], groupLines);
  const flowLines = lines(flows.map((flow) => formatFlow(flow)));
  sandbox.ofctl(['-O', 'OpenFlow13', 'add-flows', 'br-int', '-'], flowLines);
  const packet =
    `icmp,in_port=${vm1.ofport},dl_src=${vm1.mac},dl_dst=fe:ff:ff:ff:ff:ff,` +
    `nw_src=${vm1.ip},nw_dst=${vm2.ip},nw_ttl=64,icmp_type=8,icmp_code=0`;
  return { ...(await dumped(sandbox, unixctl, 'br-int')), name: 'br-int', packets: [packet] };
}

async function tableCase(
  sandbox: Sandbox,
  unixctl: Unixctl,
  texts: readonly string[],
): Promise<Case> {
  sandbox.addBridge('br0');
  for (const port of [1, 2]) sandbox.addPort('br0', `p${port}`, port);
  sandbox.ofctl(['--bundle', 'add-flows', 'br0', '-'], lines(texts));
  const packets = Array.from({ length: PACKETS }, (_, index) => largePacket(index));
  return { ...(await dumped(sandbox, unixctl, 'br0')), name: 'br0', packets };
}

/** How often a second `work` is done with one after the other of `items`. */
function turns<T>(items: readonly T[], work: (item: T) => unknown): Promise<number> {
  let next = 0;
  return rate(SECONDS, () => {
    const item = items[next % items.length] as T;
    next += 1;
    return work(item);
  });
}

/** Requests come in pieces of so many, as a pipe brings them. */
const PIECE = 256;

async function batched({ name: bridge, files, packets }: Case): Promise<number> {
  const requests = Array.from({ length: Math.max(PIECE, packets.length) }, (_, id) =>
    JSON.stringify({ id, ...files, bridge, packet: packets[id % packets.length] }),
  );
  const pieces: string[] = [];
  for (let from = 0; from + PIECE <= requests.length; from += PIECE) {
    pieces.push(lines(requests.slice(from, from + PIECE)));
  }
  let [answered, milliseconds] = [0, 0];
  async function* stdin(): AsyncGenerator<string> {
    // The first piece has the dumps read.
    const warm = performance.now() + ROUNDS * SECONDS * 500;
    do yield* pieces;
    while (performance.now() < warm);
    const from = performance.now();
    while (performance.now() < from + ROUNDS * SECONDS * 1000) {
      yield* pieces;
      answered += pieces.length * PIECE;
    }
    milliseconds = performance.now() - from;
  }
  const said = { characters: 0 };
  await run(['trace', '--batch'], {
    out: (text) => {
      said.characters += text.length;
    },
    err: (text) => {
      throw new Error(text);
    },
    stdin,
    env: {},
    color: false,
    columns: 100,
    stopped: () => Promise.resolve(),
  });
  return (answered * 1000) / milliseconds;
}

async function speeds(one: Case, unixctl: Unixctl): Promise<OfflineSpeeds> {
  const { bridge, name, packets } = one;
  const conntrack = new Conntrack();
  const read = (packet: string) => readPacket(packet, bridge.textOptions, null);
  const keys = packets.map(read);
  // An answer counts when its bytes are there, as they would go into a pipe.
  const bytes = Buffer.alloc(MIB);
  const options = { conntrack, now: 0, ctNext: [], imitate: true, ambiguity: false };
  const traces: number[] = [];
  const theirs: number[] = [];
  const executions: number[] = [];
  for (let turn = 0; turn < ROUNDS; turn += 1) {
    traces.push(await turns(packets, (packet) => bytes.write(answerLine(bridge, packet, null))));
    theirs.push(await turns(packets, (packet) => unixctl.call('ofproto/trace', name, packet)));
    executions.push(await turns(keys, (key) => execute(bridge.sim, key, options)));
  }
  return {
    tracesPerSecond: round(median(traces)),
    ofprotoTracesPerSecond: round(median(theirs)),
    ratio: round(median(traces.map((ours, turn) => ours / (theirs[turn] ?? Number.NaN)))),
    executionsPerSecond: round(median(executions)),
    batchPerSecond: round(await batched(one)),
  };
}

function ofctlMs(file: string): number {
  return timed(() => {
    const { status, stderr } = spawnSync('ovs-ofctl', ['-O', 'OpenFlow13', 'parse-flows', file], {
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
  });
}

export async function benchOffline(): Promise<OfflineFigures> {
  if (!ovsAvailable) return null;
  const sandbox = await startOvs();
  const unixctl = new Unixctl(controlSocket(sandbox.dir));
  try {
    const texts = largeTable();
    const file = path.join(sandbox.dir, 'flows.txt');
    const text = lines(texts);
    writeFileSync(file, text);
    const record = await recordCase(sandbox, unixctl);
    const table = await tableCase(sandbox, unixctl, texts);
    const times = { ours: [] as number[], ofctl: [] as number[] };
    for (let turn = 0; turn < READINGS; turn += 1) {
      times.ours.push(timed(() => parseFlows(text)));
      times.ofctl.push(ofctlMs(file));
    }
    const parseMs = median(times.ours);
    const ofctlParseMs = median(times.ofctl);
    return {
      record: await speeds(record, unixctl),
      flows: FLOWS,
      table: await speeds(table, unixctl),
      parseMs: round(parseMs),
      ofctlParseMs: round(ofctlParseMs),
      parseRatio: round(
        median(times.ours.map((ms, turn) => ms / (times.ofctl[turn] ?? Number.NaN))),
      ),
    };
  } finally {
    unixctl.close();
    sandbox.stop();
  }
}
