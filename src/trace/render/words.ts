/** Phrases and numbers that all printers share. */
import type { Endpoint, Hop, Leg, Probe, Trace } from '../types.ts';

export const endpointName = (endpoint: Endpoint): string =>
  endpoint.port === null ? endpoint.address : endpoint.port.name || endpoint.port.id;

export function endpointText(endpoint: Endpoint): string {
  const where = endpoint.port === null ? 'no port' : endpoint.port.node || 'not bound';
  return endpoint.port === null
    ? `${endpoint.address} (${where})`
    : `${endpointName(endpoint)} (${endpoint.address} on ${where})`;
}

export const probeText = (probe: Probe): string =>
  probe.destination_port === null ? probe.protocol : `${probe.protocol}/${probe.destination_port}`;

export const legTitle = (leg: Leg): string =>
  `${leg.direction}, ${leg.connection === 'new' ? 'new connection' : 'established connection'}`;

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

/** The flow as `ovs-ofctl` prints it, without counters. */
export function flowText(hop: Hop): string {
  if (hop.priority === null) return 'no flow matches';
  const match = hop.match === '' ? '' : `,${hop.match}`;
  return `cookie=${hop.cookie}, table=${hop.table}, priority=${hop.priority}${match} actions=${hop.actions}`;
}
