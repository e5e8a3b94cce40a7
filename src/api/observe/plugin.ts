/** Where those look who watch over a server: GET /metrics and GET /readyz. */
import type { FastifyPluginCallback } from 'fastify';
import type { Metrics } from './metrics.ts';

/** ms for which what was found is told again: anyone may ask, and no question may cost much. */
const KEPT = 1_000;

/** What a server needs to serve; rejects while that is missing. */
export type Check = () => Promise<unknown>;

export function observability(
  metrics: Pick<Metrics, 'text' | 'contentType'>,
  checks: Readonly<Record<string, Check>>,
): FastifyPluginCallback {
  const ready = keptFor(KEPT, () => outcomes(checks));
  return (app, _options, done) => {
    app.get('/metrics', { config: { access: 'metrics' } }, async (_request, reply) =>
      reply.type(metrics.contentType).send(await metrics.text()),
    );
    app.get('/readyz', { config: { access: 'anyone' } }, async (_request, reply) => {
      const found = await ready();
      const ok = Object.values(found).every((outcome) => outcome === 'ok');
      return reply.code(ok ? 200 : 503).send({ status: ok ? 'ok' : 'unavailable', checks: found });
    });
    done();
  };
}

async function outcomes(checks: Readonly<Record<string, Check>>): Promise<Record<string, string>> {
  const found = Object.entries(checks).map(async ([name, check]) => {
    const outcome = await check().then(
      () => 'ok',
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    return [name, outcome] as const;
  });
  return Object.fromEntries(await Promise.all(found));
}

function keptFor<T>(ms: number, ask: () => Promise<T>): () => Promise<T> {
  let last: { readonly answer: Promise<T>; readonly at: number } | null = null;
  return () => {
    const now = performance.now();
    if (last === null || now - last.at >= ms) last = { answer: ask(), at: now };
    return last.answer;
  };
}
