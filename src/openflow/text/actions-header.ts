/** Actions that put headers on a packet, take them off, and count its lives down. */
import { setField, VLAN_PRESENT } from '../build.ts';
import type { Action, EncapProperty } from '../flow.ts';
import {
  declareAction,
  holds,
  requireHeader,
  type ActionContext,
  type ActionDeclaration,
  type ActionOf,
  type ActionReader,
} from './action.ts';
import { setTags } from './actions-rewrite.ts';
import { leadingNumber } from './numbers.ts';
import type { Layers } from './prerequisites.ts';
import { items, parseInteger, TextError, type Item, type Span } from './span.ts';
import { Tokens } from './tokens.ts';
import { hex } from './values.ts';

const MPLS: ReadonlySet<number> = new Set([0x8847, 0x8848]);
const NSH = 0x894f;

const hex4 = (value: number) => `0x${value.toString(16).padStart(4, '0')}`;

function requireTag(item: Item, context: ActionContext): void {
  requireHeader(context.tags[0], item, 'a VLAN tag: push_vlan first, or match one', context);
}

/** `mod_…` pushes a tag where there is none yet, `set_…` wants one. */
function setsVlan(name: 'vlan_vid' | 'vlan_pcp', push: boolean): ActionReader['read'] {
  const [top, present] = name === 'vlan_vid' ? [4095, VLAN_PRESENT] : [7, 0];
  return ({ value, key }, context) => {
    if (!holds('ethernet', context)) {
      throw new TextError(key.at, `${key.text} needs an Ethernet packet`);
    }
    const set = setField(name, parseInteger(value, name, 0, top) | present);
    const [tagged, inner] = context.tags;
    if (!tagged && !push && context.layers !== null) {
      throw new TextError(key.at, `${key.text} needs a VLAN tag: push_vlan first, or match one`);
    }
    setTags(context, [true, inner]);
    return tagged || !push ? set : [{ kind: 'push_vlan', etherType: 0x8100 }, set];
  };
}

function readPopVlan(item: Item, context: ActionContext): Action {
  requireTag(item, context);
  const [tagged, inner] = context.tags;
  setTags(context, tagged ? [inner, false] : context.tags);
  return { kind: 'pop_vlan' };
}

function readPushVlan({ key, value }: Item, context: ActionContext): Action {
  const etherType = parseInteger(value, 'Ethernet type', 0, 65535);
  if (etherType !== 0x8100 && etherType !== 0x88a8) {
    throw new TextError(value.at, `expected 0x8100 or 0x88a8, found "${value.text}"`);
  }
  const [tagged, inner] = context.tags;
  if (context.layers !== null && inner) {
    throw new TextError(key.at, 'a packet bears two VLAN tags at most');
  }
  setTags(context, [true, tagged]);
  return { kind: 'push_vlan', etherType };
}

/** What a header that came or went makes of the packet. */
function setLayers(context: ActionContext, change: Partial<Layers>): void {
  if (context.layers !== null) context.layers = { ...context.layers, ...change };
}

/** Of a packet without an Ethernet header its packet type alone says what it is. */
function setEtherType(context: ActionContext, ethType: number): void {
  if (context.layers?.unframed === false) setLayers(context, { ethType });
}

function requireMpls(item: Item, context: ActionContext): void {
  requireHeader(holds('mpls', context), item, 'a match on MPLS', context);
}

function requireEthernet(item: Item, context: ActionContext): void {
  requireHeader(context.layers?.unframed === false, item, 'an Ethernet packet', context);
}

function readPushMpls(item: Item, context: ActionContext): Action {
  const { value } = item;
  const etherType = parseInteger(value, 'Ethernet type', 0, 65535);
  if (!MPLS.has(etherType)) {
    throw new TextError(value.at, `expected 0x8847 or 0x8848, found "${value.text}"`);
  }
  requireEthernet(item, context);
  // What lies under the label is opaque.
  setLayers(context, { ipProto: 0 });
  setEtherType(context, etherType);
  return { kind: 'push_mpls', etherType };
}

function readPopMpls(item: Item, context: ActionContext): Action {
  const etherType = parseInteger(item.value, 'Ethernet type', 0, 65535);
  requireEthernet(item, context);
  requireMpls(item, context);
  setEtherType(context, etherType);
  return { kind: 'pop_mpls', etherType };
}

function readSetMplsTtl(item: Item, context: ActionContext): Action {
  requireMpls(item, context);
  return { kind: 'set_mpls_ttl', ttl: parseInteger(item.value, 'MPLS TTL', 0, 255) };
}

function readDecTtl(item: Item, context: ActionContext): Action {
  requireHeader(holds('ip', context), item, 'a match on ip or ipv6', context);
  if (item.value.text === '') {
    return { kind: 'dec_ttl', controllers: [], ...(item.form === 'call' && { silent: true }) };
  }
  const controllers: number[] = [];
  const tokens = new Tokens(item.value);
  for (let id = tokens.next(', '); id !== null; id = tokens.next(', ')) {
    controllers.push(leadingNumber(id, 16));
  }
  if (controllers.length === 0) throw new TextError(item.value.at, 'expected a controller id');
  return { kind: 'dec_ttl', controllers };
}

type Header = ActionOf<'encap'>['header'];

/** The Ethernet type that a header gives the packet; null: an Ethernet header, before which it is kept. */
const headerTypes: Readonly<Record<Header, number | null>> = {
  ethernet: null,
  nsh: NSH,
  mpls: 0x8847,
  mpls_mc: 0x8848,
};

const isHeader = (name: string): name is Header => Object.hasOwn(headerTypes, name);

const optionForm = /^0x([0-9a-f]+),(\d+),0x([0-9a-f]{1,251})/i;

function readOption(value: Span): EncapProperty {
  const [, optionClass = '', type = '', digits = ''] = optionForm.exec(value.text) ?? [];
  const bytes = (digits.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
  if (digits === '') {
    throw new TextError(value.at, `expected 0xCLASS,TYPE,0xBYTES, found "${value.text}"`);
  }
  // ovs-ofctl keeps 16 bits of the class and eight of the type.
  return {
    kind: 'tlv',
    optionClass: Number(BigInt.asUintN(16, BigInt(`0x${optionClass}`))),
    type: Number(BigInt.asUintN(8, BigInt(type))),
    bytes,
  };
}

const properties: Readonly<Record<string, (value: Span) => EncapProperty>> = {
  md_type: (value) => ({ kind: 'md_type', type: parseInteger(value, 'md_type', 1, 2) }),
  tlv: readOption,
};

function readProperties(value: Span, header: Header): EncapProperty[] {
  return [...items(value)].map(({ key, value: text }) => {
    const read = header === 'nsh' ? properties[key.text] : undefined;
    if (read !== undefined) return read(text);
    throw new TextError(key.at, `${header} has no property "${key.text}"`);
  });
}

function readEncap({ value }: Item, context: ActionContext): Action {
  // Only the first counts: ovs-ofctl passes over others.
  const [first] = items(value);
  if (first === undefined || !isHeader(first.key.text)) {
    const known = Object.keys(headerTypes).join(', ');
    throw new TextError(first?.key.at ?? value.at, `expected a header, one of ${known}`);
  }
  const header = first.key.text;
  const ethType = headerTypes[header];
  setLayers(context, ethType === null ? { unframed: false } : { unframed: true, ethType });
  if (!holds('ip', context)) setLayers(context, { ipProto: 0 });
  return { kind: 'encap', header, properties: readProperties(first.value, header) };
}

/** A packet type that says: whatever the header names. */
const NEXT_PROTOCOL = 0xfffe;
const NAMESPACES = 5;

function readPacketType(value: Span): ActionOf<'decap'>['packetType'] {
  const [ns, type] = items(value);
  if (ns?.key.text !== 'ns' || type?.key.text !== 'type') {
    throw new TextError(value.at, 'expected packet_type(ns=NAMESPACE,type=TYPE)');
  }
  const namespace = parseInteger(ns.value, 'ns', 0, NAMESPACES - 1);
  const number = parseInteger(type.value, 'type', 0, 0xffff);
  return namespace === 0 && number === NEXT_PROTOCOL ? null : { namespace, type: number };
}

function readDecap({ value }: Item, context: ActionContext): Action {
  const [first] = items(value);
  if (first !== undefined && first.key.text !== 'packet_type') {
    throw new TextError(first.key.at, `expected packet_type, found "${first.key.text}"`);
  }
  const packetType = first === undefined ? null : readPacketType(first.value);
  // Under a header that is not Ethernet's may be anything: no field can be relied on.
  setLayers(context, context.layers?.unframed ? { ethType: null } : { unframed: true });
  return { kind: 'decap', packetType };
}

function formatProperty(property: EncapProperty): string {
  if (property.kind === 'md_type') return `md_type=${property.type}`;
  const value = property.bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
  return `tlv(${hex4(property.optionClass)},${property.type},${hex(value)})`;
}

function readDecNshTtl(item: Item, context: ActionContext): Action {
  requireHeader(holds('nsh', context), item, 'a match on NSH', context);
  return { kind: 'dec_nsh_ttl' };
}

function readDecMplsTtl(item: Item, context: ActionContext): Action {
  requireMpls(item, context);
  return { kind: 'dec_mpls_ttl' };
}

export const headerActions: readonly ActionDeclaration[] = [
  declareAction(
    'push_vlan',
    {
      push_vlan: readPushVlan,
      mod_vlan_vid: setsVlan('vlan_vid', true),
      mod_vlan_pcp: setsVlan('vlan_pcp', true),
      set_vlan_vid: setsVlan('vlan_vid', false),
      set_vlan_pcp: setsVlan('vlan_pcp', false),
    },
    ({ etherType }) => `push_vlan:${hex4(etherType)}`,
  ),
  declareAction('pop_vlan', { pop_vlan: readPopVlan, strip_vlan: readPopVlan }, () => 'pop_vlan'),
  declareAction(
    'push_mpls',
    { push_mpls: readPushMpls },
    ({ etherType }) => `push_mpls:${hex4(etherType)}`,
  ),
  declareAction(
    'pop_mpls',
    { pop_mpls: readPopMpls },
    ({ etherType }) => `pop_mpls:${hex4(etherType)}`,
  ),
  declareAction(
    'set_mpls_ttl',
    { set_mpls_ttl: readSetMplsTtl },
    ({ ttl }) => `set_mpls_ttl(${ttl})`,
  ),
  declareAction('dec_mpls_ttl', { dec_mpls_ttl: readDecMplsTtl }, () => 'dec_mpls_ttl'),
  declareAction('dec_nsh_ttl', { dec_nsh_ttl: readDecNshTtl }, () => 'dec_nsh_ttl'),
  declareAction('dec_ttl', { dec_ttl: readDecTtl }, ({ controllers }) =>
    controllers.length === 0 ? 'dec_ttl' : `dec_ttl(${controllers.join(',')})`,
  ),
  declareAction('encap', { encap: readEncap }, (action) => {
    const inner = action.properties.map(formatProperty).join(',');
    return `encap(${action.header}${inner === '' ? '' : `(${inner})`})`;
  }),
  declareAction('decap', { decap: readDecap }, ({ packetType }) => {
    if (packetType === null) return 'decap()';
    return `decap(packet_type(ns=${packetType.namespace},type=${hex(BigInt(packetType.type))}))`;
  }),
];
