import type {
  FastifyPluginCallback,
  FastifyReply,
  FastifyRequest,
  RouteHandlerMethod,
} from 'fastify';
import { Failure, type FailureKind } from '../../base/failure.ts';
import type { Runtime } from '../runtime.ts';
import { shorten } from './check.ts';
import { type Api, Operations } from './operations.ts';
import type { AnyResource } from './resource.ts';
import { pathOf } from './url.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
type Method = (typeof METHODS)[number];
type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;
type Handlers = Partial<Record<Method, Handler>>;

/** What may be otherwise once it is seen what other servers wrote. */
const DATED: ReadonlySet<FailureKind> = new Set([
  'not_found',
  'in_use',
  'conflict',
  'exhausted',
  'forbidden',
]);

/** All operations of `resources` in Neutron's v2.0 form; the prefix is the caller's. */
export function resourceRoutes(
  runtime: Runtime,
  resources: readonly AnyResource[],
): FastifyPluginCallback {
  return (app, _options, done) => {
    const byKind = new Map(resources.map((of) => [of.kind, of]));
    for (const of of resources) {
      for (const [path, handlers] of pathsOf({ runtime, byKind }, of, null)) {
        for (const method of METHODS) {
          const found = handlers[method];
          const handler = found ? upToDate(runtime, found) : refuseMethod(handlers);
          app.route({ method, url: path, handler });
        }
      }
    }
    done();
  };
}

/**
 * Nothing is answered that is older than what other servers have answered. These wait for this one;
 * while one may not, it catches up with the store itself. And before anything is refused for what is
 * stored it does so in any case, and looks once more if there was something new: a request that is
 * refused has changed nothing, so that it can be gone through again.
 */
function upToDate(runtime: Runtime, handle: Handler): Handler {
  return async (request, reply) => {
    if (!runtime.awaited) await runtime.catchUp();
    try {
      return await handle(request, reply);
    } catch (error) {
      if (!(error instanceof Failure) || !DATED.has(error.kind)) throw error;
      if (!(await runtime.catchUp())) throw error;
      return handle(request, reply);
    }
  };
}

/** The paths of a resource and of those below it, and what each takes. */
function pathsOf(
  api: Api,
  of: AnyResource,
  above: AnyResource | null,
): ReadonlyMap<string, Handlers> {
  const operations = new Operations(api, of, above);
  const collection = `${above === null ? '' : `/${above.collection}/:parent`}/${of.collection}`;
  const member = `${collection}/:id`;
  const paths = new Map<string, Handlers>();
  const add = (path: string, method: Method, handler: Handler): void => {
    paths.set(path, { ...paths.get(path), [method]: handler });
  };
  if (!of.unlisted) add(collection, 'GET', operations.list);
  if (of.plans.create !== undefined) add(collection, 'POST', operations.create);
  add(member, 'GET', operations.show);
  if (of.plans.update !== undefined) add(member, 'PUT', operations.update);
  if (of.plans.delete !== undefined) add(member, 'DELETE', operations.remove);
  for (const action of of.actions) {
    const path = action.name === '' ? member : `${member}/${action.name}`;
    add(path, action.method, (request, reply) => operations.act(action, request, reply));
  }
  for (const child of of.children) {
    for (const [path, handlers] of pathsOf(api, child, of)) paths.set(path, handlers);
  }
  return paths;
}

function refuseMethod(handlers: Handlers): RouteHandlerMethod {
  const allowed = Object.keys(handlers);
  return (request: FastifyRequest, reply: FastifyReply) => {
    void reply.header('allow', allowed.join(', '));
    throw new Failure(
      'unsupported',
      'HTTPMethodNotAllowed',
      `${request.method} is not possible on ${shorten(pathOf(request))}`,
      { field: 'method', value: request.method, remedy: `use ${allowed.join(' or ')}` },
    );
  };
}
