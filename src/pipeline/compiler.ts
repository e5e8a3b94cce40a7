/**
 * From a node's topology to its flows, and from a change of it to the change of them. Each unit
 * keeps what it emitted; a change recomputes the units that read what was touched and the units
 * that came or went, and compares old and new. `compileAll` computes everything from scratch with
 * no record of who read what: the oracle for the incremental way.
 */
import type { BridgeProgram } from '../openflow/flow.ts';
import { objectKey, type DependencyKey, type Topology } from '../model/topology.ts';
import { diffKeyed, type Keyed } from './diff.ts';
import { Emission } from './emission.ts';
import type { BridgeDelta, Fact, Feature, View } from './feature.ts';
import { FEATURES } from './features/index.ts';
import { attachmentKey, type LocalReader } from './local.ts';
import { Tracker, type Reader } from './tracking.ts';

export type BridgeName = 'br-int' | 'br-phy';
export const BRIDGES: readonly BridgeName[] = ['br-int', 'br-phy'];

export type Programs = Record<BridgeName, BridgeProgram>;
export type Deltas = Record<BridgeName, BridgeDelta>;

const perBridge = <T>(make: (bridge: BridgeName) => T): Record<BridgeName, T> => ({
  'br-int': make('br-int'),
  'br-phy': make('br-phy'),
});

function* keysOf(feature: Feature, topology: Topology, local: LocalReader): Iterable<string> {
  const { over } = feature;
  if ('node' in over) yield '';
  else if ('attached' in over) yield* local.attached();
  else if ('index' in over) yield* topology.keysOf(over.index);
  else for (const object of topology.all(over.kind)) yield object.id;
}

function exists(feature: Feature, key: string, topology: Topology, local: LocalReader): boolean {
  const { over } = feature;
  if ('node' in over) return true;
  if ('attached' in over) return local.attachment(key) !== undefined;
  if ('index' in over) return topology.find(over.index, key).size > 0;
  return topology.get(over.kind, key) !== undefined;
}

/** The first word of the dependency keys that make units of a feature come and go. */
function unitWord({ over }: Feature): string | null {
  if ('node' in over) return null;
  if ('attached' in over) return attachmentKey('').trimEnd();
  return 'index' in over ? over.index : objectKey(over.kind, '').trimEnd();
}

function byWord(features: readonly Feature[]): ReadonlyMap<string, readonly Feature[]> {
  const found = new Map<string, Feature[]>();
  for (const feature of features) {
    const word = unitWord(feature);
    if (word !== null) found.set(word, [...(found.get(word) ?? []), feature]);
  }
  return found;
}

interface Unit extends Reader {
  readonly feature: Feature;
  readonly key: string;
  emitted: Emission;
}

const PARTS = ['flows', 'groups', 'meters'] as const;

/** Gathers units' emissions by key; two units never share one. */
function gather(into: Emission, from: Emission): void {
  for (const part of PARTS) {
    const target: Map<string | number, unknown> = into[part];
    for (const [key, value] of from[part]) {
      if (target.has(key)) throw new RangeError(`two units emit ${part} ${key}`);
      target.set(key, value);
    }
  }
}

/**
 * Puts `after` in the place of `before`. What stays is not taken out first: a Map remembers each
 * deletion until it has outgrown itself, and a large one that loses and regains keys slows down.
 */
function replace(within: Emission, before: Emission, after: Emission): void {
  for (const part of PARTS) {
    const target: Map<string | number, unknown> = within[part];
    const old: ReadonlyMap<string | number, unknown> = before[part];
    const fresh: ReadonlyMap<string | number, unknown> = after[part];
    for (const key of old.keys()) if (!fresh.has(key)) target.delete(key);
    for (const [key, value] of fresh) {
      if (!old.has(key) && target.has(key)) throw new RangeError(`two units emit ${part} ${key}`);
      target.set(key, value);
    }
  }
}

function asProgram(emission: Emission): BridgeProgram {
  return {
    flows: [...emission.flows.values()],
    groups: [...emission.groups.values()],
    meters: [...emission.meters.values()],
  };
}

/** One node's flows, kept up to date. `topology` and `local` belong to the caller, who changes them. */
export class Compiler {
  readonly #topology: Topology;
  readonly #local: LocalReader;
  readonly #tracker: Tracker<Unit>;
  readonly #features: readonly Feature[];
  readonly #featuresByWord: ReadonlyMap<string, readonly Feature[]>;
  readonly #units: ReadonlyMap<Feature, Map<string, Unit>>;
  readonly #programs = perBridge((bridge) => new Emission(bridge));

  constructor(topology: Topology, local: LocalReader, features = FEATURES) {
    this.#topology = topology;
    this.#local = local;
    this.#tracker = new Tracker(topology, local);
    this.#features = features;
    this.#featuresByWord = byWord(features);
    this.#units = new Map(features.map((feature) => [feature, new Map()]));
  }

  /** Compiles everything; call it once. */
  start(): void {
    for (const feature of this.#features) {
      for (const key of keysOf(feature, this.#topology, this.#local)) {
        const unit = this.#unit(feature, key);
        this.#compile(unit);
        gather(this.#programs[feature.bridge], unit.emitted);
      }
    }
  }

  /** Everything that `bridge` is to hold now. */
  program(bridge: BridgeName): BridgeProgram {
    return asProgram(this.#programs[bridge]);
  }

  /** As `program`, by key; it follows every refresh. */
  keyed(bridge: BridgeName): Keyed {
    return this.#programs[bridge];
  }

  /**
   * Recomputes what rests on `touched`: the keys that `Topology.apply` returned, and
   * `attachmentKey(port)` for each port plugged or unplugged, since the last call.
   * @returns what to change on each bridge.
   */
  refresh(touched: Iterable<DependencyKey>): Deltas {
    const keys = new Set(touched);
    const units = this.#comingAndGoing(keys);
    for (const unit of this.#tracker.affected(keys)) units.add(unit);
    const before = perBridge((bridge) => new Emission(bridge));
    const after = perBridge((bridge) => new Emission(bridge));
    for (const unit of units) {
      const { bridge } = unit.feature;
      gather(before[bridge], unit.emitted);
      if (exists(unit.feature, unit.key, this.#topology, this.#local)) this.#compile(unit);
      else this.#remove(unit);
      gather(after[bridge], unit.emitted);
    }
    for (const bridge of BRIDGES) replace(this.#programs[bridge], before[bridge], after[bridge]);
    this.#tracker.sweep();
    return perBridge((bridge) => diffKeyed(before[bridge], after[bridge]));
  }

  #comingAndGoing(keys: ReadonlySet<DependencyKey>): Set<Unit> {
    const units = new Set<Unit>();
    for (const key of keys) {
      const space = key.indexOf(' ');
      for (const feature of this.#featuresByWord.get(key.slice(0, space)) ?? []) {
        const unitKey = key.slice(space + 1);
        const known = this.#units.get(feature)?.has(unitKey) ?? false;
        if (known !== exists(feature, unitKey, this.#topology, this.#local)) {
          units.add(this.#unit(feature, unitKey));
        }
      }
    }
    return units;
  }

  #unit(feature: Feature, key: string): Unit {
    const units = this.#units.get(feature);
    let unit = units?.get(key);
    if (unit === undefined) {
      unit = { feature, key, emitted: new Emission(feature.bridge), reads: new Set() };
      units?.set(key, unit);
    }
    return unit;
  }

  #compile(unit: Unit): void {
    const { feature, key } = unit;
    unit.emitted = new Emission(feature.bridge);
    this.#tracker.run(unit, () => feature.compile(key, this.#tracker, this.#tracker, unit.emitted));
  }

  #remove(unit: Unit): void {
    unit.emitted = new Emission(unit.feature.bridge);
    this.#tracker.drop(unit);
    this.#units.get(unit.feature)?.delete(unit.key);
  }
}

/** The topology as it is, facts derived as they are asked for. */
function plainView(topology: Topology, local: LocalReader): View {
  const view: View = {
    get: (kind, id) => topology.get(kind, id),
    find: (index, key) => topology.find(index, key),
    fact: <T extends string | number | boolean | undefined>(fact: Fact<T>, key: string) =>
      fact.derive(key, view, local),
  };
  return view;
}

/** Everything that the bridges of `local`'s node are to hold, from scratch. */
export function compileAll(topology: Topology, local: LocalReader, features = FEATURES): Programs {
  const view = plainView(topology, local);
  const programs = perBridge((bridge) => new Emission(bridge));
  for (const feature of features) {
    for (const key of keysOf(feature, topology, local)) {
      const emission = new Emission(feature.bridge);
      feature.compile(key, view, local, emission);
      gather(programs[feature.bridge], emission);
    }
  }
  return perBridge((bridge) => asProgram(programs[bridge]));
}
