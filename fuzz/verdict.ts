import { Failure, type FailureKind } from '../src/base/failure.ts';
import type { Term } from '../src/openflow/flow.ts';
import type { Verdict } from './target.ts';

/**
 * What is read in `read`, unless it refuses the input with a Failure, of kind `invalid` as parsers
 * declare it. Anything else that is thrown goes on.
 */
export function readOrRefused(
  read: () => Verdict,
  kinds: readonly FailureKind[] = ['invalid'],
): Verdict {
  try {
    return read();
  } catch (error) {
    if (error instanceof Failure && kinds.includes(error.kind)) return 'refused';
    throw error;
  }
}

/**
 * What ovs-ofctl prints itself and reads otherwise: a mask of IPv6 that begins like a number, an odd
 * count of digits in an option of NSH, a part of nsh_ttl.
 */
const NEVER_STABLE = /\/[0-9][0-9a-f]*:|tlv\(|\/\w+->nsh_ttl/;

/** `taken` when the second printing is the first; what is printed must be what is read. */
export function stable(printed: string, again: (printed: string) => string): Verdict {
  if (NEVER_STABLE.test(printed)) return 'taken';
  let second: string;
  try {
    second = again(printed);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return {
      fault: `refuses what it printed, ${JSON.stringify(printed.slice(0, 200))}: ${error.message.slice(0, 200)}`,
    };
  }
  if (second === printed) return 'taken';
  return { fault: `prints otherwise the second time: ${difference(printed, second)}` };
}

const isTerm = (value: unknown): value is Term =>
  typeof value === 'object' && value !== null && 'mask' in value && !('kind' in value);

/** Values of all kinds as a text, so that two can be compared; the order of a match's terms is nothing. */
export function shown(value: unknown): string {
  return JSON.stringify(value, (key, part: unknown) => {
    // Seconds with their nanoseconds in one number: its last digits are nobody's.
    if (key === 'duration' && typeof part === 'number') return part.toFixed(3);
    if (typeof part === 'bigint') return `${part}n`;
    if (typeof part !== 'object' || part === null) return part;
    if (part instanceof Uint8Array) return Buffer.from(part).toString('hex');
    if (part instanceof Map) return ['map', ...part];
    if (part instanceof Set) return ['set', ...part];
    if (Array.isArray(part) && part.length > 1 && part.every(isTerm)) {
      return part.toSorted((a, b) => (a.field.name < b.field.name ? -1 : 1));
    }
    // A field is known by its name, but for the place of a tunnel option.
    if ('matchName' in part && 'name' in part) {
      return [part.name, 'bits' in part ? part.bits : 0];
    }
    if (Array.isArray(part)) return part;
    return Object.fromEntries(
      Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : Number(a > b))),
    );
  });
}

const CONTEXT = 80;

/** Two texts where they begin to differ. */
export function difference(one: string, other: string): string {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  const from = Math.max(0, at - CONTEXT / 2);
  return [one, other].map((text) => text.slice(from, from + CONTEXT)).join(' against ');
}
