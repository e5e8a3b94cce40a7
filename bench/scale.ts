/** Many ports at once: until the switches of both nodes hold them, and what an agent keeps in memory. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Memory } from './deployed.ts';
import { Deployment } from './deployment.ts';
import { GrowingVpc } from './growing-vpc.ts';
import { median, round } from './measure.ts';

const NODES = 2;
const PORTS = 1_000;
const ROUNDS = 2;
/** Ports of a VPC that has been served before. */
const WARM_UP = 300;
const [IN_VPC, HERE] = [10_000, 1_000] as const;

export interface ScaleFigures {
  readonly ports: number;
  /** From the first of many REST calls, each binding a port that is plugged, to all flows: median. */
  readonly boundMs: number;
  /** Of one agent, after a garbage collection. */
  readonly agentPorts: { readonly inVpc: number; readonly here: number };
  readonly agent: Memory;
  readonly emptyAgent: Memory;
}

/** Each time a VPC that neither node has had before. */
async function bind(): Promise<number> {
  const deployment = await Deployment.open(NODES);
  try {
    const took: number[] = [];
    for (let n = 0; n <= ROUNDS; n += 1) {
      const vpc = await GrowingVpc.make(deployment, 'anybody');
      const ms = await vpc.bind(await vpc.plugged(n === 0 ? WARM_UP : PORTS));
      await deployment.quiet();
      if (n > 0) took.push(ms);
    }
    return round(median(took));
  } finally {
    await deployment.close();
  }
}

/** Makes a node known, as its agent does that has been there once. */
async function introduce(deployment: Deployment, node: string, vtep: string): Promise<void> {
  const socket = new WebSocket(`${deployment.url.replace('http', 'ws')}/tianchi/v1/agents/stream`);
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'hello', node, vtep, revision: null, store: null }));
  await once(socket, 'message');
  socket.close();
  await once(socket, 'close');
}

const rounded = ({ rssMiB, heapMiB }: Memory): Memory => ({
  rssMiB: round(rssMiB),
  heapMiB: round(heapMiB),
});

/** A tenth of the VPC's ports is on the agent's node, the rest on nine others. */
async function memory(): Promise<Pick<ScaleFigures, 'agent' | 'emptyAgent'>> {
  const deployment = await Deployment.open(1);
  try {
    const [node] = deployment.nodes;
    if (node === undefined) throw new RangeError('a deployment without nodes');
    const emptyAgent = rounded(await node.agent.memory());
    const others = Array.from({ length: IN_VPC / HERE - 1 }, (_, n) => n + 2);
    for (const n of others) await introduce(deployment, `node${n}`, `10.1.0.${n}`);
    const vpc = await GrowingVpc.make(deployment, 'own group');
    for (const n of others) await vpc.elsewhere(HERE, `node${n}`);
    await vpc.bind(await vpc.plugged(HERE));
    await deployment.quiet();
    return { agent: rounded(await node.agent.memory()), emptyAgent };
  } finally {
    await deployment.close();
  }
}

/** Needs Open vSwitch. */
export async function benchScale(): Promise<ScaleFigures> {
  const boundMs = await bind();
  const agentPorts = { inVpc: IN_VPC, here: HERE };
  return { ports: PORTS, boundMs, agentPorts, ...(await memory()) };
}
