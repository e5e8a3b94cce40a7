import { Failure } from '../base/failure.ts';
import { isUuid } from '../base/ids.ts';

export type Json = Readonly<Record<string, unknown>>;

/** A kind of object as the commands name it and as the API does. */
export interface Resource {
  readonly noun: string;
  readonly collection: string;
  readonly member: string;
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads the message out of Neutron's error body, or makes one from the status. */
function failureOf(status: number, body: unknown): Failure {
  const error = isObject(body) ? body['NeutronError'] : undefined;
  const kind = status === 404 ? 'not_found' : status === 409 ? 'conflict' : 'invalid';
  if (isObject(error) && typeof error['message'] === 'string') {
    return new Failure(kind, String(error['type'] ?? 'Error'), error['message']);
  }
  return new Failure(kind, 'UnexpectedAnswer', `the server answered ${status} without a message`);
}

/** The REST API as the commands use it. */
export class Client {
  readonly #url: string;
  readonly #token: string | undefined;

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#url = (env['TIANCHI_URL'] ?? 'http://127.0.0.1:9797').replace(/\/+$/, '');
    this.#token = env['TIANCHI_TOKEN'];
  }

  async #fetch(method: string, path: string, body?: unknown): Promise<Response> {
    const headers: Record<string, string> = {};
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (this.#token !== undefined) headers['x-auth-token'] = this.#token;
    try {
      return await fetch(`${this.#url}${path}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (error) {
      const why =
        error instanceof Error && error.cause instanceof Error ? error.cause.message : error;
      throw new Failure(
        'unavailable',
        'ServerUnreachable',
        `no server answers at ${this.#url} (${String(why)}); start one with \`tianchi server\` or set TIANCHI_URL`,
      );
    }
  }

  /** @throws {Failure} with the server's own message when it refuses. */
  async request(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await this.#fetch(method, path, body);
    const text = await response.text();
    let parsed: unknown;
    try {
      parsed = text === '' ? undefined : JSON.parse(text);
    } catch {
      parsed = undefined;
    }
    if (!response.ok) throw failureOf(response.status, parsed);
    return parsed;
  }

  /** A plain-text answer, as the dumps give. */
  async text(path: string): Promise<string> {
    const response = await this.#fetch('GET', path);
    const text = await response.text();
    if (response.ok) return text;
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      parsed = undefined;
    }
    throw failureOf(response.status, parsed);
  }

  async create(resource: Resource, attributes: Json): Promise<Json> {
    const path = `/v2.0/${resource.collection}`;
    return this.#member(
      resource,
      await this.request('POST', path, { [resource.member]: attributes }),
    );
  }

  async update(resource: Resource, id: string, attributes: Json): Promise<Json> {
    const path = `/v2.0/${resource.collection}/${id}`;
    return this.#member(
      resource,
      await this.request('PUT', path, { [resource.member]: attributes }),
    );
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
    await this.request('DELETE', `/v2.0/${resource.collection}/${id}`);
  }

  /**
   * The uuid of the object that the user named by uuid or by a name that only it has.
   * @throws {Failure} NotFound, or AmbiguousName listing all that share the name.
   */
  async resolve(resource: Resource, reference: string): Promise<string> {
    if (isUuid(reference)) return reference;
    const found = await this.list(resource, `?name=${encodeURIComponent(reference)}`);
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
