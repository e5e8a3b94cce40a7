/** Incremental equals full, over seeded random changes of random topologies. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Follower, NODE, plug, Switch } from '../../test/support/follower.ts';
import {
  network,
  node,
  port,
  put,
  securityGroup,
  securityGroupRule,
  subnet,
} from '../../test/support/objects.ts';
import { differences, freshNode } from '../../test/support/programs.ts';
import { World } from '../../test/support/topology/world.ts';
import type { Change, Kind, Objects } from '../model/objects.ts';
import { Topology, type IndexName } from '../model/topology.ts';
import { compileAll, Compiler } from './compiler.ts';
import { diff } from './diff.ts';
import { attachmentKey } from './local.ts';

/** More of them take minutes: TIANCHI_SEQUENCES=300. */
const SEQUENCES = Number(process.env['TIANCHI_SEQUENCES'] ?? 20);

describe('Compiler', () => {
  it(
    'gives after each change exactly what a full compilation gives, and the deltas lead there',
    { timeout: SEQUENCES * 30_000 },
    () => {
      fc.assert(
        fc.property(fc.nat(), fc.boolean(), (seed, wired) => {
          const world = new World(seed, { wired });
          const node = new Follower(world);
          for (let step = 0; step < 50; step += 1) {
            world.step();
            node.follow();
            if (world.random.chance(0.04)) node.restart();
            expect(node.differences()).toEqual([]);
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
    expect(differences(held.program(), after)).toEqual([]);
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
