/** Connection tracking, and actions that neither send nor rewrite. */
import { formatIpv4, tryParseIp } from '../../address/index.ts';
import type { Action, NatSpec, Subfield } from '../flow.ts';
import {
  declareAction,
  requireField,
  type ActionContext,
  type ActionDeclaration,
} from './action.ts';
import { formatSubfield, parseSubfield } from './names.ts';
import { checkPrerequisite } from './prerequisites.ts';
import {
  formatBytes,
  items,
  parseBytes,
  parseInteger,
  TextError,
  type Item,
  type Span,
} from './span.ts';
import { formatV6 } from './values.ts';

type Ct = Extract<Action, { kind: 'ct' }>;
type CtPart = Partial<{ -readonly [K in keyof Ct]: Ct[K] }>;
type Nat = { -readonly [K in keyof NatSpec]: NatSpec[K] };

const rangeForm =
  /^(?:\[([0-9a-f:.]+)\](?:-\[([0-9a-f:.]+)\])?(?::(\d+)(?:-(\d+))?)?|([0-9a-f:]*:[0-9a-f:.]*)(?:-([0-9a-f:.]+))?|([0-9.]+)(?:-([0-9.]+))?(?::(\d+)(?:-(\d+))?)?)$/i;

/** `FIRST[-LAST][:PORT[-PORT]]`; IPv6 in square brackets when ports follow. */
function readRange(value: Span): Pick<NatSpec, 'address' | 'port'> {
  const wrong = () =>
    new TextError(value.at, `expected FIRST-LAST:PORT-PORT of addresses, found "${value.text}"`);
  const parts = rangeForm.exec(value.text);
  if (parts === null) throw wrong();
  const from = tryParseIp(parts[1] ?? parts[5] ?? parts[7] ?? '');
  const to = tryParseIp(parts[2] ?? parts[6] ?? parts[8] ?? parts[1] ?? parts[5] ?? parts[7] ?? '');
  const low = parts[3] ?? parts[9];
  const high = parts[4] ?? parts[10] ?? low;
  if (from === null || to === null || from.version !== to.version || to.value < from.value) {
    throw wrong();
  }
  if (from.value === 0n) throw new TextError(value.at, 'nat cannot map to the address of zeros');
  const address = { from: from.value, to: to.value, version: from.version };
  if (low === undefined || high === undefined) return { address };
  const [first, last] = [Number(low), Number(high)];
  if (first < 1 || last > 65535 || last < first) throw wrong();
  return { address, port: { from: first, to: last } };
}

const natFlags = ['persistent', 'hash', 'random'] as const;

function readNat({ value }: Item): NatSpec {
  const nat: Nat = {};
  for (const { key, value: range } of items(value)) {
    const flag = natFlags.find((name) => name === key.text);
    if (flag !== undefined) nat.flags = [...(nat.flags ?? []), flag];
    else if (key.text !== 'src' && key.text !== 'dst') {
      throw new TextError(key.at, `expected src, dst or a flag of nat, found "${key.text}"`);
    } else if (nat.direction !== undefined) {
      throw new TextError(key.at, 'nat goes one way: src or dst');
    } else {
      nat.direction = key.text;
      if (range.text !== '') Object.assign(nat, readRange(range));
    }
  }
  if (nat.direction === undefined && nat.flags !== undefined) {
    throw new TextError(value.at, 'flags of nat need src or dst');
  }
  return nat;
}

function readZone(value: Span, context: ActionContext): number | Subfield {
  if (/^[0-9]/.test(value.text)) return parseInteger(value, 'zone', 0, 65535);
  const zone = parseSubfield(value);
  if (zone.bits !== 16) throw new TextError(value.at, `a zone has 16 bits, not ${zone.bits}`);
  requireField(zone.field, value.at, context);
  return zone;
}

const ctKeys: Readonly<Record<string, (item: Item, context: ActionContext) => CtPart>> = {
  commit: () => ({ commit: true }),
  force: () => ({ force: true }),
  table: ({ value }) => ({ table: parseInteger(value, 'table', 0, 254) }),
  zone: ({ value }, context) => ({ zone: readZone(value, context) }),
  nat: (item) => ({ nat: readNat(item) }),
  exec: ({ value }, context) => ({ exec: context.nested(value, 'ct') }),
  alg: ({ value }) => {
    if (value.text === 'ftp' || value.text === 'tftp') return { alg: value.text };
    throw new TextError(value.at, `expected ftp or tftp, found "${value.text}"`);
  },
};
const execKinds = new Set<Action['kind']>(['set_field', 'load', 'move']);
const algProtocol = { ftp: 'tcp', tftp: 'udp' } as const;

function readCt({ value, key }: Item, context: ActionContext): Action {
  const { layers } = context;
  if (layers !== null && !checkPrerequisite('ip', layers)) {
    throw new TextError(key.at, 'ct needs a match on ip or ipv6');
  }
  const ct: { -readonly [K in keyof Ct]: Ct[K] } = {
    kind: 'ct',
    commit: false,
    force: false,
    zone: 0,
    table: null,
    nat: null,
    exec: [],
    alg: null,
  };
  for (const item of items(value)) {
    const read = ctKeys[item.key.text];
    if (read === undefined) {
      const known = Object.keys(ctKeys).join(', ');
      throw new TextError(item.key.at, `expected one of ${known}, found "${item.key.text}"`);
    }
    Object.assign(ct, read(item, context));
  }
  if (ct.force && !ct.commit) throw new TextError(key.at, 'force needs commit');
  if (!ct.commit && (ct.exec.length > 0 || ct.nat?.direction !== undefined)) {
    throw new TextError(key.at, 'exec and a nat of its own need commit');
  }
  if (ct.exec.some(({ kind }) => !execKinds.has(kind))) {
    throw new TextError(key.at, 'exec takes only actions that set ct_mark or ct_label');
  }
  if (ct.commit && layers?.invalid) {
    throw new TextError(key.at, 'a packet that is +inv cannot be committed');
  }
  const version = ct.nat?.address?.version;
  if (version !== undefined && layers !== null && !checkPrerequisite(`ipv${version}`, layers)) {
    throw new TextError(key.at, `nat to an IPv${version} address needs a match on IPv${version}`);
  }
  if (ct.alg !== null && layers !== null && !checkPrerequisite(algProtocol[ct.alg], layers)) {
    throw new TextError(key.at, `alg=${ct.alg} needs a match on ${algProtocol[ct.alg]}`);
  }
  return ct;
}

function formatNat({ direction, address, port, flags = [] }: NatSpec): string {
  if (direction === undefined) return 'nat';
  if (address === undefined) return `nat(${[direction, ...flags].join(',')})`;
  const write = (ip: bigint) => {
    if (address.version === 4) return formatIpv4(ip);
    return port === undefined ? formatV6(ip) : `[${formatV6(ip)}]`;
  };
  const to = address.to === address.from ? '' : `-${write(address.to)}`;
  const ports = port === undefined ? '' : `:${port.from}`;
  const last = port === undefined || port.to === port.from ? '' : `-${port.to}`;
  return `nat(${[`${direction}=${write(address.from)}${to}${ports}${last}`, ...flags].join(',')})`;
}

function readConjunction({ value }: Item): Action {
  const parts = /^(\S+?)\s*,\s*(\d+)\s*\/\s*(\d+)\s*$/.exec(value.text);
  if (parts === null) throw new TextError(value.at, 'expected conjunction(ID,CLAUSE/CLAUSES)');
  const id = parseInteger({ text: parts[1] ?? '', at: value.at }, 'conjunction id', 0, 0xffffffff);
  const [clause, clauses] = [Number(parts[2]), Number(parts[3])];
  if (clauses < 2 || clauses > 64 || clause < 1 || clause > clauses) {
    throw new TextError(value.at, 'a conjunction has 2 to 64 clauses, counted from 1');
  }
  return { kind: 'conjunction', id, clause, clauses };
}

/** A note fills its action to a multiple of eight bytes, of which ten are the header. */
function padded(bytes: readonly number[]): readonly number[] {
  const size = Math.max(6, Math.ceil((bytes.length + 10) / 8) * 8 - 10);
  return [...bytes, ...Array.from({ length: size - bytes.length }, () => 0)];
}

export const stateActions: readonly ActionDeclaration[] = [
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
  declareAction('ct_clear', { ct_clear: () => ({ kind: 'ct_clear' }) }, () => 'ct_clear'),
  declareAction(
    'conjunction',
    { conjunction: readConjunction },
    ({ id, clause, clauses }) => `conjunction(${id},${clause}/${clauses})`,
  ),
  declareAction(
    'note',
    { note: ({ value }) => ({ kind: 'note', bytes: padded(parseBytes(value, 'note')) }) },
    ({ bytes }) => `note:${formatBytes(padded(bytes))}`,
  ),
  declareAction(
    'meter',
    {
      meter: ({ value }) => ({ kind: 'meter', meter: parseInteger(value, 'meter', 1, 0xffff0000) }),
    },
    ({ meter }) => `meter:${meter}`,
  ),
];
