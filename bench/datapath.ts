/**
 * Our network against a bare one in the same lab (see datapath-sides.ts), turn by turn: each figure
 * is measured on the one and on the other straight after, whichever comes first changing from round
 * to round, and what counts is the median of the rounds' ratios.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Lab } from '../src/lab/index.ts';
import { connect, connectionRate, roundTrip, throughput, type Guest } from './datapath-load.ts';
import {
  bareSide,
  datapathFlows,
  forgetFlows,
  ourSide,
  switchCpuMs,
  type Side,
} from './datapath-sides.ts';
import { median, round } from './measure.ts';

const ROUNDS = 7;
const PROGRAMS = ['ovs-vswitchd', 'ip', 'nsenter', 'ethtool', 'ping', 'udhcpc', 'iperf3', 'perl'];

interface Compared {
  readonly ours: number;
  readonly bare: number;
  /** Of ours to the bare one's: the median of the rounds. */
  readonly ratio: number;
}

interface PathFigures {
  readonly mbitPerSecond: Compared;
  readonly roundTripUs: Compared;
  readonly connectionsPerSecond: Compared;
  /** Of both nodes' ovs-vswitchd, user and kernel, in µs. */
  readonly switchCpuUsPerConnection: Compared;
  /** In both nodes' datapaths after one connection each way. */
  readonly datapathFlows: { readonly ours: number; readonly bare: number };
}

export interface DatapathFigures {
  readonly sameNode: PathFigures;
  readonly acrossNodes: PathFigures;
}

/** Null when the lab can be had here, else what is missing. */
export function datapathLacks(): string | null {
  if (process.getuid?.() !== 0) return 'root';
  const lacking = PROGRAMS.filter(
    (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0,
  );
  return lacking.length === 0 ? null : lacking.join(', ');
}

interface Sample {
  readonly mbitPerSecond: number;
  readonly roundTripUs: number;
  readonly connectionsPerSecond: number;
  readonly switchCpuUsPerConnection: number;
}

const KINDS = [
  'mbitPerSecond',
  'roundTripUs',
  'connectionsPerSecond',
  'switchCpuUsPerConnection',
] as const satisfies readonly (keyof Sample)[];

type Rival = 'ours' | 'bare';
type Sides = Readonly<Record<Rival, Side>>;
type Far = 'vm2' | 'vm3';

/** Each measurement fills a part of a round's sample. */
const MEASUREMENTS: readonly ((
  from: Guest,
  to: Guest,
  cpuMs: () => number,
) => Promise<Partial<Sample>>)[] = [
  async (from, to) => ({ mbitPerSecond: await throughput(from, to) }),
  async (from, to) => ({ roundTripUs: await roundTrip(from, to) }),
  async (from, to, cpuMs) => {
    const { perSecond, cpuMsEach } = await connectionRate(from, to, cpuMs);
    return { connectionsPerSecond: perSecond, switchCpuUsPerConnection: cpuMsEach * 1000 };
  },
];

async function oneRound(
  lab: Lab,
  sides: Sides,
  far: Far,
  order: readonly Rival[],
): Promise<Record<Rival, Partial<Sample>>> {
  const found: Record<Rival, Partial<Sample>> = { ours: {}, bare: {} };
  for (const measure of MEASUREMENTS) {
    for (const rival of order) {
      const side = sides[rival];
      const part = await measure(side.vm1, side[far], () => switchCpuMs(lab, side));
      found[rival] = { ...found[rival], ...part };
    }
  }
  return found;
}

function compared(rounds: readonly Record<Rival, Partial<Sample>>[], kind: keyof Sample): Compared {
  const of = (rival: Rival) => rounds.map((each) => each[rival][kind] ?? Number.NaN);
  const [ours, bare] = [of('ours'), of('bare')];
  return {
    ours: round(median(ours)),
    bare: round(median(bare)),
    ratio: round(median(ours.map((value, at) => value / (bare[at] ?? Number.NaN)))),
  };
}

/** What one connection each way leaves in the datapaths. */
async function flowsOf(lab: Lab, side: Side, far: Far): Promise<number> {
  await forgetFlows(lab, side);
  await connect(side.vm1, side[far], 1, 0);
  await connect(side[far], side.vm1, 1, 0);
  return (await datapathFlows(lab, side)).length;
}

async function path(lab: Lab, sides: Sides, far: Far): Promise<PathFigures> {
  const rounds: Record<Rival, Partial<Sample>>[] = [];
  for (let n = 0; n < ROUNDS; n += 1) {
    const order: readonly Rival[] = n % 2 === 0 ? ['bare', 'ours'] : ['ours', 'bare'];
    rounds.push(await oneRound(lab, sides, far, order));
  }
  const figures = KINDS.map((kind) => [kind, compared(rounds, kind)] as const);
  const flows = {
    ours: await flowsOf(lab, sides.ours, far),
    bare: await flowsOf(lab, sides.bare, far),
  };
  return {
    ...(Object.fromEntries(figures) as Record<keyof Sample, Compared>),
    datapathFlows: flows,
  };
}

/** Needs what `datapathLacks` asks for, and no other lab on the machine. */
export async function benchDatapath(): Promise<DatapathFigures> {
  const dir = join(mkdtempSync(join(tmpdir(), 'tianchi-bench-')), 'lab');
  const lab = new Lab(dir);
  const bin = fileURLToPath(new URL('../src/cli/bin.js', import.meta.url));
  try {
    await lab.up({
      nodes: 4,
      defaultSecurityGroup: 'off',
      tianchi: [process.execPath, bin],
      progress: () => undefined,
    });
    const sides = { ours: await ourSide(lab), bare: await bareSide(lab) };
    return {
      sameNode: await path(lab, sides, 'vm2'),
      acrossNodes: await path(lab, sides, 'vm3'),
    };
  } finally {
    await lab.down();
    if (existsSync(dir)) rmSync(dir, { recursive: true });
  }
}
