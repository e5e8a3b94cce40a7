import type {
  FastifyPluginCallback,
  FastifyReply,
  FastifyRequest,
  RouteHandlerMethod,
} from 'fastify';
import { Failure } from '../../base/failure.ts';
import type { Kind, Objects } from '../../model/objects.ts';
import { PLANNERS, type Planner } from '../../model/plan.ts';
import type { Runtime, Write } from '../runtime.ts';
import { type Json, parseBody } from './body.ts';
import { shorten } from './check.ts';
import { type Page, parseListQuery, runListQuery } from './query.ts';
import { type AnyResource, collectionKey, present } from './resource.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
type Method = (typeof METHODS)[number];
type Handlers = Partial<Record<Method, RouteHandlerMethod>>;

type AnyObject = Objects[Kind];

/** A kind's plans with their types left behind: what goes in was held against its schema. */
interface Plans {
  create(input: Json): Write<AnyObject>;
  update(id: string, patch: Json): Write<AnyObject>;
  remove(id: string): Write<AnyObject>;
}

function plansOf(kind: Kind): Plans {
  const planner = PLANNERS[kind] as unknown as Planner<Kind>;
  return {
    create: (input) => (topology, context) => planner.create(topology, input, context),
    update: (id, patch) => (topology, context) => planner.update(topology, id, patch, context),
    remove: (id) => (topology, context) => planner.delete(topology, id, context),
  };
}

/** All operations of `resources` in Neutron's v2.0 form; the prefix is the caller's. */
export function resourceRoutes(
  runtime: Runtime,
  resources: readonly AnyResource[],
): FastifyPluginCallback {
  return (app, _options, done) => {
    for (const of of resources) {
      const { collection, member } = routesOf(runtime, of);
      for (const [path, handlers] of [
        [`/${of.collection}`, collection],
        [`/${of.collection}/:id`, member],
      ] as const) {
        for (const method of METHODS) {
          app.route({ method, url: path, handler: handlers[method] ?? refuseMethod(handlers) });
        }
      }
    }
    done();
  };
}

function routesOf(runtime: Runtime, of: AnyResource): { collection: Handlers; member: Handlers } {
  const plans = plansOf(of.kind);
  const many = collectionKey(of);
  const show = (object: AnyObject) => present(of, object, runtime.topology);
  return {
    collection: {
      GET: (request) => {
        const params = queryOf(request);
        const page = runListQuery(of, parseListQuery(of, params), params, runtime.topology);
        return Promise.resolve({ [many]: page.items, ...linksOf(request, many, page) });
      },
      POST: async (request, reply) => {
        const { items, bulk } = parseBody(of, 'post', request.body);
        const objects = await runtime.executeAll(
          items.map((item) => plans.create(item)),
          request.caller,
        );
        void reply.code(201);
        return bulk ? { [many]: objects.map(show) } : { [of.member]: objects.map(show)[0] };
      },
    },
    member: {
      GET: (request) => {
        const object = runtime.topology.get(of.kind, idOf(request));
        if (object === undefined) throw notFound(of, idOf(request));
        const fields = new Set(queryOf(request).getAll('fields'));
        return Promise.resolve({ [of.member]: present(of, object, runtime.topology, fields) });
      },
      PUT: async (request) => {
        const id = idOf(request);
        if (runtime.topology.get(of.kind, id) === undefined) throw notFound(of, id);
        const [patch = {}] = parseBody(of, 'put', request.body).items;
        return {
          [of.member]: show(await runtime.execute(plans.update(id, patch), request.caller)),
        };
      },
      DELETE: async (request, reply: FastifyReply) => {
        const id = idOf(request);
        if (runtime.topology.get(of.kind, id) === undefined) throw notFound(of, id);
        await runtime.execute(plans.remove(id), request.caller);
        return reply.code(204).send();
      },
    },
  };
}

const idOf = (request: FastifyRequest): string => (request.params as { id: string }).id;

const queryOf = (request: FastifyRequest): URLSearchParams =>
  new URL(request.url, 'http://localhost').searchParams;

function linksOf(request: FastifyRequest, many: string, page: Page): Record<string, unknown> {
  const links = (['next', 'previous'] as const).flatMap((rel) => {
    const params = page[rel];
    if (params === null) return [];
    return [{ rel, href: `${originOf(request)}${pathOf(request)}?${params.toString()}` }];
  });
  return links.length === 0 ? {} : { [`${many}_links`]: links };
}

const pathOf = (request: FastifyRequest): string => request.url.split('?', 1)[0] ?? '';

/** Where the caller reached us, for links. */
export const originOf = (request: FastifyRequest): string =>
  `${request.protocol}://${request.host}`;

function refuseMethod(handlers: Handlers): RouteHandlerMethod {
  const allowed = Object.keys(handlers);
  return (request, reply) => {
    void reply.header('allow', allowed.join(', '));
    throw new Failure(
      'unsupported',
      'HTTPMethodNotAllowed',
      `${request.method} is not possible on ${shorten(pathOf(request))}`,
      { field: 'method', value: request.method, remedy: `use ${allowed.join(' or ')}` },
    );
  };
}

function notFound(of: AnyResource, id: string): Failure {
  return new Failure(
    'not_found',
    `${of.typeName}NotFound`,
    `${of.typeName} ${shorten(id).slice(1, -1)} could not be found`,
    { field: 'id', value: id, remedy: `GET /v2.0/${of.collection} lists all` },
  );
}
