/**
 * A real switch filled by our channel and by ovs-ofctl with the same flows, round after round in one
 * Open vSwitch, and the reading of it all when there is nothing to change.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { OpenFlowChannel } from '../src/net/openflow/index.ts';
import type { BridgeProgram } from '../src/openflow/flow.ts';
import { formatFlow } from '../src/openflow/text/index.ts';
import { Compiler } from '../src/pipeline/compiler.ts';
import { diff } from '../src/pipeline/diff.ts';
import type { BridgeDelta } from '../src/pipeline/feature.ts';
import { startOvs, type Sandbox } from '../test/support/ovs.ts';
import { plugged } from '../test/support/programs.ts';
import { median, round, timed } from './measure.ts';
import { HERE, topologyOf } from './vpc.ts';

/** Ports of the VPC that compile to about so many flows on one node. */
const FILLS = [
  { ports: 2_000, rounds: 7 },
  { ports: 20_000, rounds: 3 },
] as const;
const RECONCILES = 3;
/** Lets a switch free what was deleted. */
const SETTLE_MS = 300;
const [OURS, THEIRS] = ['ours', 'theirs'] as const;

interface FillFigures {
  readonly flows: number;
  /** From nothing to all flows in the switch: milliseconds, median. */
  readonly oursMs: number;
  readonly ofctlMs: number;
  /** Of our time to ovs-ofctl's: the median of the rounds. */
  readonly ratio: number;
}

interface ReconcileFigures {
  readonly flows: number;
  /** All flows, groups and meters read and compared with what is wanted: milliseconds, median. */
  readonly oursMs: number;
  readonly dumpFlowsMs: number;
  readonly replaceFlowsMs: number;
  readonly dumpRatio: number;
  readonly replaceRatio: number;
}

export interface SwitchFigures {
  readonly fill: readonly FillFigures[];
  readonly reconcile: ReconcileFigures;
}

const NOTHING: BridgeDelta = {
  add: [],
  remove: [],
  addGroups: [],
  removeGroups: [],
  addMeters: [],
  removeMeters: [],
};

async function timedAsync(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

const channelTo = ({ dir }: Sandbox, bridge: string): OpenFlowChannel =>
  new OpenFlowChannel({ socket: join(dir, `${bridge}.mgmt`), log: pino({ level: 'silent' }) });

/** Two bridges of one switch, for the same program by different means. */
class Rivals {
  readonly #sandbox: Sandbox;
  readonly #channel: OpenFlowChannel;
  readonly #program: BridgeProgram;
  readonly #file: string;

  private constructor(sandbox: Sandbox, program: BridgeProgram) {
    this.#sandbox = sandbox;
    this.#program = program;
    this.#file = join(sandbox.dir, 'flows');
    writeFileSync(this.#file, program.flows.map((flow) => `${formatFlow(flow)}\n`).join(''));
    this.#channel = channelTo(sandbox, OURS);
  }

  /** Gives both bridges the groups and meters that the flows need. */
  static async open(sandbox: Sandbox, program: BridgeProgram): Promise<Rivals> {
    const rivals = new Rivals(sandbox, program);
    const needed = { ...NOTHING, addGroups: program.groups, addMeters: program.meters };
    const other = channelTo(sandbox, THEIRS);
    for (const channel of [rivals.#channel, other]) {
      await channel.ready();
      await channel.apply(needed);
    }
    other.close();
    return rivals;
  }

  fillOurs(): Promise<number> {
    return timedAsync(() => this.#channel.apply({ ...NOTHING, add: this.#program.flows }));
  }

  fillTheirs(): number {
    return this.#ofctl('--bundle', 'add-flows', THEIRS, this.#file);
  }

  async empty(): Promise<void> {
    await this.#channel.apply({ ...NOTHING, remove: this.#program.flows });
    this.#ofctl('del-flows', THEIRS);
    await sleep(SETTLE_MS);
  }

  /** @throws {Error} when the bridge turns out to hold something else. */
  reconcileOurs(): Promise<number> {
    return timedAsync(async () => {
      const delta = diff(await this.#channel.program(), this.#program);
      const changes = Object.values(delta).flat().length;
      if (changes > 0) throw new Error(`${changes} differences to what was put in`);
    });
  }

  dumpTheirs(): number {
    return this.#ofctl('dump-flows', THEIRS);
  }

  replaceTheirs(): number {
    return this.#ofctl('replace-flows', THEIRS, this.#file);
  }

  /** @throws {Error} when the two bridges differ. */
  check(): void {
    this.#ofctl('diff-flows', OURS, THEIRS);
  }

  close(): void {
    this.#channel.close();
  }

  #ofctl(...args: string[]): number {
    return timed(() => this.#sandbox.ofctl(['-O', 'OpenFlow13', ...args]));
  }
}

function programOf(ports: number): BridgeProgram {
  const topology = topologyOf(ports);
  const compiler = new Compiler(topology, plugged(topology, HERE));
  compiler.start();
  return compiler.program('br-int');
}

async function against<T>(
  program: BridgeProgram,
  work: (rivals: Rivals) => Promise<T>,
): Promise<T> {
  const sandbox = await startOvs();
  try {
    sandbox.addBridge(OURS);
    sandbox.addBridge(THEIRS);
    const rivals = await Rivals.open(sandbox, program);
    try {
      return await work(rivals);
    } finally {
      rivals.close();
    }
  } finally {
    sandbox.stop();
  }
}

const ratioOf = (ours: readonly number[], theirs: readonly number[]): number =>
  round(median(ours.map((took, at) => took / (theirs[at] ?? Number.NaN))));

/** The first round is not counted: our code was not compiled yet. Both bridges are full at the end. */
async function fill(rivals: Rivals, flows: number, rounds: number): Promise<FillFigures> {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let n = 0; n <= rounds; n += 1) {
    if (n > 0) await rivals.empty();
    const [mine, its] = [await rivals.fillOurs(), rivals.fillTheirs()];
    if (n === 0) continue;
    ours.push(mine);
    theirs.push(its);
  }
  rivals.check();
  return {
    flows,
    oursMs: round(median(ours)),
    ofctlMs: round(median(theirs)),
    ratio: ratioOf(ours, theirs),
  };
}

async function reconcile(rivals: Rivals, flows: number): Promise<ReconcileFigures> {
  const ours: number[] = [];
  const dumps: number[] = [];
  const replaces: number[] = [];
  for (let n = 0; n < RECONCILES; n += 1) {
    ours.push(await rivals.reconcileOurs());
    dumps.push(rivals.dumpTheirs());
    replaces.push(rivals.replaceTheirs());
  }
  return {
    flows,
    oursMs: round(median(ours)),
    dumpFlowsMs: round(median(dumps)),
    replaceFlowsMs: round(median(replaces)),
    dumpRatio: ratioOf(ours, dumps),
    replaceRatio: ratioOf(ours, replaces),
  };
}

/** Needs Open vSwitch. */
export async function benchSwitch(): Promise<SwitchFigures> {
  const [small, large] = FILLS;
  const few = programOf(small.ports);
  const many = programOf(large.ports);
  const little = await against(few, (rivals) => fill(rivals, few.flows.length, small.rounds));
  return against(many, async (rivals) => {
    const much = await fill(rivals, many.flows.length, large.rounds);
    return { fill: [little, much], reconcile: await reconcile(rivals, many.flows.length) };
  });
}
