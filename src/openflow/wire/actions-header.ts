/** Actions that put headers on a packet, take them off, and count its lives down. */
import type { Reader, Writer } from '../../base/bytes.ts';
import type { Action, EncapProperty } from '../flow.ts';
import { declareWire, finish, fixed, nicira, type ActionOf, type ActionWire } from './action.ts';
import { malformed, UnknownPart } from './malformed.ts';

const codes = {
  setMplsTtl: { type: 15 },
  decMplsTtl: { type: 16 },
  pushVlan: { type: 17 },
  popVlan: { type: 18 },
  pushMpls: { type: 19 },
  popMpls: { type: 20 },
  decTtl: { type: 24 },
  decTtlIds: { nicira: 21 },
  encap: { nicira: 46 },
  decap: { nicira: 47 },
  decNshTtl: { nicira: 48 },
} as const;

function writeDecTtl(w: Writer, { controllers, silent }: ActionOf<'dec_ttl'>): void {
  if (controllers.length === 0 && !silent) {
    fixed(w, codes.decTtl.type, 8).zeros(4);
    return;
  }
  const start = w.length;
  nicira(w, codes.decTtlIds.nicira, 0).u16(controllers.length).zeros(4);
  for (const id of controllers) w.u16(id);
  finish(w, start);
}

function readDecTtlIds(r: Reader): Action {
  const count = r.u16();
  r.skip(4);
  const controllers = Array.from({ length: count }, () => r.u16());
  return { kind: 'dec_ttl', controllers, ...(count === 0 && { silent: true }) };
}

type Header = ActionOf<'encap'>['header'];

/** Packet types: the namespace of Ethernet types is 1 (OpenFlow 1.5.1 §7.2.3.11). */
const headerTypes: Readonly<Record<Header, number>> = {
  ethernet: 0,
  nsh: 0x1894f,
  mpls: 0x18847,
  mpls_mc: 0x18848,
};
const headers = new Map(
  Object.entries(headerTypes).map(([name, type]) => [type, name as Header] as const),
);
/** "Whatever the header names." */
const NEXT_PROTOCOL = 0xfffe;

const NSH_PROPERTIES = 4;
const MD_TYPE = 1;
const TLV = 2;
const TLV_HEADER = 8;

const filled = (length: number) => Math.ceil(length / 8) * 8;

function writeProperty(w: Writer, property: EncapProperty): void {
  w.u16(NSH_PROPERTIES);
  if (property.kind === 'md_type') {
    w.u8(MD_TYPE).u8(5).u8(property.type).zeros(3);
    return;
  }
  const { optionClass, type, bytes } = property;
  const room = filled(bytes.length);
  w.u8(TLV)
    .u8(TLV_HEADER + room)
    .u16(optionClass)
    .u8(type)
    .u8(bytes.length)
    .bytes(bytes)
    .zeros(room - bytes.length);
}

function readProperty(r: Reader): EncapProperty {
  const [of, kind, length] = [r.u16(), r.u8(), r.u8()];
  if (of !== NSH_PROPERTIES || (kind !== MD_TYPE && kind !== TLV)) {
    throw new UnknownPart(`property ${kind} of class ${of} of a header`);
  }
  if (kind === MD_TYPE) {
    const type = r.u8();
    r.skip(3);
    return { kind: 'md_type', type };
  }
  const [optionClass, type, size] = [r.u16(), r.u8(), r.u8()];
  if (length !== TLV_HEADER + filled(size)) throw malformed(`a TLV of ${size} bytes in ${length}`);
  const bytes = [...r.bytes(size)];
  r.skip(filled(size) - size);
  return { kind: 'tlv', optionClass, type, bytes };
}

function writeEncap(w: Writer, { header, properties }: ActionOf<'encap'>): void {
  const start = w.length;
  nicira(w, codes.encap.nicira, 0).u16(0).u32(headerTypes[header]);
  for (const property of properties) writeProperty(w, property);
  finish(w, start);
}

function readEncap(r: Reader, end: number): Action {
  r.skip(2);
  const type = r.u32();
  const header = headers.get(type);
  if (header === undefined) throw new UnknownPart(`a header of packet type ${type}`);
  const properties: EncapProperty[] = [];
  while (r.at < end) properties.push(readProperty(r));
  return { kind: 'encap', header, properties };
}

function writeDecap(w: Writer, { packetType }: ActionOf<'decap'>): void {
  nicira(w, codes.decap.nicira, 16)
    .zeros(2)
    .u16(packetType?.namespace ?? 0)
    .u16(packetType?.type ?? NEXT_PROTOCOL);
}

function readDecap(r: Reader): Action {
  r.skip(2);
  const [namespace, type] = [r.u16(), r.u16()];
  const next = namespace === 0 && type === NEXT_PROTOCOL;
  return { kind: 'decap', packetType: next ? null : { namespace, type } };
}

export const headerWire: readonly ActionWire[] = [
  declareWire(
    'push_vlan',
    (w, { etherType }) => void fixed(w, codes.pushVlan.type, 8).u16(etherType).zeros(2),
    [{ code: codes.pushVlan, read: (r) => ({ kind: 'push_vlan', etherType: r.u16() }) }],
  ),
  declareWire('pop_vlan', (w) => void fixed(w, codes.popVlan.type, 8).zeros(4), [
    { code: codes.popVlan, read: () => ({ kind: 'pop_vlan' }) },
  ]),
  declareWire(
    'push_mpls',
    (w, { etherType }) => void fixed(w, codes.pushMpls.type, 8).u16(etherType).zeros(2),
    [{ code: codes.pushMpls, read: (r) => ({ kind: 'push_mpls', etherType: r.u16() }) }],
  ),
  declareWire(
    'pop_mpls',
    (w, { etherType }) => void fixed(w, codes.popMpls.type, 8).u16(etherType).zeros(2),
    [{ code: codes.popMpls, read: (r) => ({ kind: 'pop_mpls', etherType: r.u16() }) }],
  ),
  declareWire(
    'set_mpls_ttl',
    (w, { ttl }) => void fixed(w, codes.setMplsTtl.type, 8).u8(ttl).zeros(3),
    [{ code: codes.setMplsTtl, read: (r) => ({ kind: 'set_mpls_ttl', ttl: r.u8() }) }],
  ),
  declareWire('dec_mpls_ttl', (w) => void fixed(w, codes.decMplsTtl.type, 8).zeros(4), [
    { code: codes.decMplsTtl, read: () => ({ kind: 'dec_mpls_ttl' }) },
  ]),
  declareWire('dec_nsh_ttl', (w) => void nicira(w, codes.decNshTtl.nicira, 16).zeros(6), [
    { code: codes.decNshTtl, read: () => ({ kind: 'dec_nsh_ttl' }) },
  ]),
  declareWire('dec_ttl', writeDecTtl, [
    { code: codes.decTtl, read: () => ({ kind: 'dec_ttl', controllers: [] }) },
    { code: codes.decTtlIds, read: readDecTtlIds },
  ]),
  declareWire('encap', writeEncap, [{ code: codes.encap, read: readEncap }]),
  declareWire('decap', writeDecap, [{ code: codes.decap, read: readDecap }]),
];
