/**
 * Our network against bare ones in the same lab (see datapath-sides.ts), turn by turn: each figure
 * is measured on one after the other, briefly, whichever comes first changing from round to round,
 * and what counts is the median of the rounds' ratios.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from '../src/base/failure.ts';
import { Lab } from '../src/lab/index.ts';
import { connect, connectionRate, roundTrip, throughput, type Guest } from './datapath-load.ts';
import {
  bareSide,
  datapathFlows,
  forgetFlows,
  NODES,
  ourSide,
  switchCpuMs,
  type Side,
  type Underlay,
} from './datapath-sides.ts';
import { median, quantile, round } from './measure.ts';

const ROUNDS = 9;
const PROGRAMS = ['ovs-vswitchd', 'ip', 'nsenter', 'ethtool', 'ping', 'udhcpc', 'iperf3', 'perl'];

export interface Compared {
  readonly ours: number;
  readonly bare: number;
  /** Of ours to the bare one's: the median of the rounds. */
  readonly ratio: number;
  /** Between which half of the rounds' ratios lie: how far one may be off. */
  readonly half: readonly [number, number];
}

export interface PathFigures {
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
  /** As `acrossNodes`, against bare nodes that outlive the failure of an uplink, as ours do. */
  readonly acrossNodesBonded: PathFigures;
}

/** What the machine lacks for it; null when nothing. */
function lacking(): string | null {
  if (process.getuid?.() !== 0) return 'root';
  const missing = PROGRAMS.filter(
    (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0,
  );
  return missing.length === 0 ? null : missing.join(', ');
}

interface Sample {
  readonly mbitPerSecond: number;
  readonly roundTripUs: number;
  readonly connectionsPerSecond: number;
  readonly switchCpuUsPerConnection: number;
}

type Rival = 'ours' | Underlay;
type Sides = Readonly<Record<Rival, Side>>;
type Samples = Partial<Record<Rival, Partial<Sample>>>;
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
): Promise<Samples> {
  const found: Samples = {};
  for (const measure of MEASUREMENTS) {
    for (const rival of order) {
      const side = sides[rival];
      // What it found out since its last turn it may have forgotten: addresses, datapath flows.
      await connect(side.vm1, side[far], 1, 0);
      const part = await measure(side.vm1, side[far], () => switchCpuMs(lab, side));
      found[rival] = { ...found[rival], ...part };
    }
  }
  return found;
}

function compared(rounds: readonly Samples[], peer: Underlay, kind: keyof Sample): Compared {
  const of = (rival: Rival) => rounds.map((each) => each[rival]?.[kind] ?? Number.NaN);
  const [ours, bare] = [of('ours'), of(peer)];
  const ratios = ours.map((value, at) => value / (bare[at] ?? Number.NaN));
  return {
    ours: round(median(ours)),
    bare: round(median(bare)),
    ratio: round(median(ratios)),
    half: [round(quantile(ratios, 0.25)), round(quantile(ratios, 0.75))],
  };
}

/** What one connection each way leaves in the datapaths. */
async function flowsOf(lab: Lab, side: Side, far: Far): Promise<number> {
  await forgetFlows(lab, side);
  await connect(side.vm1, side[far], 1, 0);
  await connect(side[far], side.vm1, 1, 0);
  return (await datapathFlows(lab, side)).length;
}

/** Our figures beside those of each of `peers`, measured together. */
async function path<Peer extends Underlay>(
  lab: Lab,
  sides: Sides,
  far: Far,
  peers: readonly Peer[],
): Promise<(peer: Peer) => Promise<PathFigures>> {
  const rounds: Samples[] = [];
  const rivals: readonly Rival[] = ['ours', ...peers];
  for (let n = 0; n < ROUNDS; n += 1) {
    const first = n % rivals.length;
    const order = [...rivals.slice(first), ...rivals.slice(0, first)];
    rounds.push(await oneRound(lab, sides, far, order));
  }
  return async (peer) => {
    const of = (kind: keyof Sample) => compared(rounds, peer, kind);
    return {
      mbitPerSecond: of('mbitPerSecond'),
      roundTripUs: of('roundTripUs'),
      connectionsPerSecond: of('connectionsPerSecond'),
      switchCpuUsPerConnection: of('switchCpuUsPerConnection'),
      datapathFlows: {
        ours: await flowsOf(lab, sides.ours, far),
        bare: await flowsOf(lab, sides[peer], far),
      },
    };
  };
}

async function measure(lab: Lab): Promise<DatapathFigures> {
  const sides = {
    ours: await ourSide(lab),
    oneUplink: await bareSide(lab, 'oneUplink'),
    bond: await bareSide(lab, 'bond'),
  };
  const sameNode = await path(lab, sides, 'vm2', ['oneUplink']);
  const across = await path(lab, sides, 'vm3', ['oneUplink', 'bond']);
  return {
    sameNode: await sameNode('oneUplink'),
    acrossNodes: await across('oneUplink'),
    acrossNodesBonded: await across('bond'),
  };
}

/** @returns why it was left out when the machine lacks something, or has a lab already. */
export async function benchDatapath(): Promise<DatapathFigures | { readonly leftOut: string }> {
  const missing = lacking();
  if (missing !== null) return { leftOut: `it needs ${missing}` };
  const scratch = mkdtempSync(join(tmpdir(), 'tianchi-bench-'));
  const lab = new Lab(join(scratch, 'lab'));
  const bin = fileURLToPath(new URL('../src/cli/bin.js', import.meta.url));
  try {
    // It takes itself away when it fails, and what is in its way is not ours to take away.
    await lab.up({
      nodes: NODES,
      defaultSecurityGroup: 'off',
      tianchi: [process.execPath, bin],
      progress: () => undefined,
    });
    try {
      return await measure(lab);
    } finally {
      await lab.down();
    }
  } catch (error) {
    if (error instanceof Failure && error.kind === 'conflict') return { leftOut: error.message };
    throw error;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}
