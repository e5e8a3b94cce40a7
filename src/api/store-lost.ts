/**
 * A server that has lost its store goes on answering with what it knew last, says how old that is,
 * and takes no writes: what it would plan them on may no longer be so.
 */
import type { FastifyInstance } from 'fastify';
import { Failure } from '../base/failure.ts';
import type { StoreHealth } from '../store/contract.ts';

/** Seconds since the store was followed last; `Age` says the same (RFC 9111 §5.1). */
const STALE = 'x-tianchi-stale';

/** Methods of the API that change nothing. */
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** 0: it is followed. */
export const staleSeconds = ({ fresh, since }: StoreHealth): number =>
  fresh ? 0 : Math.max(1, Math.ceil((Date.now() - since) / 1000));

/** What who would write is told, or who asks whether the server is ready. */
export const storeLost = (health: StoreHealth): Failure =>
  new Failure(
    'unavailable',
    'StoreUnavailable',
    `This server has not reached its store for ${staleSeconds(health)} s and takes no writes meanwhile; nothing was changed`,
    { remedy: 'try again, here or at another server' },
  );

/** Added after the hook that knows the caller, so that nobody else learns of it. */
export function markStale(app: FastifyInstance, of: { readonly health: StoreHealth }): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { health } = of;
    if (health.fresh) return done();
    if (!READING.has(request.method) && request.url.startsWith('/v2.0/')) {
      return done(storeLost(health));
    }
    const seconds = staleSeconds(health);
    void reply.headers({ [STALE]: seconds, age: seconds });
    done();
  });
}
