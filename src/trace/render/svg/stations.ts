/** A leg cut into what is drawn side by side: one station for each stay on a node. */
import { tableOf, type Table } from '../../../pipeline/tables.ts';
import type { Endpoint, Hop, Leg, Stop, Trace } from '../../types.ts';
import { fatalHop, legEnds } from '../words.ts';

export interface Cell {
  readonly hop: Hop;
  readonly fatal: boolean;
}

/** Tables of one purpose in the order of the visits: a column of the bridge. */
export interface Lane {
  readonly title: string;
  readonly cells: readonly Cell[];
}

/** A VM as the picture shows it. */
export interface Guest {
  readonly end: Endpoint;
  readonly eth0: Stop | null;
  readonly port: Stop | null;
  readonly fatal: boolean;
}

/** Tunnel port, kernel route, br-phy and uplink, in the order that the packet passes them. */
export interface Stack {
  readonly places: readonly Stop[];
  /** Its hops on br-phy. */
  readonly hops: readonly Hop[];
}

export interface Station {
  /** '' for a port that is bound to none. */
  readonly node: string;
  readonly vtep: string;
  /** The packet never comes here. */
  readonly ghost: boolean;
  readonly sender: Guest | null;
  /** Way from the underlay up to br-int. */
  readonly arrival: Stack | null;
  readonly bridge: Stop | null;
  readonly lanes: readonly Lane[];
  /** Way from br-int down to the underlay. */
  readonly departure: Stack | null;
  readonly receiver: (Guest & { readonly ghost: boolean }) | null;
}

type LaneTitle = 'egress' | 'routing' | 'ingress';

/** Stages that share a column; input goes with what follows it. */
const LANES: Readonly<Record<Exclude<Table['stage'], 'input'>, LaneTitle>> = {
  egress: 'egress',
  routing: 'routing',
  forwarding: 'routing',
  ingress: 'ingress',
  output: 'ingress',
};

function laneOf(hops: readonly Hop[], index: number): LaneTitle {
  for (const hop of hops.slice(index)) {
    const stage = tableOf(hop.table)?.stage;
    if (stage !== undefined && stage !== 'input') return LANES[stage];
  }
  return 'egress';
}

function lanesOf(leg: Leg, bridge: Stop): Lane[] {
  const hops = leg.hops.slice(...bridge.hops);
  const fatal = fatalHop(leg);
  const lanes: { title: LaneTitle; cells: Cell[] }[] = [];
  for (const [index, hop] of hops.entries()) {
    const title = laneOf(hops, index);
    const last = lanes.at(-1);
    const cell = { hop, fatal: hop === fatal };
    if (last?.title === title) last.cells.push(cell);
    else lanes.push({ title, cells: [cell] });
  }
  return lanes;
}

function stackOf(leg: Leg, places: readonly Stop[]): Stack | null {
  if (places.length === 0) return null;
  return { places, hops: places.flatMap((place) => leg.hops.slice(...place.hops)) };
}

function guestOf(end: Endpoint, stops: readonly Stop[]): Guest | null {
  const eth0 = stops.find(({ kind }) => kind === 'vm') ?? null;
  const port = stops.find(({ kind }) => kind === 'vm_port') ?? null;
  if (eth0 === null && port === null) return null;
  return { end, eth0, port, fatal: eth0?.dropped === true || port?.dropped === true };
}

const inStack = ({ kind }: Stop): boolean => kind !== 'vm' && kind !== 'vm_port';

function stationOf(
  leg: Leg,
  stops: readonly Stop[],
  [from, to]: readonly [Endpoint, Endpoint],
  vtepOf: (node: string) => string,
): Station {
  const at = stops.findIndex(({ kind }) => kind === 'br-int');
  const before = at < 0 ? stops : stops.slice(0, at);
  const after = at < 0 ? [] : stops.slice(at + 1);
  const bridge = stops[at] ?? null;
  const node = stops[0]?.node ?? '';
  const receiver = guestOf(to, after);
  return {
    node,
    vtep: vtepOf(node),
    ghost: false,
    sender: guestOf(from, before),
    arrival: stackOf(leg, before.filter(inStack)),
    bridge,
    lanes: bridge === null ? [] : lanesOf(leg, bridge),
    departure: stackOf(leg, after.filter(inStack)),
    receiver: receiver && { ...receiver, ghost: false },
  };
}

const EMPTY: Omit<Station, 'node' | 'vtep'> = {
  ghost: false,
  sender: null,
  arrival: null,
  bridge: null,
  lanes: [],
  departure: null,
  receiver: null,
};

/** The receiver of a packet that does not arrive, drawn as the place that it was meant for. */
function unreached(stations: readonly Station[], to: Endpoint, vtep: string): Station[] {
  const receiver = { end: to, eth0: null, port: null, fatal: false, ghost: true };
  const node = to.port?.node ?? '';
  const last = stations.at(-1);
  if (last !== undefined && node !== '' && last.node === node) {
    return [...stations.slice(0, -1), { ...last, receiver }];
  }
  return [...stations, { ...EMPTY, node, vtep, ghost: true, receiver }];
}

export interface Journey {
  readonly stations: readonly Station[];
  /** `wires[i]` joins station i to the next. */
  readonly wires: readonly Stop[];
  /** The station that a step is told with. */
  stationOf(step: number): number;
}

/** A leg as stations, the receiver's included where the packet does not get so far. */
export function journeyOf(trace: Trace, leg: Leg): Journey {
  const ends = legEnds(trace, leg);
  const [from, to] = ends;
  const vtepOf = (node: string): string =>
    ends.find(({ port }) => port !== null && port.node === node)?.port?.vtep ?? '';
  const stays: Stop[][] = [];
  const wires: Stop[] = [];
  const byStep = new Map<number, number>();
  for (const stop of leg.stops) {
    if (stays.length === 0 || stop.kind === 'wire') stays.push([]);
    if (stop.kind === 'wire') wires.push(stop);
    else stays.at(-1)?.push(stop);
    byStep.set(stop.step, stays.length - 1);
  }
  let stations = stays.map((stops) => stationOf(leg, stops, ends, vtepOf));
  if (stations.length === 0) {
    const sender = { end: from, eth0: null, port: null, fatal: true };
    const node = from.port?.node ?? '';
    stations = [{ ...EMPTY, node, vtep: vtepOf(node), sender }];
  }
  if (leg.verdict === 'dropped') stations = unreached(stations, to, to.port?.vtep ?? '');
  return { stations, wires, stationOf: (step) => byStep.get(step) ?? 0 };
}
