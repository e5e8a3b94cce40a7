/**
 * A node's agent: follows the topology of its VPCs, compiles it, and keeps the switch equal to it.
 * One worker does all that in turn, so there is never more than one change of the switch on its
 * way; what arrives meanwhile is taken together. Nothing is ever cleared: a start, too, applies a
 * difference.
 */
import { isDeepStrictEqual } from 'node:util';
import type { BaseLogger } from 'pino';
import { Failure } from '../base/failure.ts';
import type { AgentMessage, AgentQuery, ServerMessage } from '../model/stream.ts';
import type { Change } from '../model/objects.ts';
import { Topology, indexKey } from '../model/topology.ts';
import type { DependencyKey } from '../model/topology.ts';
import { BRIDGES, Compiler } from '../pipeline/compiler.ts';
import { attachmentKey } from '../pipeline/local.ts';
import type { Deltas } from '../pipeline/compiler.ts';
import type { LocalReader } from '../pipeline/local.ts';
import type { Connect } from '../api/hub/link.ts';
import { sound } from './alarms.ts';
import type { Datapath, DatapathEvent } from './datapath.ts';
import { difference } from './difference.ts';
import { reportDrift } from './drift.ts';
import type { NodeNumbers } from './numbers.ts';
import { peerVteps, touchesPeers, vpcsTouched } from './peers.ts';
import { replug } from './plugging.ts';
import { isEmpty, putMissing, sweepStale } from './reconcile.ts';
import type { Levelled } from './reconcile.ts';
import { Reports } from './reports.ts';
import { Revocation } from './revocation.ts';
import { Responding } from './responding.ts';
import { type Reachable, Stream } from './stream.ts';
import { Worker } from './worker.ts';

export interface AgentOptions {
  readonly node: string;
  /** The datapath's VTEP address. */
  readonly vtep: string;
  /** URL of the server, a way to reach it within the process, or several servers of one store. */
  readonly server: string | Connect | readonly Reachable[];
  /** Stays open when the agent closes: it is the caller's. */
  readonly datapath: Datapath;
  readonly log: BaseLogger;
  /** Gives up a start that still waits for its server. */
  readonly signal?: AbortSignal;
  /** Writes all flows anew, under a new epoch. */
  readonly newEpoch?: boolean;
  readonly pipeline?: string;
}

export interface RunningAgent {
  readonly node: string;
  /** The scope it holds: not to be changed. */
  readonly topology: Topology;
  readonly local: LocalReader;
  /** The revision that the switch holds. */
  readonly revision: number;
  close(): Promise<void>;
}

type Update = Extract<ServerMessage, { type: 'snapshot' | 'delta' }>;

/** Follows from its construction on; close it. */
export class Agent implements RunningAgent {
  readonly node: string;
  readonly topology = new Topology();
  readonly local: NodeNumbers;
  /** Settles with the first snapshot: in the switch, or refused. */
  readonly started: Promise<void>;

  readonly #datapath: Datapath;
  readonly #log: BaseLogger;
  readonly #stream: Stream;
  readonly #revocation: Revocation;
  readonly #responding: Responding;
  readonly #reports: Reports;
  readonly #unwatch: () => void;
  readonly #worker: Worker;
  #settleStart: { resolve: () => void; reject: (error: Failure) => void } | null = null;

  /** Of the server that the present link leads to. */
  #welcome: string | null = null;
  /** The store that `#received` is a revision of. */
  #store: string | null = null;
  /** Up to where all that was told is received; what of it `#revision` lacks waits in `#inbox`. */
  #received: number | null = null;
  #revision = -1;
  #inbox: Update[] = [];
  /** null: to be made anew from the whole topology. */
  #compiler: Compiler | null = null;
  readonly #touched = new Set<DependencyKey>();
  /** Ports whose interface is to be looked for anew; null: all. */
  #unplaced: Set<string> | null = null;
  #identityMoved = false;
  /** Somebody else changed what the switch held. */
  #drifted = false;
  #peersMoved = true;
  /** The switch may hold something else than the compiler believes. */
  #unsure = true;
  /** An update has come over the present link. */
  #updated = false;
  /** Of the numbers; -1: whatever is kept may be wrong. */
  #keptChanges = -1;
  /** Ports whose attachment has moved since it was kept; null: any. */
  #unkept: Set<string> | null = null;
  /** Zones of vids given out anew: what is found under them is somebody else's until they are flushed. */
  readonly #fresh = new Set<number>();

  constructor(options: AgentOptions, local: NodeNumbers, servers: readonly Reachable[]) {
    this.node = options.node;
    this.local = local;
    this.#datapath = options.datapath;
    this.#log = options.log;
    this.#revocation = new Revocation({ ...options, topology: this.topology, local });
    this.#reports = new Reports(local);
    this.#responding = new Responding({ ...options, topology: this.topology, local });
    this.#worker = new Worker({
      due: () => this.#workDue,
      turn: () => this.#turn(),
      failed: (error, retry) => {
        this.#unsure = true;
        sound(this.#log, 'switch_change_failed', { err: error, retry });
      },
    });
    this.started = new Promise((resolve, reject) => (this.#settleStart = { resolve, reject }));
    this.#unwatch = this.#datapath.watch((event) => this.#noteEvent(event));
    this.#stream = new Stream(
      servers,
      {
        hello: (stale) => this.#hello(stale),
        message: (message) => this.#message(message),
      },
      this.#log,
    );
  }

  get revision(): number {
    return this.#revision;
  }

  async close(): Promise<void> {
    this.#unwatch();
    this.#responding.close();
    this.#stream.close();
    await this.#worker.close();
    await this.#revocation.close();
  }

  #noteEvent(event: DatapathEvent): void {
    if (event === 'interfaces') this.#unplaced = null;
    else if (event === 'identity') this.#identityMoved = true;
    else if (event === 'drift') this.#drifted = true;
    else this.#unsure = true;
    this.#worker.hurry();
  }

  #hello(stale: boolean): AgentMessage {
    this.#updated = false;
    this.#reports.beginAnew();
    return {
      type: 'hello',
      node: this.node,
      vtep: this.local.identity.vtep,
      revision: this.#received,
      store: this.#store,
      datapath: this.#datapath.describe(),
      thin: true,
      ...(stale ? { stale } : {}),
    };
  }

  #message(message: ServerMessage): void {
    switch (message.type) {
      case 'welcome':
        this.#welcome = message.store;
        return;
      case 'refused':
        sound(this.#log, 'server_refused', { reason: message.reason });
        this.#settleStart?.reject(new Failure('conflict', 'NodeRefused', message.reason));
        return;
      case 'query':
        this.#answer(message.id, message.query);
        return;
      case 'current':
        if (this.#updated) this.#received = message.revision;
        return;
      default:
        this.#updated = true;
        this.#received = message.revision;
        this.#store = this.#welcome;
        this.#inbox.push(message);
        this.#worker.go();
    }
  }

  #answer(id: number, query: AgentQuery): void {
    this.#datapath.dump(query).then(
      (result) => this.#stream.send({ type: 'answer', id, result }),
      (error: unknown) => {
        const text = error instanceof Error ? error.message : String(error);
        this.#stream.send({ type: 'answer', id, error: text });
      },
    );
  }

  get #workDue(): boolean {
    if (this.#received === null) return false;
    return (
      this.#inbox.length > 0 ||
      this.#unplaced?.size !== 0 ||
      this.#identityMoved ||
      this.#drifted ||
      this.#unsure
    );
  }

  async #turn(): Promise<void> {
    if (this.#identityMoved) await this.#reopen();
    if (this.#drifted) await this.#repair();
    this.#takeInbox();
    if (this.#unplaced?.size !== 0) await this.#plug();
    const vpcs = this.#unsure
      ? Object.keys(this.local.networkIds())
      : vpcsTouched(this.#touched, this.node);
    await this.#program();
    this.#releaseNetworks(vpcs);
    await this.#keep();
    this.#report();
  }

  #takeInbox(): void {
    const updates = this.#inbox;
    this.#inbox = [];
    for (const update of updates) {
      const changes =
        update.type === 'snapshot'
          ? difference(this.topology, update.changes, update.same)
          : update.changes;
      if (changes === null) return this.#beginAnew();
      for (const change of changes) this.#follow(change);
      this.#revision = update.revision;
      this.#reports.due();
    }
    if (this.#updated) this.#reports.allow();
  }

  /** For a server that believes this node to hold something else than it does. */
  #beginAnew(): void {
    sound(this.#log, 'server_message_invalid', { err: new Error('it names what is not held') });
    this.#received = null;
    this.#inbox = [];
    this.#updated = false;
    this.#reports.beginAnew();
    this.#stream.renew();
  }

  #follow(change: Change): void {
    const touched = this.topology.apply(change);
    for (const key of touched) this.#touched.add(key);
    if (touched.has(indexKey('port.by_host', this.node))) this.#unplaced?.add(change.id);
  }

  /** Makes the attachments those of the interfaces that carry a port bound here. */
  async #plug(): Promise<void> {
    const only = this.#unplaced;
    this.#unplaced = new Set();
    try {
      const bound = this.topology.find('port.by_host', this.node);
      await this.#datapath.ensurePlugged(bound);
      const interfaces = await this.#datapath.interfaces(only);
      const { moved, fresh } = replug(this.local, interfaces, bound, only);
      for (const id of moved) {
        this.#touched.add(attachmentKey(id));
        this.#unkept?.add(id);
        this.#reports.moved(id);
      }
      for (const zone of fresh) this.#fresh.add(zone);
    } catch (error) {
      this.#unplaced = null;
      throw error;
    }
  }

  /** Finds out anew how the node is wired, and compiles everything for it if that is different. */
  async #reopen(): Promise<void> {
    this.#identityMoved = false;
    try {
      const { node, vtep, epoch } = this.local.identity;
      const identity = { ...(await this.#datapath.open()), node, vtep, epoch };
      if (!isDeepStrictEqual(identity, this.local.identity)) {
        this.#log.info({ identity }, 'the node is wired differently now');
        this.local.identity = identity;
        this.#compiler = null;
      }
      // A bridge that was made again has kept nothing and holds nothing.
      this.#keptChanges = -1;
      this.#unkept = null;
      this.#unplaced = null;
      this.#unsure = true;
    } catch (error) {
      this.#identityMoved = true;
      throw error;
    }
  }

  /** Undoes what somebody else did to the switch, and says what it was. */
  async #repair(): Promise<void> {
    this.#drifted = false;
    if (this.#unsure || this.#compiler === null) {
      // What differs may well be our own doing.
      this.#unsure = true;
      return;
    }
    for (const { bridge, held, delta } of await this.#reconcile(this.#compiler)) {
      reportDrift(this.#log, bridge, held, delta, this.topology, this.local);
    }
  }

  /** Puts what is compiled into the switch. */
  async #program(): Promise<void> {
    if (touchesPeers(this.#touched)) this.#peersMoved = true;
    const [compiler, deltas] = this.#compile();
    if (deltas === null || this.#unsure) {
      await Promise.all([this.#datapath.flush([...this.#fresh]), this.#keep()]);
      this.#fresh.clear();
      // Whatever happens from here on is to be looked at again.
      this.#unsure = false;
      await this.#reconcile(compiler);
      return;
    }
    await this.#warm();
    for (const bridge of BRIDGES) {
      if (isEmpty(deltas[bridge])) continue;
      const before = { flush: [...this.#fresh], meanwhile: () => this.#keep() };
      await this.#datapath.apply(bridge, deltas[bridge], before);
      this.#fresh.clear();
    }
    await this.#keep();
    await this.#revocation.afterApply(deltas);
  }

  /** Has the neighbours that flows are about to lead to resolved, lest the first packet is lost. */
  async #warm(): Promise<void> {
    if (!this.#peersMoved) return;
    await this.#datapath.warm(peerVteps(this.topology, this.node));
    this.#peersMoved = false;
  }

  /** What was touched, compiled; deltas are null when that was everything. */
  #compile(): [Compiler, Deltas | null] {
    try {
      if (this.#compiler !== null) return [this.#compiler, this.#compiler.refresh(this.#touched)];
      this.#compiler = new Compiler(this.topology, this.local);
      this.#compiler.start();
      return [this.#compiler, null];
    } catch (error) {
      this.#compiler = null;
      throw error;
    } finally {
      this.#touched.clear();
    }
  }

  /**
   * Applies the difference to what the switch holds: the underlay first, as neighbours are resolved
   * over it.
   */
  async #reconcile(compiler: Compiler): Promise<Levelled[]> {
    const underlay = await putMissing(this.#datapath, 'br-phy', compiler.keyed('br-phy'));
    await this.#warm();
    const overlay = await putMissing(this.#datapath, 'br-int', compiler.keyed('br-int'));
    const levelled = [overlay, underlay];
    for (const it of levelled) await sweepStale(this.#datapath, it);
    await this.#revocation.afterReconcile(overlay.found, compiler);
    return levelled;
  }

  /** Stores the numbers; a flow bears them only after that. */
  async #keep(): Promise<void> {
    const { changes } = this.local;
    if (changes === this.#keptChanges) return;
    await this.#datapath.keep(this.local.state(this.#unkept), this.#unkept);
    this.#keptChanges = changes;
    this.#unkept = new Set();
  }

  /** Gives back the numbers of those VPCs that left, now that no flow bears them. */
  #releaseNetworks(vpcs: readonly string[]): void {
    for (const vpc of vpcs) {
      if (this.topology.find('port.by_vpc_host', `${vpc} ${this.node}`).size === 0) {
        this.local.releaseNetwork(vpc);
      }
    }
  }

  /** Tells the server what the switch holds now. */
  #report(): void {
    const report = this.#reports.take(this.#revision, this.#compiler, this.#workDue);
    if (report === null) return;
    this.#stream.send(report);
    this.#settleStart?.resolve();
    this.#settleStart = null;
  }
}
