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
import type { BridgeProgram } from '../openflow/flow.ts';
import { flowKey } from '../openflow/identity.ts';
import { formatFlow, formatGroup, formatMeter } from '../openflow/text/index.ts';
import { BRIDGES, compileAll, Compiler, type Programs } from './compiler.ts';
import { diff } from './diff.ts';
import type { BridgeDelta } from './feature.ts';
import type { LocalState } from './local-state.ts';
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

/** As `lines`, quicker to make. */
function byKey({ flows, groups, meters }: BridgeProgram): string[] {
  const text = (value: unknown) =>
    JSON.stringify(value, (name, inner: unknown) =>
      typeof inner === 'bigint' ? inner.toString(16) : name === 'field' ? fieldName(inner) : inner,
    );
  return [
    ...flows.map((flow) => `${flowKey(flow)} ${flow.cookie} ${text(flow.actions)}`),
    ...groups.map(text),
    ...meters.map(text),
  ].sort();
}

function fieldName(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'name' in value ? value.name : value;
}

/** A switch as far as deltas go: flows by table, priority and match. */
function applied(have: BridgeProgram, delta: BridgeDelta): BridgeProgram {
  const flows = new Map(have.flows.map((flow) => [flowKey(flow), flow]));
  const groups = new Map(have.groups.map((group) => [group.id, group]));
  const meters = new Map(have.meters.map((meter) => [meter.id, meter]));
  for (const group of delta.removeGroups) expect(groups.delete(group.id)).toBe(true);
  for (const group of delta.addGroups) groups.set(group.id, group);
  for (const meter of delta.removeMeters) expect(meters.delete(meter.id)).toBe(true);
  for (const meter of delta.addMeters) meters.set(meter.id, meter);
  for (const flow of delta.remove) expect(flows.delete(flowKey(flow))).toBe(true);
  for (const flow of delta.add) flows.set(flowKey(flow), flow);
  return {
    flows: [...flows.values()],
    groups: [...groups.values()],
    meters: [...meters.values()],
  };
}

describe('Compiler', () => {
  it('gives after each change exactly what a full compilation gives, and the deltas lead there', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const world = new World(seed);
        const local = freshNode(NODE);
        plug(world, local);
        world.takeTouched();
        const compiler = new Compiler(world.topology, local);
        compiler.start();
        const held: Programs = compileAll(world.topology, local);
        for (let step = 0; step < 40; step += 1) {
          world.step();
          const plugged = plug(world, local);
          const deltas = compiler.refresh([...world.takeTouched(), ...plugged]);
          const full = compileAll(world.topology, local);
          for (const bridge of BRIDGES) {
            held[bridge] = applied(held[bridge], deltas[bridge]);
            // Whole texts only now and then: they take most of the time.
            const compare = step % 20 === 19 ? lines : byKey;
            const wanted = compare(full[bridge]);
            expect(compare(compiler.program(bridge))).toEqual(wanted);
            expect(compare(held[bridge])).toEqual(wanted);
          }
        }
      }),
      { numRuns: 25 },
    );
  });

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
    expect(lines(applied(before, diff(before, after)))).toEqual(lines(after));
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
