import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Store, StoreCommit } from '../../../src/store/contract.ts';
import { Model, names, rounds } from '../store.model.ts';
import { collect, replay, verdict } from './support.ts';
import type { Stores } from './support.ts';

const SEED = 20_240_611;

/** Random histories of one store beside the model. */
export function random({ open, reopen, runs = 300 }: Stores): void {
  test('does what the model does, with many multis in flight', async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(rounds, async (rounds) => {
        let store = await open();
        const model = new Model();
        const told: StoreCommit[] = [];
        store.watch(0, (commit) => told.push(commit));
        try {
          for (const [index, multis] of rounds.entries()) {
            const found = await Promise.all(multis.map((ops) => verdict(store, ops)));
            expect(found).toEqual(multis.map((ops) => model.multi(ops)));
            for (const verdict of found) count(seen, verdict?.split(' ')[2] ?? 'done');
            if (reopen !== undefined && index === 1) {
              store = await reopen(store);
              store.watch(store.revision, (commit) => told.push(commit));
            }
            await expectSame(store, model);
          }
          expect(told.map(({ revision }) => revision)).toEqual(
            Array.from({ length: model.revision }, (_, i) => i + 1),
          );
          expect(replay(told)).toEqual(model.objects);
          expect(collect(store, 0)).toEqual(told);
        } finally {
          await store.close();
        }
      }),
      { numRuns: runs, seed: SEED },
    );
    // Else the operations did not meet, or did nothing but.
    for (const outcome of ['done', 'exists', 'missing', 'version', 'not_empty']) {
      expect([outcome, (seen.get(outcome) ?? 0) > runs / 5]).toEqual([outcome, true]);
    }
  });
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

async function expectSame(store: Store, model: Model): Promise<void> {
  const tops = names.map((name) => `/${name}`);
  const places = ['/', ...tops, ...tops.flatMap((top) => names.map((name) => `${top}/${name}`))];
  expect(store.revision).toBe(model.revision);
  for (const place of places) {
    const snapshot = { revision: model.revision, entries: model.entries(place) };
    expect(await store.snapshot(place)).toEqual(snapshot);
    expect(await store.children(place)).toEqual(model.children(place));
    if (place === '/') continue;
    const object = model.objects.get(place);
    expect(await store.get(place)).toEqual(object ? { path: place, ...object } : null);
  }
}
