/** What is told of each request: its id to the client, a line to the log, its time to the metrics. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Metrics } from './metrics.ts';

/** As OpenStack's clients print it, and as each line of the log about a request names it. */
export const REQUEST_ID = 'x-openstack-request-id';

/** Characters of a path and its query that the log keeps. */
const PATH_LENGTH = 512;

export const newRequestId = (): string => `req-${randomUUID()}`;

/** Added before any other hook, so that it tells of refusals too. */
export function observeRequests(app: FastifyInstance, metrics?: Pick<Metrics, 'request'>): void {
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header(REQUEST_ID, request.id);
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { method, routeOptions } = request;
    metrics?.request(method, routeOptions.url ?? '', reply.statusCode, reply.elapsedTime / 1000);
    logAccess(request, reply);
    done();
  });
}

function logAccess(request: FastifyRequest, reply: FastifyReply): void {
  const { method, url, id, ip, server, routeOptions } = request;
  // Set by the gate, which may have refused before it knew.
  const caller: typeof request.caller | undefined = request.caller;
  const line = {
    request_id: id,
    method,
    path: url.slice(0, PATH_LENGTH),
    status: reply.statusCode,
    ms: Math.round(reply.elapsedTime * 100) / 100,
    user: caller?.userId ?? null,
    project: caller?.projectId ?? null,
    remote: ip,
  };
  // Whoever watches over the server asks every few seconds.
  const watched = routeOptions.config.access === 'anyone' && reply.statusCode < 400;
  server.log[watched ? 'debug' : 'info'](line, 'request');
}
