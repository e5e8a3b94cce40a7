import type { FastifyPluginCallback } from 'fastify';
import { type AnyResource, collectionKey } from './resource.ts';
import { originOf } from './router.ts';

/** What a client reads first: `/` names the versions, `/v2.0/` the resources. */
export function discovery(resources: readonly AnyResource[]): FastifyPluginCallback {
  return (app, _options, done) => {
    app.get('/', (request) =>
      Promise.resolve({
        versions: [
          {
            id: 'v2.0',
            status: 'CURRENT',
            links: [{ rel: 'self', href: `${originOf(request)}/v2.0/` }],
          },
        ],
      }),
    );
    app.get('/v2.0/', (request) =>
      Promise.resolve({
        resources: resources.map((resource) => ({
          name: resource.member,
          collection: collectionKey(resource),
          links: [{ rel: 'self', href: `${originOf(request)}/v2.0/${resource.collection}` }],
        })),
      }),
    );
    done();
  };
}
