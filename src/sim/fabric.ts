/**
 * Nodes and the underlay between them. What a bridge sends into a tunnel port is wrapped, routed to
 * the bridge that has the address it leaves from, and goes over its uplinks to the node that has
 * the outer destination, where it climbs back up into the bridge of the tunnel port.
 *
 * The underlay is one switch that has learnt every VTEP: it carries all VLANs, and delivers a frame
 * to one uplink of the node that it is addressed to.
 */
import { PORT } from '../openflow/flow.ts';
import type { FlowKey } from '../openflow/fields.ts';
import type { Conntrack, Tracker } from './conntrack.ts';
import { Journey } from './journey.ts';
import type { FabricNode, FabricRun, SendOptions, Vtep } from './nodes.ts';
import { entering, widened } from './underlay.ts';

export type * from './nodes.ts';

/** The VTEP of a node of ours: it is on br-phy itself. */
export const ownVtep = (address: string, mac: string): Vtep => ({
  address,
  mac,
  at: { bridge: 'br-phy', ofport: PORT.local },
});

export class Fabric<N extends FabricNode = FabricNode> {
  /** By name. */
  readonly nodes = new Map<string, N>();

  constructor(nodes: Iterable<N> = []) {
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
   * Sends a packet into a bridge of `node` by `ofport`, as a VM does, and follows it to every end.
   * @throws {RangeError} when there is no such node or bridge.
   */
  send(node: string, ofport: number, key: FlowKey, options: SendOptions = {}): FabricRun {
    const { bridge = 'br-int' } = options;
    const sender = this.#node(node);
    if (sender.bridges[bridge] === undefined) throw new RangeError(`${node} has no ${bridge}`);
    const journey = new Journey(this, options);
    // Only other clouds give meaning to tunnel options, which need their room in a key.
    const roomy = sender.foreign === true ? widened(key) : key;
    journey.enter(sender, bridge, entering(roomy, ofport), { frame: null, origin: '' });
    return journey;
  }

  /** The node that answers for a VTEP. */
  owner(vtep: string): N | undefined {
    for (const node of this.nodes.values()) {
      if (node.vteps.some(({ address }) => address === vtep)) return node;
    }
    return undefined;
  }

  #node(name: string): N {
    const node = this.nodes.get(name);
    if (node === undefined) throw new RangeError(`no node is called ${name}`);
    return node;
  }
}
