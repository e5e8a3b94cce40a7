/**
 * A cloud of 100,000 ports in 1,000 VPCs on 500 nodes: until a server serves it, how soon the agents
 * that need it hear of a change, and what the server keeps in memory. By itself, as it takes minutes:
 * `node .bench/bench/zookeeper-scale.js [PORTS_PER_VPC VPCS NODES]`.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { importInto } from '../src/main/store-import.ts';
import { openZooKeeperStore } from '../src/store/index.ts';
import { startZooKeeper } from '../test/support/zookeeper.ts';
import { ApiServer } from './api-server.ts';
import { bigCloud, nodeName, vtepOf, type CloudSize } from './big-cloud.ts';
import { median, quantile, round } from './measure.ts';
import { StreamAgent } from './stream-agents.ts';

const CHANGES = 500;
/** Agents that join at a time, and changes under way. */
const AT_ONCE = 8;
/** ms after which an agent is taken not to hear of a change. */
const PATIENCE_MS = 10_000;

const now = (): number => performance.now();
const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const lane = async () => {
    for (let item = rest.pop(); item !== undefined; item = rest.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

async function scale(size: CloudSize): Promise<void> {
  const { tree, topology } = bigCloud(size);
  say(`${topology.count('port')} ports, ${tree.length} objects and claims`);
  const zooKeeper = await startZooKeeper({ heapMb: 4096, quickStart: false });
  const url = `zk://${zooKeeper.connectString}/scale`;
  try {
    const from = now();
    const store = await openZooKeeperStore(url);
    await importInto(store, tree, () => undefined);
    await store.close();
    say(`imported in ${round((now() - from) / 1000)} s`);

    const begun = now();
    const server = await ApiServer.start(url, AT_ONCE);
    say(`start-up until all is served: ${round((now() - begun) / 1000)} s`);
    const alone = await server.report();
    say(`server: ${round(alone.rssMiB)} MiB resident, ${round(alone.heapMiB)} MiB heap`);

    /** When nodes heard of ports. */
    const heard = new Map<string, Map<string, number>>();
    const hear = (node: string, kind: string, id: string, at: number): void => {
      if (kind === 'port' && heard.get(id)?.has(node) === false) heard.get(id)?.set(node, at);
    };
    const agents: StreamAgent[] = [];
    const joined = now();
    const base = server.url.replace(/\/v2\.0$/, '');
    await inLanes([...Array(size.nodes).keys()], async (index) => {
      agents.push(await StreamAgent.join(base, nodeName(index), vtepOf(index), hear));
    });
    say(
      `${agents.length} agents, ${round(median(agents.map((agent) => agent.size)))} objects each,` +
        ` within ${round((now() - joined) / 1000)} s`,
    );

    const ports = [...topology.all('port')];
    const chosen = Array.from({ length: CHANGES }, (_, n) => ports[(n * 7919) % ports.length]);
    const took: number[] = [];
    const needs = new Map<string, ReadonlySet<string>>();
    await inLanes(chosen, async (port) => {
      if (port === undefined) return;
      const beside = [...topology.find('port.by_network', port.network_id)];
      const need = new Set(beside.map((id) => topology.get('port', id)?.['binding:host_id'] ?? ''));
      needs.set(port.id, need);
      const found = new Map<string, number>();
      heard.set(port.id, found);
      const asked = now();
      await server.ask('PUT', `ports/${port.id}`, { port: { name: `changed ${asked}` } });
      while (found.size < need.size && now() - asked < PATIENCE_MS) await pause(2);
      for (const node of need) took.push((found.get(node) ?? Infinity) - asked);
    });
    await pause(1000);
    const strays = [...heard].flatMap(([port, nodes]) =>
      [...nodes.keys()].filter((node) => needs.get(port)?.has(node) === false),
    ).length;
    const missed = took.filter((ms) => ms === Infinity).length;
    say(
      `${CHANGES} changes: to the agents that need them median ${round(median(took))} ms,` +
        ` p99 ${round(quantile(took, 0.99))} ms; ${missed} not heard, ${strays} heard by others`,
    );
    const cut = agents.filter((agent) => !agent.connected).length;
    if (cut > 0) say(`${cut} agents were cut off, and so heard nothing`);
    const served = await server.report();
    say(`server: ${round(served.rssMiB)} MiB resident, ${round(served.heapMiB)} MiB heap`);
    for (const agent of agents) await agent.leave();
    await server.stop();
  } finally {
    zooKeeper.stop();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [portsPerVpc = 100, vpcs = 1000, nodes = 500] = process.argv.slice(2).map(Number);
  await scale({ portsPerVpc, vpcs, nodes, nodesPerVpc: Math.min(5, nodes) });
}
