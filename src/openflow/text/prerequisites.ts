import { CT_STATE, ETH_TYPE, IP_PROTO, VLAN_PRESENT } from '../build.ts';
import { field, type Prerequisite } from '../fields.ts';
import { readField, type CompiledMatch } from '../key.ts';

/** What a match fixes of the packet's protocols; null where it leaves them open. */
export interface Layers {
  readonly ethType: number | null;
  readonly ipProto: number | null;
  readonly icmpType: number | null;
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

const ethType = field('eth_type');
const ipProto = field('ip_proto');
const icmpType = field('icmpv6_type');
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
  const known = (target: typeof ethType) =>
    readField(bits.mask, target) === 0n ? null : Number(readField(bits.value, target));
  return {
    ethType: known(ethType),
    ipProto: known(ipProto),
    icmpType: known(icmpType),
    tagged: (readField(bits.value, vlanTci) & BigInt(VLAN_PRESENT)) !== 0n,
    invalid: (readField(bits.value, ctState) & BigInt(CT_STATE.inv)) !== 0n,
    connected: isConnected(
      Number(readField(bits.value, ctState)),
      Number(readField(bits.mask, ctState)),
    ),
    laterFragment: (readField(bits.value, ipFrag) & 2n) !== 0n,
  };
}

const isIp = ({ ethType }: Layers) => ethType === ETH_TYPE.ip || ethType === ETH_TYPE.ipv6;
const isIcmp6 = ({ ethType, ipProto }: Layers) =>
  ethType === ETH_TYPE.ipv6 && ipProto === IP_PROTO.icmp6;

const conditions: Readonly<Record<Prerequisite, (layers: Layers) => boolean>> = {
  none: () => true,
  ethernet: () => true,
  ct: ({ connected }) => connected,
  ct4: ({ connected, ethType }) => connected && ethType === ETH_TYPE.ip,
  ct6: ({ connected, ethType }) => connected && ethType === ETH_TYPE.ipv6,
  vlan: ({ tagged }) => tagged,
  mpls: ({ ethType }) => ethType === MPLS || ethType === MPLS_MULTICAST,
  nsh: ({ ethType }) => ethType === NSH,
  arp: ({ ethType }) => ethType === ETH_TYPE.arp || ethType === RARP,
  ipv4: ({ ethType }) => ethType === ETH_TYPE.ip,
  ipv6: ({ ethType }) => ethType === ETH_TYPE.ipv6,
  ip: isIp,
  tcp: (layers) => isIp(layers) && layers.ipProto === IP_PROTO.tcp,
  udp: (layers) => isIp(layers) && layers.ipProto === IP_PROTO.udp,
  sctp: (layers) => isIp(layers) && layers.ipProto === IP_PROTO.sctp,
  icmp: ({ ethType, ipProto }) => ethType === ETH_TYPE.ip && ipProto === IP_PROTO.icmp,
  icmp6: isIcmp6,
  nd: (layers) =>
    isIcmp6(layers) && (layers.icmpType === ND_SOLICIT || layers.icmpType === ND_ADVERT),
  nd_solicit: (layers) => isIcmp6(layers) && layers.icmpType === ND_SOLICIT,
  nd_advert: (layers) => isIcmp6(layers) && layers.icmpType === ND_ADVERT,
};

/** Whether packets under `layers` have the fields that need `prerequisite`. */
export function checkPrerequisite(prerequisite: Prerequisite, layers: Layers): boolean {
  return conditions[prerequisite](layers);
}
