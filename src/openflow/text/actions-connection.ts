/** Connection tracking and address translation. */
import { formatIpv4, tryParseIp } from '../../address/index.ts';
import type { Action, NatSpec, Subfield } from '../flow.ts';
import {
  areOf,
  declareAction,
  declareWord,
  holds,
  requireField,
  requireShortNumber,
  type ActionContext,
  type ActionDeclaration,
  type ActionOf,
} from './action.ts';
import { formatSubfield, parseSubfield } from './names.ts';
import { parseTable } from './numbers.ts';
import { items, parseInteger, TextError, type Item, type Span } from './span.ts';
import { formatV6 } from './values.ts';

type Draft<T> = { -readonly [K in keyof T]: T[K] };

/** ovs-ofctl takes a sign, and of what comes out the lowest bits. */
const whole = String.raw`[+-]?\d+`;
const v4 = String.raw`(${whole}(?:\.${whole}){3})`;
const v6 = String.raw`([0-9a-f:.]*:[0-9a-f:.]*)`;
/** Without brackets every colon belongs to the address. */
const address = String.raw`(?:${v4}|${v6}(?![0-9a-f:.])|\[${v6}\])`;
const rangeForm = new RegExp(
  String.raw`^${address}(?:-${address})?(?::(${whole})(?:-(${whole}))?)?$`,
  'i',
);

/** What looks like an IPv6 address and is none: ovs-ofctl takes it for no range at all. */
const noAddress = /^(?!\d+\.\d+\.\d+\.\d+)(?:[0-9a-f:.]{1,46}|\[[0-9a-f:.]{1,46}\])$/i;

/** An address; of each part of an IPv4 address ovs-ofctl keeps eight bits. */
function readAddress(text: string): ReturnType<typeof tryParseIp> {
  if (text.includes(':')) return tryParseIp(text);
  const parts = text.split('.').map((part) => BigInt.asUintN(8, BigInt(part)));
  return { version: 4, value: parts.reduce((value, part) => (value << 8n) | part, 0n) };
}

/** `FIRST[-LAST][:PORT[-PORT]]`; IPv6 in square brackets when ports follow. */
function readRange(value: Span, context: ActionContext): Pick<NatSpec, 'address' | 'port'> {
  const wrong = () =>
    new TextError(value.at, `expected FIRST-LAST:PORT-PORT of addresses, found "${value.text}"`);
  if (noAddress.test(value.text) && tryParseIp(value.text.replaceAll(/[[\]]/g, '')) === null)
    return {};
  const parts = rangeForm.exec(value.text);
  if (parts === null) throw wrong();
  const [, a, b, c, d, e, f, low, high = low] = parts;
  const from = readAddress(a ?? b ?? c ?? '');
  const to = readAddress(d ?? e ?? f ?? a ?? b ?? c ?? '');
  if (from === null || to === null || from.version !== to.version || to.value < from.value) {
    throw wrong();
  }
  // Of a longer number ovs-ofctl keeps sixteen bits.
  const [first = 0, last = 0] = [low, high].map((n) => Number(BigInt.asUintN(16, BigInt(n ?? 0))));
  if (last < first || (first === 0 && last > 0)) throw wrong();
  const port = first === 0 ? {} : { port: { from: first, to: last } };
  if (from.value > 0n) {
    return { address: { from: from.value, to: to.value, version: from.version }, ...port };
  }
  // No message carries the address of zeros: alone it is none.
  if (to.value === 0n && first === 0 && holds(`ipv${from.version}`, context)) return {};
  throw new TextError(value.at, 'nat cannot map to the address of zeros');
}

const natFlags = ['persistent', 'hash', 'random'] as const;

function readNat({ value }: Item, context: ActionContext): NatSpec {
  let nat: Draft<NatSpec> = {};
  const flags = new Set<string>();
  for (const { key, value: range } of items(value)) {
    if ((natFlags as readonly string[]).includes(key.text)) flags.add(key.text);
    else if (key.text !== 'src' && key.text !== 'dst') {
      throw new TextError(key.at, `expected src, dst or a flag of nat, found "${key.text}"`);
    } else if (nat.direction !== undefined && nat.direction !== key.text) {
      throw new TextError(key.at, 'nat goes one way: src or dst');
    } else {
      nat = { direction: key.text, ...(range.text !== '' && readRange(range, context)) };
    }
  }
  if (nat.direction === undefined && flags.size > 0) {
    throw new TextError(value.at, 'flags of nat need src or dst');
  }
  if (flags.has('hash') && flags.has('random')) {
    throw new TextError(value.at, 'nat is either hash or random');
  }
  return flags.size === 0 ? nat : { ...nat, flags: natFlags.filter((flag) => flags.has(flag)) };
}

function checkNat({ address }: NatSpec, at: number, context: ActionContext): void {
  const needs = address === undefined ? 'ip' : (`ipv${address.version}` as const);
  if (holds(needs, context)) return;
  throw new TextError(at, `nat to an IPv${address?.version} address needs a match on ${needs}`);
}

function readZone(value: Span, context: ActionContext): number | Subfield {
  if (/^[0-9]/.test(value.text)) return parseInteger(value, 'zone', 0, 65535);
  const zone = parseSubfield(value);
  if (zone.bits !== 16) throw new TextError(value.at, `a zone has 16 bits, not ${zone.bits}`);
  requireShortNumber(zone, value.at);
  requireField(zone.field, value.at, context);
  return zone;
}

type CtDraft = Draft<Omit<ActionOf<'ct'>, 'kind' | 'exec' | 'nat'>> & { inner: Action[] };

const algorithms = { ftp: 'tcp', tftp: 'udp' } as const;

const ctKeys: Readonly<Record<string, (ct: CtDraft, item: Item, context: ActionContext) => void>> =
  {
    commit: (ct) => void (ct.commit = true),
    force: (ct) => void (ct.force = true),
    table: (ct, { value }) => void (ct.table = parseTable(value, 254)),
    zone: (ct, { value }, context) => void (ct.zone = readZone(value, context)),
    nat: (ct, item, context) => void ct.inner.push({ kind: 'nat', nat: readNat(item, context) }),
    exec: (ct, { value }, context) => void ct.inner.push(...context.nested(value, 'ct')),
    alg: (ct, { value }) => {
      if (value.text !== 'ftp' && value.text !== 'tftp') {
        throw new TextError(value.at, `expected ftp or tftp, found "${value.text}"`);
      }
      ct.alg = value.text;
    },
  };

function readCt({ value, key }: Item, context: ActionContext): Action {
  if (!holds('ip', context)) throw new TextError(key.at, 'ct needs a match on ip or ipv6');
  const ct: CtDraft = { commit: false, force: false, zone: 0, table: null, alg: null, inner: [] };
  for (const item of items(value)) {
    const read = ctKeys[item.key.text];
    if (read === undefined) {
      const known = Object.keys(ctKeys).join(', ');
      throw new TextError(item.key.at, `expected one of ${known}, found "${item.key.text}"`);
    }
    read(ct, item, context);
  }
  checkCt(ct, key.at, context);
  const { inner, ...rest } = ct;
  const [first, ...others] = inner;
  return first?.kind === 'nat'
    ? { kind: 'ct', ...rest, nat: first.nat, exec: others }
    : { kind: 'ct', ...rest, nat: null, exec: inner };
}

function checkCt({ inner, ...ct }: CtDraft, at: number, context: ActionContext): void {
  const { layers } = context;
  if (ct.force && !ct.commit) throw new TextError(at, 'force needs commit');
  const bare = inner.every((action) => action.kind === 'nat' && action.nat.direction === undefined);
  if (!ct.commit && !bare) throw new TextError(at, 'exec and a nat of its own need commit');
  if (ct.commit && layers?.invalid) {
    throw new TextError(at, 'a packet that is +inv cannot be committed');
  }
  const protocol = ct.alg === null ? null : algorithms[ct.alg];
  if (protocol !== null && !areOf(protocol, context)) {
    throw new TextError(at, `alg=${ct.alg} needs a match on ${protocol}`);
  }
  // Open vSwitch looks into the list only where the zone is a number.
  if (typeof ct.zone !== 'number') return;
  for (const action of inner) if (action.kind === 'nat') checkNat(action.nat, at, context);
}

function formatNat({ direction, address, port, flags = [] }: NatSpec): string {
  if (direction === undefined) return 'nat';
  // Open vSwitch prints no flags where there is no address.
  if (address === undefined) return `nat(${direction})`;
  const write = (ip: bigint) => {
    if (address.version === 4) return formatIpv4(ip);
    return port === undefined ? formatV6(ip) : `[${formatV6(ip)}]`;
  };
  const to = address.to === address.from ? '' : `-${write(address.to)}`;
  const ports = port === undefined ? '' : `:${port.from}`;
  const last = port === undefined || port.to === port.from ? '' : `-${port.to}`;
  return `nat(${[`${direction}=${write(address.from)}${to}${ports}${last}`, ...flags].join(',')})`;
}

export const connectionActions: readonly ActionDeclaration[] = [
  declareAction('ct', { ct: readCt }, (ct, _format, list) => {
    const zone = typeof ct.zone === 'number' ? String(ct.zone) : formatSubfield(ct.zone);
    const parts = [
      ...(ct.commit ? ['commit'] : []),
      ...(ct.force ? ['force'] : []),
      ...(ct.table === null ? [] : [`table=${ct.table}`]),
      ...(ct.zone === 0 ? [] : [`zone=${zone}`]),
      ...(ct.nat === null ? [] : [formatNat(ct.nat)]),
      ...(ct.exec.length === 0 ? [] : [`exec(${list(ct.exec)})`]),
      ...(ct.alg === null ? [] : [`alg=${ct.alg}`]),
    ];
    return `ct(${parts.join(',')})`;
  }),
  declareAction(
    'nat',
    { nat: (item, context) => ({ kind: 'nat', nat: readNat(item, context) }) },
    ({ nat }) => formatNat(nat),
  ),
  declareWord('ct_clear'),
];
