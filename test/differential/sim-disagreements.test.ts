/**
 * The faults of `ofproto/trace`, proved by packets: what it tells, what becomes of a real packet in
 * the dummy datapath, and that ours tells either as it is asked.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseFlows, parseGroups, parsePacket } from '../../src/openflow/text/index.ts';
import type { Unixctl } from '../../src/net/unixctl.ts';
import { Conntrack, execute, SimBridge, type SimPort } from '../../src/sim/index.ts';
import { ovsAvailable, type Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { startTracedSwitch } from '../support/traced-switch.ts';
import { DISAGREEMENTS, PACKET } from './sim-disagreements.ts';
import { readTrace } from './sim-ofproto-trace.ts';

const PORTS = [1, 2, 3] as const;

const bridgeOf = (flows: readonly string[], groups: readonly string[]): SimBridge => {
  const ports = PORTS.map((ofport): SimPort => {
    return { ofport, name: `p${ofport}`, kind: 'vm', up: true };
  });
  const bridge = new SimBridge('br0', ports);
  bridge.apply({
    flows: parseFlows(flows.join('\n')).flows,
    groups: parseGroups(groups.join('\n')).groups,
    meters: [],
  });
  return bridge;
};

const outputsOf = (bridge: SimBridge, imitate: boolean): number[] => {
  const options = { conntrack: new Conntrack(), now: 0, imitate };
  const { steps } = execute(bridge, parsePacket(PACKET.flow), { ...options, ctNext: [] });
  return steps.flatMap((step) => (step.kind === 'output' ? [step.port] : []));
};

requireOrSkip('Open vSwitch', ovsAvailable)('where ofproto/trace goes wrong', () => {
  let sandbox: Sandbox;
  let unixctl: Unixctl;
  let stop: () => void;

  beforeAll(async () => {
    ({ sandbox, unixctl, stop } = await startTracedSwitch(PORTS));
  });

  afterAll(() => stop());

  /** Packets received and sent, by port. */
  function counted(): Map<number, readonly [received: number, sent: number]> {
    const text = sandbox.ofctl(['-O', 'OpenFlow13', 'dump-ports', 'br0']);
    const lines = text.matchAll(/port +(\d+): rx pkts=(\d+).*\n +tx pkts=(\d+)/g);
    return new Map([...lines].map(([, port, rx, tx]) => [Number(port), [Number(rx), Number(tx)]]));
  }

  /** Ports by which a packet leaves that comes in by port 1. */
  async function send(): Promise<number[]> {
    const before = counted();
    const count = (of: ReturnType<typeof counted>, port: number, way: 0 | 1) =>
      of.get(port)?.[way] ?? 0;
    await unixctl.call('netdev-dummy/receive', 'p1', PACKET.datapath);
    // A packet is counted as received when all of its actions are done.
    await expect
      .poll(() => count(counted(), 1, 0), { timeout: 5000 })
      .toBeGreaterThan(count(before, 1, 0));
    const after = counted();
    return PORTS.filter((port) => count(after, port, 1) > count(before, port, 1));
  }

  for (const { name, flows, groups = [], traced, sent } of DISAGREEMENTS) {
    it(name, async () => {
      sandbox.ofctl(['del-flows', 'br0']);
      sandbox.ofctl(['-O', 'OpenFlow15', 'del-groups', 'br0']);
      for (const group of groups) sandbox.ofctl(['-O', 'OpenFlow15', 'add-group', 'br0', group]);
      for (const flow of flows) sandbox.ofctl(['-O', 'OpenFlow15', 'add-flow', 'br0', flow]);
      const numbers = new Map(PORTS.map((port) => [port as number, port as number]));
      const text = await unixctl.call('ofproto/trace', 'br0', PACKET.flow);
      expect(readTrace(text, numbers).flatMap(({ outputs }) => outputs)).toEqual(traced);

      expect(await send()).toEqual(sent);

      const bridge = bridgeOf(flows, groups);
      expect(outputsOf(bridge, true)).toEqual(traced);
      expect(outputsOf(bridge, false)).toEqual(sent);
    });
  }
});
