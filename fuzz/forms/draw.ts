import type { Draw } from '../../test/differential/match-generator.ts';

/** Characters or bytes: beyond it an input is cut. */
export const LARGEST = 0x10000;

export function pick<T>(draw: Draw, from: readonly T[]): T {
  const found = from[draw(from.length)];
  if (found === undefined) throw new RangeError('nothing to pick from');
  return found;
}
