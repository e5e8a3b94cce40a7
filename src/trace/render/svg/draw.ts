/** Marks as SVG. Colours are classes, so that one file serves a light and a dark page. */
import { escape } from '../markup.ts';
import type { Font } from './measure.ts';
import { PALETTE, type Paint } from './palette.ts';
import type { Picture } from './picture.ts';
import { BADGE_RADIUS, type BoxRole, type Mark, type Point, type Tone } from './scene.ts';

interface BoxStyle {
  readonly fill: Paint;
  readonly edge: Paint;
  readonly radius: number;
}

const BOXES: Readonly<Record<BoxRole, BoxStyle>> = {
  node: { fill: 'node', edge: 'node-edge', radius: 10 },
  bridge: { fill: 'bridge', edge: 'bridge-edge', radius: 6 },
  vm: { fill: 'box', edge: 'box-edge', radius: 6 },
  port: { fill: 'box', edge: 'box-edge', radius: 3 },
  host: { fill: 'node', edge: 'box-edge', radius: 3 },
  table: { fill: 'box', edge: 'bridge-edge', radius: 3 },
  reason: { fill: 'reason', edge: 'drop', radius: 6 },
  panel: { fill: 'node', edge: 'node-edge', radius: 6 },
  delivered: { fill: 'delivered', edge: 'delivered', radius: 13 },
  dropped: { fill: 'drop', edge: 'drop', radius: 13 },
};

const TONES: Readonly<Record<Tone, Paint>> = {
  ink: 'ink',
  muted: 'muted',
  reason: 'on-reason',
  drop: 'drop',
  'on-delivered': 'on-delivered',
  'on-dropped': 'on-drop',
};

const FAMILIES: Readonly<Record<Font['family'], string>> = {
  sans: 'system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif',
  mono: 'ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace',
};

function styleSheet(): string {
  const rules = (scheme: 0 | 1): string =>
    Object.entries(PALETTE)
      .map(
        ([paint, colour]) =>
          `.tt-f-${paint}{fill:${colour[scheme]}}.tt-s-${paint}{stroke:${colour[scheme]}}`,
      )
      .join('');
  const fonts = Object.entries(FAMILIES).map(
    ([name, family]) => `.tt-${name}{font-family:${family}}`,
  );
  return [
    fonts.join(''),
    '.tt-bold{font-weight:600}.tt-line{fill:none;stroke-width:2;stroke-linejoin:round}.tt-none{fill:none}',
    rules(0),
    `@media (prefers-color-scheme:dark){${rules(1)}}`,
  ].join('\n');
}

const number = (value: number): string => String(Math.round(value * 10) / 10);

const attributes = (values: Readonly<Record<string, string | number>>): string =>
  Object.entries(values)
    .map(
      ([name, value]) => ` ${name}="${typeof value === 'number' ? number(value) : escape(value)}"`,
    )
    .join('');

function element(
  name: string,
  values: Readonly<Record<string, string | number>>,
  content = '',
): string {
  const open = `<${name}${attributes(values)}`;
  return content === '' ? `${open}/>` : `${open}>${content}</${name}>`;
}

const titled = (hint: string | null): string =>
  hint === null ? '' : `<title>${escape(hint)}</title>`;

const CORNER = 7;

/** A point on the way from `from` to `to`, at most `distance` from `from`. */
function towards(from: Point, to: Point, distance: number): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const share = length === 0 ? 0 : Math.min(distance, length / 2) / length;
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

const pair = ({ x, y }: Point): string => `${number(x)} ${number(y)}`;

/** A line with rounded corners. */
function line(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  const parts = rest.map((point, index) => {
    const before = points[index];
    const after = rest[index + 1];
    if (before === undefined || after === undefined) return `L${pair(point)}`;
    const enter = towards(point, before, CORNER);
    const leave = towards(point, after, CORNER);
    return `L${pair(enter)}Q${pair(point)} ${pair(leave)}`;
  });
  return `M${pair(first)}${parts.join('')}`;
}

function cross({ x, y }: Point): string {
  const arm = 3.6;
  const strokes = `M${pair({ x: x - arm, y: y - arm })}L${pair({ x: x + arm, y: y + arm })}M${pair({ x: x - arm, y: y + arm })}L${pair({ x: x + arm, y: y - arm })}`;
  return [
    element('circle', { class: 'tt-f-drop', cx: x, cy: y, r: BADGE_RADIUS }),
    element('path', { class: 'tt-line tt-s-on-drop', d: strokes, 'stroke-linecap': 'round' }),
  ].join('');
}

type Drawing = { readonly [K in Mark['kind']]: (mark: Extract<Mark, { kind: K }>) => string };

const DRAW: Drawing = {
  box({ role, rect, ghost, fatal, hint }) {
    const { fill, edge, radius } = BOXES[role];
    const paint = `tt-f-${fatal ? 'reason' : fill} tt-s-${fatal ? 'drop' : edge}`;
    const { x, y, width, height } = rect;
    const shape = { class: paint, 'data-role': role, x, y, width, height, rx: radius };
    const stroke = {
      ...(fatal ? { 'stroke-width': 2 } : {}),
      ...(ghost ? { 'stroke-dasharray': '5 4' } : {}),
    };
    return element('rect', { ...shape, ...stroke }, titled(hint));
  },
  text({ text, hint, at, anchor, font, tone }) {
    const style = `tt-${font.family}${font.bold === true ? ' tt-bold' : ''} tt-f-${TONES[tone]}`;
    const place = { class: style, x: at.x, y: at.y, 'font-size': font.size };
    const ends = anchor === 'start' ? {} : { 'text-anchor': anchor };
    // Else a renderer folds the indentation of a continued command.
    const space = /^\s|\s\s/.test(text) ? { 'xml:space': 'preserve' } : {};
    return element('text', { ...place, ...ends, ...space }, `${escape(text)}${titled(hint)}`);
  },
  path: ({ points }) =>
    element('path', { class: 'tt-line tt-s-way', d: line(points), 'marker-end': 'url(#tt-arrow)' }),
  leader: ({ points }) => element('path', { class: 'tt-line tt-s-drop', d: line(points) }),
  badge: ({ number: step, at }) =>
    element('circle', {
      class: 'tt-f-way',
      'data-role': 'badge',
      cx: at.x,
      cy: at.y,
      r: BADGE_RADIUS,
    }) +
    element(
      'text',
      {
        class: 'tt-sans tt-bold tt-f-on-way',
        x: at.x,
        y: at.y + 3.8,
        'font-size': 10.5,
        'text-anchor': 'middle',
      },
      String(step),
    ),
  cross: ({ at }) => cross(at),
};

const draw = <K extends Mark['kind']>(mark: Extract<Mark, { kind: K }>): string =>
  DRAW[mark.kind](mark);

const ARROW =
  '<defs><marker id="tt-arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path class="tt-f-way" d="M0 0.5L10 5L0 9.5z"/></marker></defs>';

/** One SVG document; the same picture gives the same bytes. */
export function drawPicture({ width, height, scene, title, description }: Picture): string {
  const root = {
    xmlns: 'http://www.w3.org/2000/svg',
    role: 'img',
    'aria-labelledby': 'tt-title tt-description',
    viewBox: `0 0 ${number(width)} ${number(height)}`,
    width,
    height,
  };
  return [
    `<svg${attributes(root)}>`,
    `<title id="tt-title">${escape(title)}</title>`,
    `<desc id="tt-description">${escape(description)}</desc>`,
    `<style>${styleSheet()}</style>`,
    ARROW,
    element('rect', { class: 'tt-f-canvas', 'data-role': 'canvas', width, height }),
    ...scene.marks.map((mark) => draw(mark)),
    '</svg>',
  ].join('\n');
}
