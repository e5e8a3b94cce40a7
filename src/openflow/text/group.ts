/** Groups as lines: what `ovs-ofctl add-group` takes and what `dump-groups` prints. */
import type { Action, Bucket, Group } from '../flow.ts';
import { formatActionList, parseActionsSpan } from './actions.ts';
import type { FormatOptions } from './flow.ts';
import { eachLine, type LineError } from './lines.ts';
import { formatPort, parsePort, type PortOptions } from './ports.ts';
import { items, parseInteger, slice, TextError, type Item, type Span } from './span.ts';

const lastGroup = 0xffffff00;
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
  const found = known[value.text];
  if (found !== undefined) return found;
  const names = Object.keys(known).join(', ');
  throw new TextError(value.at, `expected one of ${names}, found "${value.text}"`);
}

const groupKeys: Readonly<Record<string, (group: Draft<Group>, value: Span) => void>> = {
  group_id: (group, value) => {
    group.id = parseInteger(value, 'group_id', 0, lastGroup);
  },
  type: (group, value) => {
    group.type = oneOf(types, value);
  },
  selection_method: (group, value) => {
    group.selectionMethod = oneOf({ dp_hash: 'dp_hash', hash: 'hash' }, value);
  },
};

const bucketKeys: Readonly<
  Record<string, (bucket: Draft<Bucket>, value: Span, options: PortOptions) => void>
> = {
  bucket_id: (bucket, value) => {
    bucket.id = parseInteger(value, 'bucket_id', 0, 0xffffff00);
  },
  weight: (bucket, value) => {
    bucket.weight = parseInteger(value, 'weight', 0, 65535);
  },
  watch_port: (bucket, value, options) => {
    bucket.watchPort = parsePort(value, options);
  },
  watch_group: (bucket, value) => {
    bucket.watchGroup = parseInteger(value, 'watch_group', 0, lastGroup);
  },
};

/** What follows one `bucket=`; settings may stand between the actions, and `actions=` before them. */
function parseBucket(span: Span, type: Group['type'], options: PortOptions): Draft<Bucket> {
  const bucket: Draft<Bucket> = {};
  const actions: Action[] = [];
  let seen = false;
  const read = ({ key, value, whole }: Item) => {
    const setting = bucketKeys[key.text];
    if (setting !== undefined) {
      setting(bucket, value, options);
      return;
    }
    const list = key.text === 'actions' || key.text === 'action' ? value : whole;
    seen = true;
    actions.push(...parseActionsSpan(list, options, null, false));
  };
  for (const item of items(span)) read(item);
  if (!seen) throw new TextError(span.at + span.text.length, 'expected the actions of the bucket');
  if (bucket.weight !== undefined && type !== 'select') {
    throw new TextError(span.at, 'only the buckets of a select group have weights');
  }
  if (bucket.weight === defaultWeight) delete bucket.weight;
  return { ...bucket, actions };
}

/** Gives buckets without an id the lowest free ones, as the switch does. */
function withIds(drafts: readonly Draft<Bucket>[], at: number): Bucket[] {
  const taken = new Set<number>();
  for (const { id } of drafts) {
    if (id === undefined) continue;
    if (taken.has(id)) throw new TextError(at, `two buckets have the id ${id}`);
    taken.add(id);
  }
  let next = 0;
  return drafts.map((draft) => {
    let { id } = draft;
    if (id === undefined) {
      while (taken.has(next)) next += 1;
      id = next;
      taken.add(id);
    }
    return { ...draft, id, actions: draft.actions ?? [] };
  });
}

function parseGroup(line: Span, options: PortOptions): Group {
  const marks = [...line.text.matchAll(/(?<![\w])bucket=/g)];
  const head = slice(line, 0, marks[0]?.index);
  const group: Draft<Group> = {};
  for (const { key, value, whole } of items(head)) {
    if (whole.at === line.at && whole.text === 'add') continue;
    const read = groupKeys[key.text];
    if (read === undefined) {
      const known = Object.keys(groupKeys).join(', ');
      throw new TextError(key.at, `expected one of ${known} or bucket, found "${key.text}"`);
    }
    read(group, value);
  }
  const { id, type } = group;
  if (id === undefined) throw new TextError(line.at, 'expected group_id=');
  if (type === undefined) throw new TextError(line.at, 'expected type=');
  const drafts = marks.map((mark, index) =>
    parseBucket(slice(line, mark.index + mark[0].length, marks[index + 1]?.index), type, options),
  );
  if (type === 'indirect' && drafts.length > 1) {
    throw new TextError(line.at, 'an indirect group has one bucket at most');
  }
  return { ...group, id, type, buckets: withIds(drafts, line.at) };
}

export interface ParsedGroups {
  readonly groups: readonly Group[];
  readonly errors: readonly LineError[];
  /** Quoted port names that were not resolved, by the numbers that stand for them. */
  readonly unresolved: ReadonlyMap<number, string>;
}

/** All groups of a file or a dump, of OpenFlow 1.0 (NXST) to 1.5. */
export function parseGroups(text: string, options: PortOptions = {}): ParsedGroups {
  const unresolved = options.unresolved ?? new Map<number, string>();
  const { values, errors } = eachLine(text, (line) => parseGroup(line, { ...options, unresolved }));
  return { groups: values, errors, unresolved };
}

function formatBucket(bucket: Bucket, type: Group['type'], { unresolved }: FormatOptions): string {
  const weight = bucket.weight ?? (type === 'select' ? defaultWeight : 0);
  const format = { version: 15, ...(unresolved && { unresolved }) } as const;
  return [
    `bucket=bucket_id:${bucket.id}`,
    ...(weight === (type === 'select' ? defaultWeight : 0) ? [] : [`weight:${weight}`]),
    ...(bucket.watchPort === undefined
      ? []
      : [`watch_port:${formatPort(bucket.watchPort, unresolved)}`]),
    ...(bucket.watchGroup === undefined ? [] : [`watch_group:${bucket.watchGroup}`]),
    `actions=${formatActionList(bucket.actions, format)}`,
  ].join(',');
}

/** A line of `ovs-ofctl -O OpenFlow15 --no-names dump-groups` without its leading space. */
export function formatGroup(group: Group, options: FormatOptions = {}): string {
  return [
    `group_id=${group.id}`,
    `type=${group.type === 'fast_failover' ? 'ff' : group.type}`,
    ...(group.selectionMethod === undefined ? [] : [`selection_method=${group.selectionMethod}`]),
    ...group.buckets.map((bucket) => formatBucket(bucket, group.type, options)),
  ].join(',');
}
