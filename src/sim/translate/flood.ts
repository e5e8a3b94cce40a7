/** The orders in which a switch sends a packet to all of its ports. */
import { PORT } from '../../openflow/flow.ts';
import { hashPair } from '../hash.ts';

/** Slots of a hash table (lib/hmap.h) that has grown to `count` entries, a power of two. */
function slotsFor(count: number): number {
  let mask = 0;
  for (let held = 1; held <= count; held += 1) {
    const half = held >> 1;
    if (half > mask) mask = 2 ** Math.ceil(Math.log2(half + 1)) - 1;
    // No fewer than four, once there is more than one.
    mask |= (mask & 1) << 1;
  }
  return mask + 1;
}

/** FLOOD and ALL: the order of the slots in a hash table of ports; those of one slot, whose order no one can tell, by number. */
export function floodOrder(ofports: Iterable<number>): readonly number[] {
  const ports = [...ofports];
  const slots = slotsFor(ports.length);
  const slot = (port: number) => hashPair(port & 0xffff, 0) & (slots - 1);
  return ports.sort((a, b) => slot(a) - slot(b) || a - b);
}

/** NORMAL: the order in which ports came to the bridge, its own first, as far as numbers tell it. */
export function normalOrder(ofports: Iterable<number>): readonly number[] {
  const rank = (port: number) => (port === PORT.local ? 0 : port);
  return [...ofports].sort((a, b) => rank(a) - rank(b));
}
