/** Requests made of the API's own document: most are what it declares, the others nearly so. */
import type { Document, Operation } from '../../src/api/openapi/document.ts';
import type { Random } from '../support/random.ts';
import type { Known } from './known.ts';
import { resolved, Values, type Schema } from './values.ts';
import { GARBAGE, TEXTS } from './vocabulary.ts';

export const CALLERS = ['admin', 'A member', 'A reader', 'B member'] as const;

export interface Request {
  readonly as: (typeof CALLERS)[number];
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload?: string;
  /** What the document says of it; undefined: the request is none of the document's. */
  readonly operation?: Operation;
}

interface Parameter {
  readonly $ref?: string;
  readonly in: string;
  readonly name: string;
  readonly schema: Schema;
}

interface Declared {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
}

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'] as const;
const PATHS = [
  '/v2.0',
  '/v2.0/extensions/x',
  '/v2.0/networks/',
  '/v2.0/networks//ports',
  '/v2.0//networks',
  '/v2.0/networks.json',
  '/v2.0/__proto__',
  '/v2.0/networks/x/y/z',
  '/v3/networks',
  '/..',
  '/v2.0/%',
] as const;
/** Texts that are no JSON, or none of the form that is asked for. */
const BODIES = [
  '',
  '{',
  'null',
  '[]',
  '""',
  '1',
  '{}',
  '{"network":',
  '{"x":{}}',
  '\u0000',
] as const;
const REVISIONS = ['0', '1', '2', '3', '-1', 'x', '1, revision_number=2', ''] as const;

/** What goes by other names than ids. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  binding: ['node1', 'node2'],
  quota: ['A', 'B', 'ops'],
  auto_allocated_topology: ['A', 'B'],
  availability_zone: ['nova'],
};
/** What goes by the ids of something else. */
const NAMED_AS: Readonly<Record<string, string>> = {
  network_ip_availability: 'network',
  floatingip_pool: 'subnet',
};

/** As likely as the others together, as what is not there cannot be in the way of anything. */
const MAKERS = /^create_(network|subnet|port|router|security_group|floatingip|subnetpool)$/;

export class Requests {
  readonly #document: Document;
  readonly #random: Random;
  readonly #known: Known;
  readonly #values: Values;
  readonly #operations: readonly Declared[];
  readonly #makers: readonly Declared[];

  constructor(document: Document, random: Random, known: Known) {
    this.#document = document;
    this.#random = random;
    this.#known = known;
    this.#values = new Values(document, random, known);
    this.#operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        path,
        method: method.toUpperCase(),
        operation,
      })),
    );
    this.#makers = this.#operations.filter(({ operation }) => MAKERS.test(operation.operationId));
  }

  next(): Request {
    const random = this.#random;
    const declared = random.pick(random.chance(0.3) ? this.#makers : this.#operations);
    const as = random.chance(0.4) ? 'admin' : random.pick(CALLERS);
    if (random.chance(0.97)) return { as, ...this.#declared(declared) };
    const path = random.chance(0.5) ? this.#pathOf(declared.path) : random.pick(PATHS);
    const headers = { 'content-type': 'application/json' };
    return { as, method: random.pick(METHODS), url: path, headers };
  }

  #declared({ path, method, operation }: Declared): Omit<Request, 'as'> {
    const query = new URLSearchParams();
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    for (const each of operation.parameters) {
      const parameter = resolved(this.#document, each as unknown as Parameter);
      if (parameter.in === 'query') this.#query(query, parameter);
      if (parameter.in === 'header' && this.#random.chance(0.1)) {
        headers['if-match'] = `revision_number=${this.#random.pick(REVISIONS)}`;
      }
    }
    if (this.#random.chance(0.01)) query.append(this.#random.pick(TEXTS), 'x');
    const text = query.toString();
    const url = this.#pathOf(path) + (text === '' ? '' : `?${text}`);
    const payload = this.#payload(operation);
    return { method, url, headers, operation, ...(payload === undefined ? {} : { payload }) };
  }

  #pathOf(template: string): string {
    const random = this.#random;
    return template.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
      if (name === 'tag') return encodeURIComponent(random.pick(['red', 'blue', 'x,y', '%']));
      const kind = name.replace(/_(id|name|host|project_id|network_id|subnet_id)$/, '');
      const names = NAMES[kind];
      if (names !== undefined && random.chance(0.9)) return random.pick(names);
      return this.#known.segment(random, NAMED_AS[kind] ?? kind);
    });
  }

  #query(query: URLSearchParams, { name, schema }: Parameter): void {
    const random = this.#random;
    // A list of many attributes is asked for by few.
    if (!random.chance(0.05)) return;
    const times = random.chance(0.2) ? 2 : 1;
    for (let left = times; left > 0; left -= 1) {
      query.append(name, this.#queried(name, schema));
      if (name === 'sort_key' && random.chance(0.9)) query.append('sort_dir', 'asc');
    }
  }

  #queried(name: string, schema: Schema): string {
    const random = this.#random;
    if (random.chance(0.05)) return random.pick(TEXTS);
    if (name === 'limit') return random.pick(['0', '1', '2', '-1', 'x', '99999999999999999999']);
    if (name === 'marker' || /(^|_)id$/.test(name)) return this.#known.any(random);
    if (name === 'fixed_ips') {
      return random.pick(['ip_address=10.0.0.2', 'subnet_id=x', 'ip_address_substr=10', 'x', '=']);
    }
    const value = this.#values.of(schema.items ?? schema, name);
    return typeof value === 'string' ? value : JSON.stringify(value);
  }

  #payload({ requestBody }: Operation): string | undefined {
    const random = this.#random;
    if (requestBody === undefined) return random.chance(0.02) ? random.pick(BODIES) : undefined;
    if (random.chance(0.02)) return random.pick(BODIES);
    const { content } = requestBody as {
      readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
    };
    const body = this.#values.of(content['application/json']?.schema ?? {});
    if (random.chance(0.75)) return JSON.stringify(body);
    const spoiled = random.chance(0.02) ? random.pick(GARBAGE) : this.#values.spoiled(body);
    return JSON.stringify(spoiled);
  }
}
