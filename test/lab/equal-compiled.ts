/**
 * What a node's switch should hold, compiled anew: the topology as the REST API shows it, and the
 * node's numbers as ovs-vsctl does. And by ovs-ofctl, what it holds otherwise.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseServerMessage } from '../../src/agent/messages.ts';
import type { KeptState } from '../../src/agent/datapath.ts';
import { NodeNumbers } from '../../src/agent/numbers.ts';
import { UPLINKS } from '../../src/lab/index.ts';
import { VLAN } from '../../src/lab/names.ts';
import { Topology } from '../../src/model/topology.ts';
import type { BridgeProgram } from '../../src/openflow/flow.ts';
import {
  formatFlow,
  formatGroup,
  formatMeter,
  parseGroups,
  parseMeters,
} from '../../src/openflow/text/index.ts';
import { BRIDGES, compileAll, type BridgeName } from '../../src/pipeline/compiler.ts';
import type { LocalReader } from '../../src/pipeline/local.ts';
import type { Json } from '../cli/cloud.ts';
import type { Bench } from './harness.ts';

export type Programs = Readonly<Record<BridgeName, BridgeProgram>>;
type Shown = Json & { readonly id: string };

/** Collections of the API by what they are collections of. */
const COLLECTIONS = {
  node: 'nodes',
  network: 'networks',
  router: 'routers',
  subnet: 'subnets',
  security_group: 'security-groups',
  security_group_rule: 'security-group-rules',
  port: 'ports',
  floatingip: 'floatingips',
} as const;

async function shown(bench: Bench, collection: string): Promise<Shown[]> {
  const answer = await bench.request('GET', `/v2.0/${collection}`);
  return Object.values(answer as Readonly<Record<string, Shown[]>>)[0] ?? [];
}

/** The API shows a network's VNI, and which router it is behind, but not its VPC. */
function withVpc(network: Shown, routers: readonly Shown[]): Shown {
  const router = routers.find(({ id }) => id === network['router_id']);
  const vpc = router?.['network_id'] ?? network.id;
  const pointer = { id: vpc, vni: network['provider:segmentation_id'] };
  return { ...network, vpc: pointer, next_vpc: null, last_vpc: null, vni: null, birth_vpc: vpc };
}

/** Of what the API shows of an object, or keeps to itself, what compiling needs. */
const COMPLETED: Readonly<Record<string, (it: Shown, routers: readonly Shown[]) => Shown>> = {
  network: withVpc,
  port: (port) => ({ ...port, standby_bindings: [] }),
};

async function topologyOf(bench: Bench): Promise<Topology> {
  const routers = await shown(bench, 'routers');
  const changes: object[] = [];
  for (const [kind, collection] of Object.entries(COLLECTIONS)) {
    for (const it of await shown(bench, collection)) {
      const object = COMPLETED[kind]?.(it, routers) ?? it;
      changes.push({ kind, id: it.id, object });
    }
  }
  const told = parseServerMessage(JSON.stringify({ type: 'snapshot', revision: 0, changes }));
  if (told?.type !== 'snapshot') throw new Error('the API shows something that is no topology');
  const topology = new Topology();
  for (const change of told.changes) topology.apply(change);
  return topology;
}

/** RFC 7047 §5.1, of the kinds that are asked for here. */
type Cell = string | number | readonly ['map', readonly (readonly [string, string])[]];

/** Rows of the switch's database, as ovs-vsctl prints them. */
async function rows(bench: Bench, node: string, table: string, columns: readonly string[]) {
  const options = ['--format=json', `--columns=${columns.join(',')}`];
  const text = await bench.ovs(node, 'ovs-vsctl', ...options, 'list', table);
  return (JSON.parse(text) as { data: Cell[][] }).data.map((cells) => {
    const at = (column: string): Cell => cells[columns.indexOf(column)] ?? '';
    const ids = at('external_ids');
    return {
      name: String(at('name')),
      ofport: Number(at('ofport')),
      ids: new Map(typeof ids === 'object' ? ids[1] : []),
    };
  });
}

/** What is kept under keys with a prefix, by the rest of the key, lowest first. */
const numbered = (ids: ReadonlyMap<string, string>, prefix: string): [string, number][] =>
  [...ids]
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, value]): [string, number] => [key.slice(prefix.length), Number(value)])
    .toSorted(([, a], [, b]) => a - b);

async function numbersOf(bench: Bench, name: string, topology: Topology): Promise<LocalReader> {
  const interfaces = await rows(bench, name, 'Interface', ['name', 'ofport', 'external_ids']);
  const bridges = await rows(bench, name, 'Bridge', ['name', 'external_ids']);
  const ids = bridges.find((bridge) => bridge.name === 'br-int')?.ids ?? new Map<string, string>();
  const kept: KeptState = {
    epoch: Number(ids.get('tianchi-epoch')),
    pipeline: null,
    networkIds: Object.fromEntries(numbered(ids, 'tianchi-net-')),
    vids: {},
    conjunctions: numbered(ids, 'tianchi-conj-').map(([group]) => group),
  };
  const open = (wanted: string) => {
    const found = interfaces.find((it) => it.name === wanted);
    if (found === undefined) throw new Error(`${name} has no ${wanted}`);
    return { name: found.name, ofport: found.ofport };
  };
  const { vtep } = bench.lab.node(name);
  const tunnel = interfaces.find((it) => it.name.startsWith('vf-'))?.name ?? 'vf-';
  const identity = {
    node: name,
    vtep,
    tunnel: open(tunnel),
    uplinks: UPLINKS.map(open),
    vlan: VLAN,
    epoch: kept.epoch ?? 0,
  };
  const numbers = new NodeNumbers(identity, '', kept);
  for (const it of interfaces) {
    const port = it.ids.get('iface-id') ?? '';
    if (topology.get('port', port)?.['binding:host_id'] !== name) continue;
    const vid = Number(it.ids.get('tianchi-vid'));
    numbers.attach(port, { ofport: it.ofport, interface: it.name, vid });
  }
  return numbers;
}

/** What nodes should hold. */
export async function compiledFor(
  bench: Bench,
  nodes: readonly string[],
): Promise<ReadonlyMap<string, Programs>> {
  const topology = await topologyOf(bench);
  const programs = new Map<string, Programs>();
  for (const node of nodes) {
    programs.set(node, compileAll(topology, await numbersOf(bench, node, topology)));
  }
  return programs;
}

/** By ovs-ofctl: `-` for what a bridge holds and should not, `+` for what it lacks. */
async function unlike(
  bench: Bench,
  node: string,
  bridge: BridgeName,
  { flows, groups, meters }: BridgeProgram,
): Promise<string[]> {
  const file = join(bench.lab.dir, `${node}-${bridge}.flows`);
  writeFileSync(file, flows.map((flow) => `${formatFlow(flow)}\n`).join(''));
  // It ends with 2 when there are differences.
  const script = `ovs-ofctl -O OpenFlow13 diff-flows ${bridge} ${file} || test $? -eq 2`;
  const found = (await bench.ovs(node, 'sh', '-c', script)).trim().split('\n').filter(Boolean);
  const dump = (what: string) => bench.ovs(node, 'ovs-ofctl', '-O', 'OpenFlow15', what, bridge);
  const held = [
    ...parseGroups(await dump('dump-groups')).groups.map((it) => formatGroup(it)),
    ...parseMeters(await dump('dump-meters')).meters.map(formatMeter),
  ];
  const wanted = [...groups.map((it) => formatGroup(it)), ...meters.map(formatMeter)];
  found.push(...held.filter((it) => !wanted.includes(it)).map((it) => `-${it}`));
  found.push(...wanted.filter((it) => !held.includes(it)).map((it) => `+${it}`));
  return found;
}

/** What switches hold otherwise than they should. */
export async function differences(
  bench: Bench,
  programs: ReadonlyMap<string, Programs>,
): Promise<string[]> {
  const found: string[] = [];
  for (const [node, program] of programs) {
    for (const bridge of BRIDGES) {
      const lines = await unlike(bench, node, bridge, program[bridge]);
      found.push(...lines.map((line) => `${node} ${bridge} ${line}`));
    }
  }
  return found;
}
