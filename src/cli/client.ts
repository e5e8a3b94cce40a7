import { Failure } from '../base/failure.ts';
import { isUuid } from '../base/ids.ts';
import { send, type Answer } from './http.ts';

export type Json = Readonly<Record<string, unknown>>;

/** A kind of object as the commands name it and as the API does. */
export interface Resource {
  readonly noun: string;
  readonly collection: string;
  readonly member: string;
  /** The attribute that users name it by beside its id; left out: `name`; null: none. */
  readonly called?: string | null;
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads the message out of Neutron's error body, or Keystone's, or makes one from the status. */
function failureOf(status: number, body: unknown): Failure {
  const error = isObject(body) ? (body['NeutronError'] ?? body['error']) : undefined;
  const kind = status === 404 ? 'not_found' : status === 409 ? 'conflict' : 'invalid';
  if (isObject(error) && typeof error['message'] === 'string') {
    const type = error['type'];
    return new Failure(kind, typeof type === 'string' ? type : 'Error', error['message']);
  }
  return new Failure(
    kind,
    'UnexpectedAnswer',
    `the server answered ${status}, but not as a Tianchi server does; check TIANCHI_URL`,
  );
}

/** @returns undefined for what is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The network's own words; several addresses that all failed are one AggregateError without any. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}

/** The REST API as the commands use it. */
export class Client {
  readonly #url: string;
  readonly #token: string | undefined;

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#url = (env['TIANCHI_URL'] || 'http://127.0.0.1:9797').replace(/\/+$/, '');
    this.#token = env['TIANCHI_TOKEN'] || undefined;
  }

  /** HOST:PORT of the server; '' when TIANCHI_URL is no URL. */
  get host(): string {
    return URL.canParse(this.#url) ? new URL(this.#url).host : '';
  }

  /** @throws {Failure} with the server's own message when it refuses. */
  async #ask(method: string, path: string, body?: unknown): Promise<string> {
    if (!/^https?:\/\//.test(this.#url) || !URL.canParse(this.#url)) {
      throw new Failure(
        'invalid',
        'InvalidInput',
        `TIANCHI_URL is '${this.#url}'; it must be a URL such as http://127.0.0.1:9797`,
      );
    }
    const headers = this.#token === undefined ? {} : { 'x-auth-token': this.#token };
    let answer: Answer;
    try {
      answer = await send(method, `${this.#url}${path}`, headers, body);
    } catch (error) {
      throw new Failure(
        'unavailable',
        'ServerUnreachable',
        `no server answers at ${this.#url} (${reasonOf(error)}); start one with \`tianchi server\` or set TIANCHI_URL`,
      );
    }
    if (answer.status < 200 || answer.status > 299) {
      throw failureOf(answer.status, parsed(answer.text));
    }
    return answer.text;
  }

  /** @throws {Failure} with the server's own message when it refuses. */
  async request(method: string, path: string, body?: unknown): Promise<unknown> {
    return parsed(await this.#ask(method, path, body));
  }

  /** A plain-text answer, as the dumps give. @throws {Failure} as `request` does. */
  text(path: string): Promise<string> {
    return this.#ask('GET', path);
  }

  async create(resource: Resource, attributes: Json): Promise<Json> {
    const path = `/v2.0/${resource.collection}`;
    return this.#member(
      resource,
      await this.request('POST', path, { [resource.member]: attributes }),
    );
  }

  async update(resource: Resource, id: string, attributes: Json): Promise<Json> {
    const path = `/v2.0/${resource.collection}/${encodeURIComponent(id)}`;
    return this.#member(
      resource,
      await this.request('PUT', path, { [resource.member]: attributes }),
    );
  }

  /** Does to an object what is no change of its attributes. @throws {Failure} as `request` does. */
  async act(resource: Resource, id: string, action: string, body: Json): Promise<Json> {
    const path = `/v2.0/${resource.collection}/${id}/${action}`;
    const answer = await this.request('PUT', path, body);
    if (!isObject(answer)) throw failureOf(200, answer);
    return answer;
  }

  async show(resource: Resource, id: string): Promise<Json> {
    return this.#member(
      resource,
      await this.request('GET', `/v2.0/${resource.collection}/${encodeURIComponent(id)}`),
    );
  }

  async list(resource: Resource, query = ''): Promise<Json[]> {
    const answer = await this.request('GET', `/v2.0/${resource.collection}${query}`);
    const items = isObject(answer) ? answer[resource.collection.replaceAll('-', '_')] : undefined;
    if (!Array.isArray(items)) throw failureOf(200, answer);
    return items.filter(isObject);
  }

  async remove(resource: Resource, id: string): Promise<void> {
    await this.request('DELETE', `/v2.0/${resource.collection}/${encodeURIComponent(id)}`);
  }

  /**
   * The uuid of the object that the user named by uuid or by a name that only it has.
   * @throws {Failure} NotFound, or AmbiguousName listing all that share the name.
   */
  async resolve(resource: Resource, reference: string): Promise<string> {
    const { called = 'name' } = resource;
    if (isUuid(reference)) return reference;
    if (reference === '') {
      const message = `the ${resource.noun} is named ''; give its uuid or unique name`;
      throw new Failure('invalid', 'InvalidInput', message);
    }
    if (called === null) return reference;
    const found = await this.list(resource, `?${called}=${encodeURIComponent(reference)}`);
    const ids = found.map((item) => String(item['id']));
    if (ids.length === 1 && ids[0] !== undefined) return ids[0];
    if (ids.length === 0) {
      throw new Failure(
        'not_found',
        'NotFound',
        `no ${resource.noun} has the id or name '${reference}'; \`tianchi ${resource.noun}-list\` shows all`,
      );
    }
    throw new Failure(
      'conflict',
      'AmbiguousName',
      `${ids.length} objects share the ${resource.noun} name '${reference}': ${ids.join(', ')}; name one by its uuid`,
    );
  }

  #member(resource: Resource, answer: unknown): Json {
    const member = isObject(answer) ? answer[resource.member] : undefined;
    if (!isObject(member)) throw failureOf(200, answer);
    return member;
  }
}
