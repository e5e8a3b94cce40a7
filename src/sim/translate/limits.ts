/** How far a translation may go (ofproto-dpif-xlate.c). */
import type { FailureKind, Pass } from './pass.ts';

/** Nesting of backward resubmits, groups and clones (MAX_DEPTH in ofproto-dpif-xlate.c). */
const MAXIMUM_NESTING = 64;
/** Table lookups in one translation (MAX_RESUBMITS). */
const MAXIMUM_RESUBMITS = 4096;
/** Bytes that `push` may leave before the next lookup. */
const MAXIMUM_STACK = 65_536;

const stackBytes = ({ stack }: Pass): number => stack.reduce((sum, { bytes }) => sum + bytes, 0);

/** The limit that a translation has come to; null: none. */
export function limitExceeded(
  pass: Pass,
): { readonly kind: FailureKind; readonly message: string } | null {
  if (pass.nesting >= MAXIMUM_NESTING) {
    return { kind: 'depth', message: `over max translation depth ${MAXIMUM_NESTING}` };
  }
  if (pass.resubmits >= MAXIMUM_RESUBMITS) {
    return { kind: 'resubmits', message: `over ${MAXIMUM_RESUBMITS} resubmit actions` };
  }
  if (pass.stack.length > 0 && stackBytes(pass) >= MAXIMUM_STACK) {
    return { kind: 'stack', message: 'resubmits yielded over 64 kB of stack' };
  }
  return null;
}
