/** Headers that `encap` and `decap` put on and take off, and NSH (commit_encap_decap_action() in lib/odp-util.c). */
import { formatMac } from '../../address/index.ts';
import { field, type FlowKey } from '../../openflow/fields.ts';
import type { EncapProperty } from '../../openflow/flow.ts';
import { fieldMask, readField } from '../../openflow/key.ts';
import type { ActionOf } from '../types.ts';
import { AT, ethernetType } from '../words.ts';
import type { Masks } from './masks.ts';
import { labelActions, MPLS } from './labels.ts';

/** Packet types: a namespace in the upper half, a type in the lower (OpenFlow 1.5.1 §7.2.3.11). */
const ETHERNET = 0;
const BY_ETHER_TYPE = 1;
const NSH = 0x894f;
const NSH_PACKET = (BY_ETHER_TYPE << 16) | NSH;

/** Changes that the next action of the datapath brings with it. */
export interface Pending {
  encap: ActionOf<'encap'> | null;
  decap: boolean;
}

const packetType = (key: FlowKey): number => key[AT.packetType] ?? 0;

const ADDRESSES = { source: field('eth_src'), destination: field('eth_dst') } as const;
/** First word of a packet's own headers, and the words that end them. */
const HEADERS: readonly (readonly [from: number, to: number])[] = [
  [AT.ethernetSource, AT.ctTuple],
  [AT.mpls, AT.packetType],
];

function copyHeaders(base: FlowKey, key: FlowKey): void {
  for (const [from, to] of HEADERS) base.set(key.subarray(from, to), from);
}

const hexByte = (byte: number): string => byte.toString(16).padStart(2, '0');

/** The options of an NSH of type 2, padded to words. */
function optionBytes(properties: readonly EncapProperty[]): string {
  const bytes = properties.flatMap((property) => {
    if (property.kind !== 'tlv') return [];
    const { optionClass, type, bytes: data } = property;
    const padding = Array.from({ length: (4 - (data.length % 4)) % 4 }, () => 0);
    return [optionClass >>> 8, optionClass & 0xff, type, data.length, ...data, ...padding];
  });
  const digits = bytes.map(hexByte).join('').replace(/^0+/, '');
  return digits === '' ? '0' : `0x${digits}`;
}

const CONTEXT = [1, 2, 3, 4].map((index) => field(`nsh_c${index}`));
const PATH = { spi: field('nsh_spi'), si: field('nsh_si') } as const;

function pushNsh(key: FlowKey, properties: readonly EncapProperty[]): string {
  const header = key[AT.nsh] ?? 0;
  const type = (header >>> 8) & 0xff;
  const parts = [
    `flags=${header >>> 24}`,
    `ttl=${(header >>> 16) & 0xff}`,
    `mdtype=${type}`,
    `np=${header & 0xff}`,
    `spi=0x${readField(key, PATH.spi).toString(16)}`,
    `si=${readField(key, PATH.si)}`,
    ...(type === 1
      ? CONTEXT.map((context, index) => `c${index + 1}=0x${readField(key, context).toString(16)}`)
      : [`md2=${optionBytes(properties)}`]),
  ];
  return `push_nsh(${parts.join(',')})`;
}

function encapActions(
  { properties }: ActionOf<'encap'>,
  base: FlowKey,
  key: FlowKey,
  into: string[],
): void {
  const type = packetType(key);
  if (type === ETHERNET) {
    const source = formatMac(readField(key, ADDRESSES.source));
    into.push(`push_eth(src=${source},dst=${formatMac(readField(key, ADDRESSES.destination))})`);
    base.set(key.subarray(AT.ethernetSource, AT.ethernetTypeAndVlan), AT.ethernetSource);
  } else if (type === NSH_PACKET) {
    into.push(pushNsh(key, properties));
    copyHeaders(base, key);
  } else {
    labelActions(base, key, into, true);
    return;
  }
  base[AT.packetType] = type;
}

/**
 * Whether the datapath is no more told of the labels of the packet `key` that gets a header: a switch
 * that puts MPLS around MPLS in Ethernet takes them for gone (rewrite_flow_encap_mpls()).
 */
export const forgetsLabels = ({ header }: ActionOf<'encap'>, key: FlowKey): boolean =>
  (header === 'mpls' || header === 'mpls_mc') &&
  packetType(key) === ETHERNET &&
  ethernetType(key) === MPLS;

/** What was put on or taken off since the last action. */
export function layerActions(base: FlowKey, key: FlowKey, pending: Pending, into: string[]): void {
  const type = packetType(key);
  const before = packetType(base);
  if (pending.encap !== null) encapActions(pending.encap, base, key, into);
  else if (pending.decap || type !== before) {
    if (type >>> 16 === BY_ETHER_TYPE && before === ETHERNET) {
      into.push('pop_eth');
      base[AT.packetType] = type;
      base.fill(0, AT.ethernetSource, AT.ethernetTypeAndVlan);
    } else if (before === NSH_PACKET) into.push('pop_nsh()');
    else labelActions(base, key, into);
  }
  pending.encap = null;
  pending.decap = false;
}

/** Both packets have an Ethernet header. */
export const areEthernet = (base: FlowKey, key: FlowKey): boolean =>
  packetType(base) === ETHERNET && packetType(key) === ETHERNET;

type WriteMasked = (value: bigint, mask: bigint, all: bigint) => string;

interface NshPart {
  readonly name: string;
  readonly of: ReturnType<typeof field>;
  readonly write: WriteMasked;
}

/** Hex of so many digits at the least. */
const padded = (value: bigint, digits: number): string =>
  `0x${value.toString(16).padStart(digits, '0')}`;

const ofByte: WriteMasked = (value, mask, all) =>
  mask === all ? String(value) : `${padded(value, 2)}/${padded(mask, 2)}`;
const ofWord: WriteMasked = (value, mask, all) =>
  mask === all ? padded(value, 1) : `${padded(value, 1)}/${padded(mask, 8)}`;

const NSH_PARTS: readonly NshPart[] = [
  { name: 'flags', of: field('nsh_flags'), write: ofByte },
  { name: 'ttl', of: field('nsh_ttl'), write: ofByte },
  { name: 'spi', of: PATH.spi, write: ofWord },
  { name: 'si', of: PATH.si, write: ofByte },
];
const CONTEXT_PARTS: readonly NshPart[] = CONTEXT.map((of, index) => ({
  name: `c${index + 1}`,
  of,
  write: ofWord,
}));
/** The words of a key that NSH lies in. */
export const NSH_WORDS: readonly number[] = [0, 1, 2, 3, 4, 5].map((word) => AT.nsh + word);
/** How many of them come before the context. */
const NSH_BASE_WORDS = 2;

/** Of NSH the datapath writes every bit that was looked at, changed or not. */
export function nshAction(base: FlowKey, key: FlowKey, looked: Masks, into: string[]): void {
  if (ethernetType(key) !== NSH) return;
  const hasContext = (((key[AT.nsh] ?? 0) >>> 8) & 0xff) === 1;
  const compared = hasContext ? NSH_WORDS : NSH_WORDS.slice(0, NSH_BASE_WORDS);
  if (compared.every((word) => base[word] === key[word])) return;
  const parts = [...NSH_PARTS, ...CONTEXT_PARTS].flatMap(({ name, of, write }) => {
    const unmatched = !hasContext && CONTEXT.includes(of);
    const mask = unmatched ? fieldMask(of) : looked(of);
    if (mask === 0n) return [];
    const value = unmatched ? 0n : readField(key, of) & mask;
    return [`${name}=${write(value, mask, fieldMask(of))}`];
  });
  into.push(`set(nsh(${parts.join(',')}))`);
  for (const word of NSH_WORDS) base[word] = key[word] ?? 0;
}
