import { LocalState } from '../pipeline/local-state.ts';
import type { Attachment, NodeIdentity } from '../pipeline/local.ts';
import type { KeptState } from './datapath.ts';

/** Seconds since 1970. */
type Seconds = number;

/**
 * The epoch to write flows under: a restart of the same pipeline goes on with the one it finds, so
 * that it has nothing to apply; another pipeline takes one that no flow in the switch bears.
 */
export function chooseEpoch(kept: KeptState, pipeline: string, now: Seconds, renew: boolean) {
  if (kept.epoch !== null && kept.pipeline === pipeline && !renew) return kept.epoch;
  return Math.max(now, (kept.epoch ?? -1) + 1);
}

/** The node's numbers with what the agent needs to keep them: a count of their changes. */
export class NodeNumbers extends LocalState {
  readonly #pipeline: string;
  readonly #networks = new Set<string>();
  readonly #groups = new Set<string>();
  #changes = 0;

  constructor(identity: NodeIdentity, pipeline: string, kept: KeptState) {
    super(identity, kept);
    this.#pipeline = pipeline;
    for (const vpc of Object.keys(kept.networkIds)) this.#networks.add(vpc);
    // Ids are given out in the order of asking, so the same order restores them.
    for (const group of kept.conjunctions) this.conjunctionId(group);
    this.#changes = 0;
  }

  /** Grows with every number given out or taken back. */
  get changes(): number {
    return this.#changes;
  }

  override attach(
    portId: string,
    plugged: { readonly ofport: number; readonly interface: string; readonly vid?: number | null },
  ): Attachment {
    this.#changes += 1;
    return super.attach(portId, plugged);
  }

  override detach(portId: string): boolean {
    const known = super.detach(portId);
    if (known) this.#changes += 1;
    return known;
  }

  override networkId(vpcId: string): number {
    if (!this.#networks.has(vpcId)) {
      this.#networks.add(vpcId);
      this.#changes += 1;
    }
    return super.networkId(vpcId);
  }

  override releaseNetwork(vpcId: string): void {
    if (this.#networks.delete(vpcId)) this.#changes += 1;
    super.releaseNetwork(vpcId);
  }

  override conjunctionId(groupId: string): number {
    if (!this.#groups.has(groupId)) {
      this.#groups.add(groupId);
      this.#changes += 1;
    }
    return super.conjunctionId(groupId);
  }

  /** @param moved The ports whose vids are asked for; null: all. */
  state(moved: ReadonlySet<string> | null): KeptState {
    return {
      ...this.kept(moved),
      epoch: this.identity.epoch,
      pipeline: this.#pipeline,
      conjunctions: [...this.#groups],
    };
  }
}
