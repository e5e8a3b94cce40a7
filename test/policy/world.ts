import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { createApp } from '../../src/api/app.ts';
import type { Caller } from '../../src/api/auth/caller.ts';
import { openRuntime, type OpenRuntime } from '../../src/api/runtime.ts';
import { openMemoryStore, type Store } from '../../src/store/index.ts';
import type { CallerName, State } from './matrix.ts';

type Json = Record<string, unknown>;
type Made = Json & { readonly id: string };

const who = (projectId: string, ...roles: string[]): Caller => ({
  projectId,
  userId: 'user',
  roles: new Set(roles),
  admin: roles.includes('admin'),
  requestId: 'req-test',
});

const CALLERS: Readonly<Record<CallerName, Caller>> = {
  admin: who('ops', 'admin', 'member', 'reader'),
  'A member': who('A', 'member', 'reader'),
  'A reader': who('A', 'reader'),
  'B member': who('B', 'member', 'reader'),
  'B reader': who('B', 'reader'),
};

interface Answer {
  readonly status: number;
  readonly body: Json;
}

/** What others refer to, by the names that the matrix has for it. */
type Names = Record<string, string>;

const memberOf = (collection: string): string =>
  collection.replaceAll('-', '_').replace(/(ie)?s$/, (end) => (end === 'ies' ? 'y' : ''));

/** The API, asked by callers of two projects. */
export class World {
  readonly #app: FastifyInstance;
  readonly #runtime: OpenRuntime;
  readonly #store: Store;
  readonly #names: Names = {};
  #caller: Caller = CALLERS.admin;

  private constructor(store: Store, runtime: OpenRuntime) {
    this.#store = store;
    this.#runtime = runtime;
    const log = pino({ level: 'silent' });
    const callerOf = () => Promise.resolve(this.#caller);
    this.#app = createApp({ runtime, log, guarded: false, callerOf });
  }

  static async open(): Promise<World> {
    const store = openMemoryStore();
    const onListenerError = (error: unknown): never => {
      throw error;
    };
    const options = { store, defaultSecurityGroup: false, underlayMtu: 1500, onListenerError };
    const world = new World(store, await openRuntime(options));
    await world.#furnish();
    return world;
  }

  async close(): Promise<void> {
    await this.#app.close();
    this.#runtime.close();
    await this.#store.close();
  }

  /** A network outside that is for all, and one of B. */
  async #furnish(): Promise<void> {
    const outside = await this.#make('networks', { 'router:external': true });
    await this.#make('subnets', { network_id: outside.id, cidr: '100.0.0.0/24' });
    const own = await this.#make('networks', { project_id: 'B' });
    await this.#make('subnets', { network_id: own.id, cidr: '10.1.0.0/24' });
    Object.assign(this.#names, { EXTERNAL: outside.id, OWN: own.id });
  }

  /** @param path Its names of objects, and the body's, are replaced by their ids. */
  async ask(caller: CallerName, method: Method, path: string, body?: unknown): Promise<Answer> {
    this.#caller = CALLERS[caller];
    const text = JSON.stringify(body)?.replaceAll(/"([A-Z]{2,})"/g, (quoted, name: string) =>
      this.#names[name] ? `"${this.#names[name]}"` : quoted,
    );
    const answer = await this.#app.inject({
      method,
      url: `/v2.0/${path.replaceAll(/[A-Z]{2,}/g, (name) => this.#names[name] ?? name)}`,
      headers: { 'content-type': 'application/json' },
      ...(text === undefined ? {} : { payload: text }),
    });
    return {
      status: answer.statusCode,
      body: answer.body === '' ? {} : (JSON.parse(answer.body) as Json),
    };
  }

  /** @param path Of a collection to make an object in, or of an object to change. */
  give(caller: CallerName, method: 'POST' | 'PUT', path: string, attributes: Json) {
    const member = memberOf(path.split('/', 1)[0] ?? '');
    return this.ask(caller, method, path, { [member]: attributes });
  }

  async #make(collection: string, attributes: Json): Promise<Made> {
    const { status, body } = await this.give('admin', 'POST', collection, attributes);
    if (status !== 201) throw new Error(`POST ${collection}: ${status} ${JSON.stringify(body)}`);
    return body[memberOf(collection)] as Made;
  }

  /** Makes a new object of A, or on a network of A, that stands to B as `state` says. */
  make(collection: string, state: State): Promise<string> {
    const maker = MAKERS[collection];
    if (maker === undefined) throw new Error(`no maker of ${collection}`);
    return maker({
      state,
      make: (path, attributes) => this.#make(path, { project_id: 'A', ...attributes }),
      name: (name, id) => (this.#names[name] = id),
    });
  }
}

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

interface Making {
  readonly state: State;
  readonly make: (collection: string, attributes: Json) => Promise<Made>;
  readonly name: (name: string, id: string) => void;
}

const TARGETS: Readonly<Record<State, readonly [action: string, target: string] | null>> = {
  private: null,
  'shared with B': ['access_as_shared', 'B'],
  'shared with all': ['access_as_shared', '*'],
  'external to B': ['access_as_external', 'B'],
  'of B': ['access_as_shared', 'B'],
};

async function shared(
  { state, make, name }: Making,
  object_type: string,
  collection: string,
  attributes: Json,
  as: string,
): Promise<string> {
  const { id: object_id } = await make(collection, attributes);
  const grant = TARGETS[state];
  if (grant !== null) {
    const [action, target_tenant] = grant;
    await make('rbac-policies', { object_type, object_id, action, target_tenant });
  }
  name(as, object_id);
  return object_id;
}

const network = (making: Making) => shared(making, 'network', 'networks', {}, 'NETWORK');
const group = (making: Making) => shared(making, 'security_group', 'security-groups', {}, 'GROUP');

async function subnet(making: Making): Promise<{ network: string; subnet: string }> {
  const network_id = await network(making);
  const { id } = await making.make('subnets', { network_id, cidr: '10.0.0.0/24' });
  making.name('SUBNET', id);
  return { network: network_id, subnet: id };
}

const MAKERS: Readonly<Record<string, (making: Making) => Promise<string>>> = {
  networks: network,
  subnets: async (making) => (await subnet(making)).subnet,
  ports: async (making) => {
    const { network: network_id } = await subnet(making);
    const project_id = making.state === 'of B' ? 'B' : 'A';
    const { id } = await making.make('ports', { network_id, project_id });
    making.name('PORT', id);
    return id;
  },
  routers: async ({ make, name }) => {
    const { id } = await make('routers', {});
    name('ROUTER', id);
    return id;
  },
  floatingips: async ({ make }) =>
    (await make('floatingips', { floating_network_id: 'EXTERNAL' })).id,
  'security-groups': group,
  'security-group-rules': async (making) => {
    const security_group_id = await group(making);
    return (await making.make('security-group-rules', { security_group_id, direction: 'ingress' }))
      .id;
  },
  subnetpools: (making) =>
    shared(
      making,
      'subnetpool',
      'subnetpools',
      { name: 'pool', prefixes: ['10.7.0.0/16'] },
      'POOL',
    ),
  'address-scopes': (making) =>
    shared(making, 'address_scope', 'address-scopes', { ip_version: 4 }, 'SCOPE'),
  'address-groups': (making) =>
    shared(making, 'address_group', 'address-groups', { addresses: ['10.8.0.0/24'] }, 'ADDRESSES'),
  'rbac-policies': async (making) => {
    const object_id = await network({ ...making, state: 'private' });
    const attributes = { object_type: 'network', object_id, action: 'access_as_shared' };
    return (await making.make('rbac-policies', { ...attributes, target_tenant: 'D' })).id;
  },
};
