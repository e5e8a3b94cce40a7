/** The whole picture: title, nodes side by side, the steps in words, and what to do about a drop. */
import type { Leg, Trace } from '../../types.ts';
import {
  endpointName,
  endpointText,
  legTitle,
  probeText,
  sourceText,
  stepsOf,
  type Step,
} from '../words.ts';
import { laneWidth } from './bridge.ts';
import { fit, lineHeight, widthOf, wrap, type Font } from './measure.ts';
import { drawNode, frameHeight, frameOf, planNode, type NodePlan, type Sockets } from './node.ts';
import {
  BADGE_RADIUS,
  BOLD,
  bottom,
  middle,
  MONO,
  paragraphHeight,
  right,
  SANS,
  Scene,
} from './scene.ts';
import { journeyOf, type Journey } from './stations.ts';

const MARGIN = 24;
/** Between nodes, where the wire shows. */
const GAP = 110;
const MINIMUM_WIDTH = 760;
const HEADLINE: Font = { family: 'sans', size: 18, bold: true };
const PILL = { height: 26, padding: 12 } as const;
const STEP_GAP = 8;
const STEP_INDENT = 2 * BADGE_RADIUS + 10;

export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly scene: Scene;
  readonly title: string;
  readonly description: string;
}

const ends = (trace: Trace): string => `${endpointName(trace.from)} → ${endpointName(trace.to)}`;

/** Probe and names, both names cut where they do not fit. */
function headline(trace: Trace, width: number): string {
  const probe = `${probeText(trace.probe)}: `;
  const whole = `${probe}${ends(trace)}`;
  if (widthOf(whole, HEADLINE) <= width) return whole;
  const half = (width - widthOf(`${probe} → `, HEADLINE)) / 2;
  const [from, to] = [trace.from, trace.to].map((end) => fit(endpointName(end), HEADLINE, half));
  return `${probe}${from} → ${to}`;
}

function drawTitle(scene: Scene, trace: Trace, leg: Leg, width: number): number {
  const pill = { x: MARGIN, y: MARGIN, width: 0, height: PILL.height };
  pill.width = Math.ceil(widthOf(trace.verdict, BOLD)) + 2 * PILL.padding;
  scene.box(trace.verdict, pill);
  scene.label(trace.verdict, pill.x + pill.width / 2, middle(pill), {
    font: BOLD,
    tone: `on-${trace.verdict}`,
    anchor: 'middle',
  });
  const x = right(pill) + 14;
  scene.label(headline(trace, width - MARGIN - x), x, middle(pill), { font: HEADLINE });
  const about = `From ${endpointText(trace.from)} to ${endpointText(trace.to)}: ${legTitle(leg)}, ${sourceText(trace.source)}.`;
  const at = { x: MARGIN, y: bottom(pill) + 10 };
  return scene.paragraph(about, at, width - 2 * MARGIN, { tone: 'muted' });
}

function drawWires(scene: Scene, journey: Journey, sockets: readonly Sockets[]): void {
  for (const [index, wire] of journey.wires.entries()) {
    const from = sockets[index];
    const to = sockets[index + 1];
    if (from?.departure == null || to?.arrival == null) continue;
    const y = middle(from.departure);
    const x = (right(from.rect) + to.rect.x) / 2;
    scene.path([
      { x: right(from.departure), y },
      { x: x - BADGE_RADIUS, y },
    ]);
    scene.path([
      { x: x + BADGE_RADIUS, y },
      { x: to.arrival.x, y },
    ]);
    scene.badge(wire.step, { x, y });
    scene.label(wire.name, x, y - 22, { font: BOLD, anchor: 'middle' });
  }
}

const stepText = ({ text, dropped }: Step): string => (dropped ? `${text} Dropped here.` : text);

const stepHeight = (step: Step, width: number): number =>
  Math.max(paragraphHeight(stepText(step), SANS, width - STEP_INDENT), 2 * BADGE_RADIUS) + STEP_GAP;

function drawSteps(
  scene: Scene,
  steps: readonly Step[],
  at: { readonly x: number; readonly y: number },
  width: number,
): number {
  let { y } = at;
  for (const step of steps) {
    scene.badge(step.number, { x: at.x + BADGE_RADIUS, y: y + BADGE_RADIUS });
    const text = { x: at.x + STEP_INDENT, y };
    const tone = step.dropped ? 'drop' : 'ink';
    scene.paragraph(stepText(step), text, width - STEP_INDENT, { tone });
    y += stepHeight(step, width);
  }
  return y;
}

/** The steps in words: one column for each half of the way where the picture is wide. */
function drawLegend(scene: Scene, leg: Leg, journey: Journey, top: number, width: number): number {
  const steps = stepsOf(leg);
  if (steps.length === 0) return top;
  scene.label('The way of the packet', MARGIN, top + 10, { font: BOLD });
  const y = top + 28;
  const early = steps.filter(({ number }) => journey.stationOf(number) === 0);
  const late = steps.filter(({ number }) => journey.stationOf(number) > 0);
  if (late.length === 0) return drawSteps(scene, early, { x: MARGIN, y }, width - 2 * MARGIN);
  const column = (width - 2 * MARGIN - GAP / 2) / 2;
  return Math.max(
    drawSteps(scene, early, { x: MARGIN, y }, column),
    drawSteps(scene, late, { x: MARGIN + column + GAP / 2, y }, column),
  );
}

/** A command in lines that a shell reads as one. */
function commandLines(command: string, width: number): string[] {
  const lines = wrap(command, MONO, width - widthOf('  \\ ', MONO), /(?:'[^']*'|[^\s'])+\s*/g);
  return lines.map(
    (line, index) => `${index === 0 ? '' : '  '}${line}${index < lines.length - 1 ? ' \\' : ''}`,
  );
}

function drawFix(scene: Scene, trace: Trace, top: number, width: number): number {
  if (trace.fix.length === 0) return top;
  const title = 'Fix: run this, and the same trace says delivered';
  scene.label(title, MARGIN, top + 10, { font: BOLD });
  const rect = { x: MARGIN, y: top + 26, width: width - 2 * MARGIN, height: 0 };
  const lines = trace.fix.flatMap((command) => commandLines(command, rect.width - 24));
  rect.height = lines.length * (lineHeight(MONO) + 2) + 20;
  scene.box('panel', rect);
  for (const [index, line] of lines.entries()) {
    const y = rect.y + 10 + index * (lineHeight(MONO) + 2);
    scene.lines([line], { x: rect.x + 12, y }, { font: MONO });
  }
  return bottom(rect);
}

const widthOfNodes = (plans: readonly NodePlan[]): number =>
  plans.reduce((sum, plan) => sum + plan.width, (plans.length - 1) * GAP);

/** The first node takes what the others leave of the least width. */
function planNodes({ stations }: Journey, leg: Leg): NodePlan[] {
  const lane = laneWidth(stations);
  const [first, ...rest] = stations;
  if (first === undefined) return [];
  const others = rest.map((station) => planNode(station, leg, lane, 0));
  const left = MINIMUM_WIDTH - 2 * MARGIN - (rest.length === 0 ? 0 : widthOfNodes(others) + GAP);
  return [planNode(first, leg, lane, left), ...others];
}

/** Lays out the traffic model of the trace's first leg. */
export function pictureOf(trace: Trace): Picture {
  const scene = new Scene();
  const [leg = EMPTY_LEG] = trace.legs;
  const journey = journeyOf(trace, leg);
  const plans = planNodes(journey, leg);
  const frame = frameOf(plans, leg);
  const width = widthOfNodes(plans) + 2 * MARGIN;
  const top = drawTitle(scene, trace, leg, width) + 16;
  let x = MARGIN;
  const sockets = plans.map((plan) => {
    const drawn = drawNode(scene, leg, plan, frame, { x, y: top });
    x += plan.width + GAP;
    return drawn;
  });
  drawWires(scene, journey, sockets);
  const legend = top + frameHeight(frame) + 24;
  const steps = drawLegend(scene, leg, journey, legend, width);
  const end = drawFix(scene, trace, steps + 10, width);
  return {
    width,
    height: Math.ceil(Math.max(end, steps) + MARGIN),
    scene,
    title: `${probeText(trace.probe)} ${ends(trace)}: ${trace.verdict}`,
    description: [
      ...stepsOf(leg).map((step) => `(${step.number}) ${stepText(step)}`),
      ...(trace.reason === null ? [] : [trace.reason.message]),
    ].join(' '),
  };
}

const EMPTY_LEG: Leg = {
  direction: 'request',
  connection: 'new',
  verdict: 'dropped',
  reason: null,
  hops: [],
  stops: [],
};
