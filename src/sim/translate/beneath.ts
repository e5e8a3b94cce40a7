/** What a header put around a packet hides of it, until that header is taken off. */
import { changing, snapshot, type Beneath, type Packet } from '../packet.ts';
import { AT } from '../words.ts';

/** Keeps the headers that one put around the packet is about to hide. */
export function hide(packet: Packet, header: Beneath['header']): void {
  packet.beneath = [...packet.beneath, { header, key: snapshot(packet) }];
}

/**
 * Brings back what the outermost `header` hid, from the word `from` on.
 * @returns false: the packet came with that header, and what lies under it is not known.
 */
export function uncover(packet: Packet, header: Beneath['header'], from: number): boolean {
  const top = packet.beneath.at(-1);
  if (top?.header !== header) return false;
  packet.beneath = packet.beneath.slice(0, -1);
  const key = changing(packet);
  const put = (first: number, end: number) => key.set(top.key.subarray(first, end), first);
  put(from, AT.ctTuple);
  put(AT.nsh, AT.packetType);
  key[AT.ndReserved] = top.key[AT.ndReserved] ?? 0;
  if (header === 'nsh') put(AT.mpls, AT.nsh);
  return true;
}
