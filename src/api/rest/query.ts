import { Failure } from '../../base/failure.ts';
import { badRequest, shorten } from './check.ts';
import type { Caller } from '../auth/caller.ts';
import { maySee } from './present.ts';
import { type AnyResource, attributeOf } from './resource.ts';
import type { Sight } from './sight.ts';
import { writeJson } from './json.ts';
import { filtered, type Sliced, sorted } from './slices.ts';

/** What is shown for an attribute must pass. */
interface Test {
  readonly attribute: string;
  readonly passes: (shown: unknown) => boolean;
}

/** A list's query, read once: which objects, in what order, how many, and what of them. */
export interface ListQuery {
  /** Wanted values by attribute; several mean any of them. */
  readonly filters: ReadonlyMap<string, readonly string[]>;
  readonly tests: readonly Test[];
  readonly fields: ReadonlySet<string>;
  readonly sort: readonly { readonly key: string; readonly descending: boolean }[];
  /** 0: all. */
  readonly limit: number;
  readonly marker: string | null;
  readonly reverse: boolean;
}

export interface Page {
  readonly objects: readonly object[];
  /** Queries of the pages around this one; null: there is none, or no limit was asked for. */
  readonly next: URLSearchParams | null;
  readonly previous: URLSearchParams | null;
}

const CONTROLS = new Set([
  'fields',
  'sort_key',
  'sort_dir',
  'limit',
  'marker',
  'page_reverse',
  'verbose',
]);

const words = (value: string): string[] => value.split(',').map((word) => word.trim());
const tagsIn = (shown: unknown): readonly string[] => (shown ?? []) as readonly string[];

/** Filters that are no attribute. */
const TAG_FILTERS = new Map<
  string,
  (tags: readonly string[], wanted: readonly string[]) => boolean
>([
  ['tags', (tags, wanted) => wanted.every((tag) => tags.includes(tag))],
  ['tags-any', (tags, wanted) => wanted.some((tag) => tags.includes(tag))],
  ['not-tags', (tags, wanted) => !wanted.every((tag) => tags.includes(tag))],
  ['not-tags-any', (tags, wanted) => !wanted.some((tag) => tags.includes(tag))],
]);

/** @throws {Failure} for unknown attributes and values that mean nothing. */
export function parseListQuery(of: AnyResource, query: URLSearchParams, caller: Caller): ListQuery {
  const filters = new Map<string, readonly string[]>();
  const tests: Test[] = [];
  const unknown: string[] = [];
  for (const name of new Set(query.keys())) {
    if (CONTROLS.has(name)) continue;
    const tagFilter = 'tags' in of.attributes ? TAG_FILTERS.get(name) : undefined;
    const attribute = attributeOf(of, name);
    if (tagFilter !== undefined) {
      const wanted = query.getAll(name).flatMap(words);
      tests.push({ attribute: 'tags', passes: (shown) => tagFilter(tagsIn(shown), wanted) });
    } else if (attribute === undefined || attribute.filter === false || !maySee(of, name, caller)) {
      unknown.push(name);
    } else filters.set(name, query.getAll(name));
  }
  if (unknown.length > 0) throw notAnAttribute(of, unknown, 'filtering');
  for (const [name, wanted] of filters) {
    const matches = attributeOf(of, name)?.filter || equals;
    const passes = (shown: unknown): boolean => wanted.some((value) => matches(shown, value));
    tests.push({ attribute: name, passes });
  }
  return {
    filters,
    tests,
    fields: new Set(query.getAll('fields')),
    sort: parseSort(of, query, caller),
    limit: parseLimit(query.get('limit')),
    marker: query.get('marker'),
    reverse: /^(true|1|yes)$/i.test(query.get('page_reverse') ?? ''),
  };
}

/** The page of what is seen now that `query` asks for. */
export function* runListQuery(
  sight: Sight,
  query: ListQuery,
  params: URLSearchParams,
): Sliced<Page> {
  // All at once: what is there is an answer only as of one moment.
  const seen = [...candidates(sight, query)];
  const selected = yield* filtered(seen, selection(sight, query));
  const objects = cutPage(sight, query, yield* sorted(selected, order(sight, query)));
  const link = (marker: object | undefined, reverse: boolean): URLSearchParams => {
    const around = new URLSearchParams(params);
    around.delete('marker');
    // From a page beyond the end the way back is the last page.
    if (marker !== undefined) around.set('marker', sight.idOf(marker));
    if (reverse) around.set('page_reverse', 'True');
    else around.delete('page_reverse');
    return around;
  };
  const paged = query.limit > 0;
  const full = objects.length === query.limit;
  return {
    objects,
    next: paged && (full || query.reverse) ? link(objects.at(-1), false) : null,
    previous: paged && (full || !query.reverse) ? link(objects[0], true) : null,
  };
}

function selection(sight: Sight, query: ListQuery): (object: object) => boolean {
  const tests = query.tests.map(({ attribute, passes }) => {
    const read = sight.reader(attribute);
    return (object: object): boolean => passes(read(object));
  });
  return (object) => tests.every((test) => test(object));
}

/** The objects that one filter's index finds; all when no filter has an index. */
function* candidates(sight: Sight, query: ListQuery): Iterable<object> {
  for (const [name, wanted] of query.filters) {
    const lookUp = lookUpOf(sight, name);
    // An index files nothing under an empty value.
    if (lookUp === null || wanted.includes('')) continue;
    const seen = new Set<object>();
    for (const value of wanted) for (const object of lookUp(value)) seen.add(object);
    yield* seen;
    return;
  }
  yield* sight.all();
}

function lookUpOf(sight: Sight, name: string): ((value: string) => Iterable<object>) | null {
  if (name === sight.of.idAttribute) {
    return (value) => [sight.get(value)].filter((object) => object !== undefined);
  }
  if (sight.of.kind !== null && (attributeOf(sight.of, name)?.alias ?? name) === 'project_id') {
    return (value) => sight.ownedBy(value);
  }
  const index = attributeOf(sight.of, name)?.index;
  return index === undefined ? null : (value) => sight.find(index, value);
}

/** By what was asked for, then by age, then by id: the same for every server. */
function order(sight: Sight, query: ListQuery): (a: object, b: object) => number {
  const keys = [...query.sort, AGE, { key: sight.of.idAttribute, descending: false }].map(
    ({ key, descending }) => ({ read: sight.reader(key), descending }),
  );
  return (a, b) => {
    for (const { read, descending } of keys) {
      const sign = compare(read(a), read(b));
      if (sign !== 0) return descending ? -sign : sign;
    }
    return 0;
  };
}

const AGE = { key: 'created_at', descending: false };

function cutPage(sight: Sight, query: ListQuery, sorted: readonly object[]): readonly object[] {
  const { marker, limit, reverse } = query;
  let from = 0;
  let to = sorted.length;
  if (marker !== null) {
    const at = sorted.findIndex((object) => sight.idOf(object) === marker);
    if (at === -1) throw unknownMarker(sight, marker);
    if (reverse) to = at;
    else from = at + 1;
  }
  if (limit > 0 && reverse) from = Math.max(from, to - limit);
  if (limit > 0 && !reverse) to = Math.min(to, from + limit);
  return sorted.slice(from, to);
}

function unknownMarker(sight: Sight, marker: string): Failure {
  const known = sight.get(marker) !== undefined;
  const why = known ? 'is not among what the filters select' : 'could not be found';
  const { typeName } = sight.of;
  return new Failure('not_found', `${typeName}NotFound`, `${typeName} ${shorten(marker)} ${why}`, {
    field: 'marker',
    value: shorten(marker),
    remedy: 'give the id of the last object of the page before',
  });
}

function parseSort(of: AnyResource, query: URLSearchParams, caller: Caller): ListQuery['sort'] {
  const keys = query.getAll('sort_key');
  const directions = query.getAll('sort_dir');
  if (keys.length !== directions.length) {
    throw badRequest(`The query has ${keys.length} sort_key and ${directions.length} sort_dir`, {
      field: 'sort_dir',
      value: directions.join(', '),
      remedy: 'give one sort_dir for each sort_key',
    });
  }
  const unknown = keys.filter(
    (key) => attributeOf(of, key) === undefined || !maySee(of, key, caller),
  );
  if (unknown.length > 0) throw notAnAttribute(of, unknown, 'sorting');
  return keys.map((key, at) => {
    const direction = directions[at] ?? 'asc';
    if (direction !== 'asc' && direction !== 'desc') {
      throw badRequest(
        `Invalid input for sort_dir. Reason: ${shorten(direction)} is not asc or desc`,
        {
          field: 'sort_dir',
          value: shorten(direction),
        },
      );
    }
    return { key, descending: direction === 'desc' };
  });
}

function parseLimit(text: string | null): number {
  if (text === null) return 0;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw badRequest(
    `Invalid input for limit. Reason: ${shorten(text)} is not an integer of 0 or more`,
    { field: 'limit', value: shorten(text) },
  );
}

function notAnAttribute(of: AnyResource, names: readonly string[], purpose: string): Failure {
  const shortened = names
    .slice(0, 8)
    .map((name) => (name.length > 64 ? `${name.slice(0, 64)}…` : name));
  return badRequest(`['${shortened.join("', '")}'] is invalid attribute for ${purpose}`, {
    field: shortened.join(', '),
    remedy: `use attributes of a ${of.member}`,
  });
}

/** Whether `wanted`, as written in a query, is what is shown; for a list, whether it is in it. */
function equals(shown: unknown, wanted: string): boolean {
  if (typeof shown === 'string') return shown === wanted;
  if (shown === null || shown === undefined) return /^(|null|none)$/i.test(wanted);
  if (typeof shown === 'boolean') return /^(true|1|yes)$/i.test(wanted) === shown;
  if (Array.isArray(shown)) return shown.some((item) => equals(item, wanted));
  return JSON.stringify(shown) === wanted;
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  if (isNumber(a) && isNumber(b)) return a < b ? -1 : a > b ? 1 : 0;
  const [left, right] = [sortable(a), sortable(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

const isNumber = (value: unknown): value is number | bigint =>
  typeof value === 'number' || typeof value === 'bigint';

const sortable = (value: unknown): string =>
  typeof value === 'string' ? value : value === null ? '' : writeJson(value);
