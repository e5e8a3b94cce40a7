/**
 * The security group rules as the switch holds them, tables 72 and 152, to ask of a connection
 * whether one of them allows it, and of a change whose rules it takes away.
 */
import { parseIp } from '../address/index.ts';
import { uuidToBigint } from '../base/ids.ts';
import { IP_PROTO } from '../openflow/build.ts';
import { field, type FlowKey } from '../openflow/fields.ts';
import type { Action, Flow } from '../openflow/flow.ts';
import { newKey, writeField } from '../openflow/key.ts';
import type { BridgeDelta } from '../pipeline/feature.ts';
import { RULES } from '../pipeline/features/security-groups.ts';
import { familyOf } from '../pipeline/features/shared.ts';
import { FlowTable } from '../sim/classifier.ts';
import type { Connection } from './datapath.ts';

export type Direction = keyof typeof RULES;

/** Vids whose rules a change took from or added to; a rule that changed is in both. */
export interface RuleChange {
  readonly lost: Set<number>;
  readonly gained: Set<number>;
}

const DIRECTIONS = Object.keys(RULES) as readonly Direction[];
const directionOf = new Map<number, Direction>(
  DIRECTIONS.map((direction) => [RULES[direction].table, direction]),
);

/** Whose rule a flow is; undefined for one address of a remote group, which is many ports' rule. */
function vidOf(flow: Flow, direction: Direction): number | undefined {
  const term = flow.match.find(({ field: { name } }) => name === RULES[direction].vid);
  return term === undefined ? undefined : Number(term.value);
}

const idsOf = (actions: readonly Action[]): number[] =>
  actions.flatMap((action) => (action.kind === 'conjunction' ? [action.id] : []));

/** A count by vid for each conjunction. */
class Users {
  readonly #counts = new Map<number, Map<number, number>>();

  count(id: number, vid: number, by: 1 | -1): void {
    const counts = this.#counts.get(id) ?? new Map<number, number>();
    this.#counts.set(id, counts);
    const now = (counts.get(vid) ?? 0) + by;
    if (now > 0) counts.set(vid, now);
    else counts.delete(vid);
    if (counts.size === 0) this.#counts.delete(id);
  }

  of(id: number): Iterable<number> {
    return this.#counts.get(id)?.keys() ?? [];
  }
}

export class RuleBook {
  readonly #tables: Readonly<Record<Direction, FlowTable>> = {
    egress: new FlowTable(),
    ingress: new FlowTable(),
  };
  /** Which ports' rules name a conjunction. */
  readonly #users = new Users();

  constructor(flows: Iterable<Flow>) {
    for (const flow of flows) {
      const direction = directionOf.get(flow.table);
      if (direction !== undefined) this.#put(flow, direction);
    }
  }

  /** Takes a change of the switch over. */
  follow({ add, remove }: BridgeDelta): RuleChange {
    const lost = new Set<number>();
    const gained = new Set<number>();
    for (const flow of remove) {
      const direction = directionOf.get(flow.table);
      if (direction === undefined) continue;
      this.#whose(flow, idsOf(flow.actions), direction, lost);
      this.#take(flow, direction);
    }
    for (const flow of add) {
      const direction = directionOf.get(flow.table);
      if (direction === undefined) continue;
      const before = this.#tables[direction].exact(flow)?.flow;
      const had = idsOf(before?.actions ?? []);
      const has = idsOf(flow.actions);
      const given = has.filter((id) => !had.includes(id));
      const taken = had.filter((id) => !has.includes(id));
      if (before === undefined || given.length > 0) this.#whose(flow, given, direction, gained);
      if (taken.length > 0) this.#whose(flow, taken, direction, lost);
      if (before !== undefined) this.#take(before, direction);
      this.#put(flow, direction);
    }
    return { lost, gained };
  }

  /**
   * Whether a rule of the port lets the first packet of `connection` through. Of SCTP conntrack
   * knows no ports, so a rule for any of them will do.
   */
  allows(vid: number, vpc: string, direction: Direction, connection: Connection): boolean {
    const key = keyOf(connection, direction, vid, vpc);
    if (connection.protocol !== IP_PROTO.sctp) return this.#passes(key, direction);
    return [0n, ...this.#sctpPorts(vid, direction)].some((port) => {
      writeField(key, field('sctp_dst'), port);
      return this.#passes(key, direction);
    });
  }

  #passes(key: FlowKey, direction: Direction): boolean {
    return (this.#tables[direction].lookup(key)?.flow.actions.length ?? 0) > 0;
  }

  #sctpPorts(vid: number, direction: Direction): bigint[] {
    return [...this.#tables[direction]].flatMap(({ flow }) =>
      vidOf(flow, direction) === vid
        ? flow.match.filter(({ field: { name } }) => name === 'sctp_dst').map(({ value }) => value)
        : [],
    );
  }

  #whose(flow: Flow, ids: readonly number[], direction: Direction, into: Set<number>): void {
    const vid = vidOf(flow, direction);
    if (vid !== undefined) into.add(vid);
    else for (const id of ids) for (const user of this.#users.of(id)) into.add(user);
  }

  #put(flow: Flow, direction: Direction): void {
    this.#tables[direction].add(flow, 0);
    this.#count(flow, direction, 1);
  }

  #take(flow: Flow, direction: Direction): void {
    if (this.#tables[direction].remove(flow)) this.#count(flow, direction, -1);
  }

  #count(flow: Flow, direction: Direction, by: 1 | -1): void {
    const vid = vidOf(flow, direction);
    if (vid !== undefined) for (const id of idsOf(flow.actions)) this.#users.count(id, vid, by);
  }
}

const PORTS: Readonly<Record<number, 'tcp' | 'udp'>> = {
  [IP_PROTO.tcp]: 'tcp',
  [IP_PROTO.udp]: 'udp',
};

/** The first packet as the table of rules sees it. */
function keyOf(connection: Connection, direction: Direction, vid: number, vpc: string): FlowKey {
  const key = newKey();
  const put = (name: string, value: bigint | number) => writeField(key, field(name), BigInt(value));
  const source = parseIp(connection.source);
  const family = familyOf(source.version);
  put(RULES[direction].vid, vid);
  put('xxreg0', uuidToBigint(vpc));
  put('eth_type', family.version === 4 ? 0x0800 : 0x86dd);
  put(family.source, source.value);
  put(family.destination, parseIp(connection.destination).value);
  put('ip_proto', connection.protocol);
  const ports = PORTS[connection.protocol];
  if (ports !== undefined) {
    put(`${ports}_src`, connection.sourcePort);
    put(`${ports}_dst`, connection.destinationPort);
  }
  if (connection.icmp !== undefined) {
    put(family.icmpType, connection.icmp.type);
    put(family.icmpCode, connection.icmp.code);
  }
  return key;
}
