/** Incremental equals full, over seeded random changes of random topologies. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  network,
  node,
  port,
  put,
  securityGroup,
  securityGroupRule,
  subnet,
} from '../../test/support/objects.ts';
import { freshNode } from '../../test/support/programs.ts';
import { World } from '../../test/support/topology.ts';
import type { Change, Kind, Objects } from '../model/objects.ts';
import { Topology, type DependencyKey, type IndexName } from '../model/topology.ts';
import type { BridgeProgram, Flow, Group, Meter } from '../openflow/flow.ts';
import { flowKey, sameFlow } from '../openflow/identity.ts';
import { formatFlow, formatGroup, formatMeter } from '../openflow/text/index.ts';
import { BRIDGES, compileAll, Compiler, type BridgeName } from './compiler.ts';
import { diff } from './diff.ts';
import type { BridgeDelta } from './feature.ts';
import { LocalState } from './local-state.ts';
import { attachmentKey } from './local.ts';

const NODE = 'node1';

/** Plugs and unplugs as an agent does: what is bound here, now and then late or not at all. */
function plug(world: World, local: LocalState): DependencyKey[] {
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

function lines({ flows, groups, meters }: BridgeProgram): string[] {
  return [
    ...flows.map((flow) => `${flow.cookie} ${formatFlow(flow)}`),
    ...groups.map((group) => formatGroup(group)),
    ...meters.map((meter) => formatMeter(meter)),
  ].sort();
}

/** A switch as far as deltas go: flows by table, priority and match. */
class Switch {
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

/** As text only when they differ: text takes most of the time. */
function expectSame(have: BridgeProgram, want: BridgeProgram): void {
  const held = new Map(have.flows.map((flow) => [flowKey(flow), flow]));
  const same =
    held.size === want.flows.length &&
    want.flows.every((flow) => {
      const found = held.get(flowKey(flow));
      return found !== undefined && sameFlow(found, flow);
    });
  if (!same) expect(lines(have)).toEqual(lines(want));
  const others = ({ groups, meters }: BridgeProgram) => lines({ flows: [], groups, meters });
  expect(others(have)).toEqual(others(want));
}

/** A node under test: its agent's state, its compiler, and what its bridges hold. */
class Node {
  readonly #world: World;
  #local = freshNode(NODE);
  #compiler: Compiler;
  readonly #bridges: Record<BridgeName, Switch>;

  constructor(world: World) {
    this.#world = world;
    plug(world, this.#local);
    this.#compiler = new Compiler(world.topology, this.#local);
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
    this.#compiler = new Compiler(this.#world.topology, this.#local);
    this.#compiler.start();
    for (const bridge of BRIDGES) {
      const held = this.#bridges[bridge];
      held.apply(diff(held.program(), this.#compiler.program(bridge)));
    }
  }

  check(): void {
    const full = compileAll(this.#world.topology, this.#local);
    for (const bridge of BRIDGES) {
      expectSame(this.#compiler.program(bridge), full[bridge]);
      expectSame(this.#bridges[bridge].program(), full[bridge]);
    }
  }
}

/** More of them take minutes: TIANCHI_SEQUENCES=300. */
const SEQUENCES = Number(process.env['TIANCHI_SEQUENCES'] ?? 20);

describe('Compiler', () => {
  it(
    'gives after each change exactly what a full compilation gives, and the deltas lead there',
    { timeout: SEQUENCES * 30_000 },
    () => {
      fc.assert(
        fc.property(fc.nat(), (seed) => {
          const world = new World(seed);
          const node = new Node(world);
          for (let step = 0; step < 50; step += 1) {
            world.step();
            node.follow();
            if (world.random.chance(0.04)) node.restart();
            node.check();
          }
        }),
        { numRuns: SEQUENCES },
      );
    },
  );

  it('changes nothing for what was touched and is as before', () => {
    const world = new World(7);
    const local = freshNode(NODE);
    plug(world, local);
    const compiler = new Compiler(world.topology, local);
    compiler.start();
    const deltas = compiler.refresh(world.takeTouched());
    const nothing = {
      add: [],
      remove: [],
      addGroups: [],
      removeGroups: [],
      addMeters: [],
      removeMeters: [],
    };
    expect(deltas).toEqual({ 'br-int': nothing, 'br-phy': nothing });
  });

  it('turns any program into any other by diff', () => {
    const [before, after] = [11, 12].map((seed) => {
      const world = new World(seed);
      const local = freshNode(NODE);
      plug(world, local);
      return compileAll(world.topology, local)['br-int'];
    });
    if (before === undefined || after === undefined) throw new Error('two programs');
    const held = new Switch(before);
    held.apply(diff(before, after));
    expect(lines(held.program())).toEqual(lines(after));
    expect(diff(after, after).add).toEqual([]);
  });

  it('asks for no more when a port joins a large VPC than when it joins a small one', () => {
    const [small, large] = [20, 2000].map((size) => {
      const topology = new CountingTopology();
      for (const change of bigVpc(size)) topology.apply(change);
      const local = freshNode(NODE);
      const compiler = new Compiler(topology, local);
      compiler.start();
      const costs = [NODE, 'node2'].map((host) => {
        const added = bigVpcPort(size + (host === NODE ? 1 : 2), host);
        const touched = topology.apply(added);
        local.attach(added.id, { ofport: 5, interface: 'vhu' });
        if (host === NODE) touched.add(attachmentKey(added.id));
        else local.detach(added.id);
        topology.reads = 0;
        const { add } = compiler.refresh(touched)['br-int'];
        expect(add.length).toBeGreaterThan(0);
        return topology.reads;
      });
      return costs;
    });
    expect(large).toEqual(small);
  });
});

class CountingTopology extends Topology {
  reads = 0;
  override get<K extends Kind>(kind: K, id: string): Objects[K] | undefined {
    this.reads += 1;
    return super.get(kind, id);
  }
  override find(name: IndexName, key: string): ReadonlySet<string> {
    this.reads += 1;
    return super.find(name, key);
  }
}

const id = (kind: number, serial: number) =>
  `${kind}0000000-0000-4000-8000-${String(serial).padStart(12, '0')}`;
const BIG = { vpc: id(1, 0), network: id(1, 1), subnet: id(2, 0), group: id(3, 0) };

function bigVpcPort(serial: number, host: string) {
  return put(
    'port',
    port({
      id: id(4, serial),
      network_id: BIG.network,
      mac_address: `fa:16:3e:00:${(serial >> 8).toString(16).padStart(2, '0')}:${(serial & 255).toString(16).padStart(2, '0')}`,
      fixed_ips: [
        { subnet_id: BIG.subnet, ip_address: `10.0.${(serial + 2) >> 8}.${(serial + 2) & 255}` },
      ],
      security_groups: [BIG.group],
      'binding:host_id': host,
    }),
  );
}

/** A VPC whose ports are spread over ten nodes, all in one group that trusts itself. */
function bigVpc(size: number): Change[] {
  const vpc = { id: BIG.vpc, vni: 1 };
  return [
    ...Array.from({ length: 10 }, (_, i) => put('node', node(`node${i + 1}`, `10.1.0.${i + 1}`))),
    put('network', network({ id: BIG.vpc, vpc })),
    put('network', network({ id: BIG.network, vpc })),
    put('subnet', subnet({ id: BIG.subnet, network_id: BIG.network, cidr: '10.0.0.0/16' })),
    put('security_group', securityGroup({ id: BIG.group })),
    put(
      'security_group_rule',
      securityGroupRule({
        id: id(5, 0),
        security_group_id: BIG.group,
        direction: 'ingress',
        remote_group_id: BIG.group,
      }),
    ),
    ...Array.from({ length: size }, (_, i) => bigVpcPort(i, `node${(i % 10) + 1}`)),
  ];
}
