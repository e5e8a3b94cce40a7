/** Values of the types that the API's document declares: mostly what it takes, at times not quite. */
import type { Document } from '../../src/api/openapi/document.ts';
import type { Random } from '../support/random.ts';
import type { Known } from './known.ts';
import { GARBAGE, PREFIXES, TEXTS, TEXTS_OF, address, mac } from './vocabulary.ts';

/** As much of JSON Schema as the document uses. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly 'x-references'?: string;
}

/** What a reference within the document refers to. */
export function resolved<T extends { readonly $ref?: string }>(document: Document, value: T): T {
  const { $ref } = value;
  if ($ref === undefined) return value;
  const steps = $ref.slice('#/'.length).split('/');
  return steps.reduce<unknown>(
    (at, step) => (at as Readonly<Record<string, unknown>>)[step],
    document,
  ) as T;
}

const MOST_ITEMS = 4;

export class Values {
  readonly #document: Document;
  readonly #random: Random;
  readonly #known: Known;

  constructor(document: Document, random: Random, known: Known) {
    this.#document = document;
    this.#random = random;
    this.#known = known;
  }

  /** @param name Of the attribute that it is for: some mean more than their type says. */
  of(given: Schema, name = ''): unknown {
    const random = this.#random;
    const schema = resolved(this.#document, given);
    const options = schema.oneOf ?? schema.anyOf;
    if (options !== undefined) return this.of(random.pick(options), name);
    if ('const' in schema) return schema.const;
    if (schema.enum !== undefined) return random.pick(schema.enum);
    switch (schema.type) {
      case 'object':
        return this.#object(schema);
      case 'array':
        return this.#array(schema, name);
      case 'integer':
        return this.#integer(schema);
      case 'boolean':
        return random.chance(0.5);
      case 'null':
        return null;
      default:
        return this.#text(schema, name);
    }
  }

  #object({ properties = {}, required = [] }: Schema): Record<string, unknown> {
    const random = this.#random;
    const share = random.pick([0, 0.1, 0.3, 0.6]);
    const object: Record<string, unknown> = {};
    for (const [name, schema] of Object.entries(properties)) {
      if (required.includes(name) ? random.chance(0.02) : !random.chance(share)) continue;
      object[name] = this.of(schema, name);
    }
    return object;
  }

  #array({ items = {}, minItems = 0 }: Schema, name: string): unknown[] {
    const length = Math.max(minItems, this.#random.int(MOST_ITEMS));
    return Array.from({ length }, () => this.of(items, name));
  }

  #integer({ minimum = 0, maximum = 100 }: Schema): number {
    const random = this.#random;
    if (random.chance(0.1)) return random.pick([minimum - 1, minimum, maximum, maximum + 1]);
    return random.chance(0.6) ? random.between(22, 30) : random.between(minimum, maximum);
  }

  #text({ format, pattern = '', 'x-references': kind }: Schema, name: string): string {
    const random = this.#random;
    if (kind !== undefined) return this.#known.one(random, kind);
    if (name === 'object_id') return this.#known.any(random);
    if (format === 'ip') return address(random);
    if (format === 'cidr') return random.chance(0.9) ? random.pick(PREFIXES) : address(random);
    if (format === 'mac') return mac(random);
    if (pattern.includes(String.raw`\d`)) return String(random.between(-1, 70));
    if (pattern.includes('{8}-')) return this.#known.any(random);
    return random.pick(random.chance(0.8) ? (TEXTS_OF[name] ?? TEXTS) : TEXTS);
  }

  /** `value` with something in it that does not belong there. */
  spoiled(value: unknown): unknown {
    const random = this.#random;
    if (typeof value !== 'object' || value === null || random.chance(0.15)) {
      return random.pick(GARBAGE);
    }
    if (Array.isArray(value)) {
      const at = random.int(value.length + 1);
      return [...value.slice(0, at), this.spoiled(value[at]), ...value.slice(at + 1)];
    }
    const names = Object.keys(value);
    const fields = value as Readonly<Record<string, unknown>>;
    if (names.length === 0 || random.chance(0.1)) {
      const extra = random.pick(['id', 'x', '__proto__', 'constructor', 'revision_number', '']);
      return Object.fromEntries([...Object.entries(fields), [extra, random.pick(GARBAGE)]]);
    }
    const name = random.pick(names);
    const kept = Object.entries(fields).filter(([key]) => key !== name);
    if (random.chance(0.1)) return Object.fromEntries(kept);
    return Object.fromEntries([...kept, [name, this.spoiled(fields[name])]]);
  }
}
