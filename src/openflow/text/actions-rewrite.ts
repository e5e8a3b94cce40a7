/** Actions that change the packet or its metadata. */
import { setField, VLAN_PRESENT } from '../build.ts';
import { field } from '../fields.ts';
import type { Action, Subfield } from '../flow.ts';
import { loadsOf, subfieldMask } from '../loads.ts';
import {
  declareAction,
  requireField,
  requireWritable,
  type ActionContext,
  type ActionDeclaration,
  type ActionFormat,
  type ActionReader,
} from './action.ts';
import { formatSubfield, parseField, parseSubfield } from './names.ts';
import { checkPrerequisite } from './prerequisites.ts';
import { parseInteger, parseNumber, split, TextError, trim, type Item, type Span } from './span.ts';
import { formatActionValue, hex, parseValue } from './values.ts';

/** What Open vSwitch keeps track of (FLOW_MAX_VLAN_HEADERS). */
const mostTags = 2;

/** The two sides of `VALUE->FIELD`. */
function arrow(value: Span): [Span, Span] {
  const [left, right] = split(value, '->');
  if (right === undefined) throw new TextError(value.at, 'expected VALUE->FIELD');
  return [trim(left), trim(right)];
}

function requireTag(what: Span, { tags }: ActionContext): void {
  if (tags > 0) return;
  throw new TextError(what.at, `${what.text} needs a VLAN tag: push_vlan first, or match one`);
}

function readSetField({ value }: Item, context: ActionContext): readonly Action[] {
  const [text, name] = arrow(value);
  const target = parseField(name);
  const whole = { field: target, first: 0, bits: target.bits };
  requireWritable(whole, name.at, context);
  if (target.name === 'vlan_vid' && context.layers !== null) requireTag(name, context);
  const masked = parseValue(text, target, context.options);
  if (masked.mask === 0n) throw new TextError(text.at, 'the mask leaves nothing to set');
  if (target.name === 'vlan_tci') {
    context.tags = (masked.value & BigInt(VLAN_PRESENT)) === 0n ? 0 : Math.max(context.tags, 1);
  }
  return masked.mask === target.exact
    ? [{ kind: 'set_field', field: target, ...masked }]
    : loadsOf(target, masked);
}

function readLoad({ value }: Item, context: ActionContext): readonly Action[] {
  const [text, name] = arrow(value);
  const target = parseSubfield(name);
  requireWritable(target, name.at, context);
  const number = parseNumber(text, target.bits, target.field.name);
  return loadsOf(target.field, {
    value: number << BigInt(target.first),
    mask: subfieldMask(target),
  });
}

function readMove({ value }: Item, context: ActionContext): Action {
  const [from, to] = arrow(value);
  const source = parseSubfield(from);
  const target = parseSubfield(to);
  requireField(source.field, from.at, context);
  requireWritable(target, to.at, context);
  if (source.bits !== target.bits) {
    throw new TextError(to.at, `move of ${source.bits} bits into ${target.bits}`);
  }
  return { kind: 'move', source, target };
}

/** In OpenFlow 1.5 every load is a set_field, with a mask where it is not the whole field. */
function writeLoad(
  { value, target }: { value: bigint; target: Subfield },
  { version, unresolved }: ActionFormat,
): string {
  if (version === 13) return `load:${hex(value)}->${formatSubfield(target)}`;
  const mask = subfieldMask(target);
  const masked = { value: value << BigInt(target.first), mask };
  return `set_field:${formatActionValue(masked, target.field, unresolved)}->${target.field.name}`;
}

/** An older action that is a set_field by another name, and prints as one. */
function setsField(name: string): ActionReader['read'] {
  const target = field(name);
  return ({ value }, context) => {
    requireWritable({ field: target, first: 0, bits: target.bits }, value.at, context);
    const masked = parseValue(value, target, context.options);
    return setField(name, masked.value);
  };
}

function setsPort(side: 'src' | 'dst'): ActionReader['read'] {
  return ({ value, key }, context) => {
    const protocol = (['tcp', 'udp', 'sctp'] as const).find(
      (name) => context.layers !== null && checkPrerequisite(name, context.layers),
    );
    if (protocol === undefined) {
      throw new TextError(key.at, `${key.text} needs a match on tcp, udp or sctp`);
    }
    return setField(`${protocol}_${side}`, parseInteger(value, 'port', 0, 65535));
  };
}

function setsTos({ value, key }: Item, context: ActionContext): Action {
  requireField(field('ip_dscp'), key.at, context);
  const tos = parseInteger(value, 'TOS', 0, 255);
  if ((tos & 3) !== 0) throw new TextError(value.at, `TOS ${tos} has its ECN bits set`);
  return setField('ip_dscp', tos >> 2);
}

/** `mod_…` pushes a tag where there is none yet, `set_…` wants one. */
function setsVlan(name: 'vlan_vid' | 'vlan_pcp', push: boolean): ActionReader['read'] {
  return ({ value, key }, context) => {
    if (!push) requireTag(key, context);
    const [top, present] = name === 'vlan_vid' ? [4095, VLAN_PRESENT] : [7, 0];
    const set = setField(name, parseInteger(value, name, 0, top) | present);
    if (context.tags > 0) return set;
    context.tags = 1;
    return [{ kind: 'push_vlan', etherType: 0x8100 }, set];
  };
}

function readPopVlan({ key }: Item, context: ActionContext): Action {
  if (context.layers !== null) requireTag(key, context);
  context.tags = Math.max(context.tags - 1, 0);
  return { kind: 'pop_vlan' };
}

function readPushVlan({ key, value }: Item, context: ActionContext): Action {
  const etherType = parseInteger(value, 'Ethernet type', 0, 65535);
  if (etherType !== 0x8100 && etherType !== 0x88a8) {
    throw new TextError(value.at, `expected 0x8100 or 0x88a8, found "${value.text}"`);
  }
  if (context.layers !== null && context.tags >= mostTags) {
    throw new TextError(key.at, `a packet bears ${mostTags} VLAN tags at most`);
  }
  context.tags += 1;
  return { kind: 'push_vlan', etherType };
}

function readDecTtl({ value, key, form }: Item, context: ActionContext): Action {
  requireField(field('nw_ttl'), key.at, context);
  if (form === 'word') return { kind: 'dec_ttl', controllers: [] };
  const controllers = [...value.text.matchAll(/[^, ]+/g)].map((part) =>
    parseInteger({ text: part[0], at: value.at + part.index }, 'controller id', 0, 65535),
  );
  if (controllers.length === 0) throw new TextError(value.at, 'expected a controller id');
  return { kind: 'dec_ttl', controllers };
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
      mod_dl_src: setsField('eth_src'),
      mod_dl_dst: setsField('eth_dst'),
      mod_nw_src: setsField('ip_src'),
      mod_nw_dst: setsField('ip_dst'),
      mod_nw_ecn: setsField('nw_ecn'),
      mod_nw_tos: setsTos,
      mod_tp_src: setsPort('src'),
      mod_tp_dst: setsPort('dst'),
      set_tunnel: setsField('tun_id'),
      set_tunnel64: setsField('tun_id'),
      mod_vlan_vid: setsVlan('vlan_vid', true),
      mod_vlan_pcp: setsVlan('vlan_pcp', true),
      set_vlan_vid: setsVlan('vlan_vid', false),
      set_vlan_pcp: setsVlan('vlan_pcp', false),
    },
    (action, format) => {
      const { field: target, value, mask } = action;
      if (format.version === 13 && mask !== target.exact) {
        const loads = loadsOf(target, { value, mask });
        return loads.map((load) => writeLoad(load, format)).join(',');
      }
      const text = formatActionValue({ value, mask }, target, format.unresolved);
      return `set_field:${text}->${target.name}`;
    },
  ),
  declareAction('load', { load: readLoad }, writeLoad),
  declareAction(
    'move',
    { move: readMove },
    ({ source, target }) => `move:${formatSubfield(source)}->${formatSubfield(target)}`,
  ),
  declareAction(
    'push_vlan',
    { push_vlan: readPushVlan },
    ({ etherType }) => `push_vlan:0x${etherType.toString(16)}`,
  ),
  declareAction('pop_vlan', { pop_vlan: readPopVlan, strip_vlan: readPopVlan }, () => 'pop_vlan'),
  declareAction('dec_ttl', { dec_ttl: readDecTtl }, ({ controllers }) =>
    controllers.length === 0 ? 'dec_ttl' : `dec_ttl(${controllers.join(',')})`,
  ),
  declareAction(
    'write_metadata',
    { write_metadata: readWriteMetadata },
    ({ value, mask }) =>
      `write_metadata:${hex(value)}${mask === field('metadata').exact ? '' : `/${hex(mask)}`}`,
  ),
];
