/**
 * A resource of the API as data: what it is called and what attributes it has. Everything the API
 * does with it follows from that; what its values mean, and their defaults, is the model's.
 */
import type { TSchema } from 'typebox';
import type { Kind, Objects } from '../../model/objects.ts';
import type { IndexName, Topology } from '../../model/topology.ts';
import { integer, project, prose, shownList, text, time, uuid } from './schemas.ts';

export interface Attribute<O> {
  readonly schema: TSchema;
  /** May be given when an object is made. */
  readonly post: boolean;
  /** May be changed. */
  readonly put: boolean;
  /** Must be given when an object is made. */
  readonly required: boolean;
  /** Another name of that attribute: taken and shown as it is. */
  readonly alias?: string;
  /** Taken, but not shown. */
  readonly hidden?: true;
  /** What the API shows; left out: what is stored under the attribute's name. */
  readonly show?: (object: O, topology: Topology) => unknown;
  /** Whether a list's filter selects what is shown; left out: by equality, false: no filter. */
  readonly filter?: false | ((shown: unknown, wanted: string) => boolean);
  /** The index that finds the objects for a filter, so that the others need not be looked at. */
  readonly index?: IndexName;
}

type Attributes<O> = Readonly<Record<string, Attribute<O>>>;

export interface Resource<K extends Kind = Kind> {
  readonly kind: K;
  /** As in a path: `security-groups`. */
  readonly collection: string;
  /** The key of a body with one: `security_group`. */
  readonly member: string;
  /** Neutron's name in error types, and in sentences in lower case: `SecurityGroup`. */
  readonly typeName: string;
  readonly attributes: Attributes<Objects[K]>;
}

/** A resource whatever its kind, as the generic parts of the API see it. */
export interface AnyResource extends Omit<Resource, 'attributes'> {
  readonly attributes: Attributes<never>;
}

export const resource = <K extends Kind>(declaration: Resource<K>): Resource<K> => declaration;

/** The declared attribute; undefined for other names, whatever a caller sends. */
export const attributeOf = (of: AnyResource, name: string): Attribute<never> | undefined =>
  Object.hasOwn(of.attributes, name) ? of.attributes[name] : undefined;

/** The key of a body with many: `security_groups`. */
export const collectionKey = (of: AnyResource): string => of.collection.replaceAll('-', '_');

type Options = Partial<
  Pick<Attribute<unknown>, 'required' | 'filter' | 'index' | 'alias' | 'hidden'>
>;

const attribute =
  (post: boolean, put: boolean) =>
  (schema: TSchema, options: Options = {}): Attribute<unknown> => ({
    schema,
    post,
    put,
    required: false,
    ...options,
  });

/** Given when an object is made, and changed later. */
export const settable = attribute(true, true);
/** Given when an object is made, never changed. */
export const fixed = attribute(true, false);
/** Never given: the system's own. */
export const shown = attribute(false, false);

/** What is shown of an object beside what is stored, such as a network's subnets. */
export const derived = <O>(
  schema: TSchema,
  show: (object: O, topology: Topology) => unknown,
  options: Options = {},
): Attribute<O> => ({ ...shown(schema, options), show });

/** What is the same for all objects of a resource. */
export const constant = (schema: TSchema, value: unknown): Attribute<unknown> =>
  derived<unknown>(schema, () => value);

/** Attributes of everything that belongs to a project. */
export const STANDARD = {
  description: settable(prose()),
  project_id: fixed(project()),
  tenant_id: fixed(project(), { alias: 'project_id' }),
  created_at: shown(time()),
  updated_at: shown(time()),
  revision_number: shown(integer(0, Number.MAX_SAFE_INTEGER)),
  tags: shown(shownList(text())),
} as const;

export const ID = { id: shown(uuid()) } as const;
export const NAME = { name: settable(text()) } as const;

/** What the API shows of `object`; `fields` empty: everything. */
export function present(
  of: AnyResource,
  object: Objects[Kind],
  topology: Topology,
  fields: ReadonlySet<string> = new Set(),
): Record<string, unknown> {
  const view: Record<string, unknown> = {};
  for (const [name, { hidden }] of Object.entries(of.attributes)) {
    if (hidden) continue;
    if (fields.size === 0 || fields.has(name)) view[name] = valueOf(of, name, object, topology);
  }
  return view;
}

/** The value that the API shows for one attribute. */
export function valueOf(
  of: AnyResource,
  name: string,
  object: Objects[Kind],
  topology: Topology,
): unknown {
  const { alias, show } = attributeOf(of, name) ?? {};
  if (show !== undefined) return show(object as never, topology);
  return (object as unknown as Record<string, unknown>)[alias ?? name];
}
