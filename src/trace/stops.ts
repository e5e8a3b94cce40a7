/**
 * The places of the traffic model that a packet passes, as the record draws and numbers them: the
 * VM and its interface, br-int, the tunnel port, the kernel's route, br-phy and its uplink, the
 * wire, and up again on the other node.
 */
import { formatMac } from '../address/index.ts';
import { field } from '../openflow/fields.ts';
import { PORT, type Group } from '../openflow/flow.ts';
import { readField } from '../openflow/key.ts';
import type { Fabric, FabricRun, Crossing, Delivery, Visit } from '../sim/fabric.ts';
import type { SimPort } from '../sim/types.ts';
import { VLAN_PRESENT_BIT, vlanTci } from '../sim/words.ts';
import type { Hops } from './hops.ts';
import type { Stop } from './types.ts';

export interface Ends {
  /** The sending VM's port in words, and its interface. */
  readonly sender: string;
  readonly interface: string;
  /** The address that the packet is for. */
  readonly destination: string;
  /** The port in words behind an interface of a node. */
  portAt(node: string, ofport: number, bridge: string): string;
}

/** Where VMs are plugged in, or what lies under that: both are drawn as ours are. */
function roleOf(fabric: Fabric, { node, bridge }: Visit): 'br-int' | 'br-phy' {
  const ports = fabric.nodes.get(node)?.bridges[bridge]?.ports.values() ?? [];
  const guests = bridge === 'br-int' || [...ports].some(({ kind }) => kind === 'vm');
  return guests ? 'br-int' : 'br-phy';
}

/** `; patch-tun leads to br-tun` */
const patching = ({ crossings }: FabricRun, visit: number): string =>
  crossings
    .flatMap((it) =>
      it.kind === 'patched' && it.visit === visit ? `; ${it.port.name} leads to ${it.bridge}` : [],
    )
    .join('');

const TUNNEL_NAMES: Readonly<Record<string, string>> = {
  vxlan: 'VXLAN',
  geneve: 'Geneve',
  gre: 'GRE',
  stt: 'STT',
};
const tunnelName = (type: string): string => TUNNEL_NAMES[type] ?? type;

const hex = (value: bigint): string => `0x${value.toString(16)}`;

const tables = ({ hops }: Hops, [from, to]: readonly [number, number]): string => {
  const first = hops[from]?.table;
  const last = hops[to - 1]?.table;
  if (first === undefined) return 'no table has a flow for it';
  return first === last ? `table ${first}` : `tables ${first} to ${last}`;
};

const uplinksOf = ({ buckets }: Group): ReadonlySet<number> =>
  new Set(
    buckets.flatMap(({ actions }) =>
      actions.flatMap((action) => (action.kind === 'output' ? [action.port] : [])),
    ),
  );

/** How the packet comes to the uplink, after the tables of br-phy. */
function leaving({ execution, key }: Visit, port: SimPort, vlan: number | null): string {
  const [group] = execution.steps.flatMap((step) =>
    step.kind === 'group' && typeof step.group !== 'number' && step.buckets.length === 1
      ? [{ id: step.group.id, uplinks: uplinksOf(step.group) }]
      : [],
  );
  if (group?.uplinks.has(port.ofport) !== true) return `leaves the node by ${port.name}`;
  const among = group.uplinks.size > 1 ? ` of ${group.uplinks.size} uplinks` : '';
  const tagged = vlan !== null && (vlanTci(key) & VLAN_PRESENT_BIT) === 0;
  return `group ${group.id} picks ${port.name}${among}${tagged ? ` and adds VLAN ${vlan}` : ''}`;
}

/** What the bridge under the tunnels does with a packet for the node itself; '' for any other. */
function handing({ execution, key }: Visit): string {
  const local = execution.steps.find((step) => step.kind === 'output' && step.port === PORT.local);
  if (local?.kind !== 'output') return '';
  const stripped = (vlanTci(key) & ~vlanTci(local.key) & VLAN_PRESENT_BIT) !== 0;
  return `; it ${stripped ? 'strips the VLAN and ' : ''}hands the packet to LOCAL`;
}

const MACS = [
  ['source', field('eth_src')],
  ['destination', field('eth_dst')],
] as const;

/** The MACs that the last table wrote before it sent the packet out. */
function readdressed(run: FabricRun, { key }: Delivery): string {
  const steps = run.visits.flatMap(({ execution }) => execution.steps);
  const output = steps.findIndex((step) => step.kind === 'output' && step.key === key);
  const table = steps.slice(0, output + 1).findLast((step) => step.kind === 'table');
  const actions = table?.flow?.actions ?? [];
  const written = MACS.filter(([, mac]) =>
    actions.some((action) => action.kind === 'set_field' && action.field === mac),
  ).map(([end, mac]) => `${end} MAC ${formatMac(readField(key, mac))}`);
  return written.length === 0 ? '' : `, with ${written.join(' and ')}`;
}

function uplink(fabric: Fabric, node: string, port: SimPort, text: string) {
  const bridges = Object.values(fabric.nodes.get(node)?.bridges ?? {});
  const bridge = bridges.find(({ ports }) => ports.get(port.ofport) === port);
  const others = [...(bridge?.ports.values() ?? [])]
    .filter(({ kind, ofport }) => kind === 'uplink' && ofport !== port.ofport)
    .map(({ name }) => name);
  const stop = { kind: 'uplink', node, name: port.name, text } as const;
  return others.length === 0 ? stop : { ...stop, others };
}

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

function cross(drawing: Drawing, fabric: Fabric, visit: Visit, crossing: Crossing): void {
  const { node } = crossing;
  if (crossing.kind === 'encapsulated') {
    const destination = crossing.destination;
    drawing.add({
      kind: 'tunnel_port',
      node,
      name: crossing.port.name,
      text: `wraps it in ${tunnelName(crossing.type)} to ${destination}, VNI ${hex(crossing.vni)}`,
    });
    drawing.add({
      kind: 'kernel_route',
      node,
      name: 'route',
      text: `the kernel's route to ${destination} leads to ${crossing.underlay ?? 'an interface of no bridge'}, which has ${crossing.source}`,
    });
  } else if (crossing.kind === 'wire') {
    const vlan = crossing.vlan === null ? 'untagged' : `in VLAN ${crossing.vlan}`;
    const { port, peer, peerPort } = crossing;
    if (port !== null) {
      drawing.also(uplink(fabric, node, port, leaving(visit, port, crossing.vlan)));
    }
    drawing.add(
      { kind: 'wire', node, name: 'underlay', text: `crosses the underlay ${vlan}` },
      ...(peerPort === null
        ? []
        : [uplink(fabric, peer, peerPort, `arrives by ${peerPort.name} of ${peer}`)]),
    );
  } else if (crossing.kind === 'decapsulated') {
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
      text: `takes the ${tunnelName(crossing.type)} header off, VNI ${hex(crossing.vni)}`,
    });
  }
}

/** How a run ends well: in a VM, or in a row that makes the answer and sends it back. */
export interface Arrival {
  readonly kind: 'received' | 'answered';
  readonly delivery: Delivery;
}

/** The two places at which a packet comes out. */
function exitOf({ node, bridge, ofport }: Delivery, fabric: Fabric, text: string) {
  const port = fabric.nodes.get(node)?.bridges[bridge]?.port(ofport);
  return [
    {
      kind: 'vm_port',
      node,
      name: port?.name ?? String(ofport),
      text: `a port of ${bridge}, out to the other end of eth0`,
    },
    { kind: 'vm', node, name: 'eth0', text },
  ] as const;
}

/** The places in order; the last bears the mark where the packet does not arrive. */
export function stopsOf(
  run: FabricRun,
  fabric: Fabric,
  hops: Hops,
  ends: Ends,
  arrival: Arrival | undefined,
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
      text: `the other end of eth0, a port of ${first.bridge}`,
    },
  );
  for (const [index, visit] of run.visits.entries()) {
    const span = hops.ofVisit[index] ?? ([0, 0] as const);
    const { node, bridge } = visit;
    const answered = arrival?.kind === 'answered' && index === run.visits.length - 1;
    const kind = roleOf(fabric, visit);
    const end = answered
      ? `; it answers for ${ends.destination} itself`
      : kind === 'br-phy'
        ? handing(visit)
        : '';
    const text = `${bridge} of ${node}: ${tables(hops, span)}${end}${patching(run, index)}`;
    // The record counts what arrives on br-phy with the wire.
    const arriving = run.crossings.some((it) => it.kind === 'wire' && it.visit === index - 1);
    if (arriving) drawing.also({ kind, node, name: bridge, text }, span);
    else drawing.bridge({ kind, node, name: bridge, text }, span);
    for (const crossing of run.crossings)
      if (crossing.visit === index) cross(drawing, fabric, visit, crossing);
  }
  if (arrival?.kind === 'received') {
    const { delivery } = arrival;
    const received = `${ends.portAt(delivery.node, delivery.ofport, delivery.bridge)} receives it on eth0${readdressed(run, delivery)}`;
    const [out, vm] = exitOf(delivery, fabric, received);
    if (run.visits.length === 1) {
      drawing.add(out);
      drawing.add(vm);
    } else drawing.add(out, vm);
  }
  const last = drawing.stops.pop();
  if (last !== undefined) drawing.stops.push({ ...last, dropped: arrival === undefined });
  return drawing.stops;
}

/** The way back of the answer that the request's last row has made. */
export function answerStopsOf(fabric: Fabric, hops: Hops, ends: Ends, answer: Delivery): Stop[] {
  const drawing = new Drawing();
  const { node, ofport, bridge } = answer;
  const table = hops.hops.at(-1)?.table;
  const text = `${bridge} of ${node}: the row of table ${table} that the request met turns it into its answer`;
  drawing.add({ kind: 'br-int', node, name: bridge, text });
  const [out, vm] = exitOf(
    answer,
    fabric,
    `${ends.portAt(node, ofport, bridge)} receives it on eth0`,
  );
  drawing.add(out);
  drawing.add(vm);
  return drawing.stops;
}
