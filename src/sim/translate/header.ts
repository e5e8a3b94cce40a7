/** Headers put around a packet and taken off: MPLS labels, encap and decap (ovs-actions(7)). */
import { ETH_TYPE } from '../../openflow/build.ts';
import type { FlowKey } from '../../openflow/fields.ts';
import { changing, snapshot, type Packet } from '../packet.ts';
import { ETH_TYPE_NSH, isIp, isMplsType } from '../prerequisites.ts';
import type { ActionOf, StepEvent } from '../types.ts';
import {
  AT,
  ethernetType,
  packetType,
  setEthernetType,
  timeToLive,
  VLAN_PRESENT_BIT,
  vlanTci,
} from '../words.ts';
import { hide } from './beneath.ts';
import type { Frame } from './pass.ts';
import type { Handlers, Walk } from './walk.ts';

/** Labels that a flow key of OVS holds (FLOW_MAX_MPLS_LABELS). */
const MAXIMUM_LABELS = 3;
const BOTTOM_OF_STACK = 0x100;
const IPV6_NULL_LABEL = 2;
const USUAL_TTL = 64;

/** Packet types with the namespace of Ethernet types. */
const ofType = (etherType: number): number => 0x10000 | etherType;
const PACKET_NSH = ofType(ETH_TYPE_NSH);
const MPLS_TYPE = { mpls: 0x8847, mpls_mc: 0x8848 } as const;
/** Where MPLS carries Ethernet and says no type (ETH_TYPE_TEB). */
const BRIDGED_ETHERNET = 0x6558;

const NSH = { md1: 1, md2: 2, ttl: 63, path: 255 } as const;
/** What NSH's next protocol says of a packet's type, and the other way round. */
const NEXT_PROTOCOL: ReadonlyMap<number, number> = new Map([
  [ofType(ETH_TYPE.ip), 1],
  [ofType(ETH_TYPE.ipv6), 2],
  [0, 3],
  [PACKET_NSH, 4],
]);
const PACKET_OF_PROTOCOL = new Map([...NEXT_PROTOCOL].map(([type, protocol]) => [protocol, type]));

const label = (key: FlowKey, index: number): number => key[AT.mpls + index] ?? 0;

/** Labels of a packet, as far as a key holds them. */
function countLabels(key: FlowKey): number {
  if (!isMplsType(ethernetType(key))) return 0;
  let count = 0;
  for (let index = 0; index < MAXIMUM_LABELS; index += 1) {
    if (label(key, index) & BOTTOM_OF_STACK) return index + 1;
    if (label(key, index) !== 0) count += 1;
  }
  return count;
}

/** Network and transport headers, and the addresses and ports of their connection, are hidden now. */
function hideNetwork(key: FlowKey): void {
  key.fill(0, AT.ipSource, AT.ctTuple);
  key.fill(0, AT.ctTuple, AT.ctIpv6Destination + 4);
  key.fill(0, AT.nsh, AT.packetType);
  key[AT.ndReserved] = 0;
}

/** The label that a packet gets as its first. */
function firstLabel(key: FlowKey): number {
  const number = ethernetType(key) === ETH_TYPE.ipv6 ? IPV6_NULL_LABEL : 0;
  const header = key[AT.ipHeader] ?? 0;
  const ip = isIp(key);
  const traffic = ip ? ((header >>> 16) & 0xfc) >>> 2 : 0;
  const ttl = (ip && timeToLive(key)) || USUAL_TTL;
  return ((number << 12) | ((traffic & 7) << 9) | BOTTOM_OF_STACK | ttl) >>> 0;
}

/** Adds an outermost label to a packet of `count`, which must be fewer than a key holds. */
function pushLabel(packet: Packet, count: number, etherType: number): void {
  if (count === 0) hide(packet, 'mpls');
  const key = changing(packet);
  if (count === 0) {
    key[AT.mpls] = firstLabel(key);
    hideNetwork(key);
    key[AT.dpHash] = 0;
  } else {
    key.copyWithin(AT.mpls + 1, AT.mpls, AT.mpls + count);
    key[AT.mpls] = label(key, 1) & ~BOTTOM_OF_STACK;
  }
  setEthernetType(key, etherType);
}

/** Of a stack deeper than the key no label can be popped: what would move up is not known. */
const mayPop = (key: FlowKey, count: number): boolean =>
  count > 0 && (count < MAXIMUM_LABELS || (label(key, MAXIMUM_LABELS - 1) & BOTTOM_OF_STACK) !== 0);

/** Takes the outermost label off; false: there is none that may be popped. */
function popLabel(packet: Packet, count: number, etherType: number): boolean {
  if (!mayPop(packet.key, count)) return false;
  const key = changing(packet);
  key.copyWithin(AT.mpls, AT.mpls + 1, AT.mpls + count);
  key[AT.mpls + count - 1] = 0;
  setEthernetType(key, etherType);
  return true;
}

const tooManyLabels = (walk: Walk, frame: Frame, what: string): void =>
  walk.fail(frame, 'mpls', `${what} a packet that has ${MAXIMUM_LABELS} MPLS labels or more`);

type Encap = ActionOf<'encap'>;
type Decap = ActionOf<'decap'>;

/** What is changed so far is written out, then the header is added, or the translation fails. */
const begins = (walk: Walk, action: Encap | Decap, frame: Frame): void =>
  walk.step(frame, { kind: action.kind, action, key: snapshot(frame.packet) } as StepEvent);

function refuse(walk: Walk, frame: Frame, message: string): void {
  walk.commit(frame);
  walk.fail(frame, 'packet_type', message);
}

function encapEthernet(walk: Walk, action: Encap, frame: Frame): void {
  const type = packetType(frame.packet.key);
  if (type >>> 16 !== 1) {
    refuse(walk, frame, 'encap(ethernet) is for packets without an Ethernet header');
    return;
  }
  begins(walk, action, frame);
  const key = changing(frame.packet);
  key[AT.packetType] = 0;
  key.fill(0, AT.ethernetSource, AT.ethernetTypeAndVlan);
  setEthernetType(key, type & 0xffff);
}

function encapNsh(walk: Walk, action: Encap, frame: Frame): void {
  const protocol = NEXT_PROTOCOL.get(packetType(frame.packet.key));
  if (protocol === undefined) {
    refuse(walk, frame, 'encap(nsh) takes Ethernet, IP and NSH packets only');
    return;
  }
  begins(walk, action, frame);
  hide(frame.packet, 'nsh');
  const key = changing(frame.packet);
  key.fill(0, AT.ethernetSource, AT.ipSource);
  key.fill(0, AT.mpls, AT.nsh);
  hideNetwork(key);
  key[AT.packetType] = PACKET_NSH;
  setEthernetType(key, ETH_TYPE_NSH);
  const type = action.properties.find((property) => property.kind === 'md_type')?.type ?? NSH.md1;
  key[AT.nsh] = (NSH.ttl << 16) | ((type & 0xf) << 8) | protocol;
  key[AT.nshPath] = NSH.path;
}

function encapMpls(walk: Walk, action: Encap, frame: Frame): void {
  const type = MPLS_TYPE[action.header === 'mpls_mc' ? 'mpls_mc' : 'mpls'];
  const { packet } = frame;
  const count = countLabels(packet.key);
  if (count >= MAXIMUM_LABELS) {
    walk.commit(frame);
    tooManyLabels(walk, frame, 'encap(mpls) of');
    return;
  }
  begins(walk, action, frame);
  if (packetType(packet.key) === 0 && ethernetType(packet.key) === MPLS_TYPE.mpls) {
    changing(packet).fill(0, AT.mpls, AT.mpls + MAXIMUM_LABELS);
  }
  changing(packet)[AT.packetType] = ofType(type);
  pushLabel(packet, count, type);
  changing(packet).fill(0, AT.ethernetSource, AT.ethernetTypeAndVlan);
}

const encaps: Readonly<Record<Encap['header'], (walk: Walk, action: Encap, frame: Frame) => void>> =
  { ethernet: encapEthernet, nsh: encapNsh, mpls: encapMpls, mpls_mc: encapMpls };

function decapEthernet(walk: Walk, action: Decap, frame: Frame): void {
  if (vlanTci(frame.packet.key) & VLAN_PRESENT_BIT) {
    refuse(walk, frame, 'decap takes no Ethernet header off a packet with a VLAN tag');
    return;
  }
  begins(walk, action, frame);
  const key = changing(frame.packet);
  key[AT.packetType] = ofType(ethernetType(key));
  key.fill(0, AT.ethernetSource, AT.ethernetTypeAndVlan);
}

function decapNsh(walk: Walk, action: Decap, frame: Frame): void {
  const protocol = (frame.packet.key[AT.nsh] ?? 0) & 0xff;
  const type = PACKET_OF_PROTOCOL.get(protocol);
  if (type === undefined) {
    refuse(walk, frame, `decap of NSH knows no next protocol ${protocol}`);
    return;
  }
  begins(walk, action, frame);
  changing(frame.packet)[AT.packetType] = type;
  walk.recirculate(frame, 'decap', () => walk.uncover(frame, 'nsh', AT.ethernetSource));
}

/** What decap is told to make of a packet where it is told nothing: what the header says. */
const NEXT_HEADER = 0xfffe;

function decapMpls(walk: Walk, action: Decap, frame: Frame): void {
  const { packet } = frame;
  const count = countLabels(packet.key);
  const { namespace, type } = action.packetType ?? { namespace: 0, type: NEXT_HEADER };
  if (mayPop(packet.key, count)) begins(walk, action, frame);
  else walk.commit(frame);
  changing(packet)[AT.packetType] = (namespace << 16) | type;
  const popped = popLabel(packet, count, type || BRIDGED_ETHERNET);
  if (popped && count === 1) {
    walk.recirculate(frame, 'decap', () => walk.uncover(frame, 'mpls', AT.ipSource));
  } else if (!popped && count >= MAXIMUM_LABELS) tooManyLabels(walk, frame, 'decap of');
}

const decaps = new Map([
  [0, decapEthernet],
  [PACKET_NSH, decapNsh],
  [ofType(MPLS_TYPE.mpls), decapMpls],
  [ofType(MPLS_TYPE.mpls_mc), decapMpls],
]);

export const headerHandlers = {
  push_mpls: (walk, { etherType }, frame) => {
    const count = countLabels(frame.packet.key);
    if (count >= MAXIMUM_LABELS) return tooManyLabels(walk, frame, 'push_mpls on');
    if (count === 0) walk.commit(frame);
    pushLabel(frame.packet, count, etherType);
  },
  pop_mpls: (walk, { etherType }, frame) => {
    const count = countLabels(frame.packet.key);
    if (popLabel(frame.packet, count, etherType)) frame.pass.wasMpls ||= !isMplsType(etherType);
    else if (count >= MAXIMUM_LABELS) tooManyLabels(walk, frame, 'pop_mpls on');
  },
  encap: (walk, action, frame) => encaps[action.header](walk, action, frame),
  decap: (walk, action, frame) => {
    const decap = decaps.get(packetType(frame.packet.key));
    if (decap === undefined) refuse(walk, frame, 'decap knows Ethernet, NSH and MPLS headers only');
    else decap(walk, action, frame);
  },
} satisfies Partial<Handlers>;
