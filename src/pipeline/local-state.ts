/** The node's allocators: vids, local network ids, conjunction ids. */
import { Failure } from '../base/failure.ts';
import type { Attachment, LocalReader, NodeIdentity } from './local.ts';

/** Conntrack zones above it are the agent's own, and a vid is a zone. */
export const MAX_VID = 65_000;
const MAX_NETWORK_ID = 0xfff;

/** What survives a restart; the agent keeps it with the switch. */
export interface KeptNumbers {
  readonly networkIds: Readonly<Record<string, number>>;
  /** By port id. */
  readonly vids: Readonly<Record<string, number>>;
}

/**
 * Hands out the numbers 1 … `max`; one given back goes to the end of the queue, so that what still
 * bears it (a conntrack zone, a flow of an old epoch) is met as late as possible.
 */
class NumberPool {
  readonly #max: number;
  readonly #what: string;
  readonly #used = new Set<number>();
  readonly #freed: number[] = [];
  #fresh = 1;

  constructor(max: number, what: string) {
    this.#max = max;
    this.#what = what;
  }

  /** Takes a particular number; false when it is taken or out of range. */
  reserve(number: number): boolean {
    if (!Number.isInteger(number) || number < 1 || number > this.#max || this.#used.has(number)) {
      return false;
    }
    for (; this.#fresh <= number; this.#fresh++) {
      if (this.#fresh !== number) this.#freed.push(this.#fresh);
    }
    const freed = this.#freed.indexOf(number);
    if (freed >= 0) this.#freed.splice(freed, 1);
    this.#used.add(number);
    return true;
  }

  take(): number {
    const number = this.#fresh <= this.#max ? this.#fresh++ : this.#freed.shift();
    if (number === undefined) {
      throw new Failure(
        'exhausted',
        'NodeNumbersExhausted',
        `all ${this.#max} ${this.#what} of the node are in use`,
        {
          field: this.#what,
          value: this.#max,
          remedy: 'move ports to another node',
        },
      );
    }
    this.#used.add(number);
    return number;
  }

  give(number: number): void {
    if (this.#used.delete(number)) this.#freed.push(number);
  }
}

/**
 * Mutable; the one owner is the node's agent (or the tracer, for a node it only imagines). After
 * `attach` and `detach` the compiler must be told: `attachmentKey(portId)` was touched.
 */
export class LocalState implements LocalReader {
  /** Whoever sets it compiles everything anew. */
  identity: NodeIdentity;
  readonly #attachments = new Map<string, Attachment>();
  /** The plugged ports by vid. */
  readonly #ports = new Map<number, string>();
  readonly #vids = new NumberPool(MAX_VID, 'vids');
  readonly #networks = new NumberPool(MAX_NETWORK_ID, 'local network ids');
  readonly #networkIds = new Map<string, number>();
  readonly #conjunctionIds = new Map<string, number>();
  /** Vids of ports that were plugged before the restart and have not shown up again yet. */
  readonly #awaited = new Map<string, number>();

  constructor(identity: NodeIdentity, kept: KeptNumbers = { networkIds: {}, vids: {} }) {
    this.identity = identity;
    for (const [vpcId, id] of Object.entries(kept.networkIds)) {
      if (this.#networks.reserve(id)) this.#networkIds.set(vpcId, id);
    }
    for (const [portId, vid] of Object.entries(kept.vids)) {
      if (this.#vids.reserve(vid)) this.#awaited.set(portId, vid);
    }
  }

  /**
   * Plugs a port, or moves it to another interface.
   * @param plugged.vid the vid that is stored with the interface; null for an interface plugged
   *   anew, which gets a new one; absent: the port keeps the vid it had, if any.
   * @throws {Failure} `exhausted` when all vids are in use.
   */
  attach(
    portId: string,
    plugged: { readonly ofport: number; readonly interface: string; readonly vid?: number | null },
  ): Attachment {
    const before = this.#attachments.get(portId);
    const vid = this.#vidFor(portId, plugged);
    if (before !== undefined) this.#ports.delete(before.vid);
    this.#ports.set(vid, portId);
    const attachment = { vid, ofport: plugged.ofport, interface: plugged.interface };
    this.#attachments.set(portId, attachment);
    return attachment;
  }

  #vidFor(
    portId: string,
    plugged: { readonly ofport: number; readonly interface: string; readonly vid?: number | null },
  ): number {
    const present = this.#attachments.get(portId);
    const held = present?.vid ?? this.#awaited.get(portId);
    this.#awaited.delete(portId);
    const same =
      present?.ofport === plugged.ofport && present.interface === plugged.interface
        ? present.vid
        : null;
    const stored = plugged.vid === undefined ? (held ?? null) : (plugged.vid ?? same);
    if (held !== undefined && stored === held) return held;
    const vid = stored !== null && this.#vids.reserve(stored) ? stored : this.#vids.take();
    if (held !== undefined) this.#vids.give(held);
    return vid;
  }

  /**
   * Unplugs a port; its vid goes to the end of the queue.
   * @returns whether it was plugged, or awaited since a restart.
   */
  detach(portId: string): boolean {
    const vid = this.#vidOf(portId);
    if (vid === undefined) return false;
    this.#vids.give(vid);
    this.#attachments.delete(portId);
    this.#ports.delete(vid);
    this.#awaited.delete(portId);
    return true;
  }

  /** The ports that have a vid: plugged, or awaited since a restart. */
  known(): string[] {
    return [...this.#attachments.keys(), ...this.#awaited.keys()];
  }

  attachment(portId: string): Attachment | undefined {
    return this.#attachments.get(portId);
  }

  /** The port that is plugged under a vid. */
  portOf(vid: number): string | undefined {
    return this.#ports.get(vid);
  }

  attached(): IterableIterator<string> {
    return this.#attachments.keys();
  }

  networkId(vpcId: string): number {
    let id = this.#networkIds.get(vpcId);
    if (id === undefined) this.#networkIds.set(vpcId, (id = this.#networks.take()));
    return id;
  }

  /** Gives back the number of a VPC that left the node; call it once no flow bears it any more. */
  releaseNetwork(vpcId: string): void {
    const id = this.#networkIds.get(vpcId);
    if (id !== undefined) this.#networks.give(id);
    this.#networkIds.delete(vpcId);
  }

  conjunctionId(groupId: string): number {
    let id = this.#conjunctionIds.get(groupId);
    if (id === undefined) this.#conjunctionIds.set(groupId, (id = this.#conjunctionIds.size + 1));
    return id;
  }

  /** By VPC. */
  networkIds(): Record<string, number> {
    return Object.fromEntries(this.#networkIds);
  }

  /**
   * What to keep across a restart.
   * @param ports The only ones whose vids are asked for; null: all.
   */
  kept(ports: ReadonlySet<string> | null = null): KeptNumbers {
    const vids: Record<string, number> = {};
    for (const portId of ports ?? this.known()) {
      const vid = this.#vidOf(portId);
      if (vid !== undefined) vids[portId] = vid;
    }
    return { networkIds: this.networkIds(), vids };
  }

  /** Of a port that is plugged, or awaited. */
  #vidOf(portId: string): number | undefined {
    return this.#attachments.get(portId)?.vid ?? this.#awaited.get(portId);
  }
}
