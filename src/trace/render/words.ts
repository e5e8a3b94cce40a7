/** Phrases and numbers that all printers share. */
import type { Endpoint, Hop, Leg, Probe, Stop, Trace } from '../types.ts';

export const endpointName = (endpoint: Endpoint): string =>
  endpoint.port === null ? endpoint.address : endpoint.port.name || endpoint.port.id;

export function endpointText(endpoint: Endpoint): string {
  const { port, address, gateway } = endpoint;
  if (port === null) return `${address} (${gateway === true ? 'gateway' : 'no port'})`;
  const where = port.node === '' ? ', bound to no node' : ` on ${port.node}`;
  return `${endpointName(endpoint)} (${address}${where})`;
}

export function probeText({ protocol, destination_port, size }: Probe): string {
  const text = destination_port === null ? protocol : `${protocol}/${destination_port}`;
  return size === undefined ? text : `${text} of ${size} bytes`;
}

export const legTitle = (leg: Leg): string =>
  `${leg.direction}, ${leg.connection === 'new' ? 'new connection' : 'established connection'}`;

const SOURCES: Readonly<Record<string, string>> = {
  live: 'by the flows in the switches',
  intent: 'by the flows that the topology asks for',
};

export const sourceText = (source: string): string =>
  SOURCES[source] ?? `by the flows of ${source}`;

/** `-> 178.1.3.2` for a reply, as the packet goes. */
export function legEnds(trace: Trace, leg: Leg): readonly [Endpoint, Endpoint] {
  return leg.direction === 'request' ? [trace.from, trace.to] : [trace.to, trace.from];
}

/** Consecutive hops on one bridge of one node. */
export interface Stretch {
  readonly node: string;
  readonly bridge: string;
  readonly hops: readonly Hop[];
}

export function stretches(hops: readonly Hop[]): Stretch[] {
  const found: { node: string; bridge: string; hops: Hop[] }[] = [];
  for (const hop of hops) {
    const last = found.at(-1);
    if (last?.node === hop.node && last.bridge === hop.bridge) last.hops.push(hop);
    else found.push({ node: hop.node, bridge: hop.bridge, hops: [hop] });
  }
  return found;
}

/** The flow as `ovs-ofctl` prints it, with its packets where they are known. */
export function flowText(hop: Hop): string {
  if (hop.priority === null) return 'no flow matches';
  const match = hop.match === '' ? '' : `,${hop.match}`;
  const counter = hop.n_packets === undefined ? '' : `n_packets=${hop.n_packets}, `;
  return `cookie=${hop.cookie}, table=${hop.table}, ${counter}priority=${hop.priority}${match} actions=${hop.actions}`;
}

export interface Step {
  readonly number: number;
  readonly text: string;
  /** The table visits that happen there. */
  readonly hops: readonly Hop[];
  readonly dropped: boolean;
}

/** How the place of a stop is named before what happens there. */
const NAMED: Readonly<Partial<Record<Stop['kind'], (stop: Stop) => string>>> = {
  vm_port: ({ name, text }) => `through ${name}, ${text}`,
  tunnel_port: ({ name, text }) => `${name} ${text}`,
};

const phrase = (stop: Stop): string => NAMED[stop.kind]?.(stop) ?? stop.text;

/** The numbered steps of the traffic model, one sentence each; places of one number share it. */
export function stepsOf(leg: Leg): Step[] {
  const numbers = [...new Set(leg.stops.map(({ step }) => step))];
  return numbers.map((number) => {
    const places = leg.stops.filter(({ step }) => step === number);
    const [first] = places;
    const text = places
      .map((place, index) => {
        const joint = index === 0 ? '' : place.kind === 'vm_port' ? ', ' : '; ';
        return `${joint}${phrase(place)}`;
      })
      .join('');
    // A name keeps its own first letter.
    const begun = first !== undefined && text.startsWith(first.name) ? text : capital(text);
    return {
      number,
      text: `${begun}.`,
      hops: places.flatMap((place) => leg.hops.slice(...place.hops)),
      dropped: places.some(({ dropped }) => dropped),
    };
  });
}

/** What is known of a table visit beside its flow. */
export const aboutHop = ({ object, ct_state, n_packets }: Hop): string[] => [
  ...(object === undefined ? [] : [object]),
  ...(ct_state === undefined ? [] : [`ct ${ct_state}`]),
  ...(n_packets === undefined ? [] : [`n_packets=${n_packets}`]),
];

export const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

/** The table visit that the packet ends in; undefined where it arrives, or ends in no table. */
export function fatalHop({ stops, hops, reason }: Leg): Hop | undefined {
  const place = stops.find(({ dropped }) => dropped);
  const met = place === undefined ? [] : hops.slice(...place.hops);
  return met.findLast(({ table }) => table === reason?.table) ?? met.at(-1);
}
