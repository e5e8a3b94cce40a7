import { Failure } from '../../base/failure.ts';

/** A message, or a part of one, that breaks the rules of its form. */
export function malformed(what: string): Failure {
  return new Failure('invalid', 'MalformedMessage', `malformed OpenFlow message: ${what}`);
}

/**
 * A field or action that is well formed and means nothing to us: another's flow may hold it. Thrown
 * within the codec, and caught where a whole flow or group can be named instead.
 */
export class UnknownPart extends Error {
  override readonly name = 'UnknownPart';
}
