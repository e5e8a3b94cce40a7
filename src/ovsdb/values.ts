/**
 * Values of columns: RFC 7047's notation (§5.1) on one side, plain JavaScript on the other. A scalar
 * is an atom, an optional scalar an atom or null, a set a Set, a map a Map; a uuid is its text. An
 * integer beyond 2^53 comes rounded, as JSON.parse reads it.
 */
import { Failure } from '../base/failure.ts';
import { isUuid } from '../base/ids.ts';
import { isArray, malformed, shown } from './json.ts';
import type { Json } from './json.ts';
import { isOptional, isScalar } from './schema.ts';
import type { AtomType, ColumnType } from './schema.ts';

export type Atom = string | number | boolean;
export type Value = Atom | null | ReadonlySet<Atom> | ReadonlyMap<Atom, Atom>;

/** A row that an `insert` of the same transaction makes, by the name given there. */
export interface NamedUuid {
  readonly uuidName: string;
}

export type WritableAtom = Atom | NamedUuid;

/** What can be written: an atom also stands for the set of it alone, null for the empty one. */
export type Writable =
  | WritableAtom
  | null
  | ReadonlySet<WritableAtom>
  | ReadonlyMap<WritableAtom, WritableAtom>;

interface AtomCodec {
  /** undefined: not of this type. */
  decode(json: Json | undefined): Atom | undefined;
  encode(atom: WritableAtom): Json | undefined;
  readonly expected: string;
}

const LARGEST_INTEGER = 2 ** 63;
const nameForm = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** A surrogate without its other half has no UTF-8, and OVS keeps no NUL. */
const unwritable = /[\u{d800}-\u{dfff}\0]/u;

const ATOMS: Readonly<Record<AtomType, AtomCodec>> = {
  integer: {
    decode: (json) =>
      Number.isInteger(json) && Math.abs(Number(json)) <= LARGEST_INTEGER
        ? Number(json)
        : undefined,
    encode: (atom) => (typeof atom === 'number' && Number.isSafeInteger(atom) ? atom : undefined),
    expected: 'an integer is expected, within ±(2^53 - 1) when written',
  },
  real: {
    decode: (json) => (Number.isFinite(json) ? Number(json) : undefined),
    encode: (atom) => (typeof atom === 'number' && Number.isFinite(atom) ? atom : undefined),
    expected: 'a finite number is expected',
  },
  boolean: {
    decode: (json) => (typeof json === 'boolean' ? json : undefined),
    encode: (atom) => (typeof atom === 'boolean' ? atom : undefined),
    expected: 'true or false is expected',
  },
  string: {
    decode: (json) => (typeof json === 'string' ? json : undefined),
    encode: (atom) => (typeof atom === 'string' && !unwritable.test(atom) ? atom : undefined),
    expected: 'a text is expected, without NUL and lone surrogates',
  },
  uuid: {
    decode: (json) => {
      const [tag, text] = isArray(json) && json.length === 2 ? json : [];
      return tag === 'uuid' && typeof text === 'string' && isUuid(text) ? text : undefined;
    },
    encode: (atom) => {
      if (typeof atom === 'string') return isUuid(atom) ? ['uuid', atom.toLowerCase()] : undefined;
      if (typeof atom !== 'object' || !nameForm.test(atom.uuidName)) return undefined;
      return ['named-uuid', atom.uuidName];
    },
    expected: 'a uuid is expected, or the name of one inserted with it',
  },
};

const EMPTY_SET: ReadonlySet<Atom> = new Set();
const EMPTY_MAP: ReadonlyMap<Atom, Atom> = new Map();
const DEFAULTS: Readonly<Record<AtomType, Atom>> = {
  integer: 0,
  real: 0,
  boolean: false,
  string: '',
  uuid: '00000000-0000-0000-0000-000000000000',
};

/** What a column holds that an insert leaves out (RFC 7047 §5.2.1). */
export function defaultValue(type: ColumnType): Value {
  if (isOptional(type)) return null;
  if (isScalar(type)) return DEFAULTS[type.key];
  if (type.value !== null) {
    return type.min === 0 ? EMPTY_MAP : new Map([[DEFAULTS[type.key], DEFAULTS[type.value]]]);
  }
  return type.min === 0 ? EMPTY_SET : new Set([DEFAULTS[type.key]]);
}

/**
 * Reads a <value> of that type.
 * @param at Names the place in errors: `Bridge.ports`.
 * @throws {Failure} `invalid` for another type, or more or fewer elements than the type allows.
 */
export function decodeValue(at: string, type: ColumnType, json: Json): Value {
  if (isScalar(type)) return decodeAtom(at, type.key, json);
  const value = decodeElements(at, type, json);
  if (value.size < type.min || value.size > type.max) {
    throw malformed(at, json, `${sizes(type)} are expected`);
  }
  if (!isOptional(type)) return value;
  return value.keys().next().value ?? null;
}

/** The elements of a set or map, however many. */
export function decodeElements(
  at: string,
  type: ColumnType,
  json: Json,
): ReadonlySet<Atom> | ReadonlyMap<Atom, Atom> {
  const [tag, elements] = isArray(json) && json.length === 2 ? json : [];
  if (type.value !== null) {
    if (tag !== 'map' || !isArray(elements)) throw malformed(at, json, '["map", …] is expected');
    const { key, value } = type;
    return new Map(elements.map((pair) => decodePair(at, key, value, pair)));
  }
  // A set of one may be written as its element.
  if (tag !== 'set' || !isArray(elements)) return new Set([decodeAtom(at, type.key, json)]);
  return new Set(elements.map((element) => decodeAtom(at, type.key, element)));
}

function decodePair(at: string, key: AtomType, value: AtomType, json: Json): [Atom, Atom] {
  const [first, second] = isArray(json) && json.length === 2 ? json : [];
  if (first === undefined || second === undefined) throw malformed(at, json, 'a pair is expected');
  return [decodeAtom(at, key, first), decodeAtom(at, value, second)];
}

/** @throws {Failure} `invalid` when `json` is no atom of that type. */
export function decodeAtom(at: string, type: AtomType, json: Json | undefined): Atom {
  const atom = ATOMS[type].decode(json);
  if (atom === undefined) throw malformed(at, json, ATOMS[type].expected);
  return atom;
}

/**
 * Writes a value for a column of that type.
 * @param counted false: any number of elements will do, as in conditions and mutations.
 * @throws {Failure} `invalid` naming the column, the value and what it takes.
 */
export function encodeValue(
  at: string,
  type: ColumnType,
  value: Writable,
  counted: boolean = true,
): Json {
  const size = sizeOf(value);
  if (counted && (size < type.min || size > type.max)) {
    throw unfit(at, value, `${sizes(type)} are expected`);
  }
  if (type.value !== null) {
    if (value === null) return ['map', []];
    if (!isMap(value)) throw unfit(at, value, 'a Map is expected');
    const pairs: Json[] = [];
    for (const [key, member] of value) {
      pairs.push([encodeAtom(at, type.key, key), encodeAtom(at, type.value, member)]);
    }
    return ['map', pairs];
  }
  if (isMap(value)) throw unfit(at, value, 'a Set or a single value is expected');
  if (value === null) return ['set', []];
  if (!isSet(value)) return encodeAtom(at, type.key, value);
  return ['set', Array.from(value, (atom) => encodeAtom(at, type.key, atom))];
}

/** @throws {Failure} `invalid` when `atom` is not of that type. */
export function encodeAtom(at: string, type: AtomType, atom: WritableAtom): Json {
  const json = ATOMS[type].encode(atom);
  if (json === undefined) throw unfit(at, atom, ATOMS[type].expected);
  return json;
}

const isSet = (value: Writable): value is ReadonlySet<WritableAtom> => value instanceof Set;
const isMap = (value: Writable): value is ReadonlyMap<WritableAtom, WritableAtom> =>
  value instanceof Map;

function sizeOf(value: Writable): number {
  if (value === null) return 0;
  return value instanceof Set || value instanceof Map ? value.size : 1;
}

function sizes({ min, max }: ColumnType): string {
  if (min === max) return `exactly ${min} element(s)`;
  return max === Infinity ? `${min} or more elements` : `${min} to ${max} elements`;
}

function unfit(at: string, value: Writable, expected: string): Failure {
  const text = value instanceof Set || value instanceof Map ? shown([...value]) : shown(value);
  return new Failure('invalid', 'OvsdbValueInvalid', `${at} is ${text}; ${expected}`, {
    field: at,
    value,
    remedy: expected,
  });
}

/** Whether two values of one column are the same; sets and maps regardless of order. */
export function sameValue(a: Value, b: Value): boolean {
  if (a instanceof Map && b instanceof Map) {
    if (a.size !== b.size) return false;
    for (const [key, member] of a) if (b.get(key) !== member) return false;
    return true;
  }
  if (a instanceof Set && b instanceof Set) {
    if (a.size !== b.size) return false;
    for (const atom of a) if (!b.has(atom)) return false;
    return true;
  }
  return a === b;
}

/**
 * Applies the difference of one column in a `modify` of update2 (ovsdb-server(7) §4.1.14): the new
 * value where at most one element fits, else what is in only one of both, and for a map the new
 * values of keys in both.
 */
export function applyDifference(at: string, type: ColumnType, old: Value, json: Json): Value {
  if (type.max === 1) return decodeValue(at, type, json);
  const difference = decodeElements(at, type, json);
  if (old instanceof Map && difference instanceof Map) {
    const value = new Map(old);
    for (const [key, member] of difference) {
      if (value.get(key) === member) value.delete(key);
      else value.set(key, member);
    }
    return value;
  }
  const value = new Set(old instanceof Set ? old : []);
  for (const atom of difference.keys()) {
    if (!value.delete(atom)) value.add(atom);
  }
  return value;
}
