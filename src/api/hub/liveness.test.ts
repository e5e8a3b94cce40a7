import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openMemoryStore } from '../../store/index.ts';
import { PLANNERS } from '../../model/plan.ts';
import { openRuntime, type OpenRuntime } from '../runtime.ts';
import { Liveness } from './liveness.ts';
import type { Whereabouts } from './nodes.ts';

const log = pino({ level: 'silent' });
let runtime: OpenRuntime;
let connected: Set<string>;
let liveness: Liveness;

const node = async (name: string, agent_alive?: boolean): Promise<void> => {
  const said = agent_alive === undefined ? {} : { agent_alive };
  const vtep = `10.9.0.${runtime.topology.count('node') + 1}`;
  await runtime.execute((topology, context) =>
    PLANNERS.node.create(topology, { name, vtep, ...said }, context),
  );
};
const alive = (name: string) => runtime.topology.get('node', name)?.agent_alive;

beforeEach(async () => {
  runtime = await openRuntime({
    store: openMemoryStore(),
    defaultSecurityGroup: false,
    underlayMtu: 1500,
    onListenerError: () => undefined,
  });
  connected = new Set();
  await node('here', true);
  await node('never');
  const nodes = {
    deference: 0,
    whereabouts: (name: string) => (connected.has(name) ? 'here' : 'nowhere') as Whereabouts,
  };
  liveness = new Liveness(runtime, nodes, log, { awayMs: 50, againMs: 10 });
  runtime.subscribe((_revision, changes) => liveness.commit(changes));
});
afterEach(() => {
  liveness.close();
  runtime.close();
});

test('a node whose agent stays away is marked, also one that was away at the start', async () => {
  await vi.waitFor(() => expect(alive('here')).toBe(false), 5000);
  expect(alive('never')).toBeUndefined();
});

test('a node whose agent comes back in time is not', async () => {
  connected.add('here');
  liveness.joined('here');
  await node('later', true);
  liveness.left('later');
  await vi.waitFor(() => expect(alive('later')).toBe(false), 5000);
  expect(alive('here')).toBe(true);
});

test('a mark that another server made of a node linked here is taken away', async () => {
  connected.add('here');
  liveness.joined('here');
  await runtime.execute((topology, context) =>
    PLANNERS.node.update(topology, 'here', { agent_alive: false }, context),
  );
  await vi.waitFor(() => expect(alive('here')).toBe(true), 5000);
});
