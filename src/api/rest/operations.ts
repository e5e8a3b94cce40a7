import type { FastifyReply, FastifyRequest } from 'fastify';
import type { TSchema } from 'typebox';
import type { Kind } from '../../model/objects.ts';
import type { Plan } from '../../model/plan.ts';
import { missing } from '../../model/values.ts';
import { permit, permitForOthers, permitGiven } from '../auth/access.ts';
import type { Caller } from '../auth/caller.ts';
import type { Target } from '../auth/rules.ts';
import type { Runtime, Write } from '../runtime.ts';
import { type Json, parseActionBody, parseBody, withoutConstants } from './body.ts';
import { checkRevision, revisionWanted } from './if-match.ts';
import { JSON_TYPE, Written } from './json.ts';
import { listText } from './list-text.ts';
import { type Page, parseListQuery, runListQuery } from './query.ts';
import type { AnyAction, Call } from './actions.ts';
import { referencesIn } from './references.ts';
import { type AnyResource, attributeOf, collectionKey } from './resource.ts';
import { Sight } from './sight.ts';
import { inSlices } from './slices.ts';
import { originOf, pathOf, queryOf } from './url.ts';

/** What all operations share. */
export interface Api {
  readonly runtime: Runtime;
  /** The resource of each stored kind, by which what others refer to is seen or not. */
  readonly byKind: ReadonlyMap<Kind | null, AnyResource>;
}

/** Ids in a request's path. */
interface Ids {
  readonly id?: string;
  readonly parent?: string;
}

const idsOf = (request: FastifyRequest): Ids => request.params as Ids;
const idOf = (request: FastifyRequest): string => idsOf(request).id ?? '';

/** What can be done with one resource, as handlers of requests. */
export class Operations {
  readonly #runtime: Runtime;
  readonly #byKind: Api['byKind'];
  readonly #of: AnyResource;
  readonly #above: AnyResource | null;
  readonly #many: string;

  /** @param above The resource whose objects `of` lies below; null: it stands by itself. */
  constructor({ runtime, byKind }: Api, of: AnyResource, above: AnyResource | null) {
    this.#runtime = runtime;
    this.#byKind = byKind;
    this.#of = of;
    this.#above = above;
    this.#many = collectionKey(of);
  }

  readonly list = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const params = queryOf(request);
    const { beforeList } = this.#of;
    const query = parseListQuery(this.#of, params, request.caller);
    // Who names a marker has seen a page before; and what is not on any changes nothing.
    if (beforeList && !params.has('marker')) {
      const project = params.get('tenant_id') ?? params.get('project_id');
      const { caller } = request;
      const owner = caller.admin && project ? { ...caller, projectId: project } : caller;
      await this.#runtime.execute(beforeList, owner);
    }
    const sight = this.#sight(request);
    const page = await inSlices(runListQuery(sight, query, params));
    const text = listText(this.#many, page.objects, this.#linksOf(request, page), (object) =>
      sight.presentText(object, query.fields),
    );
    if (typeof text === 'string') return new Written(text);
    return reply.type(JSON_TYPE).send(text);
  };

  readonly create = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const { caller } = request;
    const sight = this.#sight(request);
    const { items, bulk } = parseBody(this.#of, 'post', request.body);
    for (const item of items) this.#permitCreate(sight, item);
    const { create } = this.#of.plans;
    const { parent } = sight.scope;
    const inputs = items.map((item) => withoutConstants(this.#of, item));
    const writes = inputs.map(
      (input): Write<object> =>
        (topology, context) =>
          planned(create?.(topology, input as never, context, parent)),
    );
    const objects = await this.#runtime.executeAll(writes, caller);
    const shown = objects.map((object) => sight.present(object));
    void reply.code(201);
    return bulk ? { [this.#many]: shown } : { [this.#of.member]: shown[0] };
  };

  readonly show = (request: FastifyRequest): Promise<unknown> => {
    const sight = this.#sight(request);
    const object = sight.existing(idOf(request));
    const fields = new Set(queryOf(request).getAll('fields'));
    const { member } = this.#of;
    const text = sight.presentText(object, fields);
    return Promise.resolve(new Written(`{${JSON.stringify(member)}:${text}}`));
  };

  readonly update = async (request: FastifyRequest): Promise<unknown> => {
    const { caller } = request;
    const id = idOf(request);
    const sight = this.#sight(request);
    const { access, member, plans } = this.#of;
    // First, as Neutron does: what nobody may change is refused of objects that nobody sees, too.
    const [patch = {}] = parseBody(this.#of, 'put', request.body).items;
    const target = sight.existing(id, access.seeToUpdate) as Target;
    this.#checkReferences(caller, patch);
    permit(`update_${member}`, access.update, caller, target, sight.topology);
    permitGiven(this.#of, 'update', patch, caller, target, sight.topology);
    const input = withoutConstants(this.#of, patch);
    const object = await this.#execute(request, sight, (topology, context) =>
      planned(plans.update?.(topology, id, input as never, context, sight.scope.parent)),
    );
    return { [member]: sight.present(object) };
  };

  readonly remove = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const { caller } = request;
    const id = idOf(request);
    const sight = this.#sight(request);
    const { access, member, plans } = this.#of;
    const target = sight.existing(id) as Target;
    permit(`delete_${member}`, access.delete, caller, target, sight.topology);
    await this.#execute(request, sight, (topology, context) =>
      planned(plans.delete?.(topology, id, context, sight.scope.parent)),
    );
    return reply.code(204).send();
  };

  async act(action: AnyAction, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const { caller } = request;
    const id = idOf(request);
    const sight = this.#sight(request);
    const object = sight.existing(id);
    permit(action.name, action.access, caller, object as Target, sight.topology);
    const call: Call = {
      ...sight.scope,
      id,
      body: parseActionBody(action, request.body),
      query: queryOf(request),
      params: request.params as Readonly<Record<string, string>>,
    };
    if (action.body !== undefined) this.#checkReferencesIn(caller, action.body, call.body, 'body');
    const { plan, answer } = action;
    const result =
      plan === undefined
        ? object
        : await this.#execute(request, sight, (topology, context) =>
            plan(topology, call as never, context),
          );
    void reply.code(action.status ?? 200);
    if (answer === undefined) return { [this.#of.member]: sight.present(result as object) };
    return answer(result as never, sight.topology, call as never) ?? reply.send();
  }

  /** Changes an object, if it is of the revision that the request wants. */
  #execute<T>(request: FastifyRequest, { scope }: Sight, write: Write<T>): Promise<T> {
    const wanted = revisionWanted(request);
    const id = idOf(request);
    return this.#runtime.execute((topology, context) => {
      if (wanted !== null) checkRevision(this.#of.source.get(id, topology, scope), wanted);
      return write(topology, context);
    }, request.caller);
  }

  #permitCreate(sight: Sight, item: Json): void {
    const { caller } = sight.scope;
    const target = { project_id: caller.projectId, ...item };
    const { access, member } = this.#of;
    if (target.project_id !== caller.projectId) permitForOthers(caller, target.project_id);
    this.#checkReferences(caller, item);
    permit(`create_${member}`, access.create, caller, target, sight.topology);
    permitGiven(this.#of, 'create', item, caller, target, sight.topology);
  }

  /** To refer to what one does not see is to refer to nothing. */
  #checkReferences(caller: Caller, given: Json): void {
    if (caller.admin) return;
    for (const [name, value] of Object.entries(given)) {
      const schema = attributeOf(this.#of, name)?.schema;
      if (schema !== undefined) this.#checkReferencesIn(caller, schema, value, name);
    }
  }

  #checkReferencesIn(caller: Caller, schema: TSchema, value: unknown, field: string): void {
    if (caller.admin) return;
    for (const { kind, id, field: at } of referencesIn(schema, value, field)) {
      const of = this.#byKind.get(kind);
      if (of === undefined) continue;
      const sight = new Sight(of, this.#runtime.topology, { caller, parent: '' });
      if (sight.get(id) === undefined) throw missing(kind, id, at.replace(/^body\./, ''));
    }
  }

  #sight(request: FastifyRequest): Sight {
    const { caller } = request;
    const { topology } = this.#runtime;
    const { parent = '' } = idsOf(request);
    if (this.#above !== null) {
      new Sight(this.#above, topology, { caller, parent: '' }).existing(parent);
    }
    return new Sight(this.#of, topology, { caller, parent });
  }

  #linksOf(request: FastifyRequest, page: Page): Record<string, unknown> {
    const links = (['next', 'previous'] as const).flatMap((rel) => {
      const params = page[rel];
      if (params === null) return [];
      return [{ rel, href: `${originOf(request)}${pathOf(request)}?${params.toString()}` }];
    });
    return links.length === 0 ? {} : { [`${this.#many}_links`]: links };
  }
}

/** A route is there only where its plan is. */
function planned<T>(plan: Plan<T> | undefined): Plan<T> {
  if (plan === undefined) throw new Error('the resource has no such plan');
  return plan;
}
