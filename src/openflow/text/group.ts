/** Groups as lines: what `ovs-ofctl add-group` takes and what `dump-groups` prints. */
import { PORT, type Action, type Bucket, type Group } from '../flow.ts';
import { formatActionList, parseActionsSpan } from './actions.ts';
import type { FormatOptions } from './flow.ts';
import { readLines, type LineError } from './lines.ts';
import { formatPort, parsePort, type PortOptions } from './ports.ts';
import { checkSelection, formatSelection, parseSelectionFields } from './selection.ts';
import { items, parseInteger, parseNumber, slice, TextError, type Span } from './span.ts';

const lastGroup = 0xffffff00;
const lastBucket = 0xffffff00;
/** Above it are the reserved ports, of which a bucket watches none but the controller. */
const lastPort = 0xfeff;
const types: Readonly<Record<string, Group['type']>> = {
  all: 'all',
  select: 'select',
  indirect: 'indirect',
  ff: 'fast_failover',
  fast_failover: 'fast_failover',
};
const defaultWeight = 1;

type Draft<T> = { -readonly [K in keyof T]?: T[K] };

function oneOf<T>(known: Readonly<Record<string, T>>, value: Span): T {
  const found = Object.hasOwn(known, value.text) ? known[value.text] : undefined;
  if (found !== undefined) return found;
  const names = Object.keys(known).join(', ');
  throw new TextError(value.at, `expected one of ${names}, found "${value.text}"`);
}

const groupKeys: Readonly<
  Record<string, (group: Draft<Group>, value: Span, options: PortOptions) => void>
> = {
  group_id: (group, value) => {
    group.id = parseInteger(value, 'group_id', 0, lastGroup);
  },
  type: (group, value) => {
    group.type = oneOf(types, value);
  },
  selection_method: (group, value) => {
    group.selectionMethod = oneOf({ dp_hash: 'dp_hash', hash: 'hash' }, value);
  },
  selection_method_param: (group, value) => {
    const parameter = parseNumber(value, 64, 'selection_method_param');
    if (parameter !== 0n) group.selectionParam = parameter;
  },
  fields: (group, value, options) => {
    const fields = parseSelectionFields(value, options);
    if (fields.length > 0) group.hashedFields = fields;
  },
};

const bucketKeys: Readonly<
  Record<string, (bucket: Draft<Bucket>, value: Span, options: PortOptions) => void>
> = {
  bucket_id: (bucket, value) => {
    bucket.id = parseInteger(value, 'bucket_id', 0, lastBucket);
  },
  weight: (bucket, value) => {
    bucket.weight = parseInteger(value, 'weight', 0, 65535);
  },
  watch_port: (bucket, value, options) => {
    const port = parsePort(value, options);
    const named = options.unresolved?.has(port) === true;
    if (port > lastPort && port !== PORT.any && port !== PORT.controller && !named) {
      throw new TextError(value.at, `a bucket cannot watch ${value.text}: expected a port`);
    }
    if (port !== PORT.any) bucket.watchPort = port;
  },
  watch_group: (bucket, value) => {
    bucket.watchGroup = parseInteger(value, 'watch_group', 0, lastGroup);
  },
};

const blank = (text: string) => ' '.repeat(text.length);

/**
 * What follows one `bucket=`; settings may stand between the actions, and `actions=` before any of
 * them. What is no action is blanked, so that the rest is one list and stays in its place.
 */
function parseBucket(span: Span, type: Group['type'], options: PortOptions): Draft<Bucket> {
  const bucket: Draft<Bucket> = {};
  let list = span.text;
  let seen = false;
  const erase = ({ at, text }: Span) => {
    const from = at - span.at;
    list = list.slice(0, from) + blank(text) + list.slice(from + text.length);
  };
  for (const { key, value, whole } of items(span)) {
    const name = key.text.toLowerCase();
    const setting = Object.hasOwn(bucketKeys, name) ? bucketKeys[name] : undefined;
    if (setting !== undefined) {
      setting(bucket, value, options);
      erase(whole);
      continue;
    }
    seen = true;
    if (name === 'actions' || name === 'action') {
      erase({ text: whole.text.slice(0, value.at - whole.at), at: whole.at });
    }
  }
  if (!seen) throw new TextError(span.at + span.text.length, 'expected the actions of the bucket');
  const actions: Action[] = parseActionsSpan({ text: list, at: span.at }, options, null, false);
  checkBucket(bucket, type, span.at);
  if (bucket.weight === (type === 'select' ? defaultWeight : 0)) delete bucket.weight;
  return { ...bucket, actions };
}

function checkBucket(bucket: Draft<Bucket>, type: Group['type'], at: number): void {
  const watches = bucket.watchPort !== undefined || bucket.watchGroup !== undefined;
  if (bucket.weight && type !== 'select') {
    throw new TextError(at, 'only the buckets of a select group have weights');
  }
  if (watches && (type === 'all' || type === 'indirect')) {
    throw new TextError(at, `the buckets of a group of type ${type} watch nothing`);
  }
  if (!watches && type === 'fast_failover') {
    throw new TextError(at, 'a bucket of type ff watches a port or a group: expected watch_port');
  }
}

/**
 * Gives buckets without an id the lowest that is free. As ovs-ofctl does, it minds the ids that stand
 * behind the first such bucket, so that one which stands before it may be given twice: an error.
 */
function withIds(drafts: readonly Draft<Bucket>[], at: number): Bucket[] {
  const first = drafts.findIndex(({ id }) => id === undefined);
  const taken = new Set(drafts.flatMap(({ id }, index) => (index > first ? (id ?? []) : [])));
  let next = 0;
  const buckets = drafts.map((draft): Bucket => {
    let { id } = draft;
    if (id === undefined) {
      while (taken.has(next)) next += 1;
      id = next;
      next += 1;
    }
    return { ...draft, id, actions: draft.actions ?? [] };
  });
  const ids = new Set<number>();
  for (const { id } of buckets) {
    if (ids.has(id)) throw new TextError(at, `two buckets have the id ${id}`);
    ids.add(id);
  }
  return buckets;
}

function readHead(head: Span, line: Span, options: PortOptions): Draft<Group> {
  const group: Draft<Group> = {};
  for (const { key, value, whole } of items(head)) {
    if (whole.at === line.at && whole.text === 'add') continue;
    const read = Object.hasOwn(groupKeys, key.text) ? groupKeys[key.text] : undefined;
    if (read === undefined) {
      const known = Object.keys(groupKeys).join(', ');
      throw new TextError(key.at, `expected one of ${known} or bucket, found "${key.text}"`);
    }
    read(group, value, options);
  }
  return group;
}

function parseGroup(line: Span, options: PortOptions): Group {
  const marks = [...line.text.matchAll(/bucket=/g)];
  const head = slice(line, 0, marks[0]?.index);
  const group = readHead(head, line, options);
  const { id, type } = group;
  if (id === undefined) throw new TextError(line.at, 'expected group_id=');
  if (type === undefined) throw new TextError(line.at, 'expected type=');
  checkSelection(group, line.at);
  const drafts = marks.map((mark, index) =>
    parseBucket(slice(line, mark.index + mark[0].length, marks[index + 1]?.index), type, options),
  );
  if (type === 'indirect' && drafts.length !== 1) {
    throw new TextError(line.at, 'an indirect group has one bucket');
  }
  return { ...group, id, type, buckets: withIds(drafts, line.at) };
}

export interface ParsedGroups {
  readonly groups: readonly Group[];
  readonly errors: readonly LineError[];
  /** Lines of a record that are no groups. */
  readonly skipped: number;
  /** Names of ports that were not resolved, by the numbers that stand for them. */
  readonly unresolved: ReadonlyMap<number, string>;
}

const beginsGroup = (line: string) => /^\s*(?:add[,\s]+)?group_id=/.test(line);

/** All groups of a file or a dump, of OpenFlow 1.0 (NXST) to 1.5; broken lines are put together. */
export function parseGroups(text: string, options: PortOptions = {}): ParsedGroups {
  const unresolved = options.unresolved ?? new Map<number, string>();
  const { values, errors, skipped } = readLines(text, {
    read: (line) => parseGroup(line, { ...options, unresolved }),
    begins: beginsGroup,
    greedy: true,
    belongs: (_soFar, _line, begins, gap) => !gap && !begins,
  });
  return { groups: values, errors, skipped, unresolved };
}

function formatBucket(bucket: Bucket, type: Group['type'], { unresolved }: FormatOptions): string {
  const usual = type === 'select' ? defaultWeight : 0;
  const { weight = usual, watchPort, watchGroup } = bucket;
  const format = { version: 15, ...(unresolved && { unresolved }) } as const;
  return [
    `bucket=bucket_id:${bucket.id}`,
    ...(weight === usual ? [] : [`weight:${weight}`]),
    ...(watchPort === undefined ? [] : [`watch_port:${formatPort(watchPort, unresolved)}`]),
    ...(watchGroup === undefined ? [] : [`watch_group:${watchGroup}`]),
    `actions=${formatActionList(bucket.actions, format)}`,
  ].join(',');
}

/** A line of `ovs-ofctl -O OpenFlow15 --no-names dump-groups` without its leading space. */
export function formatGroup(group: Group, options: FormatOptions = {}): string {
  return [
    `group_id=${group.id}`,
    `type=${group.type === 'fast_failover' ? 'ff' : group.type}`,
    ...formatSelection(group),
    ...group.buckets.map((bucket) => formatBucket(bucket, group.type, options)),
  ].join(',');
}
