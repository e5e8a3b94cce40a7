import type { TreeOp } from '../base/tree.ts';
import { claimsOf, nodesOf, ownNode, type Claim } from './claims.ts';
import type { Kind, Network, Objects } from './objects.ts';
import { novaEvents, queueing, type NovaEvent } from './nova-events.ts';
import { withSlot } from './quota-slots.ts';
import type { Topology } from './topology.ts';
import { pathOf, prefixesPath } from './tree.ts';
import { vpcsOf } from './vpc.ts';

/** Who asks for a change. */
export interface Requester {
  /** Owner of what is created, unless the input names another. */
  readonly projectId: string;
  /** May act for, and sees what is of, every project. */
  readonly admin: boolean;
}

/** What a plan may know beside the topology; all that is not pure comes in here. */
export interface PlanContext {
  /** ISO 8601 in UTC, whole seconds, `Z`. */
  readonly now: string;
  readonly caller: Requester;
  newId(): string;
  /** [0, 1) */
  random(): number;
  /** A write in flight is creating this path: allocate something else. */
  isClaimed(path: string): boolean;
  /** The version of the node at `path` in the topology's revision. */
  version(path: string): number | undefined;
  /** Neutron's default groups and rules; off: new ports have no group, new groups no rules. */
  readonly defaultSecurityGroup: boolean;
  /** Bytes; a network's mtu is 50 less. */
  readonly underlayMtu: number;
  /** The next place among the events for Nova, greater than all before; absent: it is told nothing. */
  readonly novaOrder?: (() => number) | undefined;
}

/** An atomic write, and the object as it will be (for a delete: as it was). */
export interface Plan<T> {
  /** Empty when there is nothing to change. */
  readonly ops: readonly TreeOp[];
  readonly object: T;
}

/**
 * Collects the changes of one plan and turns them into operations: each object's nodes by
 * `claims.ts`, an existence check of every node that a new claim relies on, and the version of
 * every object changed or deleted, so that a write based on an older state fails.
 */
export class Draft {
  readonly topology: Topology;
  readonly context: PlanContext;
  readonly #ops: TreeOp[] = [];
  readonly #checks = new Map<string, number | undefined>();
  readonly #created = new Set<string>();
  readonly #locked = new Set<string>();
  readonly #prefixes = new Map<string, { add: Set<string>; remove: Set<string> }>();

  readonly #events: NovaEvent[] = [];

  constructor(topology: Topology, context: PlanContext) {
    this.topology = topology;
    this.context = context;
  }

  /** @throws {Failure} `exhausted` when the project's quota is. */
  create<K extends Kind>(kind: K, object: Objects[K]): void {
    const counted = withSlot(this, kind, object);
    for (const node of nodesOf(kind, counted, this.topology)) this.#create(node);
    this.#tellNova(kind, null, object);
  }

  /** @param before The object as it stands in the topology; nothing happens if it is `after`. */
  update<K extends Kind>(kind: K, before: Objects[K], after: Objects[K]): void {
    if (before === after) return;
    const had = claimsOf(kind, before, this.topology);
    const has = claimsOf(kind, after, this.topology);
    const same = (a: Claim, b: Claim) => a.path === b.path && a.value === b.value;
    const gone = had.filter((claim) => !has.some((other) => same(claim, other)));
    const added = has.filter((claim) => !had.some((other) => same(claim, other)));
    for (const claim of gone.toReversed()) this.#ops.push({ op: 'delete', path: claim.path });
    for (const claim of added) this.#create(claim);
    const { path, value } = ownNode(kind, after, this.topology);
    this.#ops.push({ op: 'set', path, value, ...this.#version(path) });
    this.#tellNova(kind, before, after);
  }

  /** Deletes an object, and the policies that share it. */
  delete<K extends Kind>(kind: K, object: Objects[K]): void {
    for (const id of this.topology.find('rbac.by_object', object.id)) {
      const policy = this.topology.get('rbac_policy', id);
      if (policy !== undefined) this.delete('rbac_policy', policy);
    }
    const [own, ...claims] = nodesOf(kind, object, this.topology);
    for (const claim of claims.toReversed()) this.#ops.push({ op: 'delete', path: claim.path });
    if (own) this.#ops.push({ op: 'delete', path: own.path, ...this.#version(own.path) });
    this.#tellNova(kind, object, null);
  }

  /** Fails the write when `object` is no longer as the topology has it. */
  unchanged<K extends Kind>(kind: K, object: Objects[K]): void {
    const path = pathOf(kind, object, this.topology);
    this.#checks.set(path, this.context.version(path));
  }

  /**
   * Writes `object` as it is: of two plans that both rely on it and on what lies around it, only
   * one can be written.
   */
  lock<K extends Kind>(kind: K, object: Objects[K]): void {
    const { path, value } = ownNode(kind, object, this.topology);
    if (this.#locked.has(path)) return;
    this.#locked.add(path);
    this.#ops.push({ op: 'set', path, value, ...this.#version(path) });
  }

  /**
   * Adds prefixes to a VPC, or takes some away, against all that others do to its prefixes; without
   * any the write fails when others have.
   */
  prefixes(vpc: string, change: 'add' | 'remove', cidrs: Iterable<string>): void {
    // A network may be gone while others are still on their way out of the VPC named after it.
    if (this.topology.get('network', vpc) === undefined) return;
    let changes = this.#prefixes.get(vpc);
    if (changes === undefined) {
      this.#prefixes.set(vpc, (changes = { add: new Set(), remove: new Set() }));
    }
    for (const cidr of cidrs) changes[change].add(cidr);
  }

  /** Adds a prefix to every VPC that a network is in, or takes it away. */
  prefix(network: Network, cidr: string, change: 'add' | 'remove'): void {
    for (const { id } of vpcsOf(network)) this.prefixes(id, change, [cidr]);
  }

  /** Whether this plan creates `path`. */
  creates(path: string): boolean {
    return this.#created.has(path);
  }

  /** Whether `path` will be taken by this plan or by a write in flight. */
  isTaken(path: string): boolean {
    return this.#created.has(path) || this.context.isClaimed(path);
  }

  plan<T>(object: T): Plan<T> {
    const prefixes = this.#prefixOps();
    const checks: TreeOp[] = [];
    for (const [path, version] of this.#checks) {
      if (this.#created.has(path)) continue;
      checks.push({ op: 'check', path, ...(version === undefined ? {} : { version }) });
    }
    const { novaOrder } = this.context;
    const newId = (): string => this.context.newId();
    const events = novaOrder === undefined ? [] : queueing(this.#events, newId, novaOrder);
    return { ops: [...checks, ...prefixes, ...this.#ops, ...events], object };
  }

  #tellNova<K extends Kind>(kind: K, before: Objects[K] | null, after: Objects[K] | null): void {
    if (this.context.novaOrder === undefined) return;
    this.#events.push(...novaEvents(kind, before, after, this.topology));
  }

  #create({ path, value, on }: Claim): void {
    if (on !== undefined && !this.#checks.has(on)) this.#checks.set(on, undefined);
    this.#created.add(path);
    this.#ops.push({ op: 'create', path, value });
  }

  #version(path: string): { version?: number } {
    const version = this.context.version(path);
    return version === undefined ? {} : { version };
  }

  #prefixOps(): TreeOp[] {
    const ops: TreeOp[] = [];
    for (const [vpc, { add, remove }] of this.#prefixes) {
      const kept = [...this.topology.find('subnet.by_vpc', vpc)]
        .map((id) => this.topology.get('subnet', id)?.cidr ?? '')
        .filter((cidr) => !remove.has(cidr));
      const path = prefixesPath(vpc);
      const value = JSON.stringify([...new Set([...kept, ...add])].sort());
      ops.push({ op: 'set', path, value, ...this.#version(path) });
    }
    return ops;
  }
}

/** How many objects an answer names before it counts the rest. */
const NAMED = 3;

/** `a, b, c and 5 more` */
export function someOf(ids: Iterable<string>): string {
  const all = [...ids];
  const named = all.slice(0, NAMED).join(', ');
  return all.length > NAMED ? `${named} and ${all.length - NAMED} more` : named;
}
