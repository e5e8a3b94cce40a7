/**
 * From the REST call that binds a port to its flows in the switches of both nodes, as those switches
 * tell it themselves, with more and more ports in the VPC.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Deployment, type BenchPort } from './deployment.ts';
import { GrowingVpc, type Remote } from './growing-vpc.ts';
import { quantile, round } from './measure.ts';

const SIZES = [100, 500, 1_000, 2_000] as const;
const NODES = 2;
/** Ports that are bound and unbound in turn, beside those that stay. */
const SAMPLED = 20;
const ROUNDS = 4;
/** Not counted: code that was not compiled yet. */
const WARM_UP = 1;
/** Lets what follows a binding (reports, the port's status) come to rest. */
const REST_MS = 10;

interface SizeFigures {
  /** Bound in the VPC, half of them on each node. */
  readonly ports: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the REST call alone, until its answer. */
  readonly putP50Ms: number;
  readonly putP99Ms: number;
}

export interface LatencyFigures {
  readonly allowAll: readonly SizeFigures[];
  /** The group trusts its own members, and them alone. */
  readonly remoteGroup: readonly SizeFigures[];
}

interface Samples {
  readonly flows: number[];
  readonly put: number[];
}

async function sample(deployment: Deployment, ports: readonly BenchPort[]): Promise<Samples> {
  const samples: Samples = { flows: [], put: [] };
  for (let n = 0; n < WARM_UP + ROUNDS; n += 1) {
    for (const [at, port] of ports.entries()) {
      let put = 0;
      const flows = await deployment.until('added', [port], async () => {
        const from = performance.now();
        await deployment.bind(port, deployment.nodeOf(at));
        put = performance.now() - from;
      });
      await sleep(REST_MS);
      await deployment.until('removed', [port], () => deployment.bind(port, ''));
      await sleep(REST_MS);
      if (n < WARM_UP) continue;
      samples.flows.push(flows);
      samples.put.push(put);
    }
  }
  return samples;
}

async function grow(remote: Remote): Promise<SizeFigures[]> {
  const deployment = await Deployment.open(NODES);
  try {
    const vpc = await GrowingVpc.make(deployment, remote);
    const sampled = await vpc.plugged(SAMPLED);
    const figures: SizeFigures[] = [];
    let bound = 0;
    for (const ports of SIZES) {
      await vpc.bind(await vpc.plugged(ports - bound));
      bound = ports;
      await deployment.quiet();
      const { flows, put } = await sample(deployment, sampled);
      figures.push({
        ports,
        p50Ms: round(quantile(flows, 0.5)),
        p99Ms: round(quantile(flows, 0.99)),
        putP50Ms: round(quantile(put, 0.5)),
        putP99Ms: round(quantile(put, 0.99)),
      });
    }
    return figures;
  } finally {
    await deployment.close();
  }
}

/** Needs Open vSwitch. */
export async function benchLatency(): Promise<LatencyFigures> {
  return { allowAll: await grow('anybody'), remoteGroup: await grow('own group') };
}
