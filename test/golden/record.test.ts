/**
 * Every flow and group that the record shows comes out of our compiler. `record.json` holds its 56
 * flow lines and 3 group lines with their chapters; the values that are local to a deployment are
 * its own (vids, ofports, epochs, local network ids), save the index of a group, which is the
 * port's vid with us and a count with the record.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  parseFlow,
  parseGroups,
  formatFlow,
  formatGroup,
} from '../../src/openflow/text/index.ts';
import type { Action, Flow, Group } from '../../src/openflow/flow.ts';
import { flowKey } from '../../src/openflow/identity.ts';
import { compileAll, type BridgeName, type Programs } from '../../src/pipeline/compiler.ts';
import { VMS, walkthroughNode, walkthroughTopology, type NodeName } from '../support/walkthrough.ts';

interface Line {
  readonly chapter: string;
  readonly node: NodeName;
  readonly bridge: BridgeName;
  readonly kind: 'flow' | 'group';
  readonly text: string;
  readonly note?: string;
}

const lines = JSON.parse(
  readFileSync(new URL('record.json', import.meta.url), 'utf8'),
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

const compiled = new Map<NodeName, Programs>();
function programOf(line: Line) {
  const known = compiled.get(line.node);
  const programs = known ?? compileAll(walkthroughTopology(), walkthroughNode(line.node));
  compiled.set(line.node, programs);
  return programs[line.bridge];
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

const flows = lines.filter((line) => line.kind === 'flow');
const groups = lines.filter((line) => line.kind === 'group');

describe('the record', () => {
  it('shows 56 flows and 3 groups in its chapters 3 to 5', () => {
    expect(flows.length).toBe(56);
    expect(groups.length).toBe(3);
    const chapters = new Map<string, number>();
    for (const { chapter } of lines) chapters.set(chapter, (chapters.get(chapter) ?? 0) + 1);
    expect(Object.fromEntries(chapters)).toEqual({
      '3.2': 25,
      '4.1': 4,
      '4.2': 11,
      '4.3': 17,
      '5': 2,
    });
  });

  it.each(flows)('flow of $chapter on $node: $text', (line) => {
      const wanted = comparable(parseFlow(withPorts(line)));
      const candidates = programOf(line).flows.filter((flow) => flowKey(flow) === wanted.flow);
      expect(candidates.map(comparable)).toEqual([wanted]);
  });

  it.each(groups)('group of $chapter on $node: $text', (line) => {
    const { groups: parsed, errors } = parseGroups(withPorts(line));
    expect(errors).toEqual([]);
    const wanted = parsed.map(comparableGroup);
    expect(programOf(line).groups.map(comparableGroup)).toEqual(expect.arrayContaining(wanted));
    expect(wanted.length).toBe(1);
  });
});
