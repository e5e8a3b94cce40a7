/** A server on a store in memory, asked by callers of two projects, with every answer held against what must hold of all. */
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { Compile, type Validator } from 'typebox/compile';
import { createApp } from '../../src/api/app.ts';
import type { Caller } from '../../src/api/auth/caller.ts';
import type { Document } from '../../src/api/openapi/document.ts';
import { openRuntime, type OpenRuntime } from '../../src/api/runtime.ts';
import { NEUTRON_QUOTAS } from '../../src/model/default-quotas.ts';
import { checkTree } from '../../src/model/tree-check/index.ts';
import { ROOT } from '../../src/model/tree.ts';
import { openMemoryStore, type Store } from '../../src/store/index.ts';
import { Random } from '../support/random.ts';
import { Known } from './known.ts';
import { Requests, type Request } from './requests.ts';
import { resolved, type Schema } from './values.ts';

type Json = Readonly<Record<string, unknown>>;

const who = (projectId: string, ...roles: string[]): Caller => ({
  projectId,
  userId: 'user',
  roles: new Set(roles),
  admin: roles.includes('admin'),
  requestId: 'req-test',
});

const CALLERS: Readonly<Record<Request['as'], Caller>> = {
  admin: who('ops', 'admin', 'member', 'reader'),
  'A member': who('A', 'member', 'reader'),
  'A reader': who('A', 'reader'),
  'B member': who('B', 'member', 'reader'),
};

/** `$kind` is the last one made of a kind. */
const FURNITURE: readonly (readonly [collection: string, attributes: Json])[] = [
  ['nodes', { name: 'node1', vtep: '192.0.2.1' }],
  ['nodes', { name: 'node2', vtep: '192.0.2.2' }],
  ['networks', { 'router:external': true, is_default: true }],
  ['subnets', { network_id: '$network', cidr: '100.64.0.0/26' }],
  ['routers', { project_id: 'A', external_gateway_info: { network_id: '$network' } }],
  ['floatingips', { project_id: 'A', floating_network_id: '$network' }],
  ['networks', { project_id: 'B', shared: true }],
  ['subnets', { project_id: 'B', network_id: '$network', cidr: '10.0.1.0/24' }],
  ['networks', { project_id: 'A' }],
  ['subnets', { project_id: 'A', network_id: '$network', cidr: '10.0.0.0/28' }],
  ['subnets', { project_id: 'A', network_id: '$network', ip_version: 6, cidr: '2001:db8::/64' }],
  ['security-groups', { project_id: 'A', name: 'web' }],
  ['ports', { project_id: 'A', network_id: '$network', security_groups: ['$security_group'] }],
  ['address-groups', { project_id: 'A', addresses: ['10.0.0.0/24'] }],
  ['address-scopes', { project_id: 'A', ip_version: 4, name: 'x' }],
  ['subnetpools', { project_id: 'A', name: 'x', prefixes: ['10.0.0.0/16'], default_prefixlen: 26 }],
  ['subnetpools', { is_default: true, shared: true, name: 'y', prefixes: ['2001:db8::/48'] }],
];

export interface Fault {
  readonly request: Request;
  readonly status: number;
  readonly body: string;
  /** What does not hold. */
  readonly what: string;
}

export interface Answered {
  readonly request: Request;
  readonly status: number;
  /** null: all is as it must be. */
  readonly fault: Fault | null;
}

/** Of the processor, for one request. */
const MOST_MS = 5000;
const MOST_CHARACTERS = 1500;

export class Cloud {
  readonly #document: Document;
  readonly #store: Store;
  readonly #runtime: OpenRuntime;
  readonly #app: FastifyInstance;
  readonly #known = new Known();
  readonly #requests: Requests;
  #caller: Caller = CALLERS.admin;

  private constructor(document: Document, store: Store, runtime: OpenRuntime, random: Random) {
    this.#document = document;
    this.#store = store;
    this.#runtime = runtime;
    const callerOf = () => Promise.resolve(this.#caller);
    this.#app = createApp({ runtime, log: pino({ level: 'silent' }), guarded: true, callerOf });
    this.#requests = new Requests(document, random, this.#known);
  }

  static async open(document: Document, seed: number): Promise<Cloud> {
    const store = openMemoryStore();
    const random = new Random(seed);
    const chance = new Random(~seed);
    const runtime = await openRuntime({
      store,
      defaultSecurityGroup: seed % 2 === 0,
      quotas: NEUTRON_QUOTAS,
      underlayMtu: 1500,
      onListenerError: (error) => {
        throw error;
      },
      newId: () => chance.uuid(),
      random: () => chance.next(),
    });
    const cloud = new Cloud(document, store, runtime, random);
    await cloud.#furnish();
    return cloud;
  }

  /** Something of each kind, so that the first requests meet something. */
  async #furnish(): Promise<void> {
    for (const [collection, attributes] of FURNITURE) {
      const text = JSON.stringify({ [memberOf(collection)]: attributes });
      const payload = text.replaceAll(/"\$(\w+)"/g, (_, kind: string) =>
        JSON.stringify(this.#known.last(kind)),
      );
      const url = `/v2.0/${collection}`;
      const headers = { 'content-type': 'application/json' };
      this.#caller = CALLERS.admin;
      const answer = await this.#app.inject({ method: 'POST', url, headers, payload });
      if (answer.statusCode !== 201) throw new Error(`${url} ${payload}: ${answer.body}`);
      this.#learn({ as: 'admin', method: 'POST', url, headers }, answer.body);
    }
  }

  async close(): Promise<void> {
    await this.#app.close();
    this.#runtime.close();
    await this.#store.close();
  }

  /** What of the tree is not as it must be. */
  async findings(): Promise<readonly string[]> {
    const { entries } = await this.#store.snapshot(ROOT);
    return checkTree(entries).map(({ code, path, message }) => `${code} ${path}: ${message}`);
  }

  /** Asks one more request. */
  async step(): Promise<Answered> {
    const request = this.#requests.next();
    const { revision } = this.#store;
    const before = process.cpuUsage();
    this.#caller = CALLERS[request.as];
    const { statusCode: status, body } = await this.#app.inject({
      method: request.method as 'GET',
      url: request.url,
      headers: request.headers,
      ...(request.payload === undefined ? {} : { payload: request.payload }),
    });
    const { user, system } = process.cpuUsage(before);
    const what =
      (status >= 400 && this.#store.revision !== revision && 'refused, and changed something') ||
      ((user + system) / 1000 > MOST_MS && 'takes too long') ||
      this.#wrongAnswer(request, status, body);
    if (status < 400) this.#learn(request, body);
    return { request, status, fault: what ? { request, status, body, what } : null };
  }

  #wrongAnswer({ method, operation }: Request, status: number, body: string): string | null {
    if (status >= 500) return 'an error of the server';
    if (method === 'HEAD') return null;
    let parsed: unknown;
    try {
      parsed = body === '' ? undefined : JSON.parse(body);
    } catch {
      return operation === undefined ? null : 'no JSON';
    }
    if (status >= 400) return wrongError(parsed);
    if (operation === undefined) return null;
    const response = operation.responses[status];
    if (response === undefined) return `${status} is not declared`;
    const schema = (response as { readonly content?: Content }).content?.['application/json'];
    if (schema === undefined) return parsed === undefined ? null : 'a body that is not declared';
    const [error] = this.#validatorOf(schema.schema).Errors(parsed);
    return error === undefined ? null : `${error.instancePath} ${error.message}`;
  }

  #validatorOf(schema: Schema): Validator {
    let validator = validators.get(schema);
    if (validator === undefined) {
      validators.set(schema, (validator = Compile(this.#inlined(schema) as object)));
    }
    return validator;
  }

  #inlined(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#inlined(item));
    if (typeof value !== 'object' || value === null) return value;
    const schema = resolved(this.#document, value);
    return Object.fromEntries(
      Object.entries(schema).map(([key, inner]) => [key, this.#inlined(inner)]),
    );
  }

  /** Takes up the ids in an answer, and forgets what is gone. */
  #learn({ method, url }: Request, body: string): void {
    if (method === 'DELETE') {
      const [, collection = '', id = ''] = /^\/v2\.0\/([\w-]+)\/([^/?]+)$/.exec(url) ?? [];
      this.#known.delete(memberOf(collection), decodeURIComponent(id));
    }
    if (!body.startsWith('{')) return;
    for (const [key, value] of Object.entries(JSON.parse(body) as Json)) {
      for (const object of Array.isArray(value) ? value : [value]) {
        const { id } = (object ?? {}) as Json;
        if (typeof id === 'string') this.#known.add(memberOf(key), id);
      }
    }
  }
}

/** Of the types of answers; all clouds have one document. */
const validators = new WeakMap<Schema, Validator>();

type Content = Readonly<Record<string, { readonly schema: Schema } | undefined>>;

const memberOf = (collection: string): string =>
  collection.replaceAll('-', '_').replace(/(ie)?s$/, (end) => (end === 'ies' ? 'y' : ''));

/** An answer that refuses says why, in a sentence for a person. */
function wrongError(answer: unknown): string | null {
  const { NeutronError } = (answer ?? {}) as Json;
  const { type, message, detail } = (NeutronError ?? {}) as Json;
  if (typeof type !== 'string' || typeof message !== 'string' || detail !== '') return 'no error';
  if (message.length < 10 || message.length > MOST_CHARACTERS) return 'no sentence';
  return /undefined|\[object |NaN/.test(message) ? 'not for a person' : null;
}

/** What an operation is called, or the request's method. */
export const nameOf = (request: Request): string =>
  request.operation?.operationId ?? request.method;
