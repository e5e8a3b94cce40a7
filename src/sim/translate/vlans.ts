/** What NORMAL makes of VLANs by the ports that a packet comes in and goes out by (ofproto-dpif-xlate.c). */
import { changing, type Packet } from '../packet.ts';
import type { SimPort } from '../types.ts';
import { AT, popVlan, pushVlan, setVlanTci, VLAN_PRESENT_BIT, vlanTci } from '../words.ts';

const VID = 0xfff;
const VLAN_TYPE = 0x8100;

const trunked = ({ vlans }: SimPort, vid: number): boolean =>
  vlans === undefined || vlans.trunks.length === 0 || vlans.trunks.includes(vid);

/** The VLAN that a packet is in once it came in by `port`, 0 for none; null: the port takes no such packet. */
export function vlanBehind(port: SimPort | undefined, { key }: Packet): number | null {
  const tci = vlanTci(key);
  const vid = tci & VLAN_PRESENT_BIT ? tci & VID : 0;
  if (port?.vlans === undefined) return vid;
  const { mode, tag } = port.vlans;
  if (mode === 'access') return vid === 0 ? tag : null;
  if (mode !== 'trunk' && vid === 0) return tag;
  return trunked(port, vid) ? vid : null;
}

/** Whether a port carries a VLAN. */
export function carries(port: SimPort, vid: number): boolean {
  if (port.vlans === undefined) return true;
  const { mode, tag } = port.vlans;
  if (mode === 'access') return vid === tag;
  return (mode !== 'trunk' && vid === tag) || trunked(port, vid);
}

/** Returns what puts the tags back, and nothing else. */
export function rememberVlans(packet: Packet): () => void {
  const { key } = packet;
  const tci = vlanTci(key);
  const types = key[AT.vlanTypes] ?? 0;
  const inner = key[AT.innerVlan] ?? 0;
  return () => {
    if (vlanTci(key) === tci && key[AT.vlanTypes] === types) return;
    setVlanTci(changing(packet), tci);
    key[AT.vlanTypes] = types;
    key[AT.innerVlan] = inner;
  };
}

/** Gives the packet the tag with which it leaves by `port` when it is in the VLAN `vid`. */
export function tagFor({ vlans }: SimPort, vid: number, packet: Packet): void {
  const bare =
    vid === 0 ||
    vlans?.mode === 'access' ||
    (vlans?.mode === 'native-untagged' && vid === vlans.tag);
  const tci = vlanTci(packet.key);
  const tagged = (tci & VLAN_PRESENT_BIT) !== 0;
  if (bare && vid !== 0 && tagged) popVlan(changing(packet));
  if (bare || (tagged && (tci & VID) === vid)) return;
  const key = changing(packet);
  if (!tagged) pushVlan(key, VLAN_TYPE);
  setVlanTci(key, (vlanTci(key) & ~VID) | vid);
}
