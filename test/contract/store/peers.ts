import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TreeOp } from '../../../src/base/tree.ts';
import type { Store, StoreCommit } from '../../../src/store/contract.ts';
import { Model } from '../store.model.ts';
import type { Verdict } from '../store.model.ts';
import { check, collect, create, remove, replay, set, verdict } from './support.ts';
import type { Stores } from './support.ts';

const SEED = 20_261_122;
/** Of the tests with random races; more by the environment. */
const RUNS = Number(process.env['TIANCHI_RACES'] ?? 15);

/** What stores that have one tree open see of each other. */
export function peers({ fresh, keep, beside }: Stores): void {
  describe.runIf(beside !== undefined)('several stores on one tree', () => {
    const another = async (store: Store) => {
      if (beside === undefined) throw new Error('not for this driver');
      return keep(await beside(store));
    };
    const caughtUp = async (...stores: Store[]) => {
      for (const store of stores) await store.catchUp();
    };

    test('are one store with one history', async () => {
      const one = await fresh();
      const other = await another(one);
      expect(other.storeId).toBe(one.storeId);
      const told = [collect(one, 0), collect(other, 0)];
      expect(await one.multi([create('/a/b', '1')])).toBe(1);
      expect(await verdict(other, [create('/a/b')])).toBe('0 /a/b exists');
      expect(await other.multi([set('/a/b', '2', 0), create('/a/c')])).toBe(2);
      expect(await one.multi([remove('/a/b', 1)])).toBe(3);
      await caughtUp(one, other);
      expect(told[0]?.map(({ revision }) => revision)).toEqual([1, 2, 3]);
      expect(told[1]).toEqual(told[0]);
      expect(await other.children('/a')).toEqual(['c']);
      expect(await other.snapshot('/')).toEqual(await one.snapshot('/'));
    });

    test('one that is opened late goes on from where another was', async () => {
      const one = await fresh();
      const told = collect(one, 0);
      for (let i = 0; i < 5; i++) await one.multi([create(`/a${i}`), create(`/b/${i}`, `${i}`)]);
      const late = await another(one);
      expect(late.revision).toBe(5);
      expect(late.oldest).toBe(0);
      const from = collect(late, 2);
      expect(from).toEqual(told.slice(2));
      await one.multi([remove('/a0')]);
      await caughtUp(late);
      expect(from).toEqual(told.slice(2));
    });

    test('writes of both in flight at once count up without gap or loss', async () => {
      const one = await fresh();
      const other = await another(one);
      await one.multi([create('/n', '0')]);
      await caughtUp(other);
      const told = [collect(one, 1), collect(other, 1)];
      const writes = Array.from({ length: 100 }, (_, i) =>
        (i % 2 === 0 ? one : other).multi([set('/n', `${i}`), create(`/x/${i % 7}/${i}`)]),
      );
      const revisions = await Promise.all(writes);
      expect([...revisions].sort((a, b) => a - b)).toEqual(writes.map((_, i) => i + 2));
      await caughtUp(one, other);
      expect(told[1]).toEqual(told[0]);
      expect(await one.get('/n')).toMatchObject({ version: 100 });
    });

    test('the last to leave a container takes it away', async () => {
      const one = await fresh();
      const other = await another(one);
      for (let round = 0; round < 10; round++) {
        await one.multi([create('/c/d/x'), create('/c/d/y')]);
        await caughtUp(other);
        await Promise.all([one.multi([remove('/c/d/x')]), other.multi([remove('/c/d/y')])]);
        await caughtUp(one, other);
        expect([await one.children('/'), await other.children('/')]).toEqual([[], []]);
        // Neither what was swept away nor what was not stands in the way.
        await Promise.all([one.multi([create('/c/d', '1')]), other.multi([create('/c/e/f')])]);
        await one.multi([remove('/c/d'), remove('/c/e/f')]);
      }
    });

    test('each lists what the others announce', async () => {
      const one = await fresh();
      const other = await another(one);
      const seen = new Promise<string[]>((resolve) => {
        one.members.follow((members) => {
          if (members.size === 2) resolve([...members.values()].sort());
        });
      });
      await one.members.announce('one');
      await other.members.announce('other');
      expect([...other.members.list().values()].sort()).toEqual(['one', 'other']);
      expect(await seen).toEqual(['one', 'other']);
      const alone = new Promise<void>((resolve) => {
        one.members.follow((members) => {
          if (members.size === 1) resolve();
        });
      });
      await other.close();
      await alone;
      expect([...one.members.list().values()]).toEqual(['one']);
    });

    test('random races have an order that explains every answer', async () => {
      const seen = { done: 0, refused: 0 };
      await fc.assert(
        fc.asyncProperty(
          fc.array(raced, { minLength: 20, maxLength: 60, size: 'max' }),
          async (calls) => {
            const stores = [await fresh()];
            for (let i = 1; i < 3; i++) stores.push(await another(stores[0] as Store));
            const told = stores.map((store) => collect(store, 0));
            const newest = () => Math.max(...stores.map(({ revision }) => revision));
            const answers = await Promise.all(
              calls.map(async ({ at, ops }) => {
                const store = stores[at] as Store;
                const from = store.revision;
                const found = await answerOf(store, ops);
                return { ops, from, to: newest(), ...found };
              }),
            );
            await caughtUp(...stores);
            for (const other of told) expect(other).toEqual(told[0]);
            const history = historyOf(told[0] ?? [], answers);
            for (const { ops, from, to, refusal } of answers) {
              if (refusal === null) seen.done += 1;
              else {
                seen.refused += 1;
                const states = history.slice(from, to + 1);
                expect(states.map((state) => tried(state, ops))).toContain(refusal);
              }
            }
            const objects = replay(told[0] ?? []);
            for (const store of stores) {
              const { entries } = await store.snapshot('/');
              expect(new Map(entries.map(({ path, ...rest }) => [path, rest]))).toEqual(objects);
            }
            await Promise.all(stores.map((store) => store.close()));
          },
        ),
        { numRuns: RUNS, seed: SEED, endOnFailure: true },
      );
      // Who wins is chance; that all of them win or none would show nothing.
      expect(seen.done).toBeGreaterThan(RUNS * 5);
      expect(seen.refused).toBeGreaterThan(RUNS * 5);
    });
  });
}

interface Answer {
  readonly ops: readonly TreeOp[];
  /** The commit it became; null: it was refused. */
  readonly revision: number | null;
  readonly refusal: Verdict;
}

async function answerOf(store: Store, ops: readonly TreeOp[]): Promise<Omit<Answer, 'ops'>> {
  let revision: number | null = null;
  const refusal = await verdict(
    {
      ...store,
      multi: async (ops) => {
        revision = await store.multi(ops);
        return revision;
      },
    },
    ops,
  );
  return { revision, refusal };
}

type Objects = Model['objects'];

/** The objects at each revision, from 0; each commit is what its multi does at its place. */
function historyOf(commits: readonly StoreCommit[], answers: readonly Answer[]): Objects[] {
  const model = new Model();
  const history = [model.objects];
  const done = new Map<number | null, Answer>();
  for (const answer of answers) {
    if (answer.ops.some(({ op }) => op !== 'check')) done.set(answer.revision, answer);
  }
  for (const { revision, changes } of commits) {
    const ops = done.get(revision)?.ops ?? [];
    expect(model.multi(ops)).toBeNull();
    expect(model.revision).toBe(revision);
    expect(replay(commits.slice(0, revision))).toEqual(model.objects);
    expect(changes).toHaveLength(ops.filter(({ op }) => op !== 'check').length);
    history.push(model.objects);
  }
  return history;
}

function tried(objects: Objects, ops: readonly TreeOp[]): Verdict {
  const model = new Model();
  model.objects = objects;
  return model.multi(ops);
}

/** Objects, some of them below others: those are made with a look at the one above. */
const name = fc.constantFrom('1', '2', '3');
const below = fc.tuple(name, name).map(([n, m]) => `/o/${n}/below/${m}`);
const path = fc.oneof(
  name.map((n) => `/o/${n}`),
  below,
  fc.tuple(name, name).map(([n, m]) => `/c/${n}/${m}`),
);
const version = fc.constantFrom(undefined, 0, 1);
const step: fc.Arbitrary<TreeOp[]> = fc.oneof(
  { weight: 6, arbitrary: path.map(made) },
  { weight: 3, arbitrary: fc.tuple(path, version).map(([path, v]) => [remove(path, v)]) },
  { weight: 2, arbitrary: fc.tuple(path, version).map(([path, v]) => [set(path, '1', v)]) },
  { weight: 1, arbitrary: fc.tuple(path, version).map(([path, v]) => [check(path, v)]) },
);
const ops = fc.oneof(
  { weight: 3, arbitrary: step },
  fc.array(step, { minLength: 1, maxLength: 3 }).map((steps) => steps.flat()),
);
const raced = fc.record({ at: fc.nat({ max: 2 }), ops });

function made(path: string): TreeOp[] {
  const end = path.indexOf('/below/');
  return end < 0 ? [create(path)] : [check(path.slice(0, end)), create(path)];
}
