/** What a picture is made of: geometry and meaning, no markup. Lengths are pixels, y grows down. */
import { ascent, fit, lineHeight, wrap, type Font } from './measure.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Rect extends Point {
  readonly width: number;
  readonly height: number;
}

export type BoxRole =
  | 'node'
  | 'bridge'
  | 'vm'
  | 'port'
  | 'host'
  | 'table'
  | 'reason'
  | 'panel'
  | 'delivered'
  | 'dropped';

export type Tone = 'ink' | 'muted' | 'reason' | 'drop' | 'on-delivered' | 'on-dropped';

export type Mark =
  | {
      readonly kind: 'box';
      readonly role: BoxRole;
      readonly rect: Rect;
      /** Where the packet does not come. */
      readonly ghost: boolean;
      /** Where the packet ends. */
      readonly fatal: boolean;
      /** What a pointer that rests on it is told. */
      readonly hint: string | null;
    }
  | {
      readonly kind: 'text';
      readonly text: string;
      /** The whole text where `text` is cut. */
      readonly hint: string | null;
      /** Of the baseline; `anchor` says which end of the text is there. */
      readonly at: Point;
      readonly anchor: 'start' | 'middle' | 'end';
      readonly font: Font;
      readonly tone: Tone;
    }
  | { readonly kind: 'path'; readonly points: readonly Point[] }
  | { readonly kind: 'leader'; readonly points: readonly Point[] }
  | { readonly kind: 'badge'; readonly number: number; readonly at: Point }
  | { readonly kind: 'cross'; readonly at: Point };

export const BADGE_RADIUS = 9;
export const SANS: Font = { family: 'sans', size: 12 };
export const SMALL: Font = { family: 'sans', size: 11 };
export const BOLD: Font = { family: 'sans', size: 12, bold: true };
export const MONO: Font = { family: 'mono', size: 11 };

export const right = (rect: Rect): number => rect.x + rect.width;
export const bottom = (rect: Rect): number => rect.y + rect.height;
export const middle = (rect: Rect): number => rect.y + rect.height / 2;

interface BoxOptions {
  readonly ghost?: boolean;
  readonly fatal?: boolean;
  readonly hint?: string;
}

interface TextOptions {
  readonly font?: Font;
  readonly tone?: Tone;
  readonly anchor?: 'start' | 'middle' | 'end';
  /** Longer text is cut. */
  readonly width?: number;
}

/** Collects the marks in the order that they are painted. */
export class Scene {
  readonly marks: Mark[] = [];

  box(role: BoxRole, rect: Rect, { ghost = false, fatal = false, hint }: BoxOptions = {}): void {
    this.marks.push({ kind: 'box', role, rect, ghost, fatal, hint: hint ?? null });
  }

  text(text: string, at: Point, options: TextOptions = {}): void {
    const { font = SANS, tone = 'ink', anchor = 'start', width } = options;
    const shown = width === undefined ? text : fit(text, font, width);
    const hint = shown === text ? null : text;
    this.marks.push({ kind: 'text', text: shown, hint, at, anchor, font, tone });
  }

  /** Text centred on the height of a box or row. */
  label(text: string, x: number, centre: number, options: TextOptions = {}): void {
    const { size } = options.font ?? SANS;
    this.text(text, { x, y: Math.round(centre + size * 0.36) }, options);
  }

  /** Lines below each other. @returns the y below the last. */
  lines(lines: readonly string[], at: Point, options: TextOptions = {}): number {
    const font = options.font ?? SANS;
    for (const [index, line] of lines.entries()) {
      const y = at.y + index * lineHeight(font) + ascent(font);
      this.text(line, { x: at.x, y }, options);
    }
    return at.y + lines.length * lineHeight(font);
  }

  /** Text broken to a width. @returns the y below its last line. */
  paragraph(text: string, at: Point, width: number, options: TextOptions = {}): number {
    return this.lines(wrap(text, options.font ?? SANS, width), at, options);
  }

  path(points: readonly Point[]): void {
    this.marks.push({ kind: 'path', points });
  }

  leader(points: readonly Point[]): void {
    this.marks.push({ kind: 'leader', points });
  }

  badge(number: number, at: Point): void {
    this.marks.push({ kind: 'badge', number, at });
  }

  cross(at: Point): void {
    this.marks.push({ kind: 'cross', at });
  }
}

/** Height of a paragraph. */
export const paragraphHeight = (text: string, font: Font, width: number): number =>
  wrap(text, font, width).length * lineHeight(font);
