/** What `tianchi capture` writes into a folder: a node's switch, and the objects behind it. */
import { Failure } from '../../base/failure.ts';
import type { AgentDump, AgentQuery } from '../../model/stream.ts';
import { BRIDGES } from '../../pipeline/compiler.ts';
import { writeNode } from '../../trace/capture/index.ts';
import type { Runtime } from '../runtime.ts';
import type { Switches } from './live.ts';

/** Times that a node is read again because it changed between two of its dumps. */
const TRIES = 5;

const textOf = (dump: AgentDump): string => ('text' in dump ? dump.text : '');

/**
 * The files of a node's folder, by their path in it.
 * @throws {Failure} not_found: no such node; unavailable: no agent is connected, or the switch
 *   changes faster than it can be read.
 */
export async function captureNode(
  runtime: Runtime,
  switches: Switches,
  node: string,
): Promise<Record<string, string>> {
  const ask = (what: AgentQuery['what'], bridge: string): Promise<AgentDump> =>
    switches.query(node, { what, bridge });
  const neighbours = textOf(await ask('neighbours', 'br-phy'));
  const conntrack = textOf(await ask('conntrack', 'br-int'));
  const bridges: Record<string, { flows: string; groups: string; ports: string }> = {};
  for (const bridge of BRIDGES) bridges[bridge] = await settled(node, bridge, ask);
  const state = await switches.state(node);
  const files = writeNode({
    vtep: runtime.topology.get('node', node)?.vtep ?? '',
    bridges,
    plugged: state?.plugged ?? [],
    networkIds: state?.networkIds ?? {},
    neighbours: neighbours === '' ? null : neighbours,
    conntrack,
  });
  return Object.fromEntries(files);
}

/** Three dumps of one state of a bridge. */
async function settled(
  node: string,
  bridge: string,
  ask: (what: AgentQuery['what'], bridge: string) => Promise<AgentDump>,
): Promise<{ flows: string; groups: string; ports: string }> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const flows = await ask('flows', bridge);
    const groups = await ask('groups', bridge);
    const ports = await ask('ports', bridge);
    if (flows.generation !== groups.generation || flows.generation !== ports.generation) continue;
    return { flows: textOf(flows), groups: textOf(groups), ports: textOf(ports) };
  }
  throw new Failure(
    'unavailable',
    'NodeUnsettled',
    `${bridge} of node ${node} changes faster than it can be read`,
    { field: 'node', value: node, remedy: 'try again in a moment' },
  );
}
