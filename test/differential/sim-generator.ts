/**
 * Random pipelines over the matches and actions that ours uses, each as data and as the text that
 * ovs-ofctl reads. The texts are written here, apart from the project's own printer.
 */
import { field, type FlowKey } from '../../src/openflow/fields.ts';
import type { Bucket, Flow, Group } from '../../src/openflow/flow.ts';
import { newKey, writeField } from '../../src/openflow/key.ts';
import * as build from '../../src/openflow/build.ts';
import {
  type Act,
  act,
  actionList,
  GROUPS,
  groupTable,
  inActionSet,
  outputAct,
  TABLES,
  vlanActs,
} from './sim-generator-actions.ts';
import {
  addTerm,
  type Draft,
  matchOf,
  matchTerm,
  METADATA,
  PACKET_PROTOCOLS,
  PROTOCOL_NAMES,
  protocolDraft,
  PROTOCOLS,
  term,
  VALUES,
  type Written,
  written,
} from './sim-generator-fields.ts';
import type { Random } from './sim-random.ts';

export interface Program {
  readonly flows: readonly Written<Flow>[];
  readonly groups: readonly Written<Group>[];
}

function flowOf(
  random: Random,
  circular: boolean,
  table: number,
  priority: number,
  cookie: bigint,
): Written<Flow> {
  const protocol = PROTOCOLS[random.pick(PROTOCOL_NAMES)];
  const draft = matchOf(random, protocol);
  const mayCommit = !draft.texts.some((text) => text.includes('+inv'));
  const context = { random, protocol, table, circular, mayCommit, nested: false };
  const actions = random.chance(6) ? [] : actionList(context, 4);
  const terms = draft.terms;
  if (random.chance(8)) actions.push(...vlanActs(random), outputAct(random));
  const later = TABLES.filter((next) => next > table);
  if (circular && random.chance(15)) actions.push(act('clear_actions', build.clearActions()));
  if (circular && random.chance(20)) {
    // OVS refuses ct in write_actions.
    const set = actionList({ ...context, nested: true }, 3).filter(
      ({ value }) => inActionSet(value) && value.kind !== 'ct',
    );
    const text = `write_actions(${set.map((one) => one.text).join(',')})`;
    if (set.length > 0) actions.push(act(text, build.writeActions(set.map(({ value }) => value))));
  }
  if (random.chance(40)) {
    const value = random.pick([1n << 63n, 1n << 60n, 1n]);
    actions.push(
      act(
        `write_metadata:0x${value.toString(16)}/0x${value.toString(16)}`,
        build.writeMetadata(value, value),
      ),
    );
  }
  if (later.length > 0 && random.chance(75)) {
    const next = random.pick(later);
    actions.push(act(`goto_table:${next}`, build.gotoTable(next)));
  }
  return flow(table, priority, cookie, { texts: draft.texts, terms }, actions);
}

function flow(
  table: number,
  priority: number,
  cookie: bigint,
  draft: Draft,
  actions: readonly Act[],
): Written<Flow> {
  const match = draft.texts.map((text) => `,${text}`).join('');
  const list = actions.length === 0 ? 'drop' : actions.map(({ text }) => text).join(',');
  return {
    text: `table=${table},priority=${priority},cookie=0x${cookie.toString(16)}${match},actions=${list}`,
    value: {
      table,
      priority,
      cookie,
      match: draft.terms,
      actions: actions.map(({ value }) => value),
    },
  };
}

/** Clause flows of two conjunctions at one priority, and what their ids do. */
function conjunctions(
  random: Random,
  table: number,
  priority: number,
  cookie: () => bigint,
): Written<Flow>[] {
  const protocol = PROTOCOLS.ip;
  const clause = (
    names: readonly string[],
    ids: readonly number[],
    number: number,
  ): Written<Flow> => {
    const draft = protocolDraft(protocol);
    for (const name of names) addTerm(draft, matchTerm(random, name));
    const acts = ids.map((id) =>
      act(`conjunction(${id},${number}/2)`, build.conjunction(id, number, 2)),
    );
    return flow(table, priority, cookie(), draft, acts);
  };
  const ids = [[100], [101], [100, 101]] as const;
  const flows = [
    ...random
      .some([['ip_src'], ['reg0', 'ip_src'], ['ip_src', 'reg12']], 3)
      .map((names) => clause(names, random.pick(ids), 1)),
    ...random
      .some([['ip_dst'], ['reg5', 'ip_dst'], ['ip_dst', 'nw_ttl']], 3)
      .map((names) => clause(names, random.pick(ids), 2)),
  ];
  for (const id of [100, 101]) {
    if (random.chance(10)) continue;
    const draft = protocolDraft(protocol);
    addTerm(draft, term('conj_id', BigInt(id)));
    flows.push(flow(table, priority, cookie(), draft, [outputAct(random)]));
  }
  return flows;
}

function groupOf(random: Random, circular: boolean, id: number): Written<Group> {
  const type = random.pick(['all', 'all', 'select', 'indirect', 'fast_failover'] as const);
  const protocol = PROTOCOLS.any;
  const count = type === 'indirect' ? 1 : 1 + random.below(3);
  const dpHash = type === 'select' && random.chance(70);
  const buckets = Array.from({ length: count }, (_, index): Written<Bucket> => {
    const acts = actionList(
      { random, circular, protocol, table: groupTable(id), nested: true, mayCommit: true },
      3,
    ).filter(({ value }) => inActionSet(value));
    const watched = type === 'fast_failover' || (type === 'select' && random.chance(30));
    const watchPort = watched ? random.pick([1, 2, 77]) : undefined;
    const weight = type === 'select' && random.chance(50) ? 1 + random.below(4) : undefined;
    const parts = [
      `bucket_id:${index + 1}`,
      weight === undefined ? '' : `weight:${weight}`,
      watchPort === undefined ? '' : `watch_port:${watchPort}`,
      `actions=${acts.length === 0 ? 'drop' : acts.map(({ text }) => text).join(',')}`,
    ];
    return {
      text: `bucket=${parts.filter((part) => part !== '').join(',')}`,
      value: {
        id: index + 1,
        actions: acts.map(({ value }) => value),
        ...(watchPort !== undefined && { watchPort }),
        ...(weight !== undefined && { weight }),
      },
    };
  });
  const typeText = type === 'fast_failover' ? 'ff' : type;
  const method = dpHash ? ',selection_method=dp_hash' : '';
  return {
    text: `group_id=${id},type=${typeText}${method},${buckets.map(({ text }) => text).join(',')}`,
    value: {
      id,
      type,
      ...(dpHash && { selectionMethod: 'dp_hash' as const }),
      buckets: buckets.map(({ value }) => value),
    },
  };
}

/** A pipeline of 8 tables and 7 groups; cookies number its flows. */
export function randomProgram(random: Random): Program {
  const circular = random.chance(20);
  let next = 0n;
  const cookie = () => (next += 1n);
  const flows = TABLES.flatMap((table) => {
    const rows = Array.from({ length: 12 }, (_, index) =>
      flowOf(random, circular, table, 100 + index, cookie()),
    );
    if (random.chance(40))
      rows.push(...conjunctions(random, table, random.pick([90, 200]), cookie));
    if (random.chance(60)) rows.push(flowOf(random, circular, table, 0, cookie()));
    return rows;
  });
  return { flows, groups: GROUPS.map((id) => groupOf(random, circular, id)) };
}

/** A packet with values of the pipeline's. */
export function randomPacket(random: Random): Written<FlowKey> {
  const name = random.pick(PACKET_PROTOCOLS);
  const protocol = PROTOCOLS[name];
  const key = newKey();
  const texts: string[] = [String(protocol.word)];
  for (const { field: target, value } of build.PROTOCOLS[name]) writeField(key, target, value);
  const fields = [
    'in_port',
    'eth_src',
    'eth_dst',
    ...protocol.fields,
    ...random.some(METADATA.slice(0, 5), 2),
    'dp_hash',
  ];
  for (const fieldName of new Set(fields)) {
    const value =
      fieldName === 'dp_hash'
        ? BigInt(1 + random.below(0x7fffffff))
        : random.pick(VALUES[fieldName] ?? [0n]);
    writeField(key, field(fieldName), value);
    texts.push(`${fieldName}=${fieldName === 'dp_hash' ? value : written(fieldName, value)}`);
  }
  if (random.chance(15)) {
    writeField(key, field('vlan_tci'), 0x1000n | 101n);
    texts.push('dl_vlan=101', 'dl_vlan_pcp=0');
  }
  return { text: texts.join(','), value: key };
}
