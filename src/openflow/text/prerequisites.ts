import { CT_STATE, ETH_TYPE, IP_PROTO, VLAN_PRESENT } from '../build.ts';
import { field, type Field, type Prerequisite } from '../fields.ts';
import { readNumber, type CompiledMatch } from '../key.ts';

/** What a match fixes of the packet's protocols; null where it leaves them open. */
export interface Layers {
  /** The packet is no Ethernet frame, but begins with the header that `ethType` names, if any. */
  readonly unframed: boolean;
  readonly ethType: number | null;
  readonly ipProto: number | null;
  readonly icmpType: number | null;
  readonly icmpCode: number | null;
  readonly tagged: boolean;
  /** Conntrack called the packet invalid. */
  readonly invalid: boolean;
  /** Conntrack knows the packet's connection. */
  readonly connected: boolean;
  /** A fragment that is not the first, which has no transport header. */
  readonly laterFragment: boolean;
}

const ND_SOLICIT = 135;
const ND_ADVERT = 136;
const RARP = 0x8035;
const MPLS = 0x8847;
const MPLS_MULTICAST = 0x8848;
const NSH = 0x894f;
/** The namespace of packet types that are Ethernet types (OpenFlow 1.5.1 §7.2.3.11). */
const BY_ETHER_TYPE = 1;

const packetType = field('packet_type');
const ethType = field('eth_type');
const ipProto = field('ip_proto');
const icmpType = field('icmpv6_type');
const icmpCode = field('icmpv6_code');
const vlanTci = field('vlan_tci');
const ipFrag = field('ip_frag');
const ctState = field('ct_state');

/** Bits of ct_state, each of which says that there is a connection. */
const ofConnection =
  CT_STATE.new | CT_STATE.est | CT_STATE.rel | CT_STATE.rpl | CT_STATE.snat | CT_STATE.dnat;

/** As ovs-fields(7) has the prerequisite CT: one of those bits, or tracked and not invalid. */
function isConnected(value: number, mask: number): boolean {
  if ((value & ofConnection) !== 0) return true;
  return (value & CT_STATE.trk) !== 0 && (mask & ~value & CT_STATE.inv) !== 0;
}

export function layersOf(bits: CompiledMatch): Layers {
  const value = (target: Field) => readNumber(bits.value, target);
  const mask = (target: Field) => readNumber(bits.mask, target);
  const known = (target: Field) => (mask(target) === 0 ? null : value(target));
  const type = known(packetType) ?? 0;
  const unframedType = type >>> 16 === BY_ETHER_TYPE ? type & 0xffff : null;
  return {
    unframed: type !== 0,
    ethType: type === 0 ? known(ethType) : unframedType,
    ipProto: known(ipProto),
    icmpType: known(icmpType),
    icmpCode: known(icmpCode),
    tagged: (value(vlanTci) & VLAN_PRESENT) !== 0,
    invalid: (value(ctState) & CT_STATE.inv) !== 0,
    connected: isConnected(value(ctState), mask(ctState)),
    laterFragment: (value(ipFrag) & 2) !== 0,
  };
}

/** A number that only equal layers have. */
export function layersCode(layers: Layers): number {
  const { unframed, tagged, invalid, connected, laterFragment } = layers;
  const { ethType: type, ipProto: protocol, icmpType: kind, icmpCode: code } = layers;
  const flags =
    Number(unframed) |
    (Number(tagged) << 1) |
    (Number(invalid) << 2) |
    (Number(connected) << 3) |
    (Number(laterFragment) << 4);
  const icmp = (kind ?? 0x100) * 0x101 + (code ?? 0x100);
  const network = (type ?? 0x1_0000) * 0x101 + (protocol ?? 0x100);
  return (network * 0x101 * 0x101 + icmp) * 32 + flags;
}

const isIp = ({ ethType }: Layers) => ethType === ETH_TYPE.ip || ethType === ETH_TYPE.ipv6;
const isIcmp6 = ({ ethType, ipProto }: Layers) =>
  ethType === ETH_TYPE.ipv6 && ipProto === IP_PROTO.icmp6;
const isNeighbour = (layers: Layers, ...types: readonly number[]) =>
  isIcmp6(layers) && types.includes(layers.icmpType ?? 0) && (layers.icmpCode ?? 0) === 0;
/** Whether packets are of a protocol over IP, later fragments without its header too. */
export const isOfProtocol = (protocol: number, layers: Layers): boolean =>
  isIp(layers) && layers.ipProto === protocol;
const hasTransport = (protocol: number) => (layers: Layers) =>
  isOfProtocol(protocol, layers) && !layers.laterFragment;

const conditions: Readonly<Record<Prerequisite, (layers: Layers) => boolean>> = {
  none: () => true,
  ethernet: ({ unframed }) => !unframed,
  ct: ({ connected }) => connected,
  ct4: ({ connected, ethType }) => connected && ethType === ETH_TYPE.ip,
  ct6: ({ connected, ethType }) => connected && ethType === ETH_TYPE.ipv6,
  vlan: ({ tagged, unframed }) => tagged && !unframed,
  mpls: ({ ethType }) => ethType === MPLS || ethType === MPLS_MULTICAST,
  nsh: ({ ethType }) => ethType === NSH,
  arp: ({ ethType }) => ethType === ETH_TYPE.arp || ethType === RARP,
  ipv4: ({ ethType }) => ethType === ETH_TYPE.ip,
  ipv6: ({ ethType }) => ethType === ETH_TYPE.ipv6,
  ip: isIp,
  tcp: hasTransport(IP_PROTO.tcp),
  udp: hasTransport(IP_PROTO.udp),
  sctp: hasTransport(IP_PROTO.sctp),
  icmp: ({ ethType, ipProto }) => ethType === ETH_TYPE.ip && ipProto === IP_PROTO.icmp,
  icmp6: isIcmp6,
  nd: (layers) => isNeighbour(layers, ND_SOLICIT, ND_ADVERT),
  nd_solicit: (layers) => isNeighbour(layers, ND_SOLICIT),
  nd_advert: (layers) => isNeighbour(layers, ND_ADVERT),
};

/** What a match must say for `prerequisite` to hold, for messages. */
export const REQUIREMENTS: Readonly<Record<Prerequisite, string>> = {
  none: 'anything',
  ethernet: 'Ethernet packets (packet_type=(0,0))',
  ct: 'a ct_state of a connection, such as +trk-inv or +est',
  ct4: 'ip and a ct_state of a connection, such as +trk-inv or +est',
  ct6: 'ipv6 and a ct_state of a connection, such as +trk-inv or +est',
  vlan: 'a VLAN tag (vlan_tci=0x1000/0x1000)',
  mpls: 'mpls or mplsm',
  nsh: 'dl_type=0x894f',
  arp: 'arp or rarp',
  ipv4: 'ip',
  ipv6: 'ipv6',
  ip: 'ip or ipv6',
  tcp: 'tcp or tcp6, and no later fragment',
  udp: 'udp or udp6, and no later fragment',
  sctp: 'sctp or sctp6, and no later fragment',
  icmp: 'icmp',
  icmp6: 'icmp6',
  nd: 'icmp6,icmp_type=135 or 136,icmp_code=0',
  nd_solicit: 'icmp6,icmp_type=135,icmp_code=0',
  nd_advert: 'icmp6,icmp_type=136,icmp_code=0',
};

/** Whether packets under `layers` have the fields that need `prerequisite`. */
export function checkPrerequisite(prerequisite: Prerequisite, layers: Layers): boolean {
  return conditions[prerequisite](layers);
}
