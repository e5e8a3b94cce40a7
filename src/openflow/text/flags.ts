/** Fields whose bits have names: ct_state, tcp_flags, tun_flags. */
import { CT_STATE } from '../build.ts';
import { scanInt } from './scan.ts';
import { TextError, type Span } from './span.ts';

export type Flags = readonly (readonly [name: string, bit: bigint])[];

const flagsOf = (bits: Readonly<Record<string, number>>): Flags =>
  Object.entries(bits).map(([name, bit]) => [name, BigInt(bit)]);

export const CT_STATE_FLAGS = flagsOf(CT_STATE);
export const TUNNEL_FLAGS = flagsOf({ oam: 1 });
export const TCP_FLAGS = flagsOf({
  fin: 0x001,
  syn: 0x002,
  rst: 0x004,
  psh: 0x008,
  ack: 0x010,
  urg: 0x020,
  ece: 0x040,
  cwr: 0x080,
  ns: 0x100,
  '[200]': 0x200,
  '[400]': 0x400,
  '[800]': 0x800,
});

interface FlagValue {
  readonly value: bigint;
  readonly mask?: bigint;
}

const all = (flags: Flags): bigint => flags.reduce((bits, [, bit]) => bits | bit, 0n);

function bitOf(name: string, at: number, flags: Flags): bigint {
  const bit = flags.find(([flag]) => flag === name)?.[1];
  if (bit !== undefined) return bit;
  const known = flags.map(([flag]) => flag).join(', ');
  throw new TextError(at, `expected one of the flags ${known}, found "${name}"`);
}

function within(value: bigint, { text, at }: Span, flags: Flags): bigint {
  const known = all(flags);
  if ((value & ~known) === 0n) return value;
  throw new TextError(at, `${text} has bits beside the known 0x${known.toString(16)}`);
}

/** `0x3/0x7`: what follows the mask is passed over, as ovs-ofctl does. */
function numericMask(span: Span, flags: Flags): FlagValue | null {
  const value = scanInt(span.text);
  if (value === null || span.text[value.length] !== '/') return null;
  const mask = scanInt(span.text.slice(value.length + 1));
  if (mask === null) return null;
  const int = (number: bigint) => within(BigInt.asUintN(32, number), span, flags);
  return { value: int(value.value), mask: int(mask.value) };
}

/** `+new-est`: these bits so, the others anyhow. */
function signed({ text, at }: Span, flags: Flags): FlagValue {
  let value = 0n;
  let mask = 0n;
  for (const part of text.matchAll(/([+-])([^+-]*)/g)) {
    const bit = bitOf(part[2] ?? '', at + part.index + 1, flags);
    if (mask & bit) throw new TextError(at + part.index, `flag ${part[2]} stands here twice`);
    mask |= bit;
    if (part[1] === '+') value |= bit;
  }
  return { value, mask };
}

/** `new|trk`, where numbers may stand for flags: these bits and no others. */
function listed({ text, at }: Span, flags: Flags): FlagValue {
  let value = 0n;
  let index = 0;
  while (index < text.length) {
    const number = scanInt(text.slice(index));
    const end = number === null ? text.indexOf('|', index) : index + number.length;
    const stop = end < 0 ? text.length : end;
    const span = { text: text.slice(index, stop), at: at + index };
    value |= number === null ? bitOf(span.text, span.at, flags) : within(number.value, span, flags);
    index = text[stop] === '|' ? stop + 1 : stop;
  }
  return { value };
}

export function parseFlags(span: Span, flags: Flags): FlagValue {
  const numbers = numericMask(span, flags);
  if (numbers !== null) return numbers;
  return /^[+-]/.test(span.text) ? signed(span, flags) : listed(span, flags);
}

/** The names of what is set when every bit is told, else each told bit with its sign. */
export function formatFlags(value: bigint, mask: bigint, flags: Flags): string {
  const among = (bits: bigint) => flags.filter(([, bit]) => (bits & bit) !== 0n);
  if ((mask & all(flags)) === all(flags)) {
    const names = among(value).map(([name]) => name);
    return names.length === 0 ? '0' : names.join('|');
  }
  return among(mask)
    .map(([name, bit]) => ((value & bit) === 0n ? '-' : '+') + name)
    .join('');
}
