/** Which packets have a field at all (the prerequisites of ovs-fields(7)). */
import type { Field, FlowKey } from '../openflow/fields.ts';
import { ETH_TYPE, IP_PROTO } from '../openflow/build.ts';
import {
  destinationPort,
  ethernetType,
  fragment,
  ipProtocol,
  sourcePort,
  VLAN_PRESENT_BIT,
  vlanTci,
} from './words.ts';

export type Prerequisite = (key: FlowKey) => boolean;

const RARP = 0x8035;
const LATER_FRAGMENT = 2;
const ND_SOLICIT = 135;
const ND_ADVERT = 136;

const ipv4: Prerequisite = (key) => ethernetType(key) === ETH_TYPE.ip;
const ipv6: Prerequisite = (key) => ethernetType(key) === ETH_TYPE.ipv6;
const arp: Prerequisite = (key) => ethernetType(key) === ETH_TYPE.arp || ethernetType(key) === RARP;
const vlan: Prerequisite = (key) => (vlanTci(key) & VLAN_PRESENT_BIT) !== 0;

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

const tcp = transport(IP_PROTO.tcp);
const udp = transport(IP_PROTO.udp);
const sctp = transport(IP_PROTO.sctp);
const neighbourDiscovery = neighbour(ND_SOLICIT, ND_ADVERT);

const prerequisites: Readonly<Record<string, Prerequisite>> = {
  vlan_vid: vlan,
  vlan_pcp: vlan,
  ip_src: ipv4,
  ip_dst: ipv4,
  ipv6_src: ipv6,
  ipv6_dst: ipv6,
  ipv6_label: ipv6,
  ip_proto: isIp,
  ip_dscp: isIp,
  ip_ecn: isIp,
  ip_frag: isIp,
  nw_ttl: isIp,
  arp_op: arp,
  arp_spa: arp,
  arp_tpa: arp,
  arp_sha: arp,
  arp_tha: arp,
  tcp_src: tcp,
  tcp_dst: tcp,
  tcp_flags: tcp,
  udp_src: udp,
  udp_dst: udp,
  sctp_src: sctp,
  sctp_dst: sctp,
  icmp_type: icmp,
  icmp_code: icmp,
  icmpv6_type: icmp6,
  icmpv6_code: icmp6,
  nd_target: neighbourDiscovery,
  nd_sll: neighbour(ND_SOLICIT),
  nd_tll: neighbour(ND_ADVERT),
};

/** What a packet must be to have `field`; null: every packet has it. */
export function prerequisiteOf(field: Field): Prerequisite | null {
  return prerequisites[field.name] ?? null;
}
