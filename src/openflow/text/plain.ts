/**
 * The values that nearly all matches have - numbers, MACs, IPv4 addresses and prefixes, each exact or
 * contiguous - read straight out of a line and put into words of a key. For any other form the readers
 * of values.ts are asked, which know them all and say what is wrong.
 */
import type { Field, FlowKey } from '../fields.ts';
import type { CompiledMatch } from '../key.ts';
import { scanPlain, scanPlainIpv4, scanPlainMac } from './scan.ts';

/** A field that ends with a word of the key or lies within one, and how its usual values are read. */
export interface PlainField {
  readonly form: 'number' | 'port' | 'mac' | 'ipv4';
  /** The largest value that is read here. */
  readonly most: number;
  readonly word: number;
  /** Of a field within one word. */
  readonly shift: number;
  /** The bits that are matched, of the word and of the one before. */
  readonly low: number;
  readonly high: number;
}

const WORD = 32;
const WORD_SIZE = 2 ** WORD;
/** Ports beyond have names, or other numbers in other versions. */
const MOST_PORTS = 0xfeff;
const CODE = { slash: 47, zero: 48, nine: 57 } as const;

function formOf({ format, needs, present }: Field): PlainField['form'] | null {
  if (present !== undefined || needs === 'nsh') return null;
  if (format === 'decimal' || format === 'hex') return 'number';
  return format === 'mac' || format === 'ipv4' || format === 'port' ? format : null;
}

/** Null for a field of which no value is plain. */
export function plainField(target: Field): PlainField | null {
  const form = formOf(target);
  const { at, bits, exact } = target;
  const shift = WORD - 1 - ((at + bits - 1) & (WORD - 1));
  if (form === null || bits > 2 * WORD || (bits > WORD && shift !== 0)) return null;
  const all = Number(exact);
  return {
    form,
    most: form === 'port' ? MOST_PORTS : Math.min(all, Number.MAX_SAFE_INTEGER),
    word: (at + bits - 1) >>> 5,
    shift,
    low: Number((exact << BigInt(shift)) & 0xffff_ffffn),
    high: Number(exact >> BigInt(WORD)),
  };
}

const put = (key: FlowKey, word: number, value: number, exact: number): void => {
  key[word] = ((key[word] ?? 0) & ~exact) | (value & exact);
};

/** Puts a value, exact or under a mask of the field's lower word, in place of what was matched. */
export function putWords(
  bits: CompiledMatch,
  { word, shift, low, high }: PlainField,
  value: number,
  mask = low,
): void {
  put(bits.value, word, (value << shift) & mask, low);
  put(bits.mask, word, mask, low);
  if (high === 0) return;
  put(bits.value, word - 1, Math.floor(value / WORD_SIZE), high);
  put(bits.mask, word - 1, high, high);
}

/** The length of the prefix that ends at `to`, -1 where none from 1 to 32 does. */
function prefixAt(text: string, slash: number, to: number): number {
  const length = scanPlain(text, slash + 1, to, 10);
  return length >= 1 && length <= WORD ? length : -1;
}

function putIpv4(bits: CompiledMatch, to: PlainField, text: string, from: number, end: number) {
  const short = text.charCodeAt(end - 2) === CODE.slash;
  const slash = short ? end - 2 : text.charCodeAt(end - 3) === CODE.slash ? end - 3 : end;
  const address = scanPlainIpv4(text, from, slash);
  if (address < 0) return false;
  const length = slash === end ? WORD : prefixAt(text, slash, end);
  if (length < 0) return false;
  putWords(bits, to, address, ~0 << (WORD - length));
  return true;
}

/** Puts the value between two offsets of a line into a match; false: it is not plain, nothing was put. */
export function putPlain(
  bits: CompiledMatch,
  field: PlainField,
  text: string,
  from: number,
  to: number,
): boolean {
  const { form, most } = field;
  if (form === 'ipv4') return putIpv4(bits, field, text, from, to);
  const value =
    form === 'mac'
      ? scanPlainMac(text, from, to)
      : scanPlain(text, from, to, form === 'port' ? 10 : null);
  if (value < 0 || value > most) return false;
  putWords(bits, field, value);
  return true;
}
