/**
 * Connection tracking as OVS 3.1's userspace datapath does it (conntrack.c): entries per zone,
 * found by the tuple of either direction; a packet is `+new` until a reply was seen; TCP is picked
 * up in mid-stream, so a non-SYN segment without an entry is `+new` too.
 *
 * What a flow key does not carry is missing here: ICMP identifiers (all echos between two
 * addresses are one connection), TCP sequence numbers (every segment is in its window), and the
 * packet quoted in an ICMP error (it is `+inv`; a switch finds its parent and says `+rel`). The
 * remains of a translated connection, which a switch keeps until its sweeper comes by, go at once.
 */
import { CT_STATE, IP_PROTO } from '../openflow/build.ts';
import type { FlowKey } from '../openflow/fields.ts';
import type { NatSpec } from '../openflow/flow.ts';
import { idOf, reversed, tupleOf, type Tuple } from './connection-tuple.ts';
import { lifeOf, type PacketKind } from './connection.ts';
import { translatedReplies } from './nat.ts';
import { AT, sourcePort, tcpFlags } from './words.ts';

export interface Connection {
  readonly original: Tuple;
  /** What a reply bears on arrival; differs from the reversed original by the translation. */
  readonly reply: Tuple;
  readonly nat: 'src' | 'dst' | null;
  state: number;
  /** Milliseconds since 1970. */
  expires: number;
  mark: number;
  label: bigint;
}

/** The part of a packet that conntrack writes: it outlives tables, groups and bridges' registers. */
export interface Tracking {
  /** ct_state; 0: untracked. */
  state: number;
  zone: number;
  mark: number;
  label: bigint;
  /** The connection found last, by which a second `ct` in the same zone is a mere formality. */
  connection: Connection | null;
  reply: boolean;
  /** How the connection began, or would begin by this packet; null: it is part of none. */
  original: Tuple | null;
}

export const untracked = (): Tracking => ({
  state: 0,
  zone: 0,
  mark: 0,
  label: 0n,
  connection: null,
  reply: false,
  original: null,
});

interface MaskedMark {
  readonly value: bigint;
  readonly mask: bigint;
}

/** A `ct(…)` action with its zone resolved. */
export interface CtRequest {
  readonly zone: number;
  readonly commit: boolean;
  readonly force: boolean;
  readonly nat: NatSpec | null;
  readonly mark: MaskedMark | null;
  readonly label: MaskedMark | null;
}

/** What `execute` asks of a connection tracker; a scripted one can stand in for the real one. */
export interface Tracker {
  /** Tracks one packet: updates `tracking`, and the addresses and ports in `key` where it translates. */
  track(key: FlowKey, tracking: Tracking, request: CtRequest, now: number): void;
}

const NATTED = CT_STATE.snat | CT_STATE.dnat;
/** Commits between two sweeps of expired entries. */
const SWEEP_INTERVAL = 4096;

interface Direction {
  readonly connection: Connection;
  readonly reply: boolean;
}

export class Conntrack implements Tracker {
  readonly #base: Conntrack | null;
  /** null hides an entry of the base. */
  readonly #entries = new Map<string, Direction | null>();
  #commits = 0;

  /** @param base What to read through to: a scratch copy that costs nothing to make. */
  constructor(base: Conntrack | null = null) {
    this.#base = base;
  }

  /** A copy to try packets on. The original must not change while it is in use. */
  fork(): Conntrack {
    return new Conntrack(this);
  }

  /** The live connections, by tuple. */
  *connections(now: number): Generator<Connection> {
    for (const [id, { connection, reply }] of this.#visible()) {
      if (!reply && connection.expires > now && this.#find(id, now) !== null) yield connection;
    }
  }

  /** Forgets the connections of a zone, or all of them. */
  flush(zone: number | null = null): void {
    for (const [id, { connection }] of this.#visible()) {
      if (zone === null || connection.original.zone === zone) this.#entries.set(id, null);
    }
    this.#tidy();
  }

  /** Forgets the connections that began with these tuples; those that are not known are none. */
  forget(originals: Iterable<Tuple>): void {
    for (const original of originals) {
      const found = this.#find(idOf(original), -Infinity);
      if (found === null || found.reply) continue;
      this.#entries.set(idOf(found.connection.original), null);
      this.#entries.set(idOf(found.connection.reply), null);
    }
    this.#tidy();
  }

  /** Takes connections in that were begun elsewhere, as a dump tells of them. */
  load(connections: Iterable<Connection>): void {
    for (const connection of connections) this.#insert(connection);
  }

  track(key: FlowKey, tracking: Tracking, request: CtRequest, now: number): void {
    const { zone } = request;
    const known = tracking.connection;
    if (known !== null && known.original.zone === zone && !request.force) {
      if (request.nat !== null) this.#translate(key, tracking, known, tracking.reply, zone);
      this.#describe(tracking, zone, known, known.original, request);
      tracking.connection = request.nat === null ? known : null;
      return;
    }
    const tuple = tupleOf(key, zone);
    if (tuple === null) {
      tracking.state = CT_STATE.inv;
      this.#describe(tracking, zone, null, null, request);
      tracking.connection = null;
      return;
    }
    if (tracking.zone !== zone) tracking.state = 0;
    const packet = { tcpFlags: tcpFlags(key), icmpType: sourcePort(key) };
    const found = this.#search(tuple, (tracking.state & NATTED) !== 0, now);
    let connection: Connection | null = null;
    let reply = false;
    if (found !== null && request.force && found.reply) found.connection.expires = now;
    else if (found !== null) ({ connection, reply } = found);

    if (connection !== null && !this.#update(connection, packet, reply, tracking, now)) {
      connection = null;
    } else if (connection !== null && request.nat !== null) {
      this.#translate(key, tracking, connection, reply, zone);
    }
    if (connection === null) connection = this.#begin(key, tuple, packet, tracking, request, now);
    this.#describe(tracking, zone, connection, connection?.original ?? tuple, request);
    tracking.connection = request.nat === null ? connection : null;
    tracking.reply = reply;
  }

  /** Applies a packet to its connection; false: the connection is over, this packet begins another. */
  #update(
    connection: Connection,
    packet: PacketKind,
    reply: boolean,
    tracking: Tracking,
    now: number,
  ): boolean {
    const life = lifeOf(connection.original.protocol);
    const [update, state, timeout] = life.update(connection.state, packet, reply);
    connection.state = state;
    if (timeout !== null) connection.expires = now + timeout * 1000;
    switch (update) {
      case 'established':
        tracking.state = (tracking.state | CT_STATE.est) & ~CT_STATE.new;
        if (reply) tracking.state |= CT_STATE.rpl;
        return true;
      case 'new':
        tracking.state |= CT_STATE.new;
        return true;
      case 'invalid':
        tracking.state = CT_STATE.inv;
        return true;
      default:
        connection.expires = now;
        return false;
    }
  }

  /** A packet without a connection: it begins one if it may, kept if `request` commits. */
  #begin(
    key: FlowKey,
    tuple: Tuple,
    packet: PacketKind,
    tracking: Tracking,
    request: CtRequest,
    now: number,
  ): Connection | null {
    const life = lifeOf(tuple.protocol);
    if (!life.begins(packet)) {
      tracking.state = CT_STATE.inv;
      return null;
    }
    tracking.state = CT_STATE.new;
    if (!request.commit) return null;
    const nat = request.nat?.direction ?? null;
    const reply = this.#replyTuple(tuple, request.nat, now);
    if (reply === null) return null;
    const [state, timeout] = life.start();
    const expires = now + timeout * 1000;
    const connection = { original: tuple, reply, nat, state, expires, mark: 0, label: 0n };
    this.#commits += 1;
    if (this.#commits % SWEEP_INTERVAL === 0) this.#sweep(now);
    this.#insert(connection);
    this.#translate(key, tracking, connection, false, request.zone);
    return connection;
  }

  /** The tuple that replies will bear: the first that is free; null: none is. */
  #replyTuple(tuple: Tuple, nat: NatSpec | null, now: number): Tuple | null {
    if (nat?.direction === undefined) return reversed(tuple);
    for (const reply of translatedReplies(tuple, nat)) {
      if (this.#find(idOf(reply), now) === null) return reply;
    }
    return null;
  }

  /** Rewrites the packet as the connection says, once in a zone. */
  #translate(
    key: FlowKey,
    tracking: Tracking,
    connection: Connection,
    reply: boolean,
    zone: number,
  ): void {
    if (connection.nat === null) return;
    if (tracking.state & NATTED && tracking.zone === zone) return;
    const target = reply ? connection.original : connection.reply;
    const source = (connection.nat === 'src') !== reply;
    tracking.state = (tracking.state & ~NATTED) | (source ? CT_STATE.snat : CT_STATE.dnat);
    const { address } = source ? target.destination : target.source;
    const v4 = address.length === 1;
    const from = v4 ? AT.ipSource : AT.ipv6Source;
    const to = v4 ? AT.ipDestination : AT.ipv6Destination;
    for (const [index, word] of address.entries()) key[(source ? from : to) + index] = word;
    const { protocol } = connection.original;
    if (protocol === IP_PROTO.tcp || protocol === IP_PROTO.udp) {
      key[AT.ports] = (target.destination.port << 16) | target.source.port;
    }
  }

  #describe(
    tracking: Tracking,
    zone: number,
    connection: Connection | null,
    original: Tuple | null,
    request: CtRequest,
  ): void {
    tracking.original = (tracking.state & CT_STATE.inv) === 0 ? original : null;
    tracking.state |= CT_STATE.trk;
    tracking.zone = zone;
    if (connection !== null) {
      if (request.mark !== null) {
        const { value, mask } = request.mark;
        connection.mark = (connection.mark & ~Number(mask)) | Number(value & mask);
        connection.mark >>>= 0;
      }
      if (request.label !== null) {
        const { value, mask } = request.label;
        connection.label = (connection.label & ~mask) | (value & mask);
      }
    }
    tracking.mark = connection?.mark ?? 0;
    tracking.label = connection?.label ?? 0n;
  }

  /** A packet that was translated in this zone already is known by its reversed tuple. */
  #search(tuple: Tuple, natted: boolean, now: number): Direction | null {
    if (!natted) return this.#own(idOf(tuple), now);
    const found = this.#own(idOf(reversed(tuple)), now);
    return found && { connection: found.connection, reply: !found.reply };
  }

  #find(id: string, now: number): Direction | null {
    const own = this.#entries.get(id);
    if (own === undefined) return this.#base === null ? null : this.#base.#find(id, now);
    return own !== null && own.connection.expires > now ? own : null;
  }

  /** As `#find`, copied here first if it is the base's, so that it may be changed. */
  #own(id: string, now: number): Direction | null {
    const found = this.#find(id, now);
    if (found === null || this.#entries.has(id)) return found;
    this.#insert({ ...found.connection });
    return this.#find(id, now);
  }

  #insert(connection: Connection): void {
    this.#entries.set(idOf(connection.reply), { connection, reply: true });
    this.#entries.set(idOf(connection.original), { connection, reply: false });
  }

  /** Every entry that is not hidden, the base's included. */
  *#visible(): Generator<[string, Direction]> {
    for (const [id, entry] of this.#entries) if (entry !== null) yield [id, entry];
    if (this.#base === null) return;
    for (const [id, entry] of this.#base.#visible()) {
      if (!this.#entries.has(id)) yield [id, entry];
    }
  }

  #sweep(now: number): void {
    for (const [id, entry] of this.#entries) {
      if (entry !== null && entry.connection.expires <= now) this.#entries.set(id, null);
    }
    this.#tidy();
  }

  /** Without a base there is nothing to hide. */
  #tidy(): void {
    if (this.#base !== null) return;
    for (const [id, entry] of this.#entries) if (entry === null) this.#entries.delete(id);
  }
}
