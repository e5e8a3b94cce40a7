/**
 * Nodes and the underlay between them. What br-int sends into its tunnel port is wrapped in VXLAN,
 * routed to br-phy, and goes over the uplinks to the node that has the outer destination for its
 * VTEP, where it climbs back up into br-int.
 *
 * The underlay is one switch that has learnt every VTEP: it carries all VLANs, and delivers a frame
 * to one uplink of the node that it is addressed to.
 */
import { formatIp, parseIp } from '../address/ip.ts';
import { formatMac, parseMac } from '../address/mac.ts';
import { ETH_TYPE, IP_PROTO } from '../openflow/build.ts';
import { field, type FlowKey } from '../openflow/fields.ts';
import { PORT } from '../openflow/flow.ts';
import { newKey, readField, writeField } from '../openflow/key.ts';
import type { SimBridge } from './bridge.ts';
import type { Conntrack, Tracker } from './conntrack.ts';
import { execute } from './execute.ts';
import { hashOf } from './group.ts';
import type { Execution, SimPort } from './types.ts';
import {
  AT,
  destinationPort,
  ethernetType,
  ipProtocol,
  VLAN_PRESENT_BIT,
  vlanTci,
} from './words.ts';

export interface SimNode {
  readonly name: string;
  /** IPv4 address on br-phy's LOCAL port, in canonical form. */
  readonly vtep: string;
  /** MAC of br-phy's LOCAL port, in lower case. */
  readonly mac: string;
  readonly bridges: { readonly 'br-int': SimBridge; readonly 'br-phy': SimBridge };
  readonly conntrack: Conntrack;
  /** VTEPs that nobody answers ARP for: a tunnel drops what is for them. None when left out. */
  readonly cold?: ReadonlySet<string>;
}

export interface Visit {
  readonly node: string;
  readonly bridge: 'br-int' | 'br-phy';
  /** What came in; its in_port says where. */
  readonly key: FlowKey;
  readonly execution: Execution;
}

/** What happens to a packet between bridges, in order; `visit` is the index of the visit it follows. */
export type Crossing =
  | {
      readonly kind: 'encapsulated';
      readonly visit: number;
      readonly node: string;
      /** The tunnel port. */
      readonly port: SimPort;
      readonly vni: bigint;
      readonly source: string;
      readonly destination: string;
    }
  | {
      /** Sent out of an uplink, and received by another node's. */
      readonly kind: 'wire';
      readonly visit: number;
      readonly node: string;
      readonly port: SimPort;
      readonly peer: string;
      readonly peerPort: SimPort;
      /** VLAN of the frame, null when untagged. */
      readonly vlan: number | null;
    }
  | {
      readonly kind: 'decapsulated';
      readonly visit: number;
      readonly node: string;
      readonly port: SimPort;
      readonly vni: bigint;
    };

export interface Delivery {
  readonly node: string;
  readonly ofport: number;
  readonly key: FlowKey;
}

export type LossCode =
  | 'no_destination'
  | 'own_address'
  | 'cold_neighbour'
  | 'no_vtep'
  | 'no_uplink'
  | 'no_tunnel_port'
  | 'not_mine'
  | 'underlay_drop'
  | 'loop';

/** A packet that ended outside the flow tables of br-int. */
interface Loss {
  readonly node: string;
  readonly visit: number;
  readonly code: LossCode;
  /** One sentence. */
  readonly why: string;
}

export interface FabricRun {
  /** In the order that the packet meets them. */
  readonly visits: readonly Visit[];
  readonly crossings: readonly Crossing[];
  /** What left through a VM's port, or a bridge's own (LOCAL of br-int). */
  readonly deliveries: readonly Delivery[];
  readonly losses: readonly Loss[];
}

export interface SendOptions {
  /** Milliseconds since 1970: what connections age by. Default 0. */
  readonly now?: number;
  /** The connection tracker of a node; default its own. */
  readonly conntrack?: (node: string) => Tracker;
  /** Whether flows and groups count. */
  readonly count?: boolean;
  /** Length of the packet in bytes, for the counters. */
  readonly length?: number;
}

const VXLAN_PORT = 4789n;
const OUTER_TTL = 64n;
/** Ethernet, IPv4, UDP and VXLAN headers around a packet. */
const OVERHEAD = 50;
/** Bridges that one packet may pass: beyond, it runs in a circle. */
const MAXIMUM_VISITS = 64;

const F = {
  inPort: field('in_port'),
  tunnelId: field('tun_id'),
  tunnelSource: field('tun_src'),
  tunnelDestination: field('tun_dst'),
  ethernetSource: field('eth_src'),
  ethernetDestination: field('eth_dst'),
  ethernetType: field('eth_type'),
  source: field('ip_src'),
  destination: field('ip_dst'),
  protocol: field('ip_proto'),
  ttl: field('nw_ttl'),
  udpSource: field('udp_src'),
  udpDestination: field('udp_dst'),
} as const;

const address = (value: bigint): string => formatIp({ version: 4, value });

/** The headers of `key` as a packet that enters a bridge by `inPort`: no register, no tunnel, untracked. */
function entering(key: FlowKey, inPort: number): FlowKey {
  const fresh = key.slice();
  fresh.fill(0, AT.registers, AT.ethernetSource);
  fresh[AT.inPort] = inPort;
  return fresh;
}

/** An outer packet, and what it carries. */
interface Frame {
  readonly key: FlowKey;
  readonly inner: FlowKey;
  readonly vni: bigint;
}

export class Fabric {
  /** By name. */
  readonly nodes = new Map<string, SimNode>();

  constructor(nodes: Iterable<SimNode> = []) {
    for (const node of nodes) this.nodes.set(node.name, node);
  }

  /**
   * Connection trackers to try packets on: each node's is copied when a packet first meets it, and
   * kept for the packets that follow, replies among them.
   */
  scratch(): (node: string) => Tracker {
    const copies = new Map<string, Conntrack>();
    return (name) => {
      let copy = copies.get(name);
      if (copy === undefined) {
        copy = this.#node(name).conntrack.fork();
        copies.set(name, copy);
      }
      return copy;
    };
  }

  /**
   * Sends a packet into br-int of `node` by `ofport`, as a VM does, and follows it to every end.
   * @throws {RangeError} when there is no such node.
   */
  send(node: string, ofport: number, key: FlowKey, options: SendOptions = {}): FabricRun {
    const journey = new Journey(this, options);
    journey.enterInt(this.#node(node), entering(key, ofport));
    return journey;
  }

  /** The node that answers for a VTEP. */
  owner(vtep: string): SimNode | undefined {
    for (const node of this.nodes.values()) if (node.vtep === vtep) return node;
    return undefined;
  }

  #node(name: string): SimNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new RangeError(`no node is called ${name}`);
    return node;
  }
}

class Journey implements FabricRun {
  readonly visits: Visit[] = [];
  readonly crossings: Crossing[] = [];
  readonly deliveries: Delivery[] = [];
  readonly losses: Loss[] = [];
  readonly #fabric: Fabric;
  readonly #options: SendOptions;

  constructor(fabric: Fabric, options: SendOptions) {
    this.#fabric = fabric;
    this.#options = options;
  }

  enterInt(node: SimNode, key: FlowKey): void {
    const bridge = node.bridges['br-int'];
    const visit = this.#visit(node, 'br-int', key, this.#options.length);
    if (visit === null) return;
    for (const step of visit.execution.steps) {
      if (step.kind !== 'output') continue;
      const port = bridge.port(step.port);
      if (port?.kind === 'tunnel') this.#encapsulate(node, port, step.key, key);
      else this.deliveries.push({ node: node.name, ofport: step.port, key: step.key });
    }
  }

  /** Wraps a packet and hands it to the route to its destination, which leads to br-phy. */
  #encapsulate(node: SimNode, port: SimPort, key: FlowKey, arrived: FlowKey): void {
    const vni = readField(key, F.tunnelId);
    const target = readField(key, F.tunnelDestination);
    if (target === 0n) {
      this.#lose(
        node,
        'no_destination',
        `the packet has no tun_dst: ${port.name} sends it nowhere`,
      );
      return;
    }
    const destination = address(target);
    if (target === readField(arrived, F.tunnelDestination)) {
      const why = `${destination} is where the packet came in: not tunnelled back to ourselves`;
      this.#lose(node, 'own_address', why);
      return;
    }
    const source = node.vtep;
    const visit = this.visits.length - 1;
    this.crossings.push({
      kind: 'encapsulated',
      visit,
      node: node.name,
      port,
      vni,
      source,
      destination,
    });
    if (node.cold?.has(destination) === true) {
      this.#lose(node, 'cold_neighbour', `nobody answers ARP for the VTEP ${destination}`);
      return;
    }
    const peer = this.#fabric.owner(destination);
    if (peer === undefined) {
      const why = `no node answers for the VTEP ${destination}`;
      this.#lose(node, 'no_vtep', why);
      return;
    }
    const outer = newKey();
    writeField(outer, F.inPort, BigInt(PORT.local));
    writeField(outer, F.ethernetSource, parseMac(node.mac));
    writeField(outer, F.ethernetDestination, parseMac(peer.mac));
    writeField(outer, F.ethernetType, BigInt(ETH_TYPE.ip));
    writeField(outer, F.source, parseIp(source).value);
    writeField(outer, F.destination, target);
    writeField(outer, F.protocol, BigInt(IP_PROTO.udp));
    writeField(outer, F.ttl, OUTER_TTL);
    writeField(outer, F.udpSource, BigInt(0x8000 | (hashOf(key) & 0x7fff)));
    writeField(outer, F.udpDestination, VXLAN_PORT);
    this.#enterPhy(node, { key: outer, inner: key, vni });
  }

  #enterPhy(node: SimNode, frame: Frame): void {
    const { length } = this.#options;
    const visit = this.#visit(
      node,
      'br-phy',
      frame.key,
      length === undefined ? undefined : length + OVERHEAD,
    );
    if (visit === null) return;
    const index = this.visits.length - 1;
    const { steps } = visit.execution;
    for (const step of steps) {
      if (step.kind !== 'output') continue;
      const outer = { ...frame, key: step.key };
      const port = node.bridges['br-phy'].port(step.port);
      if (port?.kind === 'uplink') this.#transmit(node, port, outer, index);
      else if (step.port === PORT.local) this.#decapsulate(node, outer);
    }
    if (steps.some((step) => step.kind === 'output')) return;
    const why = steps.some((step) => step.kind === 'group' && step.buckets.length === 0)
      ? 'no uplink is up: the group of br-phy has no live bucket'
      : `br-phy drops the outer packet${vlanText(frame.key)}`;
    const code = why.startsWith('no uplink') ? 'no_uplink' : 'underlay_drop';
    this.#lose(node, code, why);
  }

  #transmit(node: SimNode, port: SimPort, frame: Frame, visit: number): void {
    const mac = formatMac(readField(frame.key, F.ethernetDestination));
    const peer = [...this.#fabric.nodes.values()].find((other) => other.mac === mac);
    if (peer === undefined || peer === node) {
      const why = `no node on the underlay has the address ${mac}`;
      this.#lose(node, 'no_vtep', why);
      return;
    }
    const uplinks = [...peer.bridges['br-phy'].ports.values()].filter(
      ({ kind, up }) => kind === 'uplink' && up,
    );
    const peerPort = uplinks.find(({ ofport }) => ofport === port.ofport) ?? uplinks[0];
    if (peerPort === undefined) {
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
    this.#enterPhy(peer, { ...frame, key: entering(frame.key, peerPort.ofport) });
  }

  /** The outer packet has reached the node's own stack. */
  #decapsulate(node: SimNode, { key, inner, vni }: Frame): void {
    const destination = address(readField(key, F.destination));
    const vxlan =
      ethernetType(key) === ETH_TYPE.ip &&
      ipProtocol(key) === IP_PROTO.udp &&
      destinationPort(key) === Number(VXLAN_PORT);
    if (!vxlan || destination !== node.vtep || vlanTci(key) & VLAN_PRESENT_BIT) {
      const why = `${node.name} is not ${destination}${vlanText(key)}: it drops the outer packet`;
      this.#lose(node, 'not_mine', why);
      return;
    }
    const port = [...node.bridges['br-int'].ports.values()].find(
      ({ kind, up, localIp }) => kind === 'tunnel' && up && (localIp ?? node.vtep) === node.vtep,
    );
    if (port === undefined) {
      const why = `br-int of ${node.name} has no tunnel port for ${node.vtep}`;
      this.#lose(node, 'no_tunnel_port', why);
      return;
    }
    const visit = this.visits.length - 1;
    this.crossings.push({ kind: 'decapsulated', visit, node: node.name, port, vni });
    const arrived = entering(inner, port.ofport);
    writeField(arrived, F.tunnelId, vni);
    writeField(arrived, F.tunnelSource, readField(key, F.source));
    writeField(arrived, F.tunnelDestination, parseIp(node.vtep).value);
    this.enterInt(node, arrived);
  }

  #visit(
    node: SimNode,
    bridge: Visit['bridge'],
    key: FlowKey,
    length: number | undefined,
  ): Visit | null {
    if (this.visits.length >= MAXIMUM_VISITS) {
      this.#lose(
        node,
        'loop',
        `the packet has passed ${MAXIMUM_VISITS} bridges: it runs in a circle`,
      );
      return null;
    }
    const execution = execute(node.bridges[bridge], key, {
      conntrack: this.#options.conntrack?.(node.name) ?? node.conntrack,
      now: this.#options.now ?? 0,
      count: this.#options.count ?? false,
      length: length ?? 0,
    });
    const visit = { node: node.name, bridge, key, execution };
    this.visits.push(visit);
    return visit;
  }

  #lose(node: SimNode, code: LossCode, why: string): void {
    this.losses.push({ node: node.name, visit: this.visits.length - 1, code, why });
  }
}

function vlanText(key: FlowKey): string {
  const tci = vlanTci(key);
  return tci & VLAN_PRESENT_BIT ? ` of VLAN ${tci & 0xfff}` : '';
}
