/** A port moves between nodes: what the target holds before, and what is left to change then. */
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { startAgent, type RunningAgent } from '../../src/agent/index.ts';
import { AgentHub } from '../../src/api/hub/index.ts';
import { openRuntime, type OpenRuntime } from '../../src/api/runtime.ts';
import { activateBinding, createBinding, deleteBinding } from '../../src/model/bindings.ts';
import type { Port } from '../../src/model/objects.ts';
import { PLANNERS } from '../../src/model/plan.ts';
import { openMemoryStore } from '../../src/store/index.ts';
import { RecordedDatapath } from './world.ts';

const log = pino({ level: 'silent' });
const INPUT = 0;
const FORWARD = 120;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUps.splice(0).toReversed()) await step();
});

async function cloud() {
  const store = openMemoryStore();
  const options = { store, defaultSecurityGroup: true, underlayMtu: 1500 };
  const runtime: OpenRuntime = await openRuntime({
    ...options,
    onListenerError: (error) => {
      throw error;
    },
  });
  const hub = new AgentHub(runtime, log);
  cleanUps.push(() => {
    hub.close();
    runtime.close();
  });
  const switches = new Map<string, RecordedDatapath>();
  for (const [at, node] of ['node1', 'node2', 'node3'].entries()) {
    const vtep = `10.9.0.${at + 1}`;
    const datapath = new RecordedDatapath(node, vtep);
    const agent: RunningAgent = await startAgent({
      node,
      vtep,
      server: hub.connect,
      datapath,
      log,
    });
    cleanUps.push(() => agent.close());
    switches.set(node, datapath);
  }
  const network = await runtime.execute((topology, context) =>
    PLANNERS.network.create(topology, { name: 'net' }, context),
  );
  await runtime.execute((topology, context) =>
    PLANNERS.subnet.create(
      topology,
      { network_id: network.id, cidr: '10.0.0.0/24', ip_version: 4 },
      context,
    ),
  );
  const boot = (host: string): Promise<Port> =>
    runtime.execute((topology, context) =>
      PLANNERS.port.create(
        topology,
        {
          network_id: network.id,
          device_owner: 'compute:nova',
          device_id: '5f6a7c1e-2f0b-4a55-8d6e-111111111111',
          'binding:host_id': host,
        },
        context,
      ),
    );
  /** The tables that a node's switch was changed in since it was last asked. */
  const changed = (node: string): number[] => {
    const datapath = switches.get(node);
    const deeds = datapath?.deeds.splice(0) ?? [];
    const tables = deeds.map((deed) => ('put' in deed ? deed.put : deed.removed).table);
    return [...new Set(tables)].sort((a, b) => a - b);
  };
  const status = (id: string) => runtime.topology.get('port', id)?.status;
  return { runtime, hub, boot, changed, status };
}

test('all but the way there is in before a port is activated on its next node', async () => {
  const { runtime, hub, boot, changed, status } = await cloud();
  const { id } = await boot('node1');
  await boot('node3');
  await hub.settled();
  for (const node of ['node1', 'node2', 'node3']) changed(node);

  await runtime.execute((topology, context) =>
    createBinding(topology, id, { host: 'node2' }, context),
  );
  await hub.settled();
  const prepared = changed('node2');
  expect(prepared).toContain(INPUT);
  expect(prepared).toContain(FORWARD);
  expect(prepared.length).toBeGreaterThan(5);
  expect(changed('node3')).toEqual([]);
  expect(changed('node1')).toEqual([]);
  expect(status(id)).toBe('ACTIVE');

  await runtime.execute((topology, context) => activateBinding(topology, id, 'node2', context));
  expect(status(id)).toBe('DOWN');
  await hub.settled();
  expect(status(id)).toBe('ACTIVE');
  for (const node of ['node1', 'node2', 'node3']) {
    expect(changed(node), node).toEqual([FORWARD]);
  }

  await runtime.execute((topology, context) => deleteBinding(topology, id, 'node1', context));
  await hub.settled();
  expect(changed('node1')).toContain(INPUT);
  expect(changed('node2')).toEqual([]);
  expect(status(id)).toBe('ACTIVE');
});

test('a node that was prepared for nothing holds nothing any more', async () => {
  const { runtime, hub, boot, changed, status } = await cloud();
  const { id } = await boot('node1');
  await hub.settled();
  changed('node2');
  await runtime.execute((topology, context) =>
    createBinding(topology, id, { host: 'node2' }, context),
  );
  await hub.settled();
  const put = changed('node2');
  await runtime.execute((topology, context) => deleteBinding(topology, id, 'node2', context));
  await hub.settled();
  expect(changed('node2')).toEqual(put);
  expect(status(id)).toBe('ACTIVE');
});
