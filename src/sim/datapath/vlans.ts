import { PLACES, type FlowKey } from '../../openflow/fields.ts';
import { ETH_TYPE } from '../../openflow/build.ts';
import { AT, VLAN_PRESENT_BIT } from '../words.ts';

/** Words of a key that VLAN tags lie in. */
export const VLAN_WORDS = [AT.ethernetTypeAndVlan, PLACES.vlanTypes, PLACES.innerVlan] as const;

/** A VLAN tag: its Ethernet type in the upper 16 bits, its TCI in the lower. */
function tagsOf(key: FlowKey): number[] {
  const types = key[PLACES.vlanTypes] ?? 0;
  const outer = (key[AT.ethernetTypeAndVlan] ?? 0) & 0xffff;
  const inner = (key[PLACES.innerVlan] ?? 0) >>> 16;
  const tags: number[] = [];
  for (const [tci, type] of [
    [outer, types >>> 16],
    [inner, types & 0xffff],
  ] as const) {
    if ((tci & VLAN_PRESENT_BIT) === 0) break;
    tags.push(((type || ETH_TYPE.vlan) << 16) | tci);
  }
  return tags;
}

function pushTag(tag: number): string {
  const type = tag >>> 16;
  const tpid = type === ETH_TYPE.vlan ? '' : `tpid=0x${type.toString(16).padStart(4, '0')},`;
  return `push_vlan(${tpid}vid=${tag & 0xfff},pcp=${(tag >>> 13) & 7})`;
}

/** Takes off the tags that differ, and all outside them, and puts on those of `key`. */
export function vlanActions(base: FlowKey, key: FlowKey, into: string[]): void {
  if (VLAN_WORDS.every((word) => base[word] === key[word])) return;
  const before = tagsOf(base);
  const after = tagsOf(key);
  while (before.length > 0 && after.length > 0 && before.at(-1) === after.at(-1)) {
    before.pop();
    after.pop();
  }
  into.push(...before.map(() => 'pop_vlan'));
  for (const tag of after.toReversed()) into.push(pushTag(tag));
  const type = (base[AT.ethernetTypeAndVlan] ?? 0) & 0xffff0000;
  base[AT.ethernetTypeAndVlan] = type | ((key[AT.ethernetTypeAndVlan] ?? 0) & 0xffff);
  base[PLACES.vlanTypes] = key[PLACES.vlanTypes] ?? 0;
  base[PLACES.innerVlan] = key[PLACES.innerVlan] ?? 0;
}
