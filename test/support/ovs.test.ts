import { afterAll, beforeAll, expect, test } from 'vitest';
import { ovsAvailable, startOvs, type Sandbox } from './ovs.ts';
import { requireOrSkip } from './require.ts';

requireOrSkip('Open vSwitch', ovsAvailable)('the sandbox', () => {
  let ovs: Sandbox;
  beforeAll(async () => {
    ovs = await startOvs();
  });
  afterAll(() => ovs.stop());

  test('runs bridges that hold flows and trace packets', () => {
    ovs.addBridge('br0');
    ovs.addPort('br0', 'p1', 1);
    ovs.addPort('br0', 'p2', 2);
    ovs.ofctl(['add-flows', 'br0', '-'], 'in_port=1,actions=output:2\n');
    const dump = ovs.ofctl(['-O', 'OpenFlow13', '--no-names', '--no-stats', 'dump-flows', 'br0']);
    expect(dump).toBe(' in_port=1 actions=output:2\n');
    expect(ovs.appctl('ofproto/trace', 'br0', 'in_port=1')).toContain('Datapath actions: 2');
  });

  test('a program that fails says why', () => {
    expect(() => ovs.ofctl(['add-flow', 'br0', 'nonsense'])).toThrow(/must specify an action/);
  });
});
