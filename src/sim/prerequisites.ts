/** Which packets have a field at all (the prerequisites of ovs-fields(7)). */
import type { Field, FlowKey } from '../openflow/fields.ts';
import { CT_STATE, ETH_TYPE, IP_PROTO } from '../openflow/build.ts';
import {
  AT,
  destinationPort,
  ethernetType,
  fragment,
  ipProtocol,
  packetType,
  sourcePort,
  VLAN_PRESENT_BIT,
  vlanTci,
} from './words.ts';

export type Prerequisite = (key: FlowKey) => boolean;

const RARP = 0x8035;
const LATER_FRAGMENT = 2;
const ND_SOLICIT = 135;
const ND_ADVERT = 136;

/** Namespace of packets that begin with what their type says (OFPHTN_ETHERTYPE). */
const ETHERTYPE_NAMESPACE = 1;

export const ETH_TYPE_NSH = 0x894f;
export const isMplsType = (type: number): boolean => type === 0x8847 || type === 0x8848;

/** The type that decides on the network layer; 0x05ff where there is none to read (FLOW_DL_TYPE_NONE). */
export function networkType(key: FlowKey): number {
  const type = packetType(key);
  if (type === 0) return ethernetType(key);
  return type >>> 16 === ETHERTYPE_NAMESPACE ? type & 0xffff : 0x05ff;
}

const always: Prerequisite = () => true;
const ethernet: Prerequisite = (key) => packetType(key) === 0;
const ipv4: Prerequisite = (key) => networkType(key) === ETH_TYPE.ip;
const ipv6: Prerequisite = (key) => networkType(key) === ETH_TYPE.ipv6;
const arp: Prerequisite = (key) => networkType(key) === ETH_TYPE.arp || networkType(key) === RARP;
const vlan: Prerequisite = (key) => ethernet(key) && (vlanTci(key) & VLAN_PRESENT_BIT) !== 0;

/** IPv4 or IPv6. */
export const isIp: Prerequisite = (key) => ipv4(key) || ipv6(key);

const transport =
  (protocol: number): Prerequisite =>
  (key) =>
    isIp(key) && ipProtocol(key) === protocol && (fragment(key) & LATER_FRAGMENT) === 0;

const icmp: Prerequisite = (key) => ipv4(key) && ipProtocol(key) === IP_PROTO.icmp;
const icmp6: Prerequisite = (key) => ipv6(key) && ipProtocol(key) === IP_PROTO.icmp6;
const neighbour = (...types: readonly number[]): Prerequisite => {
  return (key) => icmp6(key) && types.includes(sourcePort(key)) && destinationPort(key) === 0;
};

/** One of these is set where a connection is known. */
const CT_VALID = CT_STATE.new | CT_STATE.est | CT_STATE.rpl;
const tracked: Prerequisite = (key) => ((key[AT.ctState] ?? 0) & CT_VALID) !== 0;

const prerequisites: Readonly<Record<Field['needs'], Prerequisite>> = {
  none: always,
  ethernet,
  ct: tracked,
  ct4: tracked,
  ct6: tracked,
  vlan,
  mpls: (key) => isMplsType(networkType(key)),
  nsh: (key) => networkType(key) === ETH_TYPE_NSH,
  arp,
  ipv4,
  ipv6,
  ip: isIp,
  tcp: transport(IP_PROTO.tcp),
  udp: transport(IP_PROTO.udp),
  sctp: transport(IP_PROTO.sctp),
  icmp,
  icmp6,
  nd: neighbour(ND_SOLICIT, ND_ADVERT),
  nd_solicit: neighbour(ND_SOLICIT),
  nd_advert: neighbour(ND_ADVERT),
};

/** Fields of the Ethernet header, which a packet that has none lacks. */
const OF_ETHERNET = new Set(['eth_src', 'eth_dst', 'eth_type', 'vlan_tci', 'vlan_vid']);

/** What a packet must be to have `field`; null: every packet has it. */
export function prerequisiteOf(field: Field): Prerequisite | null {
  if (OF_ETHERNET.has(field.name)) return ethernet;
  return field.needs === 'none' ? null : prerequisites[field.needs];
}
