/** Flows as lines: what `ovs-ofctl add-flow` takes and what `dump-flows` prints. */
import type { FlowKey } from '../fields.ts';
import type { Action, Flow, FlowCounters, Match } from '../flow.ts';
import { formatActionList, parseActionsSpan } from './actions.ts';
import { isInterruption } from './damage.ts';
import { asFailure, isOpen, readLines, type LineError } from './lines.ts';
import { clearedBits, formatMatchItems, matchOf, parseMatchSpan, putItem } from './match.ts';
import type { PortOptions } from './ports.ts';
import { layersCode, layersOf, type Layers } from './prerequisites.ts';
import { fieldByName } from './names.ts';
import { scanPlain, scanUnsigned } from './scan.ts';
import { ItemReader, parseInteger, TextError, type Item, type Span } from './span.ts';

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
const counters = [
  'duration',
  'n_packets',
  'n_bytes',
  'n_offload_packets',
  'n_offload_bytes',
  'idle_age',
  'hard_age',
];
/** Words that ovs-ofctl takes, with or without a value, and does nothing with. */
const ignored = ['no_readonly_table', 'allow_hidden_fields'];
/** What a line of add-flows can begin with beside `add`. */
const otherCommands = new Set(['modify', 'modify_strict', 'delete', 'delete_strict']);

/** A flow that is being read. */
type Settings = { -readonly [K in keyof Flow]: Flow[K] };
const NOTHING: readonly never[] = [];

function readTable(flow: Settings, item: Item): void {
  const plain = scanPlain(item.list.text, item.from, item.to, 10);
  flow.table = plain >= 0 && plain < anyTable ? plain : tableOf(item.value);
}

/** The number of a table that is not plain. */
function tableOf(value: Span): number {
  if (!/^\+?[0-9]+$/.test(value.text)) {
    throw new TextError(
      value.at,
      `expected the number of a table, found "${value.text}": names come from dumps without --no-names`,
    );
  }
  const decimal = { text: String(Number(value.text)), at: value.at };
  const table = parseInteger(decimal, 'table', 0, anyTable);
  return table === anyTable ? 0 : table;
}

function readCookie(flow: Settings, { value }: Item): void {
  if (value.text.includes('/')) {
    throw new TextError(value.at, 'a flow has a whole cookie: a mask searches for flows');
  }
  const found = scanUnsigned(value.text);
  if (found === null || found.length !== value.text.length) {
    throw new TextError(value.at, `expected a cookie of 64 bits, found "${value.text}"`);
  }
  // All ones, which -1 is too, stand for no cookie.
  flow.cookie = found.value === lastCookie ? 0n : found.value;
}

type SettingReader = (flow: Settings, item: Item) => void;

/** A setting that has a value. */
const valued =
  (read: SettingReader): SettingReader =>
  (flow, item) => {
    if (item.from === item.to) throw new TextError(item.key.at, `${item.name} has no value`);
    read(flow, item);
  };

/** A number of 16 bits, which may have a sign that says nothing. */
function integer16(item: Item, what: string): number {
  const plain = scanPlain(item.list.text, item.from, item.to, null);
  if (plain >= 0 && plain <= 65535) return plain;
  const { text, at } = item.value;
  const bare = text.startsWith('+') ? text.slice(1) : text;
  return parseInteger({ text: bare, at }, what, 0, 65535);
}

const settings: ReadonlyMap<string, SettingReader> = new Map([
  ['table', valued(readTable)],
  ['table_id', valued(readTable)],
  [
    'priority',
    valued((flow, item) => {
      flow.priority = integer16(item, 'priority');
    }),
  ],
  ['cookie', valued(readCookie)],
  [
    'idle_timeout',
    valued((flow, item) => {
      flow.idleTimeout = integer16(item, 'idle_timeout');
    }),
  ],
  [
    'hard_timeout',
    valued((flow, item) => {
      flow.hardTimeout = integer16(item, 'hard_timeout');
    }),
  ],
  // OpenFlow 1.3 leaves it out.
  ['importance', valued((_flow, item) => void integer16(item, 'importance'))],
  ...counters.map((name): [string, SettingReader] => [name, valued(() => {})]),
  ...ignored.map((name): [string, SettingReader] => [name, () => {}]),
  ...flagWords.map((name): [string, SettingReader] => [
    name,
    (flow) => {
      flow.flags = flagWords.filter((flag) => flag === name || flow.flags?.includes(flag));
    },
  ]),
]);

/**
 * Where the actions begin: ovs-ofctl takes the first `action` wherever it stands, and what follows the
 * next `=`. Names in quotes are not looked into.
 */
function splitActions({ text, at: start }: Span): { at: number; list: Span } {
  const quote = text.indexOf('"');
  let at = text.indexOf('action');
  if (quote >= 0 && quote < at) {
    at = text.replaceAll(/"[^"]*"/g, (name) => '"'.repeat(name.length)).indexOf('action');
  }
  const equals = at < 0 ? -1 : text.indexOf('=', at);
  if (equals < 0) {
    throw new TextError(start + text.trimEnd().length, 'expected actions= and the actions');
  }
  return { at, list: { text: text.slice(equals + 1), at: start + equals + 1 } };
}

/**
 * Actions that were read, by their text, with what else they depend on when they were read last. Dumps
 * repeat few lists many times.
 */
class KnownActions {
  readonly #known = new Map<string, { readonly code: number; readonly actions: Flow['actions'] }>();

  read(list: Span, options: PortOptions, layers: Layers): Flow['actions'] {
    const code = layersCode(layers);
    const known = this.#known.get(list.text);
    if (known?.code === code) return known.actions;
    const actions = parseActionsSpan(list, options, layers, true);
    if (this.#known.size >= mostKnown) this.#known.clear();
    this.#known.set(list.text, { code, actions });
    return actions;
  }
}
/** Lists that are alike stand near each other, and few are quicker to look through. */
const mostKnown = 1000;

function parseFlowSpan(line: Span, options: PortOptions, known = new KnownActions()): Flow {
  const { at, list } = splitActions(line);
  const flow: Settings = {
    table: 0,
    priority: defaultPriority,
    cookie: 0n,
    match: NOTHING,
    actions: NOTHING,
  };
  const bits = clearedBits();
  const item = new ItemReader(line, at);
  while (item.next()) {
    const { name } = item;
    if (item.start === 0 && item.form === 'word') {
      if (name === 'add') continue;
      if (otherCommands.has(name)) {
        const message = `${name} changes flows that a switch has: it is no flow itself`;
        throw new TextError(item.key.at, message);
      }
    }
    const setting = settings.get(name);
    if (setting !== undefined) setting(flow, item);
    else if (!putItem(bits, item, options)) {
      throw new TextError(
        item.key.at,
        `expected a field, a protocol or a setting of the flow, found "${name}"`,
      );
    }
  }
  const layers = layersOf(bits);
  flow.match = matchOf(bits, layers, line.at);
  flow.actions = known.read(list, options, layers);
  // It is the last of all instructions.
  const onward = flow.actions.at(-1);
  if (onward?.kind === 'goto_table' && onward.table <= flow.table) {
    throw new TextError(
      list.at + list.text.indexOf('goto_table'),
      `goto_table goes forward only: ${onward.table} is not above ${flow.table}`,
    );
  }
  return flow;
}

const protocol = /^(?:(?:ip|tcp|udp|sctp|icmp)(?:v?[46])?|r?arp|mplsm?|eth)$/;

const isFlowWord = (word: string) => settings.has(word) || fieldByName(word) !== undefined;

/** Of the table that ovs-vswitchd keeps for itself, as `ovs-appctl bridge/dump-flows` shows it. */
const ofSwitch = /^\s*table_id=254,/;
/** Where dump-flows begins a line, whatever its options. */
const dumpStart = /^\s*(?:cookie|duration)=/;
/** What only dump-flows writes. */
const counted = /\b(?:duration|n_packets|n_bytes)=/;

/** A line with actions that begins with a name and its value, other than of a group or a meter. */
const valuedStart = /^\s*(?!(?:group_id|meter)\s*[=:(])[\w.[\]]+\s*[=:(].*actions?\s*=/;

/** Whether a line can only be meant as a flow or its beginning. */
function beginsFlow(line: string): boolean {
  if (dumpStart.test(line) || valuedStart.test(line)) return true;
  const word = /^\s*([\w.[\]]+)\s*([=:(]?)/.exec(line);
  const acts = /actions?\s*=/.test(line);
  if (word === null) return acts && counted.test(line);
  const [, name = '', mark] = word;
  if (name === 'group_id' || name === 'meter') return false;
  if (!acts)
    return mark === '=' && isFlowWord(name) && /[,\s]/.test(line.trim()) && !isInterruption(line);
  return mark !== '' || isFlowWord(name) || protocol.test(name) || counted.test(line);
}

/** `actions=goto_table:130  to the peers`: somebody's words on flows, without what a dump counts. */
function isRemark(line: string, at: number): boolean {
  return (
    !dumpStart.test(line) && !counted.test(line) && /actions?=.*\S\s{2,}$/.test(line.slice(0, at))
  );
}

/** Whether a line may go on with a flow: as long as its actions, or a bracket, are still to come. */
function belongsToFlow(soFar: string, line: string, begins: boolean, gap: boolean): boolean {
  if (dumpStart.test(line)) return false;
  const acts = soFar.includes('action');
  if (gap) return !acts && counted.test(soFar) && /^\s*actions?=/.test(line);
  return !begins || isOpen(soFar) || (!acts && counted.test(soFar + line));
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
  /** Lines of a record that are no flows: prompts, headings, prose. A file for ovs-ofctl has none. */
  readonly skipped: number;
  /** Names of ports that were not resolved, by the numbers that stand for them. */
  readonly unresolved: ReadonlyMap<number, string>;
}

/**
 * All flows of a file or a dump, past blank lines, comments (`#`) and headers of replies. Flows that
 * were broken into several lines are put together; of a record of a session what is no flow is skipped.
 */
export function parseFlows(text: string, options: PortOptions = {}): ParsedFlows {
  const unresolved = options.unresolved ?? new Map<number, string>();
  const known = new KnownActions();
  const gathering = { ...options, unresolved };
  const { values, errors, skipped } = readLines(text, {
    read: (line) => parseFlowSpan(line, gathering, known),
    begins: beginsFlow,
    ignores: (line) => ofSwitch.test(line),
    belongs: belongsToFlow,
    isRemark,
  });
  return { flows: values, errors, skipped, unresolved };
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
 * @param copy Copies the key, which is good until the next packet is read.
 * @throws {Failure} `invalid`, with the column in the message.
 */
export function parsePacket(
  text: string,
  options: PortOptions = {},
  copy: (key: FlowKey) => FlowKey = (key) => key.slice(),
): FlowKey {
  return asFailure('packet', text, () => {
    const bits = clearedBits(true);
    const masks = text.includes('/');
    const item = new ItemReader({ text, at: 0 });
    while (item.next()) {
      if (masks && item.value.text.includes('/')) {
        throw new TextError(item.value.at, 'a packet has values, not masks');
      }
      if (!putItem(bits, item, options)) {
        throw new TextError(item.key.at, `expected a field or a protocol, found "${item.name}"`);
      }
    }
    return copy(bits.value);
  });
}
