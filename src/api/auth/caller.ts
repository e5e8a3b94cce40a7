import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Requester } from '../../model/draft.ts';

/** Who sent a request, as its token says. */
export interface Caller extends Requester {
  /** null where nobody has to say who they are. */
  readonly userId: string | null;
  /** Names of roles in the project, those that others imply among them. */
  readonly roles: ReadonlySet<string>;
  /** As in `X-Openstack-Request-Id`. */
  readonly requestId: string;
}

/**
 * Finds out who sent a request; null where the route is for those who need not say.
 * @throws {Failure} for a request that proves nothing, or something untrue.
 */
export type CallerOf = (request: FastifyRequest, reply: FastifyReply) => Promise<Caller | null>;

declare module 'fastify' {
  interface FastifyRequest {
    /** Set for all requests but those of routes that are for anyone, or for agents. */
    caller: Caller;
  }
}

/** Owner of what is made without authentication and without a `project_id`. */
const LOCAL_PROJECT = 'default';
const EVERY_ROLE: ReadonlySet<string> = new Set(['admin', 'member', 'reader']);

/** Without authentication: whoever reaches the server may do anything. */
export const localCaller = (requestId: string): Caller => ({
  projectId: LOCAL_PROJECT,
  userId: null,
  roles: EVERY_ROLE,
  admin: true,
  requestId,
});
