import type { FastifyRequest } from 'fastify';
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
 * Finds out who sent a request.
 * @throws {Failure} for a request that proves nothing, or something untrue.
 */
export type CallerOf = (request: FastifyRequest) => Promise<Caller>;

declare module 'fastify' {
  interface FastifyRequest {
    /** Set for all requests below /v2.0/. */
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
