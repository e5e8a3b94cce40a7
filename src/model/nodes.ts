import { formatIp } from '../address/index.ts';
import { Draft, someOf, type Plan, type PlanContext } from './draft.ts';
import type { NodeInput, NodePatch } from './inputs.ts';
import type { Node } from './objects.ts';
import type { Topology } from './topology.ts';
import { addressOf, existing, inUse, invalid, refusal, revised } from './values.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/;

/** @throws {Failure} `invalid` for what cannot be a node's name. */
export function nodeName(text: string, field: string): string {
  if (NAME.test(text)) return text;
  const remedy = 'give 1 to 255 letters, digits, dots, dashes and underscores';
  throw invalid(field, text.slice(0, 64), 'is no node name', remedy);
}

/** An address that packets can be sent to: tunnels run over IPv4. */
function vtepAddress(text: string): string {
  const ip = addressOf(text, 'vtep', 4);
  const first = ip.value >> 24n;
  if (first === 0n || first >= 224n) {
    throw invalid('vtep', text, 'is no unicast address', 'give an address of the node');
  }
  return formatIp(ip);
}

/** @throws {Failure} `in_use` when another node has it. */
function vtepOf(topology: Topology, node: string, text: string): string {
  const vtep = vtepAddress(text);
  for (const other of topology.find('node.by_vtep', vtep)) {
    if (other === node) continue;
    throw refusal('in_use', 'VtepInUse', 'vtep', vtep, `belongs to node ${other}`, 'give another');
  }
  return vtep;
}

export function createNode(topology: Topology, input: NodeInput, context: PlanContext): Plan<Node> {
  const draft = new Draft(topology, context);
  const name = nodeName(input.name, 'name');
  if (topology.get('node', name) !== undefined) {
    throw refusal('in_use', 'NodeExists', 'name', name, 'exists already', 'give another');
  }
  const node: Node = {
    id: name,
    vtep: vtepOf(topology, name, input.vtep),
    ...(input.datapath === undefined ? {} : { datapath: input.datapath }),
    ...(input.agent_alive === undefined ? {} : { agent_alive: input.agent_alive }),
    description: input.description ?? '',
    created_at: context.now,
    updated_at: context.now,
    revision_number: 1,
  };
  draft.create('node', node);
  return draft.plan(node);
}

export function updateNode(
  topology: Topology,
  id: string,
  patch: NodePatch,
  context: PlanContext,
): Plan<Node> {
  const draft = new Draft(topology, context);
  const before = existing(topology, 'node', id);
  const vtep = patch.vtep === undefined ? undefined : vtepOf(topology, id, patch.vtep);
  const after = revised(before, { ...patch, vtep }, context);
  draft.update('node', before, after);
  return draft.plan(after);
}

export function deleteNode(topology: Topology, id: string, context: PlanContext): Plan<Node> {
  const draft = new Draft(topology, context);
  const node = existing(topology, 'node', id);
  const ports = topology.find('port.by_host', id);
  if (ports.size > 0) {
    throw inUse('NodeInUse', 'node', id, `port ${someOf(ports)}`, 'unbind or move its ports first');
  }
  draft.delete('node', node);
  return draft.plan(node);
}
