/** Agents of a server that lost its store while others go on. */
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Puppet } from '../../../test/support/puppet.ts';
import { LosableStore } from '../../../test/support/store.ts';
import { PLANNERS } from '../../model/plan.ts';
import { openMemoryStore, type Store } from '../../store/index.ts';
import { openRuntime, type OpenRuntime } from '../runtime.ts';
import { AgentHub } from './hub.ts';
import { ALONE, type Home } from './peers.ts';

let tree: Store;
let elsewhere: OpenRuntime;
let lost: LosableStore;
let runtime: OpenRuntime;
let hub: AgentHub;
let agent: Puppet;
/** What the other server shows, and what tells this one of that. */
let furthest: number;
let home: Home;

const open = (store: Store): Promise<OpenRuntime> =>
  openRuntime({
    store,
    defaultSecurityGroup: false,
    underlayMtu: 1500,
    onListenerError: (error) => {
      throw error;
    },
  });

/** Another server writes, and tells this one how far it is. */
async function writeElsewhere(): Promise<void> {
  await elsewhere.execute((topology, context) =>
    PLANNERS.network.create(topology, { name: 'net' }, context),
  );
  furthest = elsewhere.revision;
  home.reported([]);
}

const seconds = (count: number) => vi.advanceTimersByTimeAsync(count * 1000);

beforeEach(async () => {
  vi.useFakeTimers();
  tree = openMemoryStore();
  elsewhere = await open(tree);
  lost = new LosableStore(tree);
  runtime = await open(lost.store);
  furthest = -1;
  hub = new AgentHub(runtime, pino({ level: 'silent' }), null, {
    ...ALONE,
    get furthest() {
      return furthest;
    },
    attach: (its) => (home = its),
  });
  agent = new Puppet(hub.connect);
  agent.hello('node1', '192.0.2.1');
  await seconds(0);
});

afterEach(async () => {
  hub.close();
  runtime.close();
  elsewhere.close();
  await tree.close();
  vi.useRealTimers();
});

test('go to another server once they miss something there', async () => {
  lost.lose();
  await writeElsewhere();
  await seconds(4);
  expect(agent.ended).toBeNull();
  await seconds(2);
  expect(agent.ended?.code).toBe(4503);
  expect(hub.connected()).toEqual([]);
});

test('stay as long as no server has anything that they lack', async () => {
  lost.lose();
  furthest = runtime.revision;
  home.reported([]);
  await seconds(60);
  expect(agent.ended).toBeNull();
});

test('stay when the store is back soon, whatever was missed', async () => {
  lost.lose();
  await writeElsewhere();
  await seconds(3);
  lost.find();
  await seconds(60);
  expect(agent.ended).toBeNull();
});

test('stay when the store came back meanwhile and is lost again, with nothing missed', async () => {
  lost.lose();
  await writeElsewhere();
  await seconds(2);
  lost.find();
  await seconds(1);
  lost.lose();
  await seconds(60);
  expect(agent.ended).toBeNull();
});

test('go although the store seemed to be there when the other came further', async () => {
  furthest = elsewhere.revision + 1;
  home.reported([]);
  await seconds(4);
  lost.lose();
  await seconds(2);
  expect(agent.ended?.code).toBe(4503);
});

test('stay with a server that is slow, but follows its store', async () => {
  furthest = elsewhere.revision + 1;
  home.reported([]);
  await seconds(60);
  expect(agent.ended).toBeNull();
});
