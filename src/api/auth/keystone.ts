/**
 * Keystone's Identity API v3 as far as a service needs it: whose a token is
 * (https://docs.openstack.org/api-ref/identity/v3/, "Validate and show information for token").
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { Failure } from '../../base/failure.ts';

/** A service token is renewed this many ms before it expires, so that none expires on its way. */
const MARGIN = 60_000;
/** What a header can carry, and no longer than a header may be; Keystone's are of 180 to 250. */
const TOKEN = /^[\x21-\x7e]{1,8192}$/;

/** By whose token the service asks about those of others. */
export interface ServiceCredentials {
  readonly username: string;
  readonly password: string;
  readonly project: string;
  readonly userDomain: string;
  readonly projectDomain: string;
}

export interface KeystoneOptions {
  /** Where the API is, with its `/v3` or without. */
  readonly url: string;
  /** null: a token is asked about with itself, which Keystone allows its bearer. */
  readonly credentials: ServiceCredentials | null;
  /** ms that Keystone may take for one answer. */
  readonly patience: number;
}

/** What Keystone says of a token that is good. */
export interface Identity {
  readonly userId: string;
  /** null: the token is for no project, but for a domain, the whole system or nothing. */
  readonly projectId: string | null;
  /** For the whole cloud. */
  readonly system: boolean;
  /** Names in lower case, as Keystone compares them. */
  readonly roles: ReadonlySet<string>;
  /** ms since 1970. */
  readonly expires: number;
}

interface Held {
  readonly token: string;
  readonly expires: number;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

const named = Type.Object({ name: Type.String() });

const tokenBody = Compile(
  Type.Object({
    token: Type.Object({
      expires_at: Type.String(),
      user: Type.Object({ id: Type.String() }),
      project: Type.Optional(Type.Object({ id: Type.String() })),
      system: Type.Optional(Type.Object({ all: Type.Boolean() })),
      roles: Type.Optional(Type.Array(named)),
    }),
  }),
);

/** Every answer of Keystone that is a refusal has this form; one of another server has not. */
const refusalBody = Compile(Type.Object({ error: Type.Object({ code: Type.Integer() }) }));

export class Keystone {
  /** Of the API, ending in `/v3`. */
  readonly url: string;
  readonly #credentials: ServiceCredentials | null;
  readonly #patience: number;
  readonly #now: () => number;
  #held: Held | null = null;
  #renewal: Promise<Held> | null = null;

  /**
   * Asks nothing yet.
   * @param now ms since 1970.
   * @throws {Failure} InvalidInput for what is no URL of http or https.
   */
  constructor({ url, credentials, patience }: KeystoneOptions, now: () => number = Date.now) {
    this.url = apiUrl(url);
    this.#credentials = credentials;
    this.#patience = patience;
    this.#now = now;
  }

  /**
   * Whose a token is now.
   * @returns null for one that is unknown, expired or revoked.
   * @throws {Failure} KeystoneUnavailable when Keystone does not say.
   */
  async validate(token: string): Promise<Identity | null> {
    if (!TOKEN.test(token)) return null;
    for (let renewed = false; ; renewed = true) {
      const own = this.#credentials === null ? token : await this.serviceToken();
      const answer = await this.#ask('/auth/tokens?nocatalog', {
        headers: { 'x-auth-token': own, 'x-subject-token': token },
      });
      if (answer.status === 200) return this.#identity(answer);
      const refused = refusalBody.Check(answer.body);
      if (answer.status === 404 && refused) return null;
      if (answer.status !== 401 || !refused) throw this.#unexpected('to check a token', answer);
      if (this.#credentials === null) return null;
      if (renewed) throw this.#unexpected('to check a token', answer);
      this.forget(own);
    }
  }

  /**
   * A token of the service's own, kept until shortly before it expires.
   * @throws {Failure} KeystoneUnavailable; also when there are no credentials, or wrong ones.
   */
  async serviceToken(): Promise<string> {
    if (this.#held !== null && this.#now() < this.#held.expires - MARGIN) return this.#held.token;
    this.#renewal ??= this.#logIn().finally(() => {
      this.#renewal = null;
    });
    this.#held = await this.#renewal;
    return this.#held.token;
  }

  /**
   * Resolves when Keystone answers.
   * @throws {Failure} KeystoneUnavailable.
   */
  async probe(): Promise<void> {
    const answer = await this.#ask('');
    if (answer.status !== 200) throw this.#unexpected('for its version', answer);
  }

  /**
   * What services there are, and where.
   * @returns the body as it came.
   * @throws {Failure} KeystoneUnavailable.
   */
  async catalog(): Promise<unknown> {
    const headers = { 'x-auth-token': await this.serviceToken() };
    const answer = await this.#ask('/auth/catalog', { headers });
    if (answer.status === 200) return answer.body;
    throw this.#unexpected('for its catalogue', answer);
  }

  /** Gives a service token up that somebody did not take. */
  forget(token: string): void {
    if (this.#held?.token === token) this.#held = null;
  }

  async #logIn(): Promise<Held> {
    const credentials = this.#credentials;
    if (credentials === null) {
      throw this.#unavailable('there are no credentials to log in with', {
        field: 'keystone.password',
        remedy: 'give username, password and project in [keystone] of the configuration file',
      });
    }
    const { username, password, project, userDomain, projectDomain } = credentials;
    const user = { name: username, domain: { name: userDomain }, password };
    const scope = { project: { name: project, domain: { name: projectDomain } } };
    const answer = await this.#ask('/auth/tokens?nocatalog', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        auth: { identity: { methods: ['password'], password: { user } }, scope },
      }),
    });
    const token = answer.headers.get('x-subject-token');
    if (answer.status === 201 && token !== null) {
      return { token, expires: this.#identity(answer).expires };
    }
    throw this.#unexpected(`to log ${username} in to project ${project}`, answer);
  }

  #identity(answer: Answer): Identity {
    if (!tokenBody.Check(answer.body)) throw this.#unexpected('to describe a token', answer);
    const { user, project, system, roles = [], expires_at: expiry } = answer.body.token;
    const expires = Date.parse(expiry);
    if (Number.isNaN(expires)) throw this.#unexpected('when a token expires', answer);
    return {
      userId: user.id,
      projectId: project?.id ?? null,
      system: system?.all === true,
      roles: new Set(roles.map(({ name }) => name.toLowerCase())),
      expires,
    };
  }

  async #ask(path: string, init: RequestInit = {}): Promise<Answer> {
    try {
      const response = await fetch(`${this.url}${path}`, {
        ...init,
        redirect: 'error',
        signal: AbortSignal.timeout(this.#patience),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: parsed(text) };
    } catch (error) {
      throw this.#unavailable(`does not answer (${reasonOf(error)})`, {
        field: 'keystone.url',
        value: this.url,
      });
    }
  }

  #unexpected(asked: string, { status }: Answer): Failure {
    return this.#unavailable(`answered ${status} when asked ${asked}`, {
      field: 'keystone.url',
      value: this.url,
    });
  }

  #unavailable(why: string, details: ConstructorParameters<typeof Failure>[3]): Failure {
    return new Failure('unavailable', 'KeystoneUnavailable', `Keystone ${why}`, details);
  }
}

function apiUrl(url: string): string {
  const base = url.replace(/\/+$/, '');
  if (URL.canParse(base) && /^https?:$/.test(new URL(base).protocol)) {
    return base.endsWith('/v3') ? base : `${base}/v3`;
  }
  throw new Failure('invalid', 'InvalidInput', `the URL of Keystone is "${url}"`, {
    field: 'keystone-url',
    value: url,
    remedy: 'it must be a URL such as http://127.0.0.1:5000/v3',
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What the network says is in the cause of what `fetch` throws. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== ''
    ? error.cause.message
    : error.message;
}
