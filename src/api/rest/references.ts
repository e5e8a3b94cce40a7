import type { TSchema } from 'typebox';
import type { Kind } from '../../model/objects.ts';
import { type NamedKind } from './schemas.ts';

/** An id in what a caller gave, and what it is to be the id of. */
export interface Reference {
  readonly kind: Kind;
  readonly id: string;
  /** Where it stands: `fixed_ips.subnet_id`. */
  readonly field: string;
}

interface Node {
  readonly references?: NamedKind;
  readonly anyOf?: readonly TSchema[];
  readonly items?: TSchema;
  readonly properties?: Readonly<Record<string, TSchema>>;
}

/** The ids in `value`, which is of the type `schema`, that its schemas say to name objects. */
export function* referencesIn(schema: TSchema, value: unknown, field: string): Iterable<Reference> {
  const { references, anyOf, items, properties }: Node = schema;
  if (typeof value === 'string') {
    if (references !== undefined) yield { kind: references, id: value, field };
    else for (const option of anyOf ?? []) yield* referencesIn(option, value, field);
  } else if (Array.isArray(value)) {
    if (items !== undefined) for (const item of value) yield* referencesIn(items, item, field);
    else for (const option of anyOf ?? []) yield* referencesIn(option, value, field);
  } else if (typeof value === 'object' && value !== null) {
    for (const option of anyOf ?? []) yield* referencesIn(option, value, field);
    for (const [name, inner] of Object.entries(value)) {
      const type = properties?.[name];
      if (type !== undefined) yield* referencesIn(type, inner, `${field}.${name}`);
    }
  }
}
