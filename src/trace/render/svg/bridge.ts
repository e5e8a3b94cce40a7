/** br-int: its tables in columns of one purpose each, joined by the packet's way through them. */
import type { Hop, Leg } from '../../types.ts';
import { flowText } from '../words.ts';
import { widthOf } from './measure.ts';
import { drawReason, REASON_HEAD, REASON_WIDTH, reasonHeight } from './reason.ts';
import {
  BADGE_RADIUS,
  BOLD,
  bottom,
  middle,
  MONO,
  right,
  SMALL,
  type Point,
  type Rect,
  type Scene,
} from './scene.ts';
import type { Cell, Lane, Station } from './stations.ts';

const CELL_HEIGHT = 22;
const CELL_PITCH = 32;
const LANE_GAP = 34;
/** Room at both sides of the lanes, where the way goes up and down. */
export const GUTTER = 26;
const HEAD = 54;
const FOOT = 20;
/** Where the way runs in a column, from its left edge. */
export const RAIL = 18;
const NUMBER_WIDTH = 36;
const REASON_GAP = 26;
const TABLE_NUMBER = { ...MONO, bold: true };

/** Width that all columns of a picture share. */
export function laneWidth(stations: readonly Station[]): number {
  const names = stations.flatMap(({ lanes }) =>
    lanes.flatMap(({ cells }) => cells.map(({ hop }) => widthOf(hop.name, MONO))),
  );
  return Math.ceil(Math.max(...names, 140) + NUMBER_WIDTH + 14);
}

/** Places inside the bridge, from its upper left corner. */
export interface BridgePlan {
  readonly laneWidth: number;
  readonly width: number;
  readonly height: number;
  readonly reason: Rect | null;
}

const laneX = (index: number, width: number): number => GUTTER + index * (width + LANE_GAP);
const cellY = (row: number): number => HEAD + row * CELL_PITCH;
const columnBottom = (rows: number): number => cellY(rows) - CELL_PITCH + CELL_HEIGHT;

/** Where the reason goes: below the fatal table if the columns there leave room, else beside it. */
function placeReason(lanes: readonly Lane[], leg: Leg, width: number, minimum: number): Rect {
  const last = lanes.length - 1;
  const rows = lanes[last]?.cells.length ?? 0;
  const below = columnBottom(rows) + REASON_GAP;
  let first = Math.max(last, 0);
  while (first > 0 && columnBottom(lanes[first - 1]?.cells.length ?? 0) < below) first -= 1;
  // It reaches under the cross, which stands on the right edge of its table.
  const end = Math.max(laneX(last, width) + width + GUTTER / 2, minimum - GUTTER / 2);
  const span = end - laneX(first, width);
  // With one column alone its right side would stay empty.
  if (lanes.length > 1) {
    const wide = Math.max(span, REASON_WIDTH);
    return { x: laneX(first, width), y: below, width: wide, height: reasonHeight(leg, wide) };
  }
  const x = rows === 0 ? GUTTER + 50 : laneX(last, width) + width + 44;
  const height = reasonHeight(leg, REASON_WIDTH);
  const centre = cellY(Math.max(rows - 1, 0)) + CELL_HEIGHT / 2;
  return { x, y: Math.max(HEAD, centre - height + REASON_HEAD), width: REASON_WIDTH, height };
}

/** @param minimum Width that its surroundings need. */
export function planBridge(
  { lanes, bridge }: Station,
  leg: Leg,
  width: number,
  minimum: number,
): BridgePlan {
  const columns = Math.max(lanes.length, 1);
  const inner = laneX(columns - 1, width) + width + GUTTER;
  const reason = bridge?.dropped === true ? placeReason(lanes, leg, width, minimum) : null;
  const rows = Math.max(...lanes.map(({ cells }) => cells.length), 1);
  return {
    laneWidth: width,
    width: Math.max(inner, minimum, reason === null ? 0 : right(reason) + GUTTER / 2),
    height: Math.max(columnBottom(rows), reason === null ? 0 : bottom(reason)) + FOOT,
    reason,
  };
}

/** Left edge of a column in a bridge at `x`. */
export const laneLeft = (x: number, index: number, plan: BridgePlan): number =>
  x + laneX(index, plan.laneWidth);

interface Placed {
  readonly cell: Cell;
  readonly lane: number;
  readonly rect: Rect;
}

function place(lanes: readonly Lane[], rect: Rect, plan: BridgePlan): Placed[] {
  return lanes.flatMap(({ cells }, lane) =>
    cells.map((cell, row) => ({
      cell,
      lane,
      rect: {
        x: laneLeft(rect.x, lane, plan),
        y: rect.y + cellY(row),
        width: plan.laneWidth,
        height: CELL_HEIGHT,
      },
    })),
  );
}

const hint = (hop: Hop): string =>
  [flowText(hop), ...(hop.note === undefined ? [] : [hop.note])].join('\n');

function drawCell(scene: Scene, { cell, rect }: Placed): void {
  const { hop, fatal } = cell;
  scene.box('table', rect, { fatal, hint: hint(hop) });
  const number = { font: TABLE_NUMBER, anchor: 'middle' } as const;
  scene.label(String(hop.table), rect.x + RAIL, middle(rect), number);
  const width = rect.width - NUMBER_WIDTH - 10;
  scene.label(hop.name, rect.x + NUMBER_WIDTH, middle(rect), { font: MONO, width });
}

/** The way from one table to the next: down the column, or up to the head of the next one. */
function join(scene: Scene, from: Placed, to: Placed): void {
  if (from.lane === to.lane) {
    const x = from.rect.x + RAIL;
    scene.path([
      { x, y: bottom(from.rect) },
      { x, y: to.rect.y },
    ]);
    return;
  }
  const x = right(from.rect) + LANE_GAP / 2 - 4;
  scene.path([
    { x: right(from.rect), y: middle(from.rect) },
    { x, y: middle(from.rect) },
    { x, y: middle(to.rect) },
    { x: to.rect.x, y: middle(to.rect) },
  ]);
}

function drawFatal(scene: Scene, leg: Leg, at: Point, reason: Rect): void {
  const beside = reason.x > at.x;
  const y = Math.min(Math.max(at.y, reason.y + 10), bottom(reason) - 10);
  scene.leader(
    beside
      ? [
          at,
          { x: (at.x + reason.x) / 2, y: at.y },
          { x: (at.x + reason.x) / 2, y },
          { x: reason.x, y },
        ]
      : [at, { x: at.x, y: reason.y }],
  );
  drawReason(scene, leg, reason);
  scene.cross(at);
}

/** Where the way enters and leaves the tables; null for a bridge that has none of them. */
export interface BridgeEnds {
  readonly first: Rect;
  readonly last: Rect;
}

/** The way leads to the cross itself where there is no table. */
function aroundCross({ x, y }: Point): BridgeEnds {
  const size = 2 * BADGE_RADIUS;
  const rect = { x: x - RAIL, y: y - BADGE_RADIUS - 2, width: 2 * RAIL, height: size };
  return { first: rect, last: rect };
}

/** Draws the bridge with its tables. */
export function drawBridge(
  scene: Scene,
  station: Station,
  leg: Leg,
  rect: Rect,
  plan: BridgePlan,
): BridgeEnds | null {
  const { lanes, bridge } = station;
  scene.box('bridge', rect, { ghost: bridge === null });
  const x = laneLeft(rect.x, 0, plan) + NUMBER_WIDTH;
  if (bridge === null) {
    scene.label('br-int, not reached', x, rect.y + 18, { tone: 'muted' });
    return null;
  }
  scene.badge(bridge.step, { x: x + BADGE_RADIUS, y: rect.y + 18 });
  scene.label(bridge.name, x + 2 * BADGE_RADIUS + 8, rect.y + 18, { font: BOLD });
  const placed = place(lanes, rect, plan);
  for (const [index, { title }] of lanes.entries()) {
    const left = laneLeft(rect.x, index, plan) + NUMBER_WIDTH;
    scene.label(title, left, rect.y + HEAD - 12, { font: SMALL, tone: 'muted' });
  }
  for (const one of placed) drawCell(scene, one);
  for (const [index, one] of placed.entries()) {
    const next = placed[index + 1];
    if (next !== undefined) join(scene, one, next);
  }
  if (plan.reason !== null) {
    const fatal = placed.find(({ cell }) => cell.fatal)?.rect;
    const at =
      fatal === undefined
        ? { x: rect.x + GUTTER + RAIL, y: rect.y + HEAD + CELL_HEIGHT / 2 }
        : { x: right(fatal), y: middle(fatal) };
    const { reason } = plan;
    drawFatal(scene, leg, at, { ...reason, x: rect.x + reason.x, y: rect.y + reason.y });
    if (placed.length === 0) return aroundCross(at);
  }
  const first = placed[0]?.rect;
  const last = placed.at(-1)?.rect;
  return first === undefined || last === undefined ? null : { first, last };
}
