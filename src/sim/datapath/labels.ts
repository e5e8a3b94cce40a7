import { PLACES, type FlowKey } from '../../openflow/fields.ts';
import { ethernetType } from '../words.ts';
import { AT } from '../words.ts';

export const MPLS = 0x8847;
const MPLS_MULTICAST = 0x8848;
/** Bottom of stack. */
const BOTTOM = 0x100;
const MOST_LABELS = 3;

export const isMpls = (type: number): boolean => type === MPLS || type === MPLS_MULTICAST;

/** Words of a key that labels lie in. */
export const LABEL_WORDS = [PLACES.mpls, PLACES.mpls + 1, PLACES.mpls + 2] as const;

/** The label stack, outermost first; where no entry is the bottom, as many as are not zero. */
function labelsOf(key: FlowKey): number[] {
  const labels: number[] = [];
  if (!isMpls(ethernetType(key))) return labels;
  for (let index = 0; index < MOST_LABELS; index += 1) {
    const label = key[PLACES.mpls + index] ?? 0;
    labels.push(label);
    if ((label & BOTTOM) !== 0) return labels;
  }
  return labels.slice(0, labels.filter((label) => label !== 0).length);
}

/** One label stack entry as the datapath prints it. */
const entry = (label: number): string =>
  `label=${label >>> 12},tc=${(label >>> 9) & 7},ttl=${label & 0xff},bos=${(label >>> 8) & 1}`;

const etherType = (type: number): string => `eth_type=0x${type.toString(16)}`;

function setType(base: FlowKey, type: number): void {
  const word = base[AT.ethernetTypeAndVlan] ?? 0;
  base[AT.ethernetTypeAndVlan] = ((type << 16) | (word & 0xffff)) >>> 0;
}

/**
 * Pops what `key` has no more, rewrites the outermost label that it has otherwise, and pushes the
 * rest. What lies under the labels of `base` stays: a bucket's end may bare it again.
 */
export function labelActions(base: FlowKey, key: FlowKey, into: string[], added = false): void {
  const before = labelsOf(base);
  const after = labelsOf(key);
  const type = ethernetType(key);
  let common = 0;
  while (
    common < Math.min(before.length, after.length) &&
    before.at(-1 - common) === after.at(-1 - common)
  ) {
    common += 1;
  }
  let left = before.length;
  while (left > common) {
    if (left - 1 === common && after.length > common) {
      into.push(`set(mpls(${entry(after[after.length - left] ?? 0)}))`);
      common += 1;
    } else {
      into.push(`pop_mpls(${etherType(!isMpls(type) && left > 1 ? MPLS : type)})`);
      left -= 1;
    }
  }
  for (; left < after.length; left += 1) {
    const label = entry(after[after.length - left - 1] ?? 0);
    into.push(`${added ? 'add_mpls' : 'push_mpls'}(${label},${etherType(type)})`);
  }
  for (const word of LABEL_WORDS) base[word] = key[word] ?? 0;
  if (before.length > 0 || after.length > 0) setType(base, type);
}
