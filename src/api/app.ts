import { isIP } from 'node:net';
import Fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifySchemaValidationError,
} from 'fastify';
import { Failure } from '../base/failure.ts';
import { sound } from './alarms.ts';
import { type CallerOf, localCaller } from './auth/caller.ts';
import type { Metrics } from './observe/metrics.ts';
import { newRequestId, observeRequests, REQUEST_ID } from './observe/requests.ts';
import { documentation } from './openapi/plugin.ts';
import { EXTENSIONS } from './resources/extensions.ts';
import { RESOURCES } from './resources/index.ts';
import { badRequest, shorten } from './rest/check.ts';
import { discovery } from './rest/discovery.ts';
import { BODY_LIMIT, INTERNAL, refuseConnection, replyTo } from './rest/errors.ts';
import { acceptJson, writeJson } from './rest/json.ts';
import { resourceRoutes } from './rest/router.ts';
import type { Runtime } from './runtime.ts';
import { markStale } from './store-lost.ts';

/** Milliseconds for a request to arrive in, its body included. */
const REQUEST_TIMEOUT = 60_000;
/** Seconds after which what is unavailable may be asked for again. */
const RETRY_AFTER = 2;
/** Characters of an id in a path: a node's name is one. */
const ID_LENGTH = 255;

export interface AppOptions {
  readonly runtime: Runtime;
  readonly log: FastifyBaseLogger;
  /** Serve only requests that no web page of another site can have made. */
  readonly guarded: boolean;
  /** Left out: nobody has to say who they are, and everybody may do everything. */
  readonly callerOf?: CallerOf;
  /** Told of each request. */
  readonly metrics?: Pick<Metrics, 'request'>;
}

/** The HTTP side of a server, not yet listening. */
export function createApp({
  runtime,
  log,
  guarded,
  callerOf,
  metrics,
}: AppOptions): FastifyInstance {
  const app = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: newRequestId,
    requestIdHeader: false,
    rewriteUrl: ({ url = '' }) => withoutFormat(url),
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT,
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: ID_LENGTH },
    // No hook runs before it.
    frameworkErrors: (_error, request, reply) => {
      void reply.header(REQUEST_ID, request.id);
      answer(malformedPath(request.url), request, reply);
    },
    clientErrorHandler: refuseConnection,
    // Fastify's defaults swallow unknown fields and turn "1500" into 1500.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, verbose: true } },
    schemaErrorFormatter: ([error]) => complaintOf(error),
  });
  acceptJson(app);
  app.setReplySerializer(writeJson);
  observeRequests(app, metrics);
  if (guarded) app.addHook('onRequest', refuseForeignPages);
  app.decorateRequest('caller');
  identify(app, callerOf);
  markStale(app, runtime);
  app.setErrorHandler(answer);
  app.setNotFoundHandler((request) => {
    throw new Failure(
      'not_found',
      'HTTPNotFound',
      `The resource ${shorten(request.url)} could not be found`,
      { field: 'path', value: request.url, remedy: 'GET /v2.0/ lists what there is' },
    );
  });
  app.get('/healthz', { config: { access: 'anyone' } }, () =>
    Promise.resolve({ status: 'ok', revision: runtime.revision }),
  );
  void app.register(discovery(RESOURCES, EXTENSIONS));
  void app.register(documentation(RESOURCES));
  void app.register(resourceRoutes(runtime, RESOURCES), { prefix: '/v2.0' });
  return app;
}

/** Sees to it that every request has its caller before anything else looks at it. */
function identify(app: FastifyInstance, callerOf: CallerOf | undefined): void {
  if (callerOf === undefined) {
    app.addHook('onRequest', (request, _reply, done) => {
      request.caller = localCaller(request.id);
      done();
    });
    return;
  }
  app.addHook('onRequest', async (request, reply) => {
    const caller = await callerOf(request, reply);
    if (caller !== null) request.caller = caller;
  });
}

function answer(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const { status, body } = replyTo(error) ?? INTERNAL;
  if (body === INTERNAL.body) {
    sound(request.log, 'request_failed', { err: error, url: request.url });
  }
  if (status === 503 && !reply.hasHeader('retry-after'))
    void reply.header('retry-after', RETRY_AFTER);
  // Fastify would hang up on whoever still sends, who then never reads this. Who asked for an end is
  // told of it: a client that was not sends its next request on a connection that is gone.
  if (!/\bclose\b/i.test(request.headers.connection ?? '')) void reply.removeHeader('connection');
  void reply.code(status).send(body);
}

/** Neutron's paths may end with the format of the answer, which is always this. */
const withoutFormat = (url: string): string =>
  url.startsWith('/v2.0/') ? url.replace(/\.json(?=\?|$)/, '') : url;

const malformedPath = (path: string): Failure =>
  badRequest(`The path ${shorten(path)} cannot be read`, {
    field: 'path',
    value: shorten(path),
    remedy: `write %XX of UTF-8, and ids of at most ${ID_LENGTH} characters`,
  });

/** What is wrong with a request that has a schema of its own, outside Neutron's resources. */
function complaintOf(error?: FastifySchemaValidationError & { data?: unknown }): Failure {
  const field = error?.instancePath.slice(1).replaceAll('/', '.') || 'the request';
  const value = shorten(error?.data);
  const extra = error?.params['additionalProperty'];
  const why = `${error?.message ?? 'is not valid'}${extra === undefined ? '' : `: ${shorten(extra)}`}`;
  return badRequest(`Invalid input for ${field}. Reason: ${value} ${why}`, { field, value });
}

/**
 * Without authentication, a page open in the user's browser must not be able to act here: neither
 * by a request across origins, nor under a name that was made to point at this machine.
 */
function refuseForeignPages(
  request: FastifyRequest,
  _reply: unknown,
  done: (error?: Error) => void,
): void {
  const { origin } = request.headers;
  const foreign = origin !== undefined && origin !== `${request.protocol}://${request.host}`;
  const named = request.hostname !== 'localhost' && isIP(bare(request.hostname)) === 0;
  if (!foreign && !named) return done();
  const [field, value] = foreign ? ['Origin', origin] : ['Host', request.host];
  done(
    new Failure('forbidden', 'Forbidden', `The header ${field} is ${shorten(value)}`, {
      field,
      value: shorten(value),
      remedy: 'a server without authentication answers only on localhost or its address',
    }),
  );
}

const bare = (host: string): string => host.replace(/^\[|\]$/g, '');
