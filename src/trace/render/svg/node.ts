/** One node: its VMs above br-int, the way to the underlay below it. */
import type { Leg, Stop } from '../../types.ts';
import { endpointName, flowText } from '../words.ts';
import {
  drawBridge,
  GUTTER,
  laneLeft,
  planBridge,
  RAIL,
  type BridgeEnds,
  type BridgePlan,
} from './bridge.ts';
import { lineHeight, wrap } from './measure.ts';
import { drawReason, REASON_WIDTH, reasonHeight } from './reason.ts';
import {
  BADGE_RADIUS,
  BOLD,
  bottom,
  middle,
  MONO,
  right,
  SMALL,
  type BoxRole,
  type Point,
  type Rect,
  type Scene,
} from './scene.ts';
import type { Guest, Stack, Station } from './stations.ts';

const PADDING = 16;
const HEAD = 40;
const CHIP = 26;
const LINK = 28;
const VM_PADDING = 10;
const TEXT = RAIL + BADGE_RADIUS + 8;
const REASON_GAP = 22;

/** Rows of the way to the underlay, from the bridge down; the next one touches where `link` is 0. */
const STACK: readonly { readonly kind: Stop['kind']; readonly link: number }[] = [
  { kind: 'tunnel_port', link: LINK },
  { kind: 'kernel_route', link: LINK },
  { kind: 'br-phy', link: 0 },
  { kind: 'uplink', link: 0 },
];
const ROLES: Readonly<Partial<Record<Stop['kind'], BoxRole>>> = {
  kernel_route: 'host',
  'br-phy': 'bridge',
};

/** A node measured; what all nodes of a picture share is in the frame. */
export interface NodePlan {
  readonly station: Station;
  readonly bridge: BridgePlan;
  readonly width: number;
}

/** Heights that all nodes of a picture share, so that like stands beside like. */
export interface Frame {
  readonly vm: number;
  /** 0: no node has a bridge to show. */
  readonly bridge: number;
  /** Of the way to the underlay; 0: no node shows it. */
  readonly stack: number;
  /** Of a reason below all else. */
  readonly reason: number;
}

const addressLines = (guest: Guest, width: number): string[] =>
  wrap(guest.end.address, MONO, width - 2 * VM_PADDING, /[^:]*:?/g);

/** Whether the packet ends on the way between br-int and the wire. */
const endsInStack = (stack: Stack | null): boolean =>
  stack?.places.some(({ dropped }) => dropped) === true;
const endsBelow = ({ arrival, departure, sender, receiver }: Station): boolean =>
  endsInStack(arrival) ||
  endsInStack(departure) ||
  sender?.fatal === true ||
  receiver?.fatal === true;

const hasBridge = ({ bridge, arrival, departure }: Station): boolean =>
  bridge !== null || arrival !== null || departure !== null;

/** @param least Width of the whole node. */
export function planNode(station: Station, leg: Leg, width: number, least: number): NodePlan {
  const guests = station.sender !== null && station.receiver !== null ? 2 : 1;
  const beside = guests * width + (guests - 1) * GUTTER + 2 * GUTTER;
  const minimum = Math.max(beside, endsBelow(station) ? REASON_WIDTH : 0, least - 2 * PADDING);
  const bridge = planBridge(station, leg, width, minimum);
  return { station, bridge, width: bridge.width + 2 * PADDING };
}

const STACK_HEIGHT = STACK.reduce((sum, { link }) => sum + CHIP + link, 0);

/** The uplinks that the packet does not take hang below the one that it takes. */
function stackHeight(stack: Stack | null): number {
  if (stack === null) return 0;
  const others = stack.places.map((place) => place.others?.length ?? 0);
  return STACK_HEIGHT + Math.max(...others) * CHIP;
}

export function frameOf(plans: readonly NodePlan[], leg: Leg): Frame {
  const vm = plans.flatMap(({ station: { sender, receiver }, bridge }) =>
    [sender, receiver].flatMap((guest) =>
      guest === null
        ? []
        : lineHeight(BOLD) +
          (addressLines(guest, bridge.laneWidth).length + 1) * lineHeight(MONO) +
          2 * VM_PADDING,
    ),
  );
  const bridges = plans.filter(({ station }) => hasBridge(station));
  return {
    vm: Math.max(...vm, 60),
    bridge: Math.max(...bridges.map(({ bridge }) => bridge.height), 0),
    stack: Math.max(
      ...plans.map(({ station }) =>
        Math.max(stackHeight(station.arrival), stackHeight(station.departure)),
      ),
    ),
    reason: Math.max(
      ...plans.map(({ station, bridge }) =>
        endsBelow(station) ? reasonHeight(leg, bridge.width) : 0,
      ),
    ),
  };
}

const bridgeTop = (top: number, frame: Frame): number => top + HEAD + frame.vm + CHIP + LINK + CHIP;

function reasonTop(top: number, frame: Frame): number {
  const ground =
    frame.bridge === 0 ? top + HEAD + frame.vm + CHIP : bridgeTop(top, frame) + frame.bridge;
  return ground + frame.stack + REASON_GAP;
}

export function frameHeight(frame: Frame): number {
  const end = reasonTop(0, frame) - REASON_GAP;
  return end + (frame.reason === 0 ? 0 : REASON_GAP + frame.reason) + PADDING;
}

/** Where wires meet the node. */
export interface Sockets {
  readonly rect: Rect;
  readonly arrival: Rect | null;
  readonly departure: Rect | null;
}

class NodeDrawing {
  readonly #scene: Scene;
  readonly #leg: Leg;
  readonly #plan: NodePlan;
  readonly #frame: Frame;
  readonly #rect: Rect;
  readonly #bridge: Rect;

  constructor(scene: Scene, leg: Leg, plan: NodePlan, frame: Frame, at: Point) {
    this.#scene = scene;
    this.#leg = leg;
    this.#plan = plan;
    this.#frame = frame;
    const nowhere = plan.station.ghost && plan.station.node === '';
    const height = nowhere ? HEAD + frame.vm + PADDING : frameHeight(frame);
    this.#rect = { ...at, width: plan.width, height };
    this.#bridge = {
      x: at.x + PADDING,
      y: bridgeTop(at.y, frame),
      width: plan.bridge.width,
      height: frame.bridge,
    };
  }

  draw(): Sockets {
    const { station } = this.#plan;
    this.#heading();
    // A node that the packet never reaches has its own bridge, for comparison.
    const unreached = station.ghost && station.node !== '' && this.#frame.bridge > 0;
    const shown = hasBridge(station) || unreached;
    const ends = shown
      ? drawBridge(this.#scene, station, this.#leg, this.#bridge, this.#plan.bridge)
      : null;
    const { sender, receiver } = station;
    if (sender !== null) this.#sender(sender, ends);
    if (receiver !== null) this.#receiver(receiver, receiver.ghost, ends);
    return {
      rect: this.#rect,
      arrival: station.arrival && this.#arrival(station.arrival, ends),
      departure: station.departure && this.#departure(station.departure, ends),
    };
  }

  #heading(): void {
    const { node, vtep, ghost } = this.#plan.station;
    const scene = this.#scene;
    scene.box('node', this.#rect, { ghost: ghost || node === '' });
    const x = this.#rect.x + PADDING;
    const y = this.#rect.y + HEAD / 2;
    const width = this.#rect.width - 2 * PADDING;
    const about = vtep === '' || this.#plan.width < 330 ? '' : `VTEP ${vtep}`;
    const name = node === '' ? 'on no node' : node;
    scene.label(name, x, y, {
      font: BOLD,
      tone: ghost ? 'muted' : 'ink',
      width: about === '' ? width : width / 2,
    });
    if (about === '') return;
    scene.label(about, x + width, y, {
      font: MONO,
      tone: 'muted',
      anchor: 'end',
      width: width / 2 - 10,
    });
  }

  #lane(index: number): number {
    return laneLeft(this.#bridge.x, index, this.#plan.bridge);
  }

  /** The VM of the receiver stands over the last column, and always beside the sender's. */
  #receiverX(): number {
    const { station, bridge } = this.#plan;
    const end = right(this.#bridge) - GUTTER - bridge.laneWidth;
    if (station.receiver?.ghost === true) return end;
    const last = station.lanes.length - 1;
    return last > 0 || station.sender === null ? this.#lane(Math.max(last, 0)) : end;
  }

  #vm(guest: Guest, x: number, ghost: boolean): void {
    const scene = this.#scene;
    const width = this.#plan.bridge.laneWidth;
    const rect = { x, y: this.#rect.y + HEAD, width, height: this.#frame.vm };
    scene.box('vm', rect, { ghost, fatal: guest.fatal });
    const text = { width: width - 2 * VM_PADDING };
    const left = x + VM_PADDING;
    const known = guest.end.port !== null;
    const name = known ? endpointName(guest.end) : 'no port has';
    const tone = ghost ? 'muted' : 'ink';
    const line = lineHeight(MONO);
    let y = scene.lines([name], { x: left, y: rect.y + VM_PADDING }, { ...text, font: BOLD, tone });
    y = scene.lines(addressLines(guest, width), { x: left, y }, { font: MONO, tone });
    if (ghost) scene.label('not reached', left, y + line / 2, { font: SMALL, tone: 'muted' });
    else if (known) {
      scene.label(guest.end.port?.mac ?? '', left, y + line / 2, {
        ...text,
        font: MONO,
        tone: 'muted',
      });
    }
  }

  /** A small box with a step's number where the way runs through it. */
  #chip(stop: Stop, x: number, y: number, text: string, hint?: string): Rect {
    const role = ROLES[stop.kind] ?? 'port';
    const width = this.#plan.bridge.laneWidth;
    const rect = { x, y, width, height: CHIP };
    const scene = this.#scene;
    scene.box(role, rect, { fatal: stop.dropped, ...(hint === undefined ? {} : { hint }) });
    scene.badge(stop.step, { x: x + RAIL, y: middle(rect) });
    const font = role === 'port' ? MONO : BOLD;
    scene.label(text, x + TEXT, middle(rect), { font, width: width - TEXT - BADGE_RADIUS - 4 });
    return rect;
  }

  #guestChips(guest: Guest, x: number): { eth0: Rect | null; port: Rect | null } {
    const vmBottom = this.#rect.y + HEAD + this.#frame.vm;
    const { eth0, port } = guest;
    return {
      eth0: eth0 && this.#chip(eth0, x, vmBottom, eth0.name),
      port: port && this.#chip(port, x, this.#bridge.y - CHIP, port.name),
    };
  }

  #sender(guest: Guest, ends: BridgeEnds | null): void {
    const x = this.#lane(0);
    this.#vm(guest, x, false);
    const { eth0, port } = this.#guestChips(guest, x);
    if (eth0 !== null && port !== null) this.#down(x, eth0, port);
    if (port !== null && ends !== null) this.#down(x, port, ends.first);
    if (!guest.fatal) return;
    const top = this.#rect.y + HEAD;
    this.#reason({ x, y: top, width: this.#plan.bridge.laneWidth, height: this.#frame.vm });
  }

  #receiver(guest: Guest, ghost: boolean, ends: BridgeEnds | null): void {
    const x = this.#receiverX();
    this.#vm(guest, x, ghost);
    const { eth0, port } = this.#guestChips(guest, x);
    if (port === null) return;
    if (ends !== null) {
      const turn = right(ends.last) + GUTTER / 2;
      this.#scene.path([
        { x: right(ends.last), y: middle(ends.last) },
        { x: turn, y: middle(ends.last) },
        { x: turn, y: middle(port) },
        { x: right(port), y: middle(port) },
      ]);
    }
    if (eth0 === null) return;
    this.#scene.path([
      { x: x + RAIL, y: port.y },
      { x: x + RAIL, y: bottom(eth0) },
    ]);
  }

  #down(x: number, from: Rect, to: Rect): void {
    this.#scene.path([
      { x: x + RAIL, y: bottom(from) },
      { x: x + RAIL, y: to.y },
    ]);
  }

  /** Draws the places of a stack below a column. */
  #places(stack: Stack, x: number): { readonly stop: Stop; readonly rect: Rect }[] {
    let y = bottom(this.#bridge);
    const rows = STACK.map(({ kind, link }) => {
      const row = { kind, y };
      y += CHIP + link;
      return row;
    });
    return stack.places.map((stop) => {
      const row = rows.find(({ kind }) => kind === stop.kind);
      const onBridge = stop.kind === 'br-phy';
      const tables = stack.hops.map(({ table }) => table).join(', ');
      const text =
        stop.kind === 'kernel_route'
          ? 'kernel route'
          : onBridge && tables !== ''
            ? `br-phy: table ${tables}`
            : stop.name;
      const hint = onBridge ? stack.hops.map(flowText).join('\n') : stop.text;
      const rect = this.#chip(stop, x, row?.y ?? y, text, hint);
      this.#others(stop, rect);
      return { stop, rect };
    });
  }

  /** The bond's other uplinks, below the one that the packet takes. */
  #others({ node, others = [] }: Stop, used: Rect): void {
    for (const [index, name] of others.entries()) {
      const rect = { ...used, y: used.y + (index + 1) * CHIP };
      const hint = `another uplink of ${node}, not taken by this packet`;
      this.#scene.box('port', rect, { ghost: true, hint });
      this.#scene.label(name, rect.x + TEXT, middle(rect), {
        font: MONO,
        tone: 'muted',
        width: rect.width - TEXT - BADGE_RADIUS - 4,
      });
    }
  }

  #departure(stack: Stack, ends: BridgeEnds | null): Rect | null {
    const x = this.#lane(Math.max(this.#plan.station.lanes.length - 1, 0));
    const placed = this.#places(stack, x);
    const [first] = placed;
    if (first !== undefined && ends !== null) this.#down(x, ends.last, first.rect);
    for (const [index, { rect }] of placed.entries()) {
      const next = placed[index + 1];
      if (next !== undefined && next.rect.y > bottom(rect)) this.#down(x, rect, next.rect);
    }
    this.#fatalPlace(placed);
    return placed.find(({ stop }) => stop.kind === 'uplink')?.rect ?? null;
  }

  #arrival(stack: Stack, ends: BridgeEnds | null): Rect | null {
    const x = this.#lane(0);
    const placed = this.#places(stack, x);
    for (const [index, { rect }] of placed.entries()) {
      const next = placed[index + 1];
      if (next === undefined || bottom(next.rect) >= rect.y) continue;
      this.#scene.path([
        { x: x + RAIL, y: rect.y },
        { x: x + RAIL, y: bottom(next.rect) },
      ]);
    }
    const port = placed.find(({ stop }) => stop.kind === 'tunnel_port')?.rect;
    if (port !== undefined && ends !== null) {
      const turn = x - GUTTER / 2;
      this.#scene.path([
        { x: port.x, y: middle(port) },
        { x: turn, y: middle(port) },
        { x: turn, y: middle(ends.first) },
        { x: ends.first.x, y: middle(ends.first) },
      ]);
    }
    this.#fatalPlace(placed);
    return placed.find(({ stop }) => stop.kind === 'uplink')?.rect ?? null;
  }

  #fatalPlace(placed: readonly { readonly stop: Stop; readonly rect: Rect }[]): void {
    const fatal = placed.find(({ stop }) => stop.dropped)?.rect;
    if (fatal !== undefined) this.#reason(fatal);
  }

  /** The reason below everything, led to from the right side of where the packet ends. */
  #reason(fatal: Rect): void {
    const { width } = this.#bridge;
    const y = reasonTop(this.#rect.y, this.#frame);
    const rect = { x: this.#bridge.x, y, width, height: reasonHeight(this.#leg, width) };
    const at = { x: right(fatal), y: middle(fatal) };
    const turn = at.x + 16;
    this.#scene.leader([at, { x: turn, y: at.y }, { x: turn, y }]);
    drawReason(this.#scene, this.#leg, rect);
    this.#scene.cross(at);
  }
}

/** Draws a node with its upper left corner at `at`. */
export const drawNode = (
  scene: Scene,
  leg: Leg,
  plan: NodePlan,
  frame: Frame,
  at: Point,
): Sockets => new NodeDrawing(scene, leg, plan, frame, at).draw();
