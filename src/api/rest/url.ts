import type { FastifyRequest } from 'fastify';

/** Where the caller reached us, for links. */
export const originOf = (request: FastifyRequest): string =>
  `${request.protocol}://${request.host}`;

export const pathOf = (request: FastifyRequest): string => request.url.split('?', 1)[0] ?? '';

export const queryOf = (request: FastifyRequest): URLSearchParams =>
  new URL(request.url, 'http://localhost').searchParams;
