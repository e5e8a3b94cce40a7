/** One bridge of the simulated switch: its ports and what it is programmed with. */
import type { FlowKey } from '../openflow/fields.ts';
import type { BridgeProgram, Flow, Group, Meter } from '../openflow/flow.ts';
import { sameGroup } from '../openflow/identity.ts';
import type { BridgeDelta } from '../pipeline/feature.ts';
import { FlowTable, type Rule } from './classifier.ts';
import { GroupEntry, type Surroundings } from './group.ts';
import type { SimPort } from './types.ts';

export interface FlowCounters {
  readonly flow: Flow;
  readonly packets: number;
  readonly bytes: number;
  /** When the flow was added, milliseconds since 1970. */
  readonly since: number;
}

export class SimBridge implements Surroundings {
  readonly name: string;
  /** By ofport. */
  readonly ports = new Map<number, SimPort>();
  /** By id. */
  readonly meters = new Map<number, Meter>();
  /** The port behind which a MAC was learnt in a VLAN (0: in none); absent: what was learnt is not known. */
  learnt?: (vid: number, mac: number) => number | undefined;
  /** Grows with each change of the program. */
  generation = 0;
  readonly #tables: (FlowTable | undefined)[] = [];
  readonly #groups = new Map<number, GroupEntry>();

  constructor(name: string, ports: Iterable<SimPort> = []) {
    this.name = name;
    for (const port of ports) this.ports.set(port.ofport, port);
  }

  /**
   * Changes the program: by a delta, or to exactly `change` when it is a whole program. Flows and
   * groups that stay keep their counters.
   * @param now Milliseconds since 1970, from which a new flow's duration counts.
   */
  apply(change: BridgeDelta | BridgeProgram, now = 0): void {
    this.generation += 1;
    if ('flows' in change) {
      this.#replace(change, now);
      return;
    }
    for (const meter of change.addMeters) this.meters.set(meter.id, meter);
    for (const group of change.addGroups) this.#groups.set(group.id, new GroupEntry(group, now));
    for (const flow of change.add) this.#table(flow.table).add(flow, now);
    for (const flow of change.remove) this.#tables[flow.table]?.remove(flow);
    for (const group of change.removeGroups) this.#groups.delete(group.id);
    for (const meter of change.removeMeters) this.meters.delete(meter.id);
  }

  /** The flows by table, priority (highest first) and age. */
  flows(): Flow[] {
    return this.#sorted().map(({ flow }) => flow);
  }

  groups(): Group[] {
    return this.groupEntries().map(({ group }) => group);
  }

  program(): BridgeProgram {
    return { flows: this.flows(), groups: this.groups(), meters: [...this.meters.values()] };
  }

  /** As `flows`, with what the flows have counted. */
  counters(): FlowCounters[] {
    return this.#sorted().map(({ flow, packets, bytes, since }) => ({
      flow,
      packets,
      bytes,
      since,
    }));
  }

  /** Groups by id, with what they have counted. */
  groupEntries(): GroupEntry[] {
    return [...this.#groups.values()].sort((a, b) => a.group.id - b.group.id);
  }

  port(ofport: number): SimPort | undefined {
    return this.ports.get(ofport);
  }

  group(id: number): GroupEntry | undefined {
    return this.#groups.get(id);
  }

  /** The flow of `table` that `key` meets. */
  lookup(table: number, key: FlowKey): Rule | null {
    return this.#tables[table]?.lookup(key) ?? null;
  }

  /** Further flows of `table` that `key` meets with the priority of `rule`. */
  rivals(table: number, key: FlowKey, rule: Rule): readonly Rule[] {
    return this.#tables[table]?.rivals(key, rule) ?? [];
  }

  #table(number: number): FlowTable {
    return (this.#tables[number] ??= new FlowTable());
  }

  #replace(program: BridgeProgram, now: number): void {
    const old = [...this.#tables];
    this.#tables.length = 0;
    for (const flow of program.flows) {
      const kept = old[flow.table]?.exact(flow);
      this.#table(flow.table).add(flow, now, kept ?? null);
    }
    const groups = new Map(this.#groups);
    this.#groups.clear();
    for (const group of program.groups) {
      const kept = groups.get(group.id);
      const same = kept !== undefined && sameGroup(kept.group, group);
      this.#groups.set(group.id, same ? kept : new GroupEntry(group, now));
    }
    this.meters.clear();
    for (const meter of program.meters) this.meters.set(meter.id, meter);
  }

  #sorted(): Rule[] {
    return this.#tables.flatMap((table) =>
      table === undefined
        ? []
        : [...table].sort((a, b) => b.flow.priority - a.flow.priority || a.since - b.since),
    );
  }
}
