/**
 * How wide text will be, without a browser. The font is the reader's own, so every estimate is an
 * upper bound over the common ones: DejaVu Sans and Verdana, the widest, set the sans classes; all
 * common monospaced fonts advance by 0.6 em or a little more.
 */
export interface Font {
  readonly family: 'sans' | 'mono';
  /** Pixels. */
  readonly size: number;
  readonly bold?: boolean;
}

const MONO_ADVANCE = 0.61;
const BOLD = 1.12;

/** Advance in em of the first class that a character belongs to. */
const SANS_CLASSES: readonly (readonly [RegExp, number])[] = [
  [/[ijlI.,:;'|! ft]/, 0.43],
  [/[()[\]/\\"r-]/, 0.47],
  [/[a-z0-9_$?]/, 0.65],
  [/[A-LN-VX-Z&+=<>~#*^`{}]/, 0.85],
  [/[\u0020-\u007E\u2013\u2014\u2026]/, 1.08],
  [/[\u00A0-\u024F\u0370-\u052F]/, 0.95],
];
const WIDEST = 1.3;
const NARROW_MONO = /[\u0020-\u024F\u2026]/;
const MARKED = /[mwMW%@]/;

const advances = new Map<string, number>();

function sansAdvance(character: string): number {
  let advance = advances.get(character);
  if (advance === undefined) {
    advance = MARKED.test(character)
      ? 1.08
      : (SANS_CLASSES.find(([pattern]) => pattern.test(character))?.[1] ?? WIDEST);
    advances.set(character, advance);
  }
  return advance;
}

const monoAdvance = (character: string): number =>
  NARROW_MONO.test(character) ? MONO_ADVANCE : WIDEST;

/** Upper bound in pixels. */
export function widthOf(text: string, { family, size, bold = false }: Font): number {
  const advance = family === 'mono' ? monoAdvance : sansAdvance;
  let width = 0;
  for (const character of text) width += advance(character);
  return width * size * (bold && family === 'sans' ? BOLD : 1);
}

/** Height of a line box, and how far below its top the baseline is. */
export const lineHeight = ({ size }: Font): number => Math.round(size * 1.45);
export const ascent = ({ size }: Font): number => Math.round(size * 1.08);

/** The text, or as much of it as fits with an ellipsis. */
export function fit(text: string, font: Font, width: number): string {
  if (widthOf(text, font) <= width) return text;
  const characters = Array.from(text);
  let low = 0;
  let high = characters.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const shown = `${characters.slice(0, middle).join('')}…`;
    if (widthOf(shown, font) <= width) low = middle;
    else high = middle - 1;
  }
  return `${characters.slice(0, low).join('').trimEnd()}…`;
}

/** Cuts a word that no line holds into pieces that fit. */
function chop(word: string, font: Font, width: number): string[] {
  const pieces: string[] = [];
  let piece = '';
  for (const character of word) {
    if (piece !== '' && widthOf(piece + character, font) > width) {
      pieces.push(piece);
      piece = '';
    }
    piece += character;
  }
  return [...pieces, piece];
}

/**
 * Breaks text into lines that fit.
 * @param pieces What may stand at the end of a line: words with their space, groups with their colon.
 */
export function wrap(
  text: string,
  font: Font,
  width: number,
  pieces: RegExp = /\S+\s*/g,
): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.match(pieces) ?? []) {
    if (widthOf((line + word).trimEnd(), font) <= width) {
      line += word;
      continue;
    }
    if (line !== '') lines.push(line.trimEnd());
    const chopped = chop(word.trimEnd(), font, width);
    lines.push(...chopped.slice(0, -1));
    line = `${chopped.at(-1) ?? ''}${/\s$/.test(word) ? ' ' : ''}`;
  }
  return line.trim() === '' ? lines : [...lines, line.trimEnd()];
}
