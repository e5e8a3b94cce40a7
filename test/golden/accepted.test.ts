/** A real switch takes everything that random topologies compile to, and shows it as we print it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { flowKey } from '../../src/openflow/identity.ts';
import {
  formatFlow,
  formatGroup,
  formatMeter,
  parseFlows,
  parseGroups,
} from '../../src/openflow/text/index.ts';
import { BRIDGES, compileAll } from '../../src/pipeline/compiler.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { plugged } from '../support/programs.ts';
import { requireOrSkip } from '../support/require.ts';
import { World } from '../support/topology/world.ts';

/** A long dump comes in several replies, each with a header. */
const flowLines = (dump: string) =>
  dump
    .split('\n')
    .filter((line) => line.startsWith(' cookie='))
    .join('\n');

requireOrSkip('Open vSwitch', ovsAvailable)('Open vSwitch', () => {
  let ovs: Sandbox;
  beforeAll(async () => {
    ovs = await startOvs();
    for (const bridge of BRIDGES) ovs.addBridge(bridge);
    ovs.addPort('br-phy', 'dpdk_phy0', 1);
    ovs.addPort('br-phy', 'dpdk_phy1', 2);
    ovs.addPort('br-int', 'vf-10.163.133.4', 1, 'vxlan', 'options:remote_ip=flow', 'options:key=flow');
  });
  afterAll(() => ovs.stop());

  it.each([1, 2, 3, 4])('takes what the world of seed %i compiles to', (seed) => {
    const world = new World(seed, { ports: 25, rules: 30 });
    const programs = compileAll(world.topology, plugged(world.topology, 'node1'));
    for (const bridge of BRIDGES) {
      const { flows, groups, meters } = programs[bridge];
      ovs.ofctl(['-O', 'OpenFlow15', 'del-flows', bridge]);
      ovs.ofctl(['-O', 'OpenFlow15', 'del-groups', bridge]);
      ovs.ofctl(['-O', 'OpenFlow15', 'del-meters', bridge]);
      for (const meter of meters) {
        ovs.ofctl(['-O', 'OpenFlow15', 'add-meter', bridge, formatMeter(meter)]);
      }
      const groupText = groups.map((group) => formatGroup(group)).join('\n');
      if (groups.length > 0) ovs.ofctl(['-O', 'OpenFlow15', 'add-groups', bridge, '-'], groupText);
      const text = flows
        .map((flow) => `cookie=0x${flow.cookie.toString(16)},${formatFlow(flow)}`)
        .join('\n');
      ovs.ofctl(['-O', 'OpenFlow13', '--bundle', 'add-flows', bridge, '-'], text);

      const dumped = parseFlows(
        flowLines(ovs.ofctl(['-O', 'OpenFlow13', '--no-names', 'dump-flows', bridge])),
      );
      expect(dumped.errors).toEqual([]);
      const held = new Map(dumped.flows.map((flow) => [flowKey(flow), flow]));
      expect(held.size).toBe(flows.length);
      for (const flow of flows) {
        const real = held.get(flowKey(flow));
        expect(real?.cookie).toBe(flow.cookie);
        expect(real === undefined ? '' : formatFlow(real)).toBe(formatFlow(flow));
      }
      const shown = parseGroups(ovs.ofctl(['-O', 'OpenFlow15', '--no-names', 'dump-groups', bridge]));
      expect(shown.groups.map((group) => formatGroup(group)).sort()).toEqual(
        groups.map((group) => formatGroup(group)).sort(),
      );
    }
  });
});
