/** Reading and writing parts of fields, with what a write brings about beside the bits it names. */
import { field, type Field, type FlowKey } from '../openflow/fields.ts';
import type { Subfield } from '../openflow/flow.ts';
import { readField, setPresent, writeField } from '../openflow/key.ts';
import { subfieldMask } from '../openflow/loads.ts';
import { AT, completeVlan, setVlanTci, VLAN_PRESENT_BIT, vlanTci } from './words.ts';

export { subfieldMask } from '../openflow/loads.ts';

/** Ports from here on are reserved, and are 32 bits wide with ones above (OpenFlow 1.1 and later). */
const RESERVED_PORTS = 0xff00;

/** A port number of 16 bits in its 32-bit form. */
export const widePort = (port: number): number =>
  port >= RESERVED_PORTS ? (0xffff0000 | port) >>> 0 : port;

type Repair = (key: FlowKey) => void;

const normaliseInPort: Repair = (key) => {
  key[AT.inPort] = widePort((key[AT.inPort] ?? 0) & 0xffff);
};
/** Type and code have a byte each where ports have two. */
const cutType: Repair = (key) => {
  key[AT.ports] = ((key[AT.ports] ?? 0) & 0x00ffffff) >>> 0;
};
const cutCode: Repair = (key) => {
  key[AT.ports] = ((key[AT.ports] ?? 0) & 0xffff00ff) >>> 0;
};
const makeTagged: Repair = (key) => {
  setVlanTci(key, vlanTci(key) | VLAN_PRESENT_BIT);
  completeVlan(key);
};

/** By field: what a write to it does to the bits around it (mf_set_flow_value() in OVS). */
const repairs: ReadonlyMap<Field, Repair> = new Map([
  [field('in_port'), normaliseInPort],
  [field('in_port_oxm'), normaliseInPort],
  [field('icmp_type'), cutType],
  [field('icmpv6_type'), cutType],
  [field('icmp_code'), cutCode],
  [field('icmpv6_code'), cutCode],
  [field('vlan_tci'), completeVlan],
  [field('vlan_vid'), completeVlan],
  [field('vlan_pcp'), makeTagged],
  [field('dl_vlan'), makeTagged],
  [field('dl_vlan_pcp'), makeTagged],
]);

/** Open vSwitch takes this of the wrong byte, and finds zero whatever the packet has (mf_get_value()). */
const READ_AS_ZERO = field('nd_options_type');

/** What is to be done after a write to the bits `mask` of `target`; null: nothing. */
export function repairOf(target: Field, mask: bigint): Repair | null {
  if (target.present !== undefined) return (key) => setPresent(key, target, true);
  if (target === READ_AS_ZERO) return (key) => writeField(key, target, 0n, ~mask & target.exact);
  return repairs.get(target) ?? null;
}

/** Without the bits beside the field that a part of it may reach over. */
const bitsOf = (part: Subfield): bigint => subfieldMask(part) & part.field.exact;

/** The bits of `source`, right-aligned. */
export function readSubfield(key: FlowKey, source: Subfield): bigint {
  if (source.field === READ_AS_ZERO) return 0n;
  return (readField(key, source.field) & bitsOf(source)) >> BigInt(source.first);
}

/** Puts the low bits of `value` into `target`, whether or not the packet has such a field. */
export function writeSubfield(key: FlowKey, target: Subfield, value: bigint): void {
  const bits = bitsOf(target);
  writeField(key, target.field, value << BigInt(target.first), bits);
  repairOf(target.field, bits)?.(key);
}
