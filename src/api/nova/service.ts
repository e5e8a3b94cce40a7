/** Where Nova is, by the configuration or by Keystone's catalogue, and the token to speak to it with. */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { Failure } from '../../base/failure.ts';
import { Keystone, type KeystoneOptions } from '../auth/keystone.ts';
import type { NovaService } from './client.ts';

export interface NovaOptions {
  /** Of its API, such as `http://nova:8774/v2.1`; null: as Keystone's catalogue has it. */
  readonly endpoint: string | null;
  /** Of the catalogue's endpoints; null: whichever comes first. */
  readonly region: string | null;
}

const catalogBody = Compile(
  Type.Object({
    catalog: Type.Array(
      Type.Object({
        type: Type.String(),
        endpoints: Type.Array(
          Type.Object({
            interface: Type.String(),
            region_id: Type.Optional(Type.Union([Type.String(), Type.Null()])),
            url: Type.String(),
          }),
        ),
      }),
    ),
  }),
);

/** Of an endpoint that several interfaces offer, the one for services comes first. */
const INTERFACES = ['internal', 'public', 'admin'];

/**
 * @param keystone null: there is none, so Nova is told without a token, and must be named.
 * @throws {Failure} `invalid` for an endpoint that is no URL, or nothing that says where Nova is.
 */
export function novaService(
  { endpoint, region }: NovaOptions,
  keystone: KeystoneOptions | null,
): NovaService {
  if (endpoint !== null) checkUrl(endpoint);
  if (keystone === null) {
    if (endpoint === null) throw unknown('without Keystone there is no catalogue to look it up in');
    return { endpoint: () => Promise.resolve(endpoint), token: () => Promise.resolve(null) };
  }
  const identity = new Keystone(keystone);
  const token = (refused?: string): Promise<string> => {
    if (refused !== undefined) identity.forget(refused);
    return identity.serviceToken();
  };
  return {
    token,
    endpoint: async () => endpoint ?? inCatalog(await identity.catalog(), region, keystone.url),
  };
}

function inCatalog(body: unknown, region: string | null, keystone: string): string {
  const catalog = catalogBody.Check(body) ? body.catalog : [];
  const found = catalog
    .filter(({ type }) => type === 'compute')
    .flatMap(({ endpoints }) => endpoints)
    .filter((each) => region === null || each.region_id === region)
    .sort((a, b) => INTERFACES.indexOf(a.interface) - INTERFACES.indexOf(b.interface));
  const first = found.find((each) => INTERFACES.includes(each.interface));
  if (first === undefined) {
    const where = region === null ? '' : ` in region ${region}`;
    throw new Failure(
      'unavailable',
      'NovaUnavailable',
      `the catalogue of Keystone at ${keystone} has no service of type compute${where}`,
      { field: 'nova.endpoint', remedy: 'enter it there, or name it in [nova]' },
    );
  }
  return first.url;
}

function checkUrl(endpoint: string): void {
  if (URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol)) return;
  throw new Failure('invalid', 'InvalidInput', `the URL of Nova is "${endpoint}"`, {
    field: 'nova.endpoint',
    value: endpoint,
    remedy: 'it must be a URL such as http://127.0.0.1:8774/v2.1',
  });
}

const unknown = (why: string): Failure =>
  new Failure('invalid', 'InvalidInput', `nothing says where Nova is: ${why}`, {
    field: 'nova.endpoint',
    remedy: 'give endpoint in [nova] of the configuration file',
  });
