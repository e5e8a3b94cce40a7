/** Who a request is from, by the token that it bears, and whether it is let in at all. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Failure } from '../../base/failure.ts';
import type { Caller } from './caller.ts';
import type { Identity } from './keystone.ts';
import { type Rate, RateLimit } from './rate-limit.ts';
import type { Tokens } from './tokens.ts';

/** Tokens that nobody knows, from one address: to guess one is hopeless, to ask Keystone is dear. */
const STRANGERS: Rate = { perSecond: 10, burst: 100 };
/** Seconds after which to come back when Keystone does not answer. */
const KEYSTONE_RETRY = 1;

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * Whom a route is for where Keystone is asked: left out, whoever has a token for a project.
     * `anyone` needs none, `agent` has a proof of its own, `admin` is whoever has that role, and
     * `metrics` that role or the secret of those who collect them.
     */
    readonly access?: 'anyone' | 'agent' | 'admin' | 'metrics';
  }
}

export interface GateOptions {
  readonly tokens: Pick<Tokens, 'known' | 'check'>;
  /** Where a client gets a token, as it can reach it. */
  readonly keystoneUrl: string;
  /** For each user in each project; admins, such as Nova, are not held up. */
  readonly rate: Rate;
  /** Lets its bearer read the metrics, and nothing else; null: nobody has one. */
  readonly metricsSecret: string | null;
}

export class Gate {
  readonly #options: GateOptions;
  readonly #callers: RateLimit;
  readonly #strangers: RateLimit;

  /** @param now ms of a clock that is never set back. */
  constructor(options: GateOptions, now?: () => number) {
    this.#options = options;
    this.#callers = new RateLimit(options.rate, now);
    this.#strangers = new RateLimit(STRANGERS, now);
  }

  /**
   * Who sent a request; null where the route is for those who need no token.
   * @throws {Failure} Unauthorized, PolicyNotAuthorized, TooManyRequests or KeystoneUnavailable,
   *   with the headers of `reply` that belong to it.
   */
  readonly callerOf = async (
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<Caller | null> => {
    const { access } = request.routeOptions.config;
    if (access === 'anyone' || access === 'agent') return null;
    if (access === 'metrics' && this.#collects(request)) return null;
    const identity = await this.#identity(request, reply);
    const caller = callerOf(identity, request.id);
    if (caller.admin) return caller;
    const wait = this.#callers.take(`${identity.userId} ${caller.projectId}`);
    if (wait > 0) throw tooMany(reply, wait, 'you have sent more requests than a caller may');
    if (access !== undefined) throw adminsOnly(request);
    return caller;
  };

  /** By RFC 6750 §2.1. */
  #collects({ headers }: FastifyRequest): boolean {
    const { metricsSecret } = this.#options;
    if (metricsSecret === null) return false;
    return equal(headers.authorization ?? '', `Bearer ${metricsSecret}`);
  }

  async #identity(request: FastifyRequest, reply: FastifyReply): Promise<Identity> {
    const token = request.headers['x-auth-token'];
    if (typeof token !== 'string' || token === '') {
      throw this.#unauthorized(reply, 'The request has no token');
    }
    let identity = this.#options.tokens.known(token);
    if (identity === undefined) {
      const wait = this.#strangers.wait(request.ip);
      if (wait > 0) throw tooMany(reply, wait, 'too many tokens from your address were refused');
      identity = await this.#options.tokens.check(token).catch((error: unknown) => {
        void reply.header('retry-after', KEYSTONE_RETRY);
        throw error;
      });
      if (identity === null) this.#strangers.take(request.ip);
    }
    if (identity !== null) return identity;
    throw this.#unauthorized(reply, 'The token is unknown, expired or revoked');
  }

  #unauthorized(reply: FastifyReply, why: string): Failure {
    void reply.header('www-authenticate', `Keystone uri="${this.#options.keystoneUrl}"`);
    return new Failure('forbidden', 'Unauthorized', why, {
      field: 'X-Auth-Token',
      remedy: 'send one that Keystone issued in the header X-Auth-Token',
    });
  }
}

/** An admin of a domain is none of the cloud: nothing here belongs to a domain. */
function callerOf({ userId, projectId, system, roles }: Identity, requestId: string): Caller {
  if (projectId === null && !system) throw unscoped();
  return { projectId: projectId ?? '', userId, roles, admin: roles.has('admin'), requestId };
}

const unscoped = (): Failure =>
  new Failure('forbidden', 'PolicyNotAuthorized', 'The token is for no project', {
    field: 'X-Auth-Token',
    remedy: 'ask Keystone for one with a project as its scope',
  });

const adminsOnly = ({ method, routeOptions }: FastifyRequest): Failure =>
  new Failure(
    'forbidden',
    'PolicyNotAuthorized',
    `${method} ${routeOptions.url} is disallowed by policy`,
    { field: 'X-Auth-Token', remedy: 'it takes the role admin' },
  );

function tooMany(reply: FastifyReply, wait: number, why: string): Failure {
  const seconds = Math.ceil(wait / 1000);
  void reply.header('retry-after', seconds);
  return new Failure('exhausted', 'TooManyRequests', `Too many requests: ${why}`, {
    remedy: `try again in ${seconds} s`,
  });
}

/** How long that takes tells nothing of `secret`. */
const equal = (given: string, secret: string): boolean =>
  timingSafeEqual(hash(given), hash(secret));

const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
