/** Where a trace's flows come from. */
import { Fabric, type SimNode } from '../../sim/fabric.ts';
import type { NodeNumbers } from '../../trace/names.ts';

export interface TracedNode {
  readonly sim: SimNode;
  readonly numbers: NodeNumbers;
}

export interface Source {
  /**
   * A node as it is now, for the ports of one VPC.
   * @throws {Failure} when nothing can be said of the node.
   */
  node(name: string, vpc: string): Promise<TracedNode>;
}

/** A fabric of the nodes loaded so far, which notes the VTEPs that a packet was sent to in vain. */
export class PartialFabric extends Fabric<SimNode> {
  readonly missed = new Set<string>();

  override owner(vtep: string): SimNode | undefined {
    const node = super.owner(vtep);
    if (node === undefined) this.missed.add(vtep);
    return node;
  }
}
