/** The box that says why the packet ends here. */
import type { Leg } from '../../types.ts';
import { lineHeight, type Font } from './measure.ts';
import { BOLD, paragraphHeight, SANS, type Rect, type Scene } from './scene.ts';

const PADDING = 12;
const GAP = 6;
/** Width that a reason asks for at least. */
export const REASON_WIDTH = 320;

interface Block {
  readonly text: string;
  readonly font: Font;
}

function blocks(leg: Leg): Block[] {
  const { reason } = leg;
  if (reason === null) return [];
  const dropped = leg.stops.find((stop) => stop.dropped);
  const hop = leg.hops.findLast(
    ({ node, table }) => node === reason.node && table === reason.table,
  );
  const place =
    hop === undefined
      ? dropped === undefined
        ? 'before any flow'
        : `at ${dropped.name} of ${dropped.node}`
      : `in table ${hop.table} ${hop.name} of ${hop.node}`;
  return [
    { text: `Dropped ${place}`, font: BOLD },
    { text: reason.message, font: SANS },
    ...(reason.drift === undefined ? [] : [{ text: reason.drift, font: SANS }]),
    ...(reason.cure === undefined ? [] : [{ text: `To cure it: ${reason.cure}.`, font: SANS }]),
  ];
}

/** Height of the box at a width. */
export function reasonHeight(leg: Leg, width: number): number {
  const inner = width - 2 * PADDING;
  const parts = blocks(leg).map(({ text, font }) => paragraphHeight(text, font, inner));
  return parts.reduce((sum, part) => sum + part + GAP, 2 * PADDING - GAP);
}

export function drawReason(scene: Scene, leg: Leg, rect: Rect): void {
  scene.box('reason', rect);
  let y = rect.y + PADDING;
  for (const { text, font } of blocks(leg)) {
    const at = { x: rect.x + PADDING, y };
    y = scene.paragraph(text, at, rect.width - 2 * PADDING, { font, tone: 'reason' }) + GAP;
  }
}

/** Height of its heading's line, where a leader may meet it. */
export const REASON_HEAD = PADDING + lineHeight(BOLD) / 2;
