import type { FastifyPluginCallback } from 'fastify';
import type { AnyResource } from '../rest/resource.ts';
import { openApiDocument } from './document.ts';
import { docsPage } from './page.ts';

/** `/openapi.json`, and `/docs` for people; both are for anyone, as they hold nobody's objects. */
export function documentation(resources: readonly AnyResource[]): FastifyPluginCallback {
  return (app, _options, done) => {
    const document = openApiDocument(resources);
    const json = JSON.stringify(document);
    const page = docsPage(document);
    app.get('/openapi.json', { config: { access: 'anyone' } }, (_request, reply) =>
      reply.type('application/json').send(json),
    );
    app.get('/docs', { config: { access: 'anyone' } }, (_request, reply) =>
      reply.type('text/html; charset=utf-8').send(page),
    );
    done();
  };
}
