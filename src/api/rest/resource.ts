/**
 * A resource of the API as data: what it is called, what attributes it has, who may do what to it,
 * what can be done beside. Everything the API does with it follows from that; what its values mean,
 * and their defaults, is the model's.
 *
 *     resource({                                  a kind of the model: its plans are `PLANNERS`'
 *       kind: 'router', collection: 'routers', member: 'router', typeName: 'Router',
 *       attributes: { ...ID, ...NAME, admin_state_up: settable(bool()), ...STANDARD },
 *       access: { ...OWNED, give: { ha: 'admin' }, hidden: ['ha'] },
 *       actions: [
 *         action({                                PUT /routers/{id}/add_router_interface
 *           method: 'PUT', name: 'add_router_interface', access: 'member',
 *           body: record({ subnet_id: optional(uuid()), port_id: optional(uuid()) }),
 *           plan: (topology, { id, body }: Call<InterfaceInput>, context) =>
 *             addRouterInterface(topology, id, body, context),
 *           answer: (added: RouterInterface) => ({ id: added.router_id, … }),
 *         }),
 *         action({                                the body is {"router": {…}}; so is the answer
 *           method: 'PUT', name: 'add_extraroutes', access: 'member', key: 'router',
 *           body: record({ routes: list(…) }),
 *           plan: (topology, { id, body }: Call<RoutesInput>, context) => …: Plan<Router>,
 *         }),
 *       ],
 *       children: [bindings],                     /ports/{id}/bindings[/{host}[/activate]]
 *     })
 *
 *     view({                                      objects that follow from others
 *       collection: 'network-ip-availabilities', …,
 *       source: { all: (topology) => …, get: (id, topology) => … },
 *       plans: { update: (topology, id, patch: QuotaPatch, context) => …, delete: … },
 *     })
 *
 * What `plans` has not, and what has no action, is answered 405. A child is a `view` whose source
 * and plans are told the id of the object above it (`scope.parent`, and the last argument of a plan)
 * and whose `idAttribute` is what its paths end with. An action named '' takes the place of
 * that method on the member itself, such as a GET that makes what it shows.
 */
import type { TSchema } from 'typebox';
import type { Kind, Objects } from '../../model/objects.ts';
import { PLANNERS, type Plan, type PlanContext } from '../../model/plan.ts';
import type { IndexName, Topology } from '../../model/topology.ts';
import type { Caller } from '../auth/caller.ts';
import { type Access, OWNED } from '../auth/rules.ts';
import type { AnyAction, Plans, Source } from './actions.ts';
import { tagActions } from './tags.ts';
import { integer, project, prose, shownList, text, time, uuid } from './schemas.ts';

export { action, type Call, type Scope } from './actions.ts';

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
  /** Makes of what is given what the model takes; left out: it is that. */
  readonly convert?: (given: unknown) => unknown;
  /** Taken, but not shown. */
  readonly hidden?: true;
  /** The same for all objects: whoever asks for another is refused, and the model is not told. */
  readonly constant?: { readonly value: unknown };
  /** What the API shows; left out: what is stored under the attribute's name. */
  readonly show?: (object: O, topology: Topology, caller: Caller) => unknown;
  /** The one other object that what is shown follows from, to any caller; left out: none or more. */
  readonly basis?: (object: O, topology: Topology) => object | undefined;
  /** Whether a list's filter selects what is shown; left out: by equality, false: no filter. */
  readonly filter?: false | ((shown: unknown, wanted: string) => boolean);
  /** The index that finds the objects for a filter, so that the others need not be looked at. */
  readonly index?: IndexName;
}

type Attributes<O> = Readonly<Record<string, Attribute<O>>>;

interface Described<O> {
  /** As in a path: `security-groups`. */
  readonly collection: string;
  /** The key of a body with one: `security_group`. */
  readonly member: string;
  /** Neutron's name in error types, and in sentences in lower case: `SecurityGroup`. */
  readonly typeName: string;
  readonly attributes: Attributes<O>;
  /** Left out: `OWNED`. */
  readonly access?: Access;
  readonly actions?: readonly AnyAction[];
  /** Collections below each object. */
  readonly children?: readonly AnyResource[];
  /** The attribute that paths name an object by; `id` when left out. */
  readonly idAttribute?: string;
  /** There is no list of all. */
  readonly unlisted?: true;
  /** What is to be there before a list is made for the context's caller. */
  readonly beforeList?: (topology: Topology, context: PlanContext) => Plan<unknown>;
}

/** A resource whatever its objects are, as the generic parts of the API see it. */
export interface AnyResource extends Required<Omit<Described<never>, 'unlisted' | 'beforeList'>> {
  /** null: the objects are not stored as such. */
  readonly kind: Kind | null;
  readonly source: Source<object>;
  readonly plans: Plans;
  readonly unlisted: boolean;
  readonly beforeList: Described<never>['beforeList'] | null;
}

const DEFAULTS = {
  access: OWNED,
  actions: [],
  children: [],
  idAttribute: 'id',
  unlisted: false,
  beforeList: null,
} as const;

/** A resource whose objects are stored. */
export function resource<K extends Kind>(
  declaration: Described<Objects[K]> & { readonly kind: K },
): AnyResource {
  const { kind, attributes, access = OWNED, actions = [] } = declaration;
  const source: Source<object> = {
    all: (topology) => topology.all(kind),
    get: (id, topology) => topology.get(kind, id),
  };
  const plans: Plans = PLANNERS[kind];
  const tagged = 'tags' in attributes && plans.update !== undefined;
  return {
    ...DEFAULTS,
    ...declaration,
    actions: [...actions, ...(tagged ? tagActions(source, plans.update, access.update) : [])],
    source,
    plans,
  };
}

/** A resource whose objects follow from others, each time that one asks. */
export const view = <O extends object>(
  declaration: Described<O> & { readonly source: Source<O>; readonly plans?: Plans },
): AnyResource => ({ ...DEFAULTS, kind: null, plans: {}, ...declaration });

/** The declared attribute; undefined for other names, whatever a caller sends. */
export const attributeOf = (of: AnyResource, name: string): Attribute<never> | undefined =>
  Object.hasOwn(of.attributes, name) ? of.attributes[name] : undefined;

/** The key of a body with many: `security_groups`. */
export const collectionKey = (of: AnyResource): string => of.collection.replaceAll('-', '_');

type Options = Partial<
  Pick<Attribute<unknown>, 'required' | 'filter' | 'index' | 'alias' | 'hidden' | 'convert'>
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

/** For numbers that may be given as text. */
export const asNumber = (given: unknown): unknown =>
  typeof given === 'string' ? Number(given) : given;

/** Given when an object is made, and changed later. */
export const settable = attribute(true, true);
/** Given when an object is made, never changed. */
export const fixed = attribute(true, false);
/** Never given: the system's own. */
export const shown = attribute(false, false);

/** What is shown of an object beside what is stored, such as a network's subnets. */
export const derived = <O>(
  schema: TSchema,
  show: (object: O, topology: Topology, caller: Caller) => unknown,
  options: Options & Pick<Attribute<O>, 'basis'> = {},
): Attribute<O> => ({ ...shown(schema, options), ...options, show });

/** What is the same for all objects of a resource. */
export const constant = (schema: TSchema, value: unknown): Attribute<unknown> => ({
  ...derived<unknown>(schema, () => value),
  constant: { value },
});

/** The one value that there is: whoever asks for it gets it. */
export const given = (schema: TSchema, value: unknown): Attribute<unknown> => ({
  ...constant(schema, value),
  post: true,
  put: true,
});

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
