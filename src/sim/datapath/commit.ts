/**
 * What a datapath is told when a translated packet leaves: the fields that differ from the packet
 * that it holds, each in the action of its header (commit_odp_actions() in lib/odp-util.c).
 */
import { formatIpv4, formatMac } from '../../address/index.ts';
import { ETH_TYPE, IP_PROTO } from '../../openflow/build.ts';
import { field, type Field, type FlowKey } from '../../openflow/fields.ts';
import { fieldMask, readField, sameField, writeField } from '../../openflow/key.ts';
import { formatV6 } from '../../openflow/text/values.ts';
import { AT, ethernetType, ipProtocol } from '../words.ts';
import { hexOfBig } from './digits.ts';
import { areEthernet, layerActions, nshAction, NSH_WORDS, type Pending } from './layers.ts';
import type { Masks } from './masks.ts';
import { isMpls, labelActions, LABEL_WORDS } from './labels.ts';
import { vlanActions, VLAN_WORDS } from './vlans.ts';

type Write = (value: bigint) => string;

interface Part {
  /** As the datapath calls it. */
  readonly name: string;
  readonly field: Field;
  readonly write: Write;
  readonly writeMask: Write;
}

interface Header {
  readonly name: string;
  readonly parts: readonly Part[];
  /** Written as a whole, whatever of it changed. */
  readonly whole: boolean;
  /** The words of a key that its fields lie in. */
  readonly words: readonly number[];
}

const decimal: Write = String;

function part(name: string, of: string, write: Write, writeMask = write): Part {
  return { name, field: field(of), write, writeMask };
}

function header(name: string, parts: readonly Part[], whole = false): Header {
  const words = new Set<number>();
  for (const { at, bits } of parts.map((one) => one.field)) {
    for (let word = at >>> 5; word <= (at + bits - 1) >>> 5; word += 1) words.add(word);
  }
  return { name, parts, whole, words: [...words] };
}

const mac = (name: string, of: string): Part => part(name, of, formatMac);
const ipv4 = (name: string, of: string): Part => part(name, of, formatIpv4);
const ipv6 = (name: string, of: string): Part => part(name, of, formatV6);
const number = (name: string, of: string): Part => part(name, of, decimal, hexOfBig);
const bits = (name: string, of: string): Part => part(name, of, hexOfBig);

const ETHERNET = header('eth', [mac('src', 'eth_src'), mac('dst', 'eth_dst')]);
const IPV4 = header('ipv4', [
  ipv4('src', 'ip_src'),
  ipv4('dst', 'ip_dst'),
  bits('tos', 'nw_tos'),
  number('ttl', 'nw_ttl'),
]);
const IPV6 = header('ipv6', [
  ipv6('src', 'ipv6_src'),
  ipv6('dst', 'ipv6_dst'),
  bits('label', 'ipv6_label'),
  bits('tclass', 'nw_tos'),
  number('hlimit', 'nw_ttl'),
]);
const ARP = header('arp', [
  ipv4('sip', 'arp_spa'),
  ipv4('tip', 'arp_tpa'),
  number('op', 'arp_op'),
  mac('sha', 'arp_sha'),
  mac('tha', 'arp_tha'),
]);
const ND = header('nd', [ipv6('target', 'nd_target'), mac('sll', 'nd_sll'), mac('tll', 'nd_tll')]);
const ND_FLAGS = field('nd_reserved');
const ND_OPTION = number('nd_options_type', 'nd_options_type');
const ND_EXTENSION_WORDS = [ND_FLAGS, ND_OPTION.field].map(({ at }) => at >>> 5);
const ports = (protocol: string): Header =>
  header(protocol, [number('src', 'tcp_src'), number('dst', 'tcp_dst')]);
const PORTS: ReadonlyMap<number, Header> = new Map([
  [IP_PROTO.tcp, ports('tcp')],
  [IP_PROTO.udp, ports('udp')],
  [IP_PROTO.sctp, ports('sctp')],
]);
const icmp = (name: string): Header =>
  header(name, [number('type', 'icmp_type'), number('code', 'icmp_code')], true);
const ICMP = icmp('icmp');
const ICMPV6 = icmp('icmpv6');

/** Whether nothing of a header differs, word by word. */
function same({ words }: Header, base: FlowKey, key: FlowKey): boolean {
  for (const word of words) if (base[word] !== key[word]) return false;
  return true;
}

function writePart(
  { name, field: target, write, writeMask }: Part,
  key: FlowKey,
  masks: Masks,
): string {
  const full = fieldMask(target);
  const mask = masks(target);
  const value = readField(key, target);
  if (mask === full) return `${name}=${write(value)}`;
  // What a group or a clone gave back is written only where it was looked at.
  return mask === 0n ? '' : `${name}=${write(value & mask)}/${writeMask(mask)}`;
}

const EXACT: Masks = fieldMask;

function setHeader(one: Header, base: FlowKey, key: FlowKey, masks: Masks, into: string[]): void {
  if (same(one, base, key)) return;
  const changed = one.parts.filter(({ field: target }) => !sameField(base, key, target));
  if (changed.length === 0) return;
  let written = '';
  for (const next of one.whole ? one.parts : changed) {
    const part = writePart(next, key, one.whole ? EXACT : masks);
    written += written === '' || part === '' ? part : `,${part}`;
  }
  into.push(`set(${one.name}(${written}))`);
  for (const word of one.words) base[word] = key[word] ?? 0;
}

const TOS = field('nw_tos');
const ECN = 3n;

/** A tunnel takes over and gives back ECN by itself: only a change of it is written. */
function withoutEcn(base: FlowKey, key: FlowKey, masks: Masks): Masks {
  if (((readField(base, TOS) ^ readField(key, TOS)) & ECN) !== 0n) return masks;
  return (target) => (target === TOS ? masks(TOS) & ~ECN : masks(target));
}

/** Flags and option of neighbour discovery, of which the flags are told without their mask. */
function setExtensions(base: FlowKey, key: FlowKey, looked: Masks, into: string[]): void {
  if (ND_EXTENSION_WORDS.every((word) => base[word] === key[word])) return;
  const written: Masks = (target) => (sameField(base, key, target) ? 0n : looked(target));
  const flags = readField(key, ND_FLAGS) & written(ND_FLAGS);
  const option = writePart(ND_OPTION, key, written);
  into.push(`set(nd_ext(nd_reserved=0x${flags.toString(16)}${option && `,${option}`}))`);
  for (const word of ND_EXTENSION_WORDS) base[word] = key[word] ?? 0;
}

/** Internet addresses and what lies with them, if the packet has a protocol at all. */
function setNetwork(
  base: FlowKey,
  key: FlowKey,
  masks: Masks,
  looked: Masks,
  into: string[],
): void {
  if (ipProtocol(key) === 0) return;
  switch (ethernetType(base)) {
    case ETH_TYPE.ip:
      setHeader(IPV4, base, key, masks, into);
      return;
    case ETH_TYPE.ipv6:
      setHeader(IPV6, base, key, masks, into);
      if (ipProtocol(base) !== IP_PROTO.icmp6) return;
      setExtensions(base, key, looked, into);
      setHeader(ND, base, key, masks, into);
      return;
    case ETH_TYPE.arp:
      setHeader(ARP, base, key, masks, into);
      return;
    default:
  }
}

function setTransport(base: FlowKey, key: FlowKey, masks: Masks, into: string[]): void {
  const protocol = ipProtocol(key);
  const type = ethernetType(base);
  const withPorts = PORTS.get(protocol);
  if (withPorts !== undefined && (type === ETH_TYPE.ip || type === ETH_TYPE.ipv6)) {
    setHeader(withPorts, base, key, masks, into);
  }
  if (protocol === IP_PROTO.icmp && ethernetType(key) === ETH_TYPE.ip) {
    setHeader(ICMP, base, key, masks, into);
  }
  if (protocol === IP_PROTO.icmp6 && ethernetType(key) === ETH_TYPE.ipv6) {
    setHeader(ICMPV6, base, key, masks, into);
  }
}

/** Numbers that travel beside the packet. */
const BESIDE = [
  ['skb_priority', field('skb_priority')],
  ['skb_mark', field('pkt_mark')],
] as const;

function setBeside(base: FlowKey, key: FlowKey, masks: Masks, into: string[]): void {
  for (const [name, target] of BESIDE) {
    const value = readField(key, target);
    if (value === readField(base, target)) continue;
    const mask = masks(target);
    const under = mask === fieldMask(target) ? '' : `/${hexOfBig(mask)}`;
    into.push(`set(${name}(${hexOfBig(value & mask)}${under}))`);
    writeField(base, target, value);
  }
}

/** What is to be known beside the two packets. */
export interface Writing {
  readonly masks: Masks;
  /** Bits that were looked at, of fields that are written as a whole too. */
  readonly looked: Masks;
  /** Whether the datapath's packet has a tunnel header: out of one, or for the next output. */
  readonly tunnelled: boolean;
  readonly pending: Pending;
}

/** Every word that a difference may lie in. */
const WORDS = [
  ...new Set([
    ...[ETHERNET, IPV4, IPV6, ARP, ND, ICMP, ...PORTS.values()].flatMap(({ words }) => words),
    ...VLAN_WORDS,
    ...LABEL_WORDS,
    ...NSH_WORDS,
    ...ND_EXTENSION_WORDS,
    AT.packetType,
    ...BESIDE.map(([, target]) => target.at >>> 5),
  ]),
].sort((a, b) => a - b);

/** Whether the datapath's packet `base` is the packet `key` already. */
export function isCommitted(base: FlowKey, key: FlowKey, { encap, decap }: Pending): boolean {
  if (encap !== null || decap) return false;
  for (const word of WORDS) if (base[word] !== key[word]) return false;
  return true;
}

/**
 * Appends the actions that make the datapath's packet `base` the packet `key`, in the order of
 * Open vSwitch, and notes in `base` what was written.
 */
export function commit(
  base: FlowKey,
  key: FlowKey,
  { masks, looked, tunnelled, pending }: Writing,
  into: string[],
): void {
  layerActions(base, key, pending, into);
  if (areEthernet(base, key)) setHeader(ETHERNET, base, key, masks, into);
  const bared = isMpls(ethernetType(base)) && !isMpls(ethernetType(key));
  // What lies under labels can be written only after they are gone.
  if (bared) labelActions(base, key, into);
  nshAction(base, key, looked, into);
  setNetwork(base, key, tunnelled ? withoutEcn(base, key, masks) : masks, looked, into);
  setTransport(base, key, masks, into);
  if (!bared) labelActions(base, key, into);
  vlanActions(base, key, into);
  setBeside(base, key, masks, into);
}
