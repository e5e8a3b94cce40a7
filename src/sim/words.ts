/** Where the simulator's inner loops find header fields in a flow key, without a field lookup. */
import { field, type FlowKey } from '../openflow/fields.ts';

const word = (name: string): number => field(name).at >>> 5;

/** First word of a field, or of the group of fields that begins with it. */
export const AT = {
  registers: word('reg0'),
  metadata: word('metadata'),
  inPort: word('in_port'),
  tunnelId: word('tun_id'),
  tunnelSource: word('tun_src'),
  tunnelDestination: word('tun_dst'),
  ctState: word('ct_state'),
  ctZone: word('ct_zone'),
  ctMark: word('ct_mark'),
  ctLabel: word('ct_label'),
  ctTuple: word('ct_nw_src'),
  ctPorts: word('ct_tp_src'),
  ctIpv6Source: word('ct_ipv6_src'),
  ctIpv6Destination: word('ct_ipv6_dst'),
  conjunctionId: word('conj_id'),
  dpHash: word('dp_hash'),
  ethernetSource: word('eth_src'),
  ethernetTypeAndVlan: word('eth_type'),
  ipSource: word('ip_src'),
  ipDestination: word('ip_dst'),
  ipv6Source: word('ipv6_src'),
  ipv6Destination: word('ipv6_dst'),
  ipHeader: word('ip_proto'),
  ports: word('tcp_src'),
  tcpFlags: word('tcp_flags'),
} as const;

const at = (key: FlowKey, index: number): number => key[index] ?? 0;

export const ethernetType = (key: FlowKey): number => at(key, AT.ethernetTypeAndVlan) >>> 16;
export const vlanTci = (key: FlowKey): number => at(key, AT.ethernetTypeAndVlan) & 0xffff;
export const ipProtocol = (key: FlowKey): number => at(key, AT.ipHeader) >>> 24;
export const timeToLive = (key: FlowKey): number => (at(key, AT.ipHeader) >>> 8) & 0xff;
/** Bit 0: a fragment, bit 1: not the first (`nw_frag` in ovs-fields(7)). */
export const fragment = (key: FlowKey): number => at(key, AT.ipHeader) & 0xff;
/** Source port, or ICMP type. */
export const sourcePort = (key: FlowKey): number => at(key, AT.ports) >>> 16;
/** Destination port, or ICMP code. */
export const destinationPort = (key: FlowKey): number => at(key, AT.ports) & 0xffff;
export const tcpFlags = (key: FlowKey): number => at(key, AT.tcpFlags) & 0xfff;

export function setVlanTci(key: FlowKey, tci: number): void {
  const index = AT.ethernetTypeAndVlan;
  key[index] = (at(key, index) & 0xffff0000) | tci;
}

/** CFI bit of a VLAN TCI: set when there is a VLAN header at all. */
export const VLAN_PRESENT_BIT = 0x1000;
