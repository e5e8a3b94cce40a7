/** Actions that write fields of the packet or its metadata, by whatever name. */
import { tryParseIp } from '../../address/index.ts';
import { setField, VLAN_PRESENT } from '../build.ts';
import { field, type Field } from '../fields.ts';
import type { Action, Subfield } from '../flow.ts';
import { fillsBytes, fitsLoad, loadsOf, subfieldMask } from '../loads.ts';
import { optionFor, optionIndex } from '../tunnel-options.ts';
import {
  declareAction,
  holds,
  requireField,
  requireHeader,
  requireSettable,
  requireWritable,
  widthOf,
  type ActionContext,
  type ActionDeclaration,
  type ActionFormat,
  type ActionReader,
} from './action.ts';
import { formatSubfield, parseField, parseSubfield } from './names.ts';
import { scanMac } from './scan.ts';
import { parseInteger, parseNumber, split, TextError, trim, type Item, type Span } from './span.ts';
import { formatActionValue, hex, parseValue, type Masked, parseRaw } from './values.ts';

/** The two sides of `VALUE->FIELD`. */
export function arrow(value: Span): [Span, Span] {
  const [left, right] = split(value, '->');
  if (right === undefined || right.text === '') {
    throw new TextError(value.at, 'expected VALUE->FIELD');
  }
  return [trim(left), right];
}

/** Follows what a write to the VLAN tag makes of the packet. */
function noteTag({ field: target, first }: Subfield, value: bigint, context: ActionContext): void {
  if (target.name !== 'vlan_tci') return;
  const tagged = ((value << BigInt(first)) & BigInt(VLAN_PRESENT)) !== 0n;
  setTags(context, [tagged, context.tags[1]]);
}

/** Where the match is not known nothing is followed: ovs-ofctl then pushes a tag for every `mod_vlan…`. */
export function setTags(context: ActionContext, tags: ActionContext['tags']): void {
  if (context.layers === null) return;
  context.tags = tags;
  context.layers = { ...context.layers, tagged: tags[0] };
}

/** Whether a mask that was written out leaves spare bits of the value alone: then it is no exact value. */
function isPartOfBytes(text: Span, target: Field): boolean {
  return /[/+-]/.test(text.text) && !fillsBytes(target);
}

function requireTagFor(target: Field, at: number, context: ActionContext): void {
  if (target.name !== 'vlan_vid' || context.layers === null || context.tags[0]) return;
  throw new TextError(at, 'vlan_vid needs a VLAN tag: push_vlan first, or match one');
}

/** A tunnel option is as long as its value makes it, unless a TLV map says how long it is. */
function sized(target: Field, text: Span, { options }: ActionContext): Field {
  if (target.present === undefined) return target;
  const index = optionIndex(target);
  const { value, mask } = parseRaw(text, target, options);
  return options.tunnelOptions?.get(index) ?? optionFor(index, value, mask);
}

function readSetField({ value }: Item, context: ActionContext): readonly Action[] {
  const [text, name] = arrow(value);
  if (/^[A-Z]+_/.test(name.text)) {
    throw new TextError(name.at, `expected a field's own name, not "${name.text}"`);
  }
  const target = sized(parseField(name), text, context);
  const whole = { field: target, first: 0, bits: target.bits };
  requireSettable(target, name.at, context);
  const masked = parseValue(text, target, context.options);
  const exact = masked.mask === target.exact && !isPartOfBytes(text, target);
  requireTagFor(target, name.at, context);
  if (target.name === 'vlan_vid' && exact && (masked.value & BigInt(VLAN_PRESENT)) === 0n) {
    throw new TextError(text.at, `vlan_vid needs the bit 0x1000, which ${text.text} lacks`);
  }
  // OpenFlow keeps set_field from its own in_port.
  if (exact && target.nxm === 'OXM_OF_IN_PORT') {
    throw new TextError(name.at, 'in_port_oxm can be loaded, not set: set in_port');
  }
  noteTag(whole, masked.value, context);
  if (exact) return [{ kind: 'set_field', field: target, value: masked.value, mask: masked.mask }];
  if (fitsLoad(target)) return loadsOf(target, ofField(masked, target));
  requireInside(text, masked.mask, target, context);
  if (masked.mask === target.exact) return [{ kind: 'load', value: masked.value, target: whole }];
  return [{ kind: 'set_field', field: target, ...masked }];
}

/** Refuses a value with bits beside its mask, where both go out as they are. */
function requireInside(text: Span, mask: bigint, target: Field, { options }: ActionContext): void {
  const [value] = split(text, '/');
  if ((parseValue(value, target, options).value & ~mask) === 0n) return;
  throw new TextError(text.at, `${value.text} has bits that its mask does not have`);
}

/** Without bits that are no part of the field where it is written in pieces. */
function ofField({ value, mask }: Masked, { namedBits }: Field): Masked {
  const inside = (1n << BigInt(namedBits)) - 1n;
  return { value: value & inside, mask: mask & inside };
}

const leading = /^\s*(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)/i;

function readLoad({ value }: Item, context: ActionContext): readonly Action[] {
  const [text, name] = arrow(value);
  const target = parseSubfield(name, context.options);
  requireSettable(target.field, name.at, context);
  requireTagFor(target.field, name.at, context);
  // ovs-ofctl passes over what follows the number.
  const digits = { text: leading.exec(text.text)?.[1] ?? text.text, at: text.at };
  const number = parseNumber(digits, widthOf(target), target.field.name);
  if (number >> 64n !== 0n && !/^0x/i.test(digits.text)) {
    throw new TextError(text.at, `write ${digits.text}, of over 64 bits, in hexadecimal`);
  }
  noteTag(target, number, context);
  if (!fitsLoad(target.field)) return [{ kind: 'load', value: number, target }];
  return loadsOf(target.field, {
    value: number << BigInt(target.first),
    mask: subfieldMask(target),
  });
}

function readMove({ value }: Item, context: ActionContext): Action {
  const [from, to] = arrow(value);
  const source = parseSubfield(from, context.options);
  const target = parseSubfield(to, context.options);
  requireField(source.field, from.at, context);
  requireSettable(target.field, to.at, context);
  if (widthOf(source) !== widthOf(target)) {
    throw new TextError(to.at, `move of ${widthOf(source)} bits into ${widthOf(target)}`);
  }
  return { kind: 'move', source, target };
}

function writeMasked(masked: Masked, target: Field, { unresolved }: ActionFormat): string {
  return `set_field:${formatActionValue(masked, target, unresolved)}->${target.name}`;
}

/**
 * In OpenFlow 1.5 every load is a set_field, with a mask where it is not the whole field; before, only
 * that of a field that a load has no room for.
 */
function writeLoad(
  { value, target }: { value: bigint; target: Subfield },
  format: ActionFormat,
): string {
  if (format.version === 13 && fitsLoad(target.field)) {
    return `load:${hex(value)}->${formatSubfield(target)}`;
  }
  const masked = { value: value << BigInt(target.first), mask: subfieldMask(target) };
  const { field: to } = target;
  const bits = widthOf(target);
  if (format.version === 13 && bits === to.namedBits && !fillsBytes(to)) {
    const text = formatActionValue({ ...masked, mask: to.exact }, to, format.unresolved);
    return `set_field:${text}/${hex((1n << BigInt(bits)) - 1n)}->${to.name}`;
  }
  return writeMasked(masked, to, format);
}

function readPush({ value }: Item, context: ActionContext): Action {
  const source = parseSubfield(value, context.options);
  requireField(source.field, value.at, context);
  return { kind: 'push', source };
}

function readPop({ value }: Item, context: ActionContext): Action {
  const target = parseSubfield(value, context.options);
  requireWritable(target.field, value.at, context);
  return { kind: 'pop', target };
}

function readDeleteField({ value }: Item): Action {
  const target = parseField(value);
  if (target.present === undefined) {
    throw new TextError(value.at, `${target.name} cannot be deleted: only tunnel options can`);
  }
  return { kind: 'delete_field', field: target };
}

/** An older action that is a set_field by another name, and prints as one. */
function setsField(
  name: string,
  read: (value: Span, target: Field, context: ActionContext) => bigint = readExact,
): ActionReader['read'] {
  const target = field(name);
  return ({ value, key }, context) => {
    const number = read(value, target, context);
    if (context.holder === 'ct') {
      throw new TextError(key.at, 'exec writes ct_mark and ct_label only');
    }
    requireField(target, key.at, context);
    return setField(name, number);
  };
}

function readExact(value: Span, target: Field, { options }: ActionContext): bigint {
  if (value.text.includes('/')) throw new TextError(value.at, `${target.name} is set as a whole`);
  return parseValue(value, target, options).value;
}

function readAddress({ text, at }: Span): bigint {
  const ip = tryParseIp(text);
  if (ip?.version === 4) return ip.value;
  throw new TextError(at, `expected an IPv4 address, found "${text}"`);
}

/** A MAC address; of each part ovs-ofctl takes the last byte, and it passes over what follows. */
function readMac({ text, at }: Span): bigint {
  const part = /^[-+]?(?:0x)?[0-9a-f]+(?::[-+]?(?:0x)?[0-9a-f]+){5}/i.exec(text)?.[0];
  const mac = part === undefined ? null : scanMac(part);
  if (mac === null) throw new TextError(at, `expected a MAC address, found "${text}"`);
  return mac;
}

const upTo = (last: number) => (value: Span, target: Field) =>
  BigInt(parseInteger(value, target.name, 0, last));

function readTos(value: Span): bigint {
  const tos = parseInteger(value, 'TOS', 0, 255);
  if ((tos & 3) !== 0) throw new TextError(value.at, `TOS ${tos} has its ECN bits set`);
  return BigInt(tos >> 2);
}

/** Where no match says which protocol it is, the action stays what it is. */
function setsPort(side: 'src' | 'dst'): ActionReader['read'] {
  return (item, context) => {
    const port = parseInteger(item.value, 'port', 0, 65535);
    const protocol =
      context.layers === null
        ? undefined
        : (['tcp', 'udp', 'sctp'] as const).find((name) => holds(name, context));
    requireHeader(protocol !== undefined, item, 'a match on tcp, udp or sctp', context);
    if (protocol === undefined) return { kind: `mod_tp_${side}`, port };
    requireField(field(`${protocol}_${side}`), item.key.at, context);
    return setField(`${protocol}_${side}`, port);
  };
}

function readTtl(item: Item, context: ActionContext): Action {
  requireHeader(holds('ip', context), item, 'a match on ip or ipv6', context);
  return { kind: 'mod_nw_ttl', ttl: parseInteger(item.value, 'TTL', 0, 255) };
}

function readWriteMetadata({ value }: Item): Action {
  const [text, under] = split(value, '/');
  const mask = under ? parseNumber(under, 64, 'the mask of metadata') : field('metadata').exact;
  return { kind: 'write_metadata', value: parseNumber(text, 64, 'metadata'), mask };
}

export const rewriteActions: readonly ActionDeclaration[] = [
  declareAction(
    'set_field',
    {
      set_field: readSetField,
      mod_dl_src: setsField('eth_src', readMac),
      mod_dl_dst: setsField('eth_dst', readMac),
      mod_nw_src: setsField('ip_src', readAddress),
      mod_nw_dst: setsField('ip_dst', readAddress),
      mod_nw_ecn: setsField('nw_ecn', upTo(3)),
      mod_nw_tos: setsField('ip_dscp', readTos),
      set_tunnel: setsField('tun_id'),
      set_tunnel64: setsField('tun_id'),
      set_mpls_label: setsField('mpls_label', upTo(0xfffff)),
      set_mpls_tc: setsField('mpls_tc', upTo(7)),
    },
    ({ field: target, value, mask }, format) => {
      if (format.version === 15 || mask === target.exact || !fitsLoad(target)) {
        return writeMasked({ value, mask }, target, format);
      }
      const loads = loadsOf(target, { value, mask });
      return loads.map((load) => writeLoad(load, format)).join(',');
    },
  ),
  declareAction('load', { load: readLoad }, writeLoad),
  declareAction(
    'move',
    { move: readMove },
    ({ source, target }) => `move:${formatSubfield(source)}->${formatSubfield(target)}`,
  ),
  declareAction('push', { push: readPush }, ({ source }) => `push:${formatSubfield(source)}`),
  declareAction('pop', { pop: readPop }, ({ target }) => `pop:${formatSubfield(target)}`),
  declareAction(
    'delete_field',
    { delete_field: readDeleteField },
    ({ field: target }) => `delete_field:${target.name}`,
  ),
  declareAction(
    'mod_nw_ttl',
    { mod_nw_ttl: readTtl, set_nw_ttl: readTtl },
    ({ ttl }) => `mod_nw_ttl:${ttl}`,
  ),
  declareAction('mod_tp_src', { mod_tp_src: setsPort('src') }, ({ port }) => `mod_tp_src:${port}`),
  declareAction('mod_tp_dst', { mod_tp_dst: setsPort('dst') }, ({ port }) => `mod_tp_dst:${port}`),
  declareAction(
    'write_metadata',
    { write_metadata: readWriteMetadata },
    ({ value, mask }) =>
      `write_metadata:${hex(value)}${mask === field('metadata').exact ? '' : `/${hex(mask)}`}`,
  ),
];
