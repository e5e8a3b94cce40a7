import type { FastifyPluginCallback } from 'fastify';
import { Failure } from '../../base/failure.ts';
import { shorten } from './check.ts';
import { type AnyResource, collectionKey } from './resource.ts';
import { originOf } from './url.ts';

/**
 * What a client reads first: `/` names the versions, `/v2.0/` the resources, `/v2.0/extensions`
 * what they can do.
 */
export function discovery(
  resources: readonly AnyResource[],
  extensions: ReadonlyMap<string, string>,
): FastifyPluginCallback {
  return (app, _options, done) => {
    app.get('/', { config: { access: 'anyone' } }, (request) =>
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
    app.get('/v2.0/extensions', () =>
      Promise.resolve({
        extensions: Array.from(extensions, ([alias, name]) => shown(alias, name)),
      }),
    );
    app.get<{ Params: { alias: string } }>('/v2.0/extensions/:alias', ({ params: { alias } }) => {
      const name = extensions.get(alias);
      if (name !== undefined) return Promise.resolve({ extension: shown(alias, name) });
      throw new Failure(
        'not_found',
        'ExtensionNotFound',
        `Extension ${shorten(alias)} could not be found`,
        { field: 'alias', value: alias, remedy: 'GET /v2.0/extensions lists all' },
      );
    });
    done();
  };
}

/** In Neutron's form, which has more than there is to say. */
const shown = (alias: string, name: string) => ({
  alias,
  name,
  description: name,
  updated: '2026-01-01T00:00:00-00:00',
  links: [],
});
