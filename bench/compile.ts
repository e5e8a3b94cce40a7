/**
 * One VPC over ten nodes: everything compiled at 1,000 and at 10,000 ports, and single changes at
 * both sizes, whose time must not grow with the VPC.
 */
import type { Change, Port } from '../src/model/objects.ts';
import type { Topology } from '../src/model/topology.ts';
import { compileAll, Compiler } from '../src/pipeline/compiler.ts';
import { attachmentKey } from '../src/pipeline/local.ts';
import type { LocalState } from '../src/pipeline/local-state.ts';
import { put, remove } from '../test/support/objects.ts';
import { plugged } from '../test/support/programs.ts';
import { median, round, timed } from './measure.ts';
import { HERE, NODES, OTHER_GROUP, nodeName, portOf, topologyOf } from './vpc.ts';

const SIZES = [1_000, 10_000] as const;
const FULL_REPETITIONS = 7;
const CHANGES = 1_000;
const WARM_UP = 300;
const FIRST_OFPORT = 10;

interface FullFigures {
  readonly ports: number;
  /** For one node: milliseconds, median, and what its switch is told. */
  readonly oneNodeMs: number;
  readonly flowsOfOneNode: number;
  /** Every node once, one after another. */
  readonly allNodesMs: number;
  /** Of one node's program and of the record of who read what. */
  readonly compilerHeapMiB: number;
}

/** Microseconds from the change to the delta, median. */
interface ChangeFigures {
  readonly change: string;
  readonly at1000Us: number;
  readonly at10000Us: number;
  readonly ratio: number;
}

export interface CompileFigures {
  readonly full: readonly FullFigures[];
  readonly changes: readonly ChangeFigures[];
}

const heap = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
};

function full(ports: number): FullFigures {
  const topology = topologyOf(ports);
  const start = (name: string): Compiler => {
    const compiler = new Compiler(topology, plugged(topology, name));
    compiler.start();
    return compiler;
  };
  start(HERE);
  const empty = heap();
  const compiler = start(HERE);
  const compilerHeapMiB = heap() - empty;
  const flowsOfOneNode = compiler.program('br-int').flows.length;
  const oneNode = Array.from({ length: FULL_REPETITIONS }, () => timed(() => start(HERE)));
  const allNodesMs = timed(() => {
    for (let n = 0; n < NODES; n += 1) start(nodeName(n));
  });
  return {
    ports,
    oneNodeMs: round(median(oneNode)),
    flowsOfOneNode,
    allNodesMs: round(allNodesMs),
    compilerHeapMiB: round(compilerHeapMiB),
  };
}

/** A node's compiler that is told of one change after another. */
class Running {
  readonly #topology: Topology;
  readonly #local: LocalState;
  readonly #compiler: Compiler;
  readonly ports: number;
  #nextOfport: number;

  constructor(ports: number) {
    this.ports = ports;
    this.#topology = topologyOf(ports);
    this.#local = plugged(this.#topology, HERE);
    this.#nextOfport = FIRST_OFPORT + ports;
    this.#compiler = new Compiler(this.#topology, this.#local);
    this.#compiler.start();
  }

  /** Microseconds until the delta is known. */
  put(made: Port): number {
    return this.#change(put('port', made), made.id, made['binding:host_id'] === HERE);
  }

  remove(gone: Port): number {
    return this.#change(remove('port', gone.id), gone.id, false);
  }

  #change(change: Change, portId: string, here: boolean): number {
    const from = performance.now();
    const touched = this.#topology.apply(change);
    if (here !== (this.#local.attachment(portId) !== undefined)) {
      if (here) this.#plug(portId);
      else this.#local.detach(portId);
      touched.add(attachmentKey(portId));
    }
    const { add, remove: removed } = this.#compiler.refresh(touched)['br-int'];
    const took = (performance.now() - from) * 1000;
    if (add.length + removed.length === 0) throw new Error(`${portId} changed nothing`);
    return took;
  }

  #plug(portId: string): void {
    const ofport = this.#nextOfport;
    this.#nextOfport += 1;
    this.#local.attach(portId, { ofport, interface: `vhu${portId.slice(0, 11)}` });
  }

  /** Incremental and full agree, or the time would say nothing. */
  check(): void {
    const [held, wanted] = [
      this.#compiler.program('br-int').flows.length,
      compileAll(this.#topology, this.#local)['br-int'].flows.length,
    ];
    if (held !== wanted) throw new Error(`${held} flows instead of ${wanted}`);
  }
}

const KINDS = [
  'port added here',
  'port removed here',
  'port added elsewhere',
  'port removed elsewhere',
  'groups of a port here changed',
  'port bound elsewhere',
] as const;

/** One round of each change, leaving everything as it was. */
function changesOnce(running: Running, serial: number): Record<(typeof KINDS)[number], number> {
  const elsewhere = nodeName(1);
  const local = portOf(serial, HERE);
  const remote = portOf(serial + 1, elsewhere);
  const added = running.put(local);
  const regrouped = running.put(portOf(serial, HERE, OTHER_GROUP));
  running.put(local);
  const bound = running.put(portOf(serial, elsewhere));
  running.put(local);
  return {
    'port added here': added,
    'groups of a port here changed': regrouped,
    'port bound elsewhere': bound,
    'port removed here': running.remove(local),
    'port added elsewhere': running.put(remote),
    'port removed elsewhere': running.remove(remote),
  };
}

/** Both sizes in turn, so that what else the machine does falls on both. */
function changes(): ChangeFigures[] {
  const small = new Running(SIZES[0]);
  const large = new Running(SIZES[1]);
  const took = KINDS.map((kind) => ({ kind, small: [] as number[], large: [] as number[] }));
  for (let n = 0; n < WARM_UP + CHANGES; n += 1) {
    const [few, many] = [small, large].map((it) => changesOnce(it, it.ports + 2 * n));
    if (n < WARM_UP || few === undefined || many === undefined) continue;
    for (const each of took) {
      each.small.push(few[each.kind]);
      each.large.push(many[each.kind]);
    }
  }
  small.check();
  large.check();
  return took.map((each) => ({
    change: each.kind,
    at1000Us: round(median(each.small)),
    at10000Us: round(median(each.large)),
    ratio: round(median(each.large) / median(each.small)),
  }));
}

export function benchCompile(): CompileFigures {
  return { full: SIZES.map((ports) => full(ports)), changes: changes() };
}
