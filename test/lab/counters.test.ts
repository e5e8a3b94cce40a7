/** The counters of real flows rise by exactly the visits that a trace predicts. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UPLINKS, type Vm } from '../../src/lab/index.ts';
import { formatMatch, type Flow } from '../../src/openflow/index.ts';
import { BRIDGES } from '../../src/pipeline/compiler.ts';
import type { TraceJson } from '../../src/trace/render/json.ts';
import { Bench, describeLab, eventually } from './harness.ts';
import { Capture, pause } from './traffic.ts';

const PINGS = 10;
const NODES = ['node1', 'node2'];

type Counts = Map<string, number>;

/**
 * Where a packet is counted. Which uplink a packet comes in by is the sender's hash's choice, so
 * the uplinks' rows count as one.
 */
function place(node: string, bridge: string, table: number, priority: number, match: string) {
  const where = bridge === 'br-phy' ? match.replace(/in_port=[12]\b/, 'in_port=UPLINK') : match;
  return `${node} ${bridge} table=${table} priority=${priority},${where}`;
}

/** Of what goes on beside the pings: neighbours, leases, the agent's own probes. */
const besides = ({ match }: Flow): boolean =>
  match.some(
    ({ field, value }) =>
      (field.name === 'eth_type' && (value === 0x0806n || value === 0x86ddn)) ||
      (field.name === 'ip_proto' && value === 17n),
  );

function predicted(trace: TraceJson): Counts {
  const counts: Counts = new Map();
  // One ping is a connection of its own: the request opens it, the reply is established.
  for (const leg of trace.legs.slice(0, 2)) {
    for (const { node, bridge, table, priority, match } of leg.hops) {
      const at = place(node, bridge, table, priority ?? -1, match);
      counts.set(at, (counts.get(at) ?? 0) + PINGS);
    }
  }
  return counts;
}

describeLab('ten pings of one packet each', () => {
  let bench: Bench;
  let vms: Vm[];
  let id = 4000;

  beforeAll(async () => {
    bench = await Bench.up();
    const network = await bench.vpc('counted');
    const subnet = await bench.subnet(network, '178.1.3.0/24');
    const group = await bench.openGroup('open');
    vms = await Promise.all(
      ['node1', 'node1', 'node2'].map(async (node, index) => {
        const fixed_ips = [{ subnet_id: subnet, ip_address: `178.1.3.${index + 10}` }];
        const port = await bench.port(network, { fixed_ips, security_groups: [group] });
        return bench.boot(`counted${index}`, port, node);
      }),
    );
  });
  afterAll(() => bench?.down());

  async function counts(): Promise<Counts> {
    const found: Counts = new Map();
    for (const node of NODES) {
      for (const bridge of BRIDGES) {
        for (const { flow, packets } of await bench.flows(node, bridge)) {
          if (besides(flow)) continue;
          const { table, priority, match } = flow;
          const at = place(node, bridge, table, priority, formatMatch(match));
          found.set(at, (found.get(at) ?? 0) + packets);
        }
      }
    }
    return found;
  }

  /**
   * What rises while no agent asks for its peers' MAC, as each does once a minute: that, too, is
   * counted on br-phy.
   */
  async function undisturbed(work: () => Promise<Counts>): Promise<Counts> {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const captures = await Promise.all(
        NODES.flatMap((name) =>
          UPLINKS.map((device) =>
            Capture.start(bench.lab.node(name).netns, 'vlan and arp', { device }),
          ),
        ),
      );
      const risen = await work();
      const asked = await Promise.all(captures.map((capture) => capture.stop()));
      if (asked.flat().length === 0) return risen;
    }
    throw new Error('the agents never leave the uplinks alone');
  }

  /** The counts once they no longer change: the datapath hands its own on twice a second. */
  async function rest(): Promise<Counts> {
    let last = await counts();
    await eventually('counters to come to rest', async () => {
      await pause(1100);
      const before = JSON.stringify([...last]);
      last = await counts();
      return JSON.stringify([...last]) === before;
    });
    return last;
  }

  async function rises(from: Vm, to: string): Promise<Counts> {
    const before = await rest();
    for (let sent = 0; sent < PINGS; sent += 1) {
      // A used id would find its connection established.
      id += 1;
      const { received } = await bench.ping(from, to, { count: 1, id });
      expect(received).toBe(1);
    }
    const after = await rest();
    return new Map(
      [...after].flatMap(([at, packets]) => {
        const rise = packets - (before.get(at) ?? 0);
        return rise === 0 ? [] : [[at, rise] as const];
      }),
    );
  }

  test.each([
    ['on one node', 1],
    ['across nodes', 2],
  ])('%s', async (_where, index) => {
    const [from, to] = [vms[0], vms[index]];
    if (from === undefined || to === undefined) throw new Error('a VM is missing');
    const address = `178.1.3.${index + 10}`;
    // The kernels know each other's MAC from here on.
    await bench.ping(from, address);
    const trace = await bench.trace(from.port, to.port, 'icmp');
    expect(trace.verdict).toBe('delivered');
    const wanted = predicted(trace);
    expect(wanted.size).toBeGreaterThan(20);
    const risen = await undisturbed(() => rises(from, address));
    expect(Object.fromEntries(risen)).toEqual(Object.fromEntries(wanted));
  });
});
