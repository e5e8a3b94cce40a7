import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestApi, type TestApi } from '../../test/support/api.ts';
import { altered } from '../../test/support/store.ts';
import { openMemoryStore, type Store, type StoreCommit } from '../store/index.ts';
import { CatchUp, type Others } from './others.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('catching up', () => {
  test('is done once at a time, and for all who came meanwhile together', async () => {
    const under: (() => void)[] = [];
    const ended: string[] = [];
    const catchingUp = new CatchUp({
      catchUp: () => new Promise((resolve) => under.push(resolve)),
    });
    const come = (name: string) => void catchingUp.now().then(() => ended.push(name));
    come('a');
    ['b', 'c', 'd'].forEach(come);
    expect(under).toHaveLength(1);
    under[0]?.();
    await turn();
    expect(ended).toEqual(['a']);
    expect(under).toHaveLength(2);
    come('e');
    under[1]?.();
    await turn();
    expect(ended).toEqual(['a', 'b', 'c', 'd']);
    expect(under).toHaveLength(3);
  });

  test('ends when the store cannot be asked', async () => {
    let asked = 0;
    const catchingUp = new CatchUp({
      catchUp: () => Promise.reject(new Error(`lost ${(asked += 1)}`)),
    });
    await Promise.all([catchingUp.now(), catchingUp.now()]);
    await catchingUp.now();
    expect(asked).toBe(3);
  });
});

/** Two servers on one tree; what the first writes comes to the second when that catches up. */
describe('a server that is behind', () => {
  let first: TestApi;
  let second: TestApi;
  let caughtUp = 0;
  let others: { -readonly [K in keyof Others]: Others[K] };

  /** `tree`, which tells of commits only when it is asked to catch up. */
  function late(tree: Store): Store {
    const due: (() => void)[] = [];
    return altered(tree, {
      watch: (from, onCommit) =>
        tree.watch(from, (commit: StoreCommit) => void due.push(() => onCommit(commit))),
      catchUp: async () => {
        caughtUp += 1;
        await turn();
        for (const tell of due.splice(0)) tell();
      },
    });
  }

  beforeAll(async () => {
    const tree = openMemoryStore();
    others = { any: true, awaited: true, showing: () => undefined };
    first = await openTestApi({ store: tree });
    second = await openTestApi({ store: late(tree), others });
  });
  beforeEach(() => {
    caughtUp = 0;
  });
  afterAll(async () => {
    await second.close();
    await first.close();
  });

  const network = (name = 'n') => first.make('networks', { name });

  test('looks once more before it says that something is not there', async () => {
    const { id } = await network();
    expect((await second.ask('GET', `networks/${id}`)).status).toBe(200);
    const port = { port: { network_id: (await network()).id } };
    expect((await second.ask('POST', 'ports', port)).status).toBe(201);
    expect(caughtUp).toBe(2);
  });

  test('looks once more before it says that something is in use', async () => {
    const { id } = await network();
    const port = await first.make('ports', { network_id: id });
    await second.runtime.catchUp();
    await first.ask('DELETE', `ports/${port.id}`);
    expect((await second.ask('DELETE', `networks/${id}`)).status).toBe(204);
  });

  test('says so after one look where there is nothing new', async () => {
    const { id } = await network();
    await first.make('ports', { network_id: id });
    await second.runtime.catchUp();
    expect((await second.ask('DELETE', `networks/${id}`)).status).toBe(409);
    expect((await second.ask('GET', 'networks/none')).status).toBe(404);
    expect(caughtUp).toBe(3);
  });

  test('catches up before anything else while others may not wait for it', async () => {
    await network('new');
    const list = () => second.ask('GET', 'networks?name=new&fields=name');
    expect((await list()).body).toEqual({ networks: [] });
    others.awaited = false;
    expect((await list()).body).toEqual({ networks: [{ name: 'new' }] });
    others.awaited = true;
  });

  test('is alone where nobody else is, and asks nobody', async () => {
    others.any = false;
    expect((await second.ask('GET', 'networks/none')).status).toBe(404);
    expect(caughtUp).toBe(0);
  });
});
