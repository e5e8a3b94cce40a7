/** Flows as lines: what `ovs-ofctl add-flow` takes and what `dump-flows` prints. */
import type { FlowKey } from '../fields.ts';
import type { Action, Flow, FlowCounters, Match } from '../flow.ts';
import { formatActionList, parseActionsSpan } from './actions.ts';
import { asFailure, eachLine, type LineError } from './lines.ts';
import { formatMatchItems, matchOf, newBits, parseMatchSpan, putItem } from './match.ts';
import type { PortOptions } from './ports.ts';
import { layersOf } from './prerequisites.ts';
import { compileMatch } from '../key.ts';
import {
  items,
  parseInteger,
  parseNumber,
  slice,
  split,
  TextError,
  type Item,
  type Span,
} from './span.ts';

export interface FormatOptions {
  /** Names for the numbers that `PortOptions.unresolved` gathered. */
  readonly unresolved?: ReadonlyMap<number, string>;
}

const defaultPriority = 32768;
/** Leaves the choice to the switch, which takes table 0. */
const anyTable = 255;
const lastCookie = 0xffff_ffff_ffff_ffffn;
/** In the order in which they print. */
const flagWords = [
  'send_flow_rem',
  'check_overlap',
  'reset_counts',
  'no_packet_counts',
  'no_byte_counts',
];
/** Words of a dump, or of other versions, that a flow of OpenFlow 1.3 does not hold. */
const passedOver = new Set([
  'duration',
  'n_packets',
  'n_bytes',
  'idle_age',
  'hard_age',
  'importance',
  'no_readonly_table',
  'allow_hidden_fields',
]);

type Settings = { -readonly [K in keyof Omit<Flow, 'match' | 'actions'>]: Flow[K] };

const settings: Readonly<Record<string, (flow: Settings, value: Span) => void>> = {
  table: (flow, value) => {
    const table = parseInteger(value, 'table', 0, anyTable);
    flow.table = table === anyTable ? 0 : table;
  },
  priority: (flow, value) => {
    flow.priority = parseInteger(value, 'priority', 0, 65535);
  },
  cookie: (flow, value) => {
    flow.cookie = parseNumber(value, 64, 'cookie');
    if (flow.cookie === lastCookie) {
      throw new TextError(value.at, 'cookie 0xffffffffffffffff is reserved');
    }
  },
  idle_timeout: (flow, value) => {
    flow.idleTimeout = parseInteger(value, 'idle_timeout', 0, 65535);
  },
  hard_timeout: (flow, value) => {
    flow.hardTimeout = parseInteger(value, 'hard_timeout', 0, 65535);
  },
};

/** Reads an item that is no part of the match; false when it has no meaning here. */
function readSetting(flow: Settings, { key, value, form }: Item): boolean {
  const read = settings[key.text];
  if (read !== undefined) {
    read(flow, value);
    return true;
  }
  if (form === 'word' && flagWords.includes(key.text)) {
    flow.flags = flagWords.filter((flag) => flag === key.text || flow.flags?.includes(flag));
    return true;
  }
  return passedOver.has(key.text);
}

function parseFlowSpan(line: Span, options: PortOptions): Flow {
  const actionsAt = /(?:^|[,\s])actions?=/.exec(line.text);
  if (actionsAt === null) {
    throw new TextError(line.at + line.text.length, 'expected actions= and the actions');
  }
  const head = slice(line, 0, actionsAt.index);
  const flow: Settings = { table: 0, priority: defaultPriority, cookie: 0n };
  const bits = newBits();
  for (const item of items(head)) {
    if (item.whole.at === line.at && item.whole.text === 'add') continue;
    if (readSetting(flow, item) || putItem(bits, item, options)) continue;
    throw new TextError(
      item.key.at,
      `expected a field, a protocol or a setting of the flow, found "${item.key.text}"`,
    );
  }
  const list = slice(line, actionsAt.index + actionsAt[0].length);
  const match = matchOf(bits, head.at);
  const actions = parseActionsSpan(list, options, layersOf(compileMatch(match)), true);
  const onward = actions.find((action) => action.kind === 'goto_table');
  if (onward !== undefined && onward.table <= flow.table) {
    throw new TextError(
      list.at + list.text.indexOf('goto_table'),
      `goto_table goes forward only: ${onward.table} is not above ${flow.table}`,
    );
  }
  return { ...flow, match, actions };
}

/**
 * One flow, as ovs-ofctl's add-flow or dump-flows writes it. Counters, ages and durations are passed over.
 * @throws {Failure} `invalid`, with the column in the message.
 */
export function parseFlow(line: string, options: PortOptions = {}): Flow {
  return asFailure('flow', line, () => parseFlowSpan({ text: line, at: 0 }, options));
}

export interface ParsedFlows {
  /** In the order read. */
  readonly flows: readonly Flow[];
  readonly errors: readonly LineError[];
  /** Quoted port names that were not resolved, by the numbers that stand for them. */
  readonly unresolved: ReadonlyMap<number, string>;
}

/** All flows of a file or a dump; blank lines, comments (`#`) and headers of replies are passed over. */
export function parseFlows(text: string, options: PortOptions = {}): ParsedFlows {
  const unresolved = options.unresolved ?? new Map<number, string>();
  const { values, errors } = eachLine(text, (line) =>
    parseFlowSpan(line, { ...options, unresolved }),
  );
  return { flows: values, errors, unresolved };
}

function formatDuration(seconds: number): string {
  const text = seconds.toFixed(3);
  return `${text.endsWith('.000') ? text.slice(0, -4) : text}s`;
}

/**
 * A line of `ovs-ofctl -O OpenFlow13 --no-names dump-flows` without its leading space: with
 * `counters` as it prints by itself, else as under `--no-stats`, where cookie 0 and table 0 are left out.
 */
export function formatFlow(
  flow: Flow,
  options: FormatOptions & { readonly counters?: FlowCounters } = {},
): string {
  const { counters } = options;
  const parts: string[] = [];
  if (counters || flow.cookie !== 0n) parts.push(`cookie=0x${flow.cookie.toString(16)}, `);
  if (counters) parts.push(`duration=${formatDuration(counters.duration)}, `);
  if (counters || flow.table !== 0) parts.push(`table=${flow.table}, `);
  if (counters) parts.push(`n_packets=${counters.packets}, n_bytes=${counters.bytes}, `);
  if (flow.idleTimeout) parts.push(`idle_timeout=${flow.idleTimeout}, `);
  if (flow.hardTimeout) parts.push(`hard_timeout=${flow.hardTimeout}, `);
  for (const flag of flow.flags ?? []) parts.push(`${flag} `);
  const match = [
    ...(flow.priority === defaultPriority ? [] : [`priority=${flow.priority}`]),
    ...formatMatchItems(flow.match, options.unresolved),
  ];
  if (match.length > 0) parts.push(`${match.join(',')} `);
  return `${parts.join('')}actions=${formatActions(flow.actions, options)}`;
}

/**
 * A match such as `ip,reg12=0x27`; the empty text matches everything.
 * @throws {Failure} `invalid`, with the column in the message.
 */
export function parseMatch(text: string, options: PortOptions = {}): Match {
  return asFailure('match', text, () => parseMatchSpan({ text, at: 0 }, options));
}

/** A match as `dump-flows` prints it, without the priority. */
export function formatMatch(match: Match, options: FormatOptions = {}): string {
  return formatMatchItems(match, options.unresolved).join(',');
}

/**
 * Actions such as `set_field:0x170b->reg14,goto_table:60`. Prerequisites, which lie in the match, are
 * not checked.
 * @throws {Failure} `invalid`, with the column in the message.
 */
export function parseActions(text: string, options: PortOptions = {}): Action[] {
  return asFailure('actions', text, () => parseActionsSpan({ text, at: 0 }, options, null, true));
}

/** Actions as `dump-flows` prints them; none at all is `drop`. */
export function formatActions(actions: readonly Action[], options: FormatOptions = {}): string {
  return formatActionList(actions, { version: 13, ...options });
}

/**
 * A packet in the words of a match, as `ovs-appctl ofproto/trace` takes it: `in_port=1,icmp,dl_src=…`.
 * What is not named is zero.
 * @throws {Failure} `invalid`, with the column in the message.
 */
export function parsePacket(text: string, options: PortOptions = {}): FlowKey {
  return asFailure('packet', text, () => {
    const bits = newBits();
    for (const item of items({ text, at: 0 })) {
      const [value, mask] = split(item.value, '/');
      if (mask !== undefined) throw new TextError(value.at, 'a packet has values, not masks');
      if (!putItem(bits, item, options)) {
        throw new TextError(
          item.key.at,
          `expected a field or a protocol, found "${item.key.text}"`,
        );
      }
    }
    return bits.value;
  });
}
