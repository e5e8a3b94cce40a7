import type { FastifyRequest } from 'fastify';
import { Failure } from '../../base/failure.ts';
import { badRequest, shorten } from './check.ts';

const NAME = 'revision_number=';

/**
 * The revision that an object must have for a request to change it; null: any. Other entity tags
 * than `revision_number=N` mean nothing here.
 * @throws {Failure} HTTPBadRequest for several, or for what is no number.
 */
export function revisionWanted(request: FastifyRequest): number | null {
  const header = request.headers['if-match'];
  if (header === undefined) return null;
  const wanted = header
    .split(',')
    .map((tag) => tag.trim().replace(/^(W\/)?"(.*)"$/, '$2'))
    .filter((tag) => tag.startsWith(NAME));
  const [only] = wanted;
  if (only === undefined) return null;
  const text = only.slice(NAME.length);
  if (wanted.length === 1 && /^-?\d{1,15}$/.test(text)) return Number(text);
  throw badRequest(`Invalid input for If-Match. Reason: ${shorten(header)}`, {
    field: 'If-Match',
    value: shorten(header),
    remedy: 'give revision_number= once, with an integer',
  });
}

/** @throws {Failure} RevisionNumberConstraintFailed for an object of another revision. */
export function checkRevision(object: object | undefined, wanted: number | null): void {
  if (wanted === null || object === undefined) return;
  const { revision_number: current } = object as { readonly revision_number?: number };
  if (current === wanted) return;
  throw new Failure(
    'conflict',
    'RevisionNumberConstraintFailed',
    `Constrained to ${wanted}, but current revision is ${current ?? 'none: it is not counted'}`,
    { field: 'If-Match', value: wanted, remedy: 'read the object again and decide anew' },
  );
}
