/** A node that follows a random world as its agent does, without an agent. */
import type { DependencyKey } from '../../src/model/topology.ts';
import type { BridgeProgram, Flow, Group, Meter } from '../../src/openflow/flow.ts';
import { flowKey } from '../../src/openflow/identity.ts';
import { formatFlow } from '../../src/openflow/text/index.ts';
import { BRIDGES, compileAll, Compiler, type BridgeName } from '../../src/pipeline/compiler.ts';
import { diff } from '../../src/pipeline/diff.ts';
import type { BridgeDelta, Feature } from '../../src/pipeline/feature.ts';
import { LocalState } from '../../src/pipeline/local-state.ts';
import { attachmentKey } from '../../src/pipeline/local.ts';
import { differences, freshNode } from './programs.ts';
import type { World } from './topology/world.ts';

export const NODE = 'node1';

/** Plugs and unplugs as an agent does: what is bound here, now and then late or not at all. */
export function plug(world: World, local: LocalState): DependencyKey[] {
  const touched: DependencyKey[] = [];
  const bound = world.topology.find('port.by_host', NODE);
  for (const id of local.attached()) {
    if (bound.has(id) && !world.random.chance(0.05)) continue;
    local.detach(id);
    touched.push(attachmentKey(id));
  }
  for (const id of bound) {
    if (local.attachment(id) !== undefined || world.random.chance(0.1)) continue;
    const used = new Set([...local.attached()].map((other) => local.attachment(other)?.ofport));
    let ofport = 10;
    while (used.has(ofport)) ofport += 1;
    local.attach(id, { ofport, interface: `vhu${id.slice(0, 11)}`, vid: null });
    touched.push(attachmentKey(id));
  }
  return touched;
}

/** A switch as far as deltas go: flows by table, priority and match. */
export class Switch {
  readonly flows = new Map<string, Flow>();
  readonly groups = new Map<number, Group>();
  readonly meters = new Map<number, Meter>();

  constructor({ flows, groups, meters }: BridgeProgram) {
    const nothing = { remove: [], removeGroups: [], removeMeters: [] };
    this.apply({ ...nothing, add: flows, addGroups: groups, addMeters: meters });
  }

  /** What is to be removed must be there. */
  apply(delta: BridgeDelta): void {
    for (const { id } of delta.removeGroups) if (!this.groups.delete(id)) throw missing(id);
    for (const { id } of delta.removeMeters) if (!this.meters.delete(id)) throw missing(id);
    for (const flow of delta.remove) {
      if (!this.flows.delete(flowKey(flow))) throw missing(formatFlow(flow));
    }
    for (const group of delta.addGroups) this.groups.set(group.id, group);
    for (const meter of delta.addMeters) this.meters.set(meter.id, meter);
    for (const flow of delta.add) this.flows.set(flowKey(flow), flow);
  }

  program(): BridgeProgram {
    return {
      flows: [...this.flows.values()],
      groups: [...this.groups.values()],
      meters: [...this.meters.values()],
    };
  }
}

const missing = (what: string | number) => new Error(`${what} is removed and was not there`);

/** A node under test: its agent's state, its compiler, and what its bridges hold. */
export class Follower {
  readonly #world: World;
  readonly #features: readonly Feature[] | undefined;
  #local = freshNode(NODE);
  #compiler: Compiler;
  readonly #bridges: Record<BridgeName, Switch>;

  /** @param features what its compiler runs, and the full compilation too. */
  constructor(world: World, features?: readonly Feature[]) {
    this.#world = world;
    this.#features = features;
    plug(world, this.#local);
    this.#compiler = new Compiler(world.topology, this.#local, features);
    this.#compiler.start();
    world.takeTouched();
    this.#bridges = {
      'br-int': new Switch(this.#compiler.program('br-int')),
      'br-phy': new Switch(this.#compiler.program('br-phy')),
    };
  }

  follow(): void {
    const plugged = plug(this.#world, this.#local);
    const deltas = this.#compiler.refresh([...this.#world.takeTouched(), ...plugged]);
    for (const bridge of BRIDGES) this.#bridges[bridge].apply(deltas[bridge]);
  }

  /** The agent starts anew on what the switch kept, and applies only the difference. */
  restart(): void {
    const before = this.#local;
    this.#local = new LocalState(before.identity, before.kept());
    for (const id of before.attached()) {
      const attachment = before.attachment(id);
      if (attachment !== undefined) this.#local.attach(id, attachment);
    }
    this.#compiler = new Compiler(this.#world.topology, this.#local, this.#features);
    this.#compiler.start();
    for (const bridge of BRIDGES) {
      const held = this.#bridges[bridge];
      held.apply(diff(held.program(), this.#compiler.program(bridge)));
    }
  }

  /** What the compiler or the switch has otherwise than a full compilation; empty when all agree. */
  differences(): string[] {
    const full = compileAll(this.#world.topology, this.#local, this.#features);
    return BRIDGES.flatMap((bridge) =>
      [this.#compiler.program(bridge), this.#bridges[bridge].program()].flatMap((held) =>
        differences(held, full[bridge]),
      ),
    );
  }
}
