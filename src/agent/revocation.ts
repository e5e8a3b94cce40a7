/**
 * What becomes of connections whose rule is taken away. Tables 71 and 151 send what is established
 * past the rules, so a rule that is gone would go on for them. After each change that takes from a
 * port's rules its conntrack zone is read, each connection asked of the rules that are left, and
 * what none allows is held back by rows of its own (pipeline/holds.ts), then forgotten. In that
 * order: between the two its packets find the hold, never a table that would begin it anew.
 *
 * A switch goes on by its cached decisions for a moment after a change. A connection that one of
 * them let begin comes to light in a second look.
 */
import type { BaseLogger } from 'pino';
import { parseIp, prefixContains } from '../address/index.ts';
import type { Port } from '../model/objects.ts';
import type { TopologyReader } from '../model/topology.ts';
import type { BridgeProgram, Flow } from '../openflow/flow.ts';
import type { Compiler, Deltas } from '../pipeline/compiler.ts';
import { decodeCookie, MODULE } from '../pipeline/cookies.ts';
import type { BridgeDelta } from '../pipeline/feature.ts';
import { parseAddressOrPrefix } from '../pipeline/features/shared.ts';
import {
  canBeHeld,
  holdFlows,
  holdSeconds,
  readHold,
  reversed,
  type Hold,
  type Tuple,
} from '../pipeline/holds.ts';
import type { LocalReader } from '../pipeline/local.ts';
import type { LocalState } from '../pipeline/local-state.ts';
import { sound } from './alarms.ts';
import type { Connection, Datapath } from './datapath.ts';
import { RuleBook, type Direction } from './rule-book.ts';

/** Longer than a switch may take to review its cached decisions (max-revalidator is 0.5 s). */
const SECOND_LOOK_MS = 2000;
/** How long a hold that has expired may be taken for one that stands. */
const RECALL_MS = 3_600_000;
/**
 * Connections of one port that are held back at most, four rows each: else whoever opens many and
 * takes their rule away would fill the switch.
 */
const MOST_HELD = 4096;

const INPUT = 0;
const UNSECURED_INGRESS = 148;

export interface RevocationOptions {
  readonly topology: TopologyReader;
  readonly local: LocalReader & Pick<LocalState, 'portOf'>;
  readonly datapath: Pick<Datapath, 'connections' | 'forget' | 'apply' | 'program'>;
  readonly log: Pick<BaseLogger, 'info' | 'warn' | 'error'>;
  /** Connections of one port that are held back at most; 4096. */
  readonly mostHeld?: number;
}

interface Held {
  readonly hold: Hold;
  /** Of its rows' cookies. */
  readonly epoch: number;
  readonly networkId: number;
  /** When it was last known to be in the switch, milliseconds since 1970. */
  seen: number;
}

/** A port here, and the VPC that its addresses are in. */
interface Owner {
  readonly port: Port;
  readonly vpc: string;
}

const keyOf = ({ protocol, source, destination, sourcePort, destinationPort }: Tuple): string =>
  [protocol, parseIp(source).value, sourcePort, parseIp(destination).value, destinationPort].join();

const rowsOf = (held: readonly Held[]): Flow[] => held.flatMap((it) => holdFlows(it.hold, it));

/** Vids of ports that a change lets send from other addresses, or puts under their rules. */
function* rewired({ remove }: BridgeDelta): Iterable<number> {
  for (const { table, cookie } of remove) {
    if (table !== INPUT && table !== UNSECURED_INGRESS) continue;
    const { vid, module } = decodeCookie(cookie);
    if (vid !== 0 && (module === MODULE.port || module === MODULE.security)) yield vid;
  }
}

/** Bits of the longest of the port's addresses and prefixes around an address; -1: not its own. */
function ownBits(port: Port, address: string): number {
  const ip = parseIp(address);
  const own = [...port.fixed_ips, ...port.allowed_address_pairs];
  const around = own
    .map(({ ip_address }) => parseAddressOrPrefix(ip_address))
    .filter((prefix) => prefixContains(prefix, ip));
  return Math.max(-1, ...around.map(({ length }) => length));
}

/**
 * Who began a connection of the port; null when neither end is its own. Of a port that speaks for
 * both ends (a router), what it does not send from the narrower address came in.
 */
function directionOf(port: Port, { source, destination }: Tuple): Direction | null {
  const from = ownBits(port, source);
  const to = ownBits(port, destination);
  if (from < 0 && to < 0) return null;
  return from > to ? 'egress' : 'ingress';
}

export class Revocation {
  readonly #options: RevocationOptions;
  /** What is held back, by vid and tuple. */
  readonly #held = new Map<number, Map<string, Held>>();
  #book = new RuleBook([]);
  /** Vids to look at a second time. */
  #again = new Set<number>();
  #timer: NodeJS.Timeout | null = null;
  #recalled = 0;
  #closed = false;
  /** Looks run one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: RevocationOptions) {
    this.#options = options;
  }

  /**
   * Call it when br-int was brought to what is compiled, whatever it held before; resolves once
   * every connection that no rule allows is cut. It comes before any `afterApply`.
   * @param found what the bridge held before that, holds included.
   * @throws {Failure} of the datapath; call it again.
   */
  afterReconcile(found: BridgeProgram, compiler: Compiler): Promise<void> {
    return this.#inTurn(async () => {
      this.#book = new RuleBook(compiler.program('br-int').flows);
      await this.#restore(found);
      const everyone = this.#vids();
      await this.#look(new Set([...everyone, ...this.#held.keys()]));
      this.#lookAgain(everyone);
    });
  }

  /**
   * Call it when a change is in the switch; resolves once the connections that it revoked are cut.
   * @throws {Failure} of the datapath; call `afterReconcile` next.
   */
  afterApply(deltas: Deltas): Promise<void> {
    return this.#inTurn(async () => {
      const change = deltas['br-int'];
      const { lost, gained } = this.#book.follow(change);
      for (const vid of rewired(change)) lost.add(vid);
      const freed = [...gained].filter((vid) => this.#held.has(vid));
      if (freed.length > 0) await this.#release(freed, this.#owners(freed));
      if (lost.size > 0) {
        await this.#look(lost);
        this.#lookAgain(lost);
      }
    });
  }

  /** Holds stay in the switch. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#turn;
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  #lookAgain(vids: Iterable<number>): void {
    for (const vid of vids) this.#again.add(vid);
    if (this.#closed || this.#again.size === 0) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      const again = this.#again;
      this.#again = new Set();
      void this.#inTurn(() => this.#secondLook(again));
    }, SECOND_LOOK_MS);
    this.#timer.unref();
  }

  async #secondLook(vids: ReadonlySet<number>): Promise<void> {
    if (this.#closed) return;
    try {
      if (this.#held.size > 0 && Date.now() - this.#recalled > RECALL_MS) {
        this.#recall(await this.#options.datapath.program('br-int'));
      }
      await this.#look(vids);
    } catch (error) {
      sound(this.#options.log, 'revocation_failed', { err: error });
      this.#lookAgain(vids);
    }
  }

  /** Of all ports plugged here. */
  #vids(): number[] {
    const { local } = this.#options;
    return Array.from(local.attached(), (id) => local.attachment(id)?.vid).filter(
      (vid) => vid !== undefined,
    );
  }

  /** The ports plugged here under these vids, by vid. */
  #owners(vids: Iterable<number>): ReadonlyMap<number, Owner> {
    const { topology, local } = this.#options;
    const owners = new Map<number, Owner>();
    for (const vid of vids) {
      const port = topology.get('port', local.portOf(vid) ?? '');
      const vpc = port && topology.get('network', port.network_id)?.vpc.id;
      if (port && vpc !== undefined) owners.set(vid, { port, vpc });
    }
    return owners;
  }

  #allowed({ port, vpc }: Owner, vid: number, connection: Connection): boolean {
    const direction = directionOf(port, connection);
    return direction !== null && this.#book.allows(vid, vpc, direction, connection);
  }

  /** Holds and forgets what no rule allows; lets go what one does, or whose port is gone. */
  async #look(vids: ReadonlySet<number>): Promise<void> {
    const ports = this.#owners(vids);
    await this.#release(vids, ports);
    const zones = [...vids].filter((vid) => ports.has(vid));
    if (zones.length === 0) return;
    const revoked: Connection[] = [];
    const toHold: Connection[] = [];
    for (const connection of await this.#options.datapath.connections(zones)) {
      const owner = ports.get(connection.zone);
      if (owner === undefined || !vids.has(connection.zone)) continue;
      const held = this.#heldAs(connection);
      if (!held && this.#allowed(owner, connection.zone, connection)) continue;
      revoked.push(connection);
      if (!held && canBeHeld(connection) && directionOf(owner.port, connection) !== null) {
        toHold.push(connection);
      }
    }
    if (revoked.length === 0) return;
    const holds = await this.#holds(toHold, ports);
    await this.#change({ add: rowsOf(holds) });
    for (const it of holds) this.#remember(it);
    await this.#options.datapath.forget(revoked);
    const counts = { connections: revoked.length, held: holds.length };
    this.#options.log.info(counts, 'cut the connections that no rule allows any more');
  }

  /** Holds for these connections, as far as there is room for them. */
  async #holds(
    connections: readonly Connection[],
    ports: ReadonlyMap<number, Owner>,
  ): Promise<Held[]> {
    const { datapath, log, mostHeld = MOST_HELD } = this.#options;
    const wanted = new Map<number, number>();
    for (const { zone } of connections) wanted.set(zone, (wanted.get(zone) ?? 0) + 1);
    const room = (vid: number): number => Math.max(0, mostHeld - (this.#held.get(vid)?.size ?? 0));
    // Holds that have expired take no room.
    if ([...wanted].some(([vid, count]) => count > room(vid))) {
      this.#recall(await datapath.program('br-int'));
    }
    for (const [vid, count] of wanted) {
      const notHeld = count - room(vid);
      if (notHeld > 0) sound(log, 'holds_full', { port: ports.get(vid)?.port.id, notHeld });
    }
    const left = new Map(Array.from(wanted.keys(), (vid) => [vid, room(vid)]));
    return connections.flatMap((connection) => {
      const owner = ports.get(connection.zone);
      const rest = left.get(connection.zone) ?? 0;
      if (owner === undefined || rest === 0) return [];
      left.set(connection.zone, rest - 1);
      return [this.#hold(connection, owner)];
    });
  }

  /** Whether it is held already, as it is or as begun again from its other end. */
  #heldAs(connection: Connection): boolean {
    const held = this.#held.get(connection.zone);
    if (held === undefined) return false;
    return held.has(keyOf(connection)) || held.has(keyOf(reversed(connection)));
  }

  #hold(connection: Connection, { vpc }: Owner): Held {
    const { protocol, source, destination, sourcePort, destinationPort } = connection;
    const hold = {
      vid: connection.zone,
      protocol,
      source,
      destination,
      sourcePort,
      destinationPort,
    };
    const { local } = this.#options;
    const { epoch } = local.identity;
    return { hold, epoch, networkId: local.networkId(vpc), seen: Date.now() };
  }

  #remember(held: Held): void {
    const { vid } = held.hold;
    const ofPort = this.#held.get(vid) ?? new Map<string, Held>();
    this.#held.set(vid, ofPort.set(keyOf(held.hold), held));
  }

  #drop({ hold }: Held): void {
    const ofPort = this.#held.get(hold.vid);
    ofPort?.delete(keyOf(hold));
    if (ofPort?.size === 0) this.#held.delete(hold.vid);
  }

  /** Takes out the holds of these vids that a rule allows again, or that are nobody's. */
  async #release(vids: Iterable<number>, ports: ReadonlyMap<number, Owner>): Promise<void> {
    const free: Held[] = [];
    for (const vid of vids) {
      const owner = ports.get(vid);
      for (const it of this.#held.get(vid)?.values() ?? []) {
        const stays =
          owner !== undefined &&
          directionOf(owner.port, it.hold) !== null &&
          !this.#allowed(owner, vid, { zone: vid, ...it.hold });
        if (!stays) free.push(it);
      }
    }
    if (free.length === 0) return;
    await this.#change({ remove: rowsOf(free) });
    for (const it of free) this.#drop(it);
  }

  /** Takes over what the switch holds back, and tells it again what it has forgotten. */
  async #restore(found: BridgeProgram): Promise<void> {
    const empty = found.flows.length === 0;
    const lost = this.#recall(found).filter(({ hold, seen }) => {
      return empty || Date.now() - seen < 1000 * holdSeconds(hold);
    });
    await this.#change({ add: rowsOf(lost) });
    for (const it of lost) this.#remember(it);
  }

  /** Holds exactly what the switch does from now on; returns what it has lost since. */
  #recall({ flows }: BridgeProgram): Held[] {
    const known = Array.from(this.#held.values(), (ofPort) => Array.from(ofPort.values())).flat();
    this.#held.clear();
    this.#recalled = Date.now();
    for (const flow of flows) {
      const hold = readHold(flow);
      if (hold !== null) {
        const { epoch, networkId } = decodeCookie(flow.cookie);
        this.#remember({ hold, epoch, networkId, seen: this.#recalled });
      }
    }
    return known.filter(({ hold }) => this.#held.get(hold.vid)?.has(keyOf(hold)) !== true);
  }

  #change(change: Partial<Pick<BridgeDelta, 'add' | 'remove'>>): Promise<void> {
    const { add = [], remove = [] } = change;
    if (add.length === 0 && remove.length === 0) return Promise.resolve();
    const none = { addGroups: [], removeGroups: [], addMeters: [], removeMeters: [] };
    return this.#options.datapath.apply('br-int', { add, remove, ...none });
  }
}
