/**
 * The places of the traffic model that a packet passes, as the record draws and numbers them: the
 * VM and its interface, br-int, the tunnel port, the kernel's route, br-phy and its uplink, the
 * wire, and up again on the other node.
 */
import type { Fabric, FabricRun, Crossing, Delivery } from '../sim/fabric.ts';
import type { Hops } from './hops.ts';
import type { Stop } from './types.ts';

export interface Ends {
  /** The sending VM's port in words, and its interface. */
  readonly sender: string;
  readonly interface: string;
  /** The port in words behind an interface of a node. */
  portAt(node: string, ofport: number): string;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

const tables = ({ hops }: Hops, [from, to]: readonly [number, number]): string => {
  const first = hops[from]?.table;
  const last = hops[to - 1]?.table;
  if (first === undefined) return 'no table has a flow for it';
  return first === last ? `table ${first}` : `tables ${first} to ${last}`;
};

class Drawing {
  readonly stops: Stop[] = [];
  #step = 0;

  /** Adds places that share one number. */
  add(...places: readonly Omit<Stop, 'step' | 'dropped' | 'hops'>[]): void {
    this.#step += 1;
    for (const place of places) this.#push(place, [0, 0]);
  }

  /** A bridge, with the hops that happen in it. */
  bridge(place: Omit<Stop, 'step' | 'dropped' | 'hops'>, hops: readonly [number, number]): void {
    this.#step += 1;
    this.#push(place, hops);
  }

  /** One more place under the number of the last. */
  also(
    place: Omit<Stop, 'step' | 'dropped' | 'hops'>,
    hops: readonly [number, number] = [0, 0],
  ): void {
    this.#push(place, hops);
  }

  #push(place: Omit<Stop, 'step' | 'dropped' | 'hops'>, hops: readonly [number, number]): void {
    this.stops.push({ ...place, step: this.#step, hops, dropped: false });
  }
}

function cross(drawing: Drawing, crossing: Crossing): void {
  const { node } = crossing;
  if (crossing.kind === 'encapsulated') {
    const destination = crossing.destination;
    drawing.add({
      kind: 'tunnel_port',
      node,
      name: crossing.port.name,
      text: `wraps it in VXLAN to ${destination}, VNI ${hex(crossing.vni)}`,
    });
    drawing.add({
      kind: 'kernel_route',
      node,
      name: 'route',
      text: `the kernel's route to ${destination} leads to br-phy, which has ${crossing.source}`,
    });
  } else if (crossing.kind === 'wire') {
    const vlan = crossing.vlan === null ? 'untagged' : `in VLAN ${crossing.vlan}`;
    drawing.also({
      kind: 'uplink',
      node,
      name: crossing.port.name,
      text: `leaves the node by ${crossing.port.name}`,
    });
    drawing.add(
      { kind: 'wire', node, name: 'underlay', text: `crosses the underlay ${vlan}` },
      {
        kind: 'uplink',
        node: crossing.peer,
        name: crossing.peerPort.name,
        text: `arrives by ${crossing.peerPort.name} of ${crossing.peer}`,
      },
    );
  } else {
    drawing.add({
      kind: 'kernel_route',
      node,
      name: 'route',
      text: 'the outer destination is the node itself: its VTEP takes the packet',
    });
    drawing.add({
      kind: 'tunnel_port',
      node,
      name: crossing.port.name,
      text: `takes the VXLAN header off, VNI ${hex(crossing.vni)}`,
    });
  }
}

/** The places in order; the last bears the mark where the packet is not `delivered`. */
export function stopsOf(
  run: FabricRun,
  fabric: Fabric,
  hops: Hops,
  ends: Ends,
  delivery: Delivery | undefined,
): Stop[] {
  const drawing = new Drawing();
  const [first] = run.visits;
  if (first === undefined) return [];
  drawing.add(
    { kind: 'vm', node: first.node, name: 'eth0', text: `${ends.sender} sends it from eth0` },
    {
      kind: 'vm_port',
      node: first.node,
      name: ends.interface,
      text: `the other end of eth0, a port of br-int`,
    },
  );
  for (const [index, visit] of run.visits.entries()) {
    const span = hops.ofVisit[index] ?? ([0, 0] as const);
    const { node, bridge } = visit;
    const text = `${bridge} of ${node}: ${tables(hops, span)}`;
    // The record counts what arrives on br-phy with the wire.
    const arriving = bridge === 'br-phy' && run.visits[index - 1]?.bridge === 'br-phy';
    if (arriving) drawing.also({ kind: 'br-phy', node, name: bridge, text }, span);
    else drawing.bridge({ kind: bridge, node, name: bridge, text }, span);
    for (const crossing of run.crossings) if (crossing.visit === index) cross(drawing, crossing);
  }
  if (delivery !== undefined) {
    const port = fabric.nodes.get(delivery.node)?.bridges['br-int'].port(delivery.ofport);
    const out = {
      kind: 'vm_port',
      node: delivery.node,
      name: port?.name ?? String(delivery.ofport),
      text: 'a port of br-int, out to the other end of eth0',
    } as const;
    const vm = {
      kind: 'vm',
      node: delivery.node,
      name: 'eth0',
      text: `${ends.portAt(delivery.node, delivery.ofport)} receives it on eth0`,
    } as const;
    if (run.visits.length === 1) {
      drawing.add(out);
      drawing.add(vm);
    } else drawing.add(out, vm);
  }
  const last = drawing.stops.pop();
  if (last !== undefined) drawing.stops.push({ ...last, dropped: delivery === undefined });
  return drawing.stops;
}
