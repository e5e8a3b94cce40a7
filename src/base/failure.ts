/**
 * What can go wrong with a request, by what the caller can do about it.
 * `conflict` may succeed when tried again on fresh data; the others need another request.
 */
export type FailureKind =
  | 'invalid'
  | 'not_found'
  | 'in_use'
  | 'conflict'
  | 'exhausted'
  | 'forbidden'
  | 'unavailable'
  | 'unsupported';

export interface FailureDetails {
  /** The attribute or argument at fault, as the user wrote its name. */
  readonly field?: string;
  /** The value found there. */
  readonly value?: unknown;
  /** What would be right, or what to do: half a sentence that ends the message. */
  readonly remedy?: string;
  /** The message is Neutron's to the letter, as clients compare it: nothing is added. */
  readonly verbatim?: true;
}

/**
 * The one error type that crosses module boundaries. `code` is stable and scripts may rely on
 * it: Neutron's exception name where Neutron has one (`NetworkNotFound`), else ours.
 */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly kind: FailureKind;
  readonly code: string;
  readonly details: FailureDetails;

  constructor(kind: FailureKind, code: string, message: string, details: FailureDetails = {}) {
    super(message);
    this.kind = kind;
    this.code = code;
    this.details = details;
  }
}
