import { Failure } from '../../base/failure.ts';

/** A message, or a part of one, that breaks the rules of its form. */
export function malformed(what: string): Failure {
  return new Failure('invalid', 'MalformedMessage', `malformed OpenFlow message: ${what}`);
}

/** What is right as text, or in a later version of Open vSwitch, and has no form in our messages. */
export function inexpressible(what: string): Failure {
  const remedy = 'use it in text only';
  const message = `no OpenFlow message can carry ${what}; ${remedy}`;
  return new Failure('unsupported', 'NotInMessages', message, { remedy });
}

/**
 * A field or action that is well formed and means nothing to us: another's flow may hold it. Thrown
 * within the codec, and caught where a whole flow or group can be named instead.
 */
export class UnknownPart extends Error {
  override readonly name = 'UnknownPart';
}
