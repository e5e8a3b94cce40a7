/**
 * When a port is ACTIVE. A bound port becomes so once its own node has reported it plugged with a
 * revision not older than the binding, and every connected node of its VPC has reported that
 * revision too, whichever server it is connected to: then whoever sends to it has the flows. The
 * others are waited for 1 s at most, so a hanging agent, or a server that does not answer, holds up
 * nobody. The server that the port's own node is connected to writes it. A port is DOWN when it is unbound, switched off or unplugged; when
 * its node's agent goes away its ports stay as they are, for their traffic goes on.
 */
import type { BaseLogger } from 'pino';
import type { Change, Port, Status } from '../../model/objects.ts';
import { PLANNERS } from '../../model/plan.ts';
import { INTERFACE_OWNER } from '../../model/topology.ts';
import { sound } from '../alarms.ts';
import type { Runtime, Write } from '../runtime.ts';
import type { Whereabouts } from './nodes.ts';

const OTHERS_MS = 1_000;

/** The connected nodes, as far as a port's status depends on them. */
interface ConnectedNodes {
  /** Whether its agent is connected to this server, which then is the one that writes of its ports. */
  whereabouts(node: string): Whereabouts;
  /** Whether what every other server has is known. */
  readonly complete: boolean;
  /** Whether a node has reported all that it was sent up to a revision; undefined: not connected. */
  holds(node: string, revision: number): boolean | undefined;
  /** Whether it has reported the port as plugged. */
  plugs(node: string, portId: string): boolean;
  /** The connected nodes with the network's VPC in scope. */
  of(networkId: string): Iterable<string>;
}

interface Awaiting {
  readonly node: string;
  /** The revision that bound it, or a later one. */
  readonly bound: number;
  /** Other nodes that have yet to report `bound`; null while its own has. */
  others: Set<string> | null;
  timer: NodeJS.Timeout | null;
}

type Due = readonly [port: string, status: Status];

/** Statuses written at once; so many are planned in a few milliseconds. */
const MAX_WRITES = 64;

const wanted = (port: Port): string => (port.admin_state_up ? port['binding:host_id'] : '');

export class PortStatus {
  readonly #runtime: Runtime;
  readonly #nodes: ConnectedNodes;
  readonly #log: BaseLogger;
  readonly #onIdle: () => void;
  readonly #awaiting = new Map<string, Awaiting>();
  /** The ports in `#awaiting` that a node's next report may move on. */
  readonly #concerned = new Map<string, Set<string>>();
  /** To be written, by port. */
  readonly #due = new Map<string, Status>();
  #writing = false;

  constructor(runtime: Runtime, nodes: ConnectedNodes, log: BaseLogger, onIdle: () => void) {
    this.#runtime = runtime;
    this.#nodes = nodes;
    this.#log = log;
    this.#onIdle = onIdle;
  }

  /** No status is being written and no port waits for nodes other than its own. */
  get idle(): boolean {
    if (this.#writing) return false;
    for (const { others } of this.#awaiting.values()) if (others !== null) return false;
    return true;
  }

  /** Takes in what a commit did to ports. */
  commit(revision: number, changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.kind === 'port') this.#changed(change.id, change.object, revision);
    }
  }

  /** A node has connected: its ports that are not ACTIVE await its report. */
  joined(node: string): void {
    for (const id of this.#runtime.topology.find('port.by_host', node)) {
      const port = this.#runtime.topology.get('port', id);
      if (port !== undefined) this.#changed(id, port, this.#runtime.revision);
    }
  }

  /** A node has reported; `unplugged`: ports it held before, or should hold and does not. */
  applied(node: string, unplugged: Iterable<string>): void {
    for (const id of unplugged) {
      const port = this.#runtime.topology.get('port', id);
      if (port?.['binding:host_id'] === node && port.status === 'ACTIVE') this.#write(id, 'DOWN');
    }
    for (const id of this.#concerned.get(node) ?? []) this.#advance(id, node);
  }

  left(node: string): void {
    for (const id of this.#concerned.get(node) ?? []) {
      const entry = this.#awaiting.get(id);
      if (entry?.node === node) this.#forget(id);
      else this.#advance(id, node);
    }
  }

  close(): void {
    for (const id of this.#awaiting.keys()) this.#forget(id);
  }

  #changed(id: string, port: Port | null, revision: number): void {
    const node = port === null ? '' : wanted(port);
    const entry = this.#awaiting.get(id);
    if (entry !== undefined && (entry.node !== node || port?.status === 'ACTIVE')) this.#forget(id);
    // Of what a router is in networks by, no node has a part.
    if (port === null || port.device_owner === INTERFACE_OWNER) return;
    if (node === '') {
      if (port.status === 'ACTIVE') this.#write(id, 'DOWN');
      return;
    }
    if (port.status === 'ACTIVE' || this.#awaiting.has(id)) return;
    if (this.#nodes.whereabouts(node) !== 'here') return;
    this.#awaiting.set(id, { node, bound: revision, others: null, timer: null });
    this.#concern(node, id);
    this.#advance(id, node);
  }

  /** @param node Of which there is news; no other can move the port on. */
  #advance(id: string, node: string): void {
    const entry = this.#awaiting.get(id);
    const port = this.#runtime.topology.get('port', id);
    if (entry === undefined || port === undefined) return;
    let asked: Iterable<string> = [node];
    if (entry.others === null) {
      if (this.#nodes.holds(entry.node, entry.bound) !== true) return;
      if (!this.#nodes.plugs(entry.node, id)) return;
      entry.others = new Set(this.#nodes.of(port.network_id));
      for (const other of entry.others) this.#concern(other, id);
      entry.timer = setTimeout(() => this.#activate(id), OTHERS_MS);
      asked = entry.others;
    }
    for (const other of asked) {
      // A node that has left meanwhile is not waited for.
      if (this.#nodes.holds(other, entry.bound) !== false) entry.others.delete(other);
    }
    // Where not all nodes are known that may have to hold it, they are given their time.
    if (entry.others.size === 0 && this.#nodes.complete) this.#activate(id);
  }

  #activate(id: string): void {
    this.#forget(id);
    this.#write(id, 'ACTIVE');
  }

  #concern(node: string, id: string): void {
    const ids = this.#concerned.get(node);
    if (ids === undefined) this.#concerned.set(node, new Set([id]));
    else ids.add(id);
  }

  #forget(id: string): void {
    const entry = this.#awaiting.get(id);
    if (entry === undefined) return;
    this.#awaiting.delete(id);
    if (entry.timer !== null) clearTimeout(entry.timer);
    for (const node of [entry.node, ...(entry.others ?? [])]) this.#concerned.get(node)?.delete(id);
  }

  #write(id: string, status: Status): void {
    this.#due.set(id, status);
    if (!this.#writing) void this.#writeAll();
  }

  /** Those that become due while some are being written are the next to be written together. */
  async #writeAll(): Promise<void> {
    this.#writing = true;
    // The commit that asks for this is still being told to others.
    await Promise.resolve();
    while (this.#due.size > 0) {
      const batch = [...this.#due].slice(0, MAX_WRITES);
      for (const [id] of batch) this.#due.delete(id);
      await this.#tryWrite(batch);
    }
    this.#writing = false;
    this.#onIdle();
  }

  /** All at once, or else each by itself, so that one that cannot be written holds up no other. */
  async #tryWrite(batch: readonly Due[]): Promise<void> {
    try {
      await this.#runtime.executeAll(batch.map((due) => this.#plan(due)));
    } catch (error) {
      const [[port, status] = []] = batch;
      if (batch.length > 1) for (const due of batch) await this.#tryWrite([due]);
      else sound(this.#log, 'port_status_not_written', { port, status, err: error });
    }
  }

  /** Writes nothing where by now there is nothing to write. */
  #plan([id, status]: Due): Write<Port | undefined> {
    return (topology, context) => {
      const port = topology.get('port', id);
      if (port === undefined || port.status === status || this.#rightful(port) !== status) {
        return { ops: [], object: port };
      }
      return PLANNERS.port.update(topology, id, { status }, context);
    };
  }

  #rightful(port: Port): Status {
    const node = wanted(port);
    return node !== '' && this.#nodes.plugs(node, port.id) ? 'ACTIVE' : 'DOWN';
  }
}
