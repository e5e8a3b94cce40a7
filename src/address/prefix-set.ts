/**
 * Sets of addresses of one version, written as prefixes. Results are as short as can be: apart from
 * each other, neighbours merged, in ascending order.
 */
import { addressBits } from './ip.ts';
import { prefixRange, type Prefix } from './prefix.ts';
import { rangeToMasks } from './ranges.ts';

interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

/** Ascending, with a gap between each two. */
function rangesOf(prefixes: readonly Prefix[]): Range[] {
  const ranges: Range[] = [];
  const sorted = prefixes.map(prefixRange).sort((a, b) => (a.first < b.first ? -1 : 1));
  for (const { first, last } of sorted) {
    const before = ranges.at(-1);
    if (before === undefined || first > before.last + 1n) ranges.push({ first, last });
    else if (last > before.last) ranges[ranges.length - 1] = { first: before.first, last };
  }
  return ranges;
}

function prefixesOf(ranges: readonly Range[], version: 4 | 6): Prefix[] {
  const bits = addressBits(version);
  return ranges.flatMap(({ first, last }) =>
    rangeToMasks(first, last, bits).map(({ value, mask }) => ({
      version,
      value,
      length: mask.toString(2).replaceAll('0', '').length,
    })),
  );
}

/** The addresses of all `prefixes`. */
export function mergePrefixes(prefixes: readonly Prefix[]): Prefix[] {
  return prefixesOf(rangesOf(prefixes), prefixes[0]?.version ?? 4);
}

/** The addresses of `from` that are in none of `taken`. */
export function subtractPrefixes(from: readonly Prefix[], taken: readonly Prefix[]): Prefix[] {
  const holes = rangesOf(taken);
  const left = rangesOf(from).flatMap(({ first, last }) => {
    const parts: Range[] = [];
    let at = first;
    for (const hole of holes) {
      if (hole.last < at || hole.first > last) continue;
      if (hole.first > at) parts.push({ first: at, last: hole.first - 1n });
      at = hole.last + 1n;
    }
    if (at <= last) parts.push({ first: at, last });
    return parts;
  });
  return prefixesOf(left, from[0]?.version ?? 4);
}

/** Whether every address of `inner` is in `outer`. */
export function prefixesCover(outer: readonly Prefix[], inner: readonly Prefix[]): boolean {
  return subtractPrefixes(inner, outer).length === 0;
}

/** Whether an address is in both. */
export function prefixesMeet(a: readonly Prefix[], b: readonly Prefix[]): boolean {
  const others = rangesOf(b);
  return rangesOf(a).some(({ first, last }) =>
    others.some((other) => first <= other.last && other.first <= last),
  );
}
