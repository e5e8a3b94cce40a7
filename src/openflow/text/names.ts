import { FIELDS, type Field } from '../fields.ts';
import type { Subfield } from '../flow.ts';
import { optionIndex } from '../tunnel-options.ts';
import type { PortOptions } from './ports.ts';
import { parseInteger, TextError, type Span } from './span.ts';

const byName = new Map<string, Field>(FIELDS);
for (const field of FIELDS.values()) {
  for (const name of [field.name, field.matchName, field.nxm, ...field.aliases]) {
    // Where a name stands for several fields (tp_src) they share one place: the first will do.
    if (!byName.has(name)) byName.set(name, field);
  }
}

/** Names of OXM headers, which a match takes with brackets only. */
const ofHeader = /^[A-Z]/;

/** The field that `name=…` in a match is about. */
export function matchedField(name: string): Field | undefined {
  return ofHeader.test(name) ? undefined : byName.get(name);
}

/** The field that text calls `name`: its own, its match, its NXM or OXM name, or another alias. */
export function fieldByName(name: string): Field | undefined {
  return byName.get(name);
}

export function parseField(span: Span): Field {
  const found = byName.get(span.text);
  if (found === undefined) {
    throw new TextError(span.at, `expected the name of a field, found "${span.text}"`);
  }
  return found;
}

const subfieldForm = /^([^[]+)(?:\[(?:(\d+)(?:\.\.(\d+))?)?\])?$/;

/** `NAME`, `NAME[]`, `NAME[bit]` or `NAME[first..last]`. */
export function parseSubfield(span: Span, { tunnelOptions }: PortOptions = {}): Subfield {
  const parts = subfieldForm.exec(span.text);
  if (parts === null) {
    throw new TextError(
      span.at,
      `expected FIELD[], FIELD[bit] or FIELD[first..last], found "${span.text}"`,
    );
  }
  const [, written = '', from, to = from] = parts;
  // A header's name may have the mark of one with a mask.
  const name = ofHeader.test(written) ? written.replace(/_W$/, '') : written;
  const named = parseField({ text: name, at: span.at });
  // A TLV map says how long a tunnel option is, and where it lies.
  const mapped = named.present === undefined ? undefined : tunnelOptions?.get(optionIndex(named));
  const field = mapped ?? named;
  const width =
    field.present === undefined ? Math.min(field.bits, field.namedBits) : field.namedBits;
  if (from === undefined || to === undefined) return { field, first: 0, bits: field.bits };
  const inside = (text: string) =>
    parseInteger(
      { text: String(Number(text)), at: span.at + written.length + 1 },
      `a bit of ${name}`,
      0,
      width - 1,
    );
  const first = inside(from);
  const last = inside(to);
  if (last < first) {
    throw new TextError(span.at + written.length + 1, `bits ${first}..${last} run backwards`);
  }
  const bits = last - first + 1;
  if (first === 0 && bits === field.namedBits) return { field, first, bits: field.bits };
  // What is kept of a header may be less than what its name stands for.
  const counted = first === 0 && bits === field.bits && bits < field.namedBits;
  return { field, first, bits, ...(counted && { counted }) };
}

export function formatSubfield({ field, first, bits, counted }: Subfield): string {
  if (!counted && first === 0 && (bits === field.bits || bits === field.namedBits))
    return `${field.nxm}[]`;
  return bits === 1 ? `${field.nxm}[${first}]` : `${field.nxm}[${first}..${first + bits - 1}]`;
}
