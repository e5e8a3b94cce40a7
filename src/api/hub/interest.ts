/**
 * Who follows what, kept up to date commit by commit. The edges between topics and the ways by which a
 * node reaches each of its topics are counted, so a commit costs what it changes; nobody walks the
 * ports of a VPC but for a node that starts or ends to follow it.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Change, Kind, Objects } from '../../model/objects.ts';
import { STREAMED_KINDS, type Same } from '../../model/stream.ts';
import type { Topology } from '../../model/topology.ts';
import type { Slot } from '../history.ts';
import { NODES, nodeTopic, publicationOf } from './topics.ts';
import type { Publication, Topic } from './topics.ts';

interface Filed extends Publication {
  readonly slot: Slot;
  /** As those who follow it hold it. */
  readonly object: Objects[Kind];
}

/** What is there for users alone: nodes hold it as it was when something else changed last. */
const UNTOLD: ReadonlySet<string> = new Set([
  'status',
  'revision_number',
  'updated_at',
  'agent_alive',
]);

/** Whether two states of an object are one to a node. */
function alike(before: Objects[Kind], after: Objects[Kind]): boolean {
  const held = new Map<string, unknown>(Object.entries(before));
  return Object.entries(after).every(
    ([name, value]) => UNTOLD.has(name) || isDeepStrictEqual(value, held.get(name)),
  );
}

type Slots = Map<string, Slot>;
type ReadonlySlots = ReadonlyMap<string, Slot>;

/** One node's side: the topics it follows and, for resuming, what it was told when. */
export interface Scope {
  readonly node: string;
  /** How many followed topics (roots: 1) lead to each topic; only counts above 0 are kept. */
  readonly topics: Map<Topic, number>;
  /** The revisions that touched the scope, oldest first, all after `floor`. */
  readonly log: { readonly revision: number; readonly slots: ReadonlySlots }[];
  /** Everything that touched the scope after this revision is in the log. */
  floor: number;
  /** Slots in the log. */
  logged: number;
}

/** Slots a log may hold; a node that was away for longer takes a snapshot. */
const LOG_LIMIT = 20_000;

/** What one node has to be told of one revision. */
export interface ScopeDelta {
  readonly scope: Scope;
  readonly changes: readonly Change[];
}

export class Interest {
  readonly #topology: Topology;
  readonly #filed = new Map<string, Filed>();
  readonly #members = new Map<Topic, Slots>();
  readonly #edges = new Map<Topic, Map<Topic, number>>();
  readonly #followers = new Map<Topic, Set<Scope>>();
  readonly #scopes = new Map<string, Scope>();
  #revision: number;

  /** Reads the whole topology once; from then on `update` is told of every commit. */
  constructor(topology: Topology, revision: number) {
    this.#topology = topology;
    this.#revision = revision;
    for (const kind of STREAMED_KINDS) {
      for (const { id } of topology.all(kind)) {
        const filed = this.#publication({ kind, id });
        if (filed === undefined) continue;
        this.#publish(`${kind} ${id}`, filed);
        for (const [from, to] of filed.pulls) this.#link(from, to, null);
      }
    }
  }

  /** The revision of the last commit told. */
  get revision(): number {
    return this.#revision;
  }

  /** The scope of a node, followed from its first use on. */
  scope(name: string): Scope {
    const known = this.#scopes.get(name);
    if (known !== undefined) return known;
    const scope = { node: name, topics: new Map(), log: [], floor: this.#revision, logged: 0 };
    this.#scopes.set(name, scope);
    this.#follow(scope, NODES, null);
    this.#follow(scope, nodeTopic(name), null);
    return scope;
  }

  /** Stops following a node; its next stream begins with a snapshot. */
  forget(name: string): void {
    const scope = this.#scopes.get(name);
    if (scope === undefined) return;
    this.#scopes.delete(name);
    for (const topic of scope.topics.keys()) this.#removeFollower(topic, scope);
  }

  /** The scopes that hold what is published under `topic`. */
  followers(topic: Topic): Iterable<Scope> {
    return this.#followers.get(topic) ?? [];
  }

  /** All objects of a scope. */
  snapshot(scope: Scope): Change[] {
    const slots = newSlots();
    for (const topic of scope.topics.keys()) {
      for (const [key, slot] of this.#members.get(topic) ?? []) slots.set(key, slot);
    }
    return this.#changes(scope, slots);
  }

  /** What touched a scope since `revision`; null when that is no longer known. */
  since(scope: Scope, revision: number): Change[] | null {
    if (revision < scope.floor || revision > this.#revision) return null;
    const slots = newSlots();
    for (let at = scope.log.length - 1; at >= 0; at -= 1) {
      const entry = scope.log[at];
      if (entry === undefined || entry.revision <= revision) break;
      for (const [key, slot] of entry.slots) slots.set(key, slot);
    }
    return this.#changes(scope, slots);
  }

  /**
   * All objects of a scope for a node that holds what was in it at some revision, whoever told it.
   * @param changed What has changed in the topology since then.
   * @returns as `changes` what the node may hold otherwise or not at all, by its ids what it holds.
   */
  thin(
    scope: Scope,
    changed: readonly Slot[],
  ): { readonly changes: Change[]; readonly same: Same } {
    const moved = this.#withFloatingips(changed);
    const sure = this.#surelyFollowed(scope, moved);
    const slots = newSlots();
    const same: Partial<Record<Kind, string[]>> = {};
    const seen = new Set<string>();
    for (const topic of scope.topics.keys()) {
      for (const [key, slot] of this.#members.get(topic) ?? []) {
        if (seen.has(key)) continue;
        seen.add(key);
        const held = this.#filed.get(key)?.topics.some((each) => sure.has(each)) ?? false;
        if (!held || moved.has(key)) slots.set(key, slot);
        else (same[slot.kind] ??= []).push(slot.id);
      }
    }
    return { changes: this.#changes(scope, slots), same };
  }

  /** Where a floating ip is published depends on its port. */
  #withFloatingips(changed: readonly Slot[]): ReadonlySet<string> {
    const moved = new Set<string>();
    for (const { kind, id } of changed) {
      moved.add(`${kind} ${id}`);
      if (kind !== 'port') continue;
      for (const fip of this.#topology.find('floatingip.by_port', id))
        moved.add(`floatingip ${fip}`);
    }
    return moved;
  }

  /** The topics that lead from the roots over objects other than `moved`: they were followed before. */
  #surelyFollowed({ node }: Scope, moved: ReadonlySet<string>): ReadonlySet<Topic> {
    const doubtful = new Map<Topic, Map<Topic, number>>();
    for (const key of moved) {
      for (const [from, to] of this.#filed.get(key)?.pulls ?? []) {
        const counts = entry(doubtful, from, () => new Map<Topic, number>());
        counts.set(to, (counts.get(to) ?? 0) + 1);
      }
    }
    const sure = new Set<Topic>([NODES, nodeTopic(node)]);
    // A set is walked through to what is added on the way.
    for (const from of sure) {
      for (const [to, count] of this.#edges.get(from) ?? []) {
        if (count > (doubtful.get(from)?.get(to) ?? 0)) sure.add(to);
      }
    }
    return sure;
  }

  /** Takes in one commit, after the topology has: the scopes it touches, each with its delta. */
  update(revision: number, changes: readonly Change[]): ScopeDelta[] {
    this.#revision = revision;
    const moved = this.#moved(changes);
    const touched = new Map<Scope, Slots>();
    const touch = (topics: readonly Topic[], key: string, slot: Slot) => {
      for (const topic of topics) {
        for (const scope of this.#followers.get(topic) ?? [])
          entry(touched, scope, newSlots).set(key, slot);
      }
    };

    const steps = [...moved].map(([key, slot]) => ({
      key,
      slot,
      before: this.#filed.get(key),
      after: this.#publication(slot),
    }));
    for (const { key, slot, before } of steps) touch(before?.topics ?? [], key, slot);
    for (const { key, before, after } of steps) {
      this.#unpublish(key, before);
      if (after !== undefined) this.#publish(key, after);
    }
    // New edges first: what is reached another way now never counts as lost.
    const flux: Flux = new Map();
    for (const { after } of steps) {
      for (const [from, to] of after?.pulls ?? []) this.#link(from, to, flux);
    }
    for (const { before } of steps) {
      for (const [from, to] of before?.pulls ?? []) this.#unlink(from, to, flux);
    }
    for (const { key, slot, after } of steps) touch(after?.topics ?? [], key, slot);
    for (const [scope, topics] of flux) {
      for (const [topic, had] of topics) {
        if (had === scope.topics.has(topic)) continue;
        const slots = entry(touched, scope, newSlots);
        for (const [key, slot] of this.#members.get(topic) ?? []) slots.set(key, slot);
      }
    }
    return [...touched]
      .filter(([, slots]) => slots.size > 0)
      .map(([scope, slots]) => {
        this.#record(scope, revision, slots);
        return { scope, changes: this.#changes(scope, slots) };
      });
  }

  /** The objects that nodes may see move: those changed, and floating ips of ports. */
  #moved(changes: readonly Change[]): Slots {
    const moved = newSlots();
    for (const { kind, id, object } of changes) {
      const filed = this.#filed.get(`${kind} ${id}`);
      if (filed !== undefined && object !== null && alike(filed.object, object)) continue;
      moved.set(`${kind} ${id}`, { kind, id });
      if (kind !== 'port') continue;
      for (const fip of this.#topology.find('floatingip.by_port', id)) {
        const key = `floatingip ${fip}`;
        const after = this.#publication({ kind: 'floatingip', id: fip });
        if (after?.topics.join() === this.#filed.get(key)?.topics.join()) continue;
        moved.set(key, { kind: 'floatingip', id: fip });
      }
    }
    return moved;
  }

  #publication(slot: Slot): Filed | undefined {
    const object = this.#topology.get(slot.kind, slot.id);
    if (object === undefined) return undefined;
    return { slot, object, ...publicationOf(this.#topology, slot.kind, object) };
  }

  #publish(key: string, filed: Filed): void {
    this.#filed.set(key, filed);
    for (const topic of filed.topics) {
      entry(this.#members, topic, newSlots).set(key, filed.slot);
    }
  }

  #unpublish(key: string, filed: Filed | undefined): void {
    this.#filed.delete(key);
    for (const topic of filed?.topics ?? []) {
      const members = this.#members.get(topic);
      members?.delete(key);
      if (members?.size === 0) this.#members.delete(topic);
    }
  }

  #link(from: Topic, to: Topic, flux: Flux | null): void {
    const edges = entry(this.#edges, from, () => new Map<Topic, number>());
    const count = edges.get(to) ?? 0;
    edges.set(to, count + 1);
    if (count > 0) return;
    for (const scope of this.#followers.get(from) ?? []) this.#follow(scope, to, flux);
  }

  #unlink(from: Topic, to: Topic, flux: Flux): void {
    const edges = this.#edges.get(from);
    const count = edges?.get(to) ?? 0;
    if (edges === undefined || count === 0) return;
    if (count > 1) {
      edges.set(to, count - 1);
      return;
    }
    edges.delete(to);
    if (edges.size === 0) this.#edges.delete(from);
    for (const scope of this.#followers.get(from) ?? []) this.#unfollow(scope, to, flux);
  }

  #follow(scope: Scope, topic: Topic, flux: Flux | null): void {
    const count = scope.topics.get(topic) ?? 0;
    scope.topics.set(topic, count + 1);
    if (count > 0) return;
    noteHad(flux, scope, topic, false);
    entry(this.#followers, topic, () => new Set<Scope>()).add(scope);
    for (const to of this.#edges.get(topic)?.keys() ?? []) this.#follow(scope, to, flux);
  }

  #unfollow(scope: Scope, topic: Topic, flux: Flux): void {
    const count = scope.topics.get(topic) ?? 0;
    if (count > 1) {
      scope.topics.set(topic, count - 1);
      return;
    }
    if (count === 0) return;
    scope.topics.delete(topic);
    noteHad(flux, scope, topic, true);
    this.#removeFollower(topic, scope);
    for (const to of this.#edges.get(topic)?.keys() ?? []) this.#unfollow(scope, to, flux);
  }

  #removeFollower(topic: Topic, scope: Scope): void {
    const followers = this.#followers.get(topic);
    followers?.delete(scope);
    if (followers?.size === 0) this.#followers.delete(topic);
  }

  #record(scope: Scope, revision: number, slots: ReadonlySlots): void {
    scope.log.push({ revision, slots });
    scope.logged += slots.size;
    while (scope.logged > LOG_LIMIT) {
      const oldest = scope.log.shift();
      if (oldest === undefined) return;
      scope.logged -= oldest.slots.size;
      scope.floor = oldest.revision;
    }
  }

  /** The present state of slots as the scope's owner must see it, in an order it can apply. */
  #changes(scope: Scope, slots: ReadonlySlots): Change[] {
    const puts = new Map<Kind, Change[]>();
    const removals: Change[] = [];
    for (const [key, { kind, id }] of slots) {
      const inside = this.#filed.get(key)?.topics.some((topic) => scope.topics.has(topic)) ?? false;
      const object = inside ? (this.#topology.get(kind, id) ?? null) : null;
      const change = { kind, id, object } as Change;
      if (object === null) removals.push(change);
      else entry(puts, kind, (): Change[] => []).push(change);
    }
    return [...removals, ...STREAMED_KINDS.flatMap((kind) => puts.get(kind) ?? [])];
  }
}

/** For each scope the topics that came or went in this update, with whether they were followed before. */
type Flux = Map<Scope, Map<Topic, boolean>>;

function noteHad(flux: Flux | null, scope: Scope, topic: Topic, had: boolean): void {
  if (flux === null) return;
  const topics = entry(flux, scope, () => new Map<Topic, boolean>());
  if (!topics.has(topic)) topics.set(topic, had);
}

/** The value at `key`, put there first when there is none. */
function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

const newSlots = (): Slots => new Map();
