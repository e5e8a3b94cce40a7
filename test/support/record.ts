/**
 * The flows and groups that the record shows, beside what is compiled for its topology. `record.json`
 * holds its 56 flow lines and 3 group lines with their chapters; the values that are local to a
 * deployment are its own (vids, ofports, epochs, local network ids), save the index of a group,
 * which is the port's vid with us and a count with the record.
 */
import { readFileSync } from 'node:fs';
import { parseFlow, parseGroups, formatFlow, formatGroup } from '../../src/openflow/text/index.ts';
import type { Action, Flow, Group } from '../../src/openflow/flow.ts';
import type { Feature } from '../../src/pipeline/feature.ts';
import { flowKey } from '../../src/openflow/identity.ts';
import { compileAll, type BridgeName, type Programs } from '../../src/pipeline/compiler.ts';
import { VMS, walkthroughNode, walkthroughTopology, type NodeName } from './walkthrough.ts';

export interface Line {
  readonly chapter: string;
  readonly node: NodeName;
  readonly bridge: BridgeName;
  readonly kind: 'flow' | 'group';
  readonly text: string;
  readonly note?: string;
}

/** In the record's order. */
export const lines = JSON.parse(
  readFileSync(new URL('../golden/record.json', import.meta.url), 'utf8'),
) as readonly Line[];

/** The record's group index by our own, which is the vid. */
const GROUPS: Readonly<Record<number, number>> = {
  638320642: 0x260c002d,
  681574401: 0x28a00026,
};

function withPorts(line: Line): string {
  const ports = new Map([
    ['vf-10.163.133.4', 1],
    ['dpdk_phy0', 1],
    ['dpdk_phy1', 2],
    ...VMS.map((vm) => [`vhu${vm.port.slice(0, 11)}`, vm.ofport] as const),
  ]);
  const numbered = line.text.replaceAll(/"([^"]+)"/g, (quoted, name: string) =>
    String(ports.get(name) ?? quoted),
  );
  return numbered.replaceAll(/\b(638320642|681574401)\b/g, (id) => String(GROUPS[Number(id)]));
}

/** One spelling for what OpenFlow versions spell differently. */
function canonical(actions: readonly Action[]): Action[] {
  return actions.map((action): Action => {
    if (action.kind !== 'load') return action;
    const { field, first, bits } = action.target;
    if (first !== 0 || bits !== field.bits) return action;
    return { kind: 'set_field', field, value: action.value, mask: (1n << BigInt(bits)) - 1n };
  });
}

function comparable(flow: Flow) {
  return {
    flow: flowKey(flow),
    cookie: flow.cookie.toString(16),
    actions: formatFlow({ ...flow, match: [], actions: canonical(flow.actions) }),
  };
}

function comparableGroup(group: Group): string {
  const buckets = group.buckets.map((b) => ({ ...b, actions: canonical(b.actions) }));
  return formatGroup({ ...group, buckets });
}

/** What is compiled for the record's topology, by node. */
export function compileRecord(features?: readonly Feature[]) {
  const programs = new Map<NodeName, Programs>();
  for (const { node } of lines) {
    if (programs.has(node)) continue;
    programs.set(node, compileAll(walkthroughTopology(), walkthroughNode(node), features));
  }
  return programs;
}

/** A line of the record and what is compiled in its place, in comparable form. */
export function besideRecord(line: Line, compiled: ReadonlyMap<NodeName, Programs>) {
  const program = compiled.get(line.node)?.[line.bridge];
  if (line.kind === 'flow') {
    const wanted = comparable(parseFlow(withPorts(line)));
    const found = program?.flows.filter((flow) => flowKey(flow) === wanted.flow) ?? [];
    return { wanted: [wanted], found: found.map(comparable) };
  }
  const { groups, errors } = parseGroups(withPorts(line));
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  const ids = new Set(groups.map(({ id }) => id));
  const found = program?.groups.filter(({ id }) => ids.has(id)) ?? [];
  return { wanted: groups.map(comparableGroup), found: found.map(comparableGroup) };
}
