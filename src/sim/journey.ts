/** One packet's way through the fabric. */
import { formatMac } from '../address/mac.ts';
import type { FlowKey } from '../openflow/fields.ts';
import { PORT } from '../openflow/flow.ts';
import { execute } from './execute.ts';
import type {
  Crossing,
  Delivery,
  FabricNode,
  FabricRun,
  Loss,
  LossCode,
  SendOptions,
  Underlay,
  Visit,
  Vtep,
} from './nodes.ts';
import type { SimPort, Step } from './types.ts';
import {
  crossing,
  entering,
  isWhole,
  outerDestination,
  outerMac,
  overheadOf,
  receiverOf,
  sourceOf,
  targetOf,
  tunnelDestination,
  unfollowed,
  unwrap,
  wrap,
  type Frame,
  type Target,
} from './underlay.ts';
import { VLAN_PRESENT_BIT, vlanTci } from './words.ts';

/** Bridges that one packet may pass: beyond, it runs in a circle. */
const MAXIMUM_VISITS = 64;

/** A packet beside what its key says. */
interface Passage {
  /** It is the outside of a tunnel's packet; null: it is a packet of its own. */
  readonly frame: Frame | null;
  /** The address that the packet came to by a tunnel, '' when by none. */
  readonly origin: string;
}

type Output = Extract<Step, { kind: 'output' }>;

export class Journey implements FabricRun {
  readonly visits: Visit[] = [];
  readonly crossings: Crossing[] = [];
  readonly deliveries: Delivery[] = [];
  readonly losses: Loss[] = [];
  readonly #fabric: Underlay;
  readonly #options: SendOptions;

  constructor(fabric: Underlay, options: SendOptions) {
    this.#fabric = fabric;
    this.#options = options;
  }

  /** Sends `key` into a bridge by its in_port, and on to wherever the bridge sends it. */
  enter(node: FabricNode, name: string, key: FlowKey, passage: Passage): void {
    const visit = this.#visit(node, name, key, passage);
    if (visit === null) return;
    const index = this.visits.length - 1;
    const outputs = visit.execution.steps.filter((step) => step.kind === 'output');
    for (const output of outputs) this.#leave(node, name, output, passage, index);
    if (passage.frame !== null && outputs.length === 0) this.#end(node, name, visit);
  }

  #leave(node: FabricNode, name: string, output: Output, passage: Passage, visit: number): void {
    const { port: ofport, key } = output;
    const port = node.bridges[name]?.port(ofport);
    const frame = passage.frame && { ...passage.frame, key };
    if (port?.kind === 'patch') this.#patch(node, port, key, { ...passage, frame }, visit);
    else if (port?.kind === 'tunnel') this.#tunnel(node, port, key, passage, visit);
    else if (frame === null && port?.kind === 'uplink') {
      const why = `it leaves ${node.name} by the uplink ${port.name} of ${name}, in no tunnel: what is beyond is not known`;
      this.#lose(node, 'beyond', why);
    } else if (frame === null) this.deliveries.push({ node: node.name, bridge: name, ofport, key });
    else if (port?.kind === 'uplink') this.#transmit(node, port, frame, visit);
    else if (ofport === PORT.local || port?.kind === 'internal') this.#decapsulate(node, frame);
  }

  /** An outer packet that the bridge under a tunnel sends nowhere. */
  #end(node: FabricNode, name: string, { execution, key }: Visit): void {
    const dead = execution.steps.some((step) => step.kind === 'group' && step.buckets.length === 0);
    if (dead) {
      this.#lose(node, 'no_uplink', `no uplink is up: the group of ${name} has no live bucket`);
    } else this.#lose(node, 'underlay_drop', `${name} drops the outer packet${vlanText(key)}`);
  }

  #patch(node: FabricNode, port: SimPort, key: FlowKey, passage: Passage, visit: number): void {
    for (const [bridge, { ports }] of Object.entries(node.bridges)) {
      const peer = [...ports.values()].find(
        ({ name, kind }) => name === port.peer && kind === 'patch',
      );
      if (peer === undefined) continue;
      this.crossings.push({ kind: 'patched', visit, node: node.name, port, bridge });
      this.enter(node, bridge, crossing(key, peer.ofport), passage);
      return;
    }
    const why = `no bridge of ${node.name} has the other end ${port.peer ?? ''} of ${port.name}`;
    this.#lose(node, 'no_patch_peer', why);
  }

  /** Wraps a packet and hands it to the route to its destination. */
  #tunnel(
    node: FabricNode,
    port: SimPort,
    key: FlowKey,
    { frame, origin }: Passage,
    visit: number,
  ): void {
    const what = frame === null ? unfollowed(port) : 'a tunnel within a tunnel';
    if (what !== null) {
      this.#lose(node, 'beyond', `${port.name} of ${node.name} is ${what}`);
      return;
    }
    const target = targetOf(port, key);
    const { destination, vni, type } = target;
    if (destination === '') {
      const why = `the packet has no tun_dst: ${port.name} sends it nowhere`;
      this.#lose(node, 'no_destination', why);
      return;
    }
    if (destination === origin) {
      const why = `${destination} is where the packet came in: not tunnelled back to ourselves`;
      this.#lose(node, 'own_address', why);
      return;
    }
    const found = sourceOf(node, port, key, destination);
    if (found === null) {
      const why = `no interface of ${node.name} is known that has an address to reach ${destination} from`;
      this.#lose(node, 'no_source', why);
      return;
    }
    const { vtep, route } = found;
    this.crossings.push({
      kind: 'encapsulated',
      visit,
      node: node.name,
      port,
      type,
      vni,
      source: vtep.address,
      destination,
      underlay: vtep.at?.bridge ?? null,
    });
    this.#route(node, vtep, route.gateway !== null, key, target, visit);
  }

  #route(
    node: FabricNode,
    vtep: Vtep,
    routed: boolean,
    key: FlowKey,
    target: Target,
    visit: number,
  ): void {
    const { destination } = target;
    if (node.cold?.has(destination) === true) {
      this.#lose(node, 'cold_neighbour', `nobody answers ARP for the VTEP ${destination}`);
      return;
    }
    const peer = this.#fabric.owner(destination);
    const mac = peer?.vteps.find(({ address }) => address === destination)?.mac;
    if (peer === undefined || mac === undefined) {
      this.#lose(node, 'no_vtep', `no node answers for the VTEP ${destination}`);
      return;
    }
    // What the MAC would tell of an unknown interface, the address tells as well.
    const frame = wrap(key, target, vtep, mac, routed || mac === '');
    if (vtep.at === null) this.#transmit(node, null, frame, visit);
    else this.enter(node, vtep.at.bridge, frame.key, { frame, origin: '' });
  }

  #transmit(node: FabricNode, port: SimPort | null, frame: Frame, visit: number): void {
    const mac = formatMac(outerMac(frame.key));
    const destination = outerDestination(frame.key);
    const addressed = (vtep: Vtep): boolean =>
      frame.routed || port === null ? vtep.address === destination : vtep.mac === mac;
    const peer = [...this.#fabric.nodes.values()].find(({ vteps }) => vteps.some(addressed));
    const vtep = peer?.vteps.find(addressed);
    if (peer === undefined || vtep === undefined || peer === node) {
      this.#lose(node, 'no_vtep', `no node on the underlay has the address ${mac}`);
      return;
    }
    const uplinks = [...(peer.bridges[vtep.at?.bridge ?? '']?.ports.values() ?? [])].filter(
      ({ kind, up }) => kind === 'uplink' && up,
    );
    const peerPort = uplinks.find(({ ofport }) => ofport === port?.ofport) ?? uplinks[0] ?? null;
    if (peerPort === null && vtep.at !== null) {
      this.#lose(peer, 'no_uplink', `every uplink of ${peer.name} is down`);
      return;
    }
    const tci = vlanTci(frame.key);
    const vlan = tci & VLAN_PRESENT_BIT ? tci & 0xfff : null;
    this.crossings.push({
      kind: 'wire',
      visit,
      node: node.name,
      port,
      peer: peer.name,
      peerPort,
      vlan,
    });
    if (peerPort === null || vtep.at === null) this.#decapsulate(peer, frame);
    else
      this.enter(peer, vtep.at.bridge, entering(frame.key, peerPort.ofport), { frame, origin: '' });
  }

  /** The outer packet has reached the node's own stack. */
  #decapsulate(node: FabricNode, frame: Frame): void {
    const destination = outerDestination(frame.key);
    if (!isWhole(frame) || !node.vteps.some(({ address }) => address === destination)) {
      const why = `${node.name} is not ${destination}${vlanText(frame.key)}: it drops the outer packet`;
      this.#lose(node, 'not_mine', why);
      return;
    }
    const receiver = receiverOf(node, frame);
    if (receiver === undefined) {
      const why = `${node.name} has no ${frame.type} port that takes packets for ${destination} in`;
      this.#lose(node, 'no_tunnel_port', why);
      return;
    }
    const { bridge, port } = receiver;
    const { vni, type } = frame;
    const visit = this.visits.length - 1;
    this.crossings.push({ kind: 'decapsulated', visit, node: node.name, port, type, vni });
    const arrived = unwrap(frame, port.ofport);
    this.enter(node, bridge, arrived, { frame: null, origin: tunnelDestination(arrived) });
  }

  #visit(node: FabricNode, name: string, key: FlowKey, { frame }: Passage): Visit | null {
    const bridge = node.bridges[name];
    if (bridge === undefined || node.blank?.has(name) === true) {
      this.#lose(node, 'beyond', `the flows of ${name} of ${node.name} are not known`);
      return null;
    }
    if (this.visits.length >= MAXIMUM_VISITS) {
      const why = `the packet has passed ${MAXIMUM_VISITS} bridges: it runs in a circle`;
      this.#lose(node, 'loop', why);
      return null;
    }
    const { length = 0 } = this.#options;
    const around = frame === null || length === 0 ? 0 : overheadOf(frame);
    const execution = execute(bridge, key, {
      conntrack: this.#options.conntrack?.(node.name) ?? node.conntrack,
      now: this.#options.now ?? 0,
      count: this.#options.count ?? false,
      length: length + around,
    });
    const visit = { node: node.name, bridge: name, key, execution };
    this.visits.push(visit);
    return visit;
  }

  #lose(node: FabricNode, code: LossCode, why: string): void {
    this.losses.push({ node: node.name, visit: this.visits.length - 1, code, why });
  }
}

function vlanText(key: FlowKey): string {
  const tci = vlanTci(key);
  return tci & VLAN_PRESENT_BIT ? ` of VLAN ${tci & 0xfff}` : '';
}
