/** Where the simulator's inner loops find header fields in a flow key, without a field lookup. */
import { field, type FlowKey } from '../openflow/fields.ts';
import { PLACES } from '../openflow/field.ts';

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
  ethernetDestination: word('eth_dst'),
  ethernetTypeAndVlan: word('eth_type'),
  ipSource: word('ip_src'),
  ipDestination: word('ip_dst'),
  ipv6Source: word('ipv6_src'),
  ipv6Destination: word('ipv6_dst'),
  ipHeader: word('ip_proto'),
  ports: word('tcp_src'),
  tcpFlags: word('tcp_flags'),
  ipv6Label: word('ipv6_label'),
  ndTarget: word('nd_target'),
  ndReserved: word('nd_reserved'),
  arpSource: word('arp_sha'),
  tunnelIpv6Source: word('tun_ipv6_src'),
  tunnelIpv6Destination: word('tun_ipv6_dst'),
  tunnelFlags: word('tun_flags'),
  /** Three entries, the outermost first. */
  mpls: PLACES.mpls,
  /** TPIDs of the outer and the inner VLAN tag, 16 bits each. */
  vlanTypes: PLACES.vlanTypes,
  /** The inner VLAN tag, in the upper half. */
  innerVlan: PLACES.innerVlan,
  nsh: word('nsh_flags'),
  nshPath: word('nsh_spi'),
  packetType: word('packet_type'),
  actionSetOutput: word('actset_output'),
  priority: word('skb_priority'),
  packetMark: word('pkt_mark'),
  optionsPresent: PLACES.optionsPresent,
  options: PLACES.options,
} as const;

/** Words of all tunnel options. */
export const OPTION_WORDS = 64;

const at = (key: FlowKey, index: number): number => key[index] ?? 0;

/** The Ethernet type, or that of a packet without an Ethernet header. */
export const ethernetType = (key: FlowKey): number => at(key, AT.ethernetTypeAndVlan) >>> 16;
/** 0 for Ethernet, else namespace and type (OpenFlow 1.5.1 §7.2.3.11). */
export const packetType = (key: FlowKey): number => at(key, AT.packetType);
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

export function setEthernetType(key: FlowKey, type: number): void {
  const index = AT.ethernetTypeAndVlan;
  key[index] = (at(key, index) & 0xffff) | (type << 16);
}

export function setVlanTci(key: FlowKey, tci: number): void {
  const index = AT.ethernetTypeAndVlan;
  key[index] = (at(key, index) & 0xffff0000) | tci;
}

/** CFI bit of a VLAN TCI: set when there is a VLAN header at all. */
export const VLAN_PRESENT_BIT = 0x1000;

/** TPID of a VLAN tag unless another is given. */
const VLAN_TYPE = 0x8100;

/** A new, empty outer tag; of three tags the innermost is lost (FLOW_MAX_VLAN_HEADERS is 2). */
export function pushVlan(key: FlowKey, etherType: number): void {
  key[AT.innerVlan] = vlanTci(key) << 16;
  key[AT.vlanTypes] = (etherType << 16) | (at(key, AT.vlanTypes) >>> 16);
  setVlanTci(key, VLAN_PRESENT_BIT);
}

export function popVlan(key: FlowKey): void {
  if ((vlanTci(key) & VLAN_PRESENT_BIT) === 0) return;
  setVlanTci(key, at(key, AT.innerVlan) >>> 16);
  key[AT.innerVlan] = 0;
  key[AT.vlanTypes] = at(key, AT.vlanTypes) << 16;
}

/** A tag that was written without a TPID gets the usual one. */
export function completeVlan(key: FlowKey): void {
  if (vlanTci(key) !== 0 && at(key, AT.vlanTypes) >>> 16 === 0) {
    key[AT.vlanTypes] = at(key, AT.vlanTypes) | (VLAN_TYPE << 16);
  }
}
