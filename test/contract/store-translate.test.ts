import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TreeOp } from '../../src/base/tree.ts';
import { StoreConflict } from '../../src/store/contract.ts';
import { evaluate } from '../../src/store/evaluate.ts';
import type { TreeView } from '../../src/store/evaluate.ts';
import { placesAbove } from '../../src/store/paths.ts';
import { decodeEntry, encodeEntry } from '../../src/store/zookeeper/entry.ts';
import { Forecast } from '../../src/store/zookeeper/forecast.ts';
import { TreeState } from '../../src/store/zookeeper/state.ts';
import { translate } from '../../src/store/zookeeper/translate.ts';
import type { NodeOp } from '../../src/store/zookeeper/translate.ts';
import { create, remove, set } from './store/support.ts';
import { rounds } from './store.model.ts';

const SEED = 20_261_123;

/** ZooKeeper's tree in the plainest way there is; each operation does as it is told or throws. */
class Nodes {
  readonly nodes = new Map<string, { data: string | null; version: number }>();

  perform(op: NodeOp): void {
    const node = this.nodes.get(op.path);
    const hasBelow = [...this.nodes.keys()].some((path) => path.startsWith(`${op.path}/`));
    const [parent = '/'] = placesAbove(op.path);
    if (op.op === 'create') {
      if (node !== undefined) throw new Error(`NODEEXISTS ${op.path}`);
      if (parent !== '/' && !this.nodes.has(parent)) throw new Error(`NONODE ${op.path}`);
      this.nodes.set(op.path, { data: op.data, version: 0 });
      return;
    }
    if (node === undefined) throw new Error(`NONODE ${op.path}`);
    if (op.version !== node.version) throw new Error(`BADVERSION ${op.path}`);
    if (op.op === 'set') this.nodes.set(op.path, { data: op.data, version: node.version + 1 });
    if (op.op !== 'delete') return;
    if (hasBelow) throw new Error(`NOTEMPTY ${op.path}`);
    this.nodes.delete(op.path);
  }

  objects(): Map<string, { value: string; version: number }> {
    const objects = new Map<string, { value: string; version: number }>();
    for (const [path, { data, version }] of this.nodes) {
      if (data !== null) objects.set(path, { value: data, version });
    }
    return objects;
  }

  containers(): string[] {
    return [...this.nodes].flatMap(([path, { data }]) => (data === null ? [path] : []));
  }
}

/** What a multi is to come to, by the drivers that decide themselves. */
class Objects implements TreeView {
  readonly objects = new Map<string, { value: string; version: number }>();

  version(path: string): number | null {
    return this.objects.get(path)?.version ?? null;
  }

  below(path: string): string[] {
    return [...this.objects.keys()].filter((other) => other.startsWith(`${path}/`));
  }

  containers(): string[] {
    const above = [...this.objects.keys()].flatMap((path) => [...placesAbove(path)]);
    return [...new Set(above)].filter((path) => !this.objects.has(path));
  }
}

function outcomeOf<T>(act: () => T): T | string {
  try {
    return act();
  } catch (error) {
    if (error instanceof StoreConflict) return error.message;
    throw error;
  }
}

describe('a multi in ZooKeeper', () => {
  test('comes to what it is to come to, with containers above objects and nowhere else', () => {
    let done = 0;
    fc.assert(
      fc.property(rounds, (rounds) => {
        const expected = new Objects();
        const nodes = new Nodes();
        const state = new TreeState();
        const forecast = new Forecast(state);
        for (const multis of rounds) {
          // All of one round are on their way before the first has arrived.
          const onTheirWay = multis.flatMap((ops) => {
            const changes = outcomeOf(() => evaluate(expected, ops));
            const translation = outcomeOf(() => translate(forecast, ops));
            if (typeof translation === 'string' || typeof changes === 'string') {
              expect(translation).toEqual(changes);
              return [];
            }
            expect(translation.changes).toEqual(changes);
            for (const { path, value, version } of changes) {
              if (value === null) expected.objects.delete(path);
              else expected.objects.set(path, { value, version });
            }
            forecast.add(translation.effects);
            return [translation];
          });
          for (const { ops, changes, effects, emptied } of onTheirWay) {
            for (const op of ops) nodes.perform(op);
            const vanished = changes.flatMap(({ path, value, version }) =>
              state.apply(path, value === null ? null : version),
            );
            forecast.remove(effects);
            const gone = vanished.filter((path) => !nodes.nodes.has(path));
            expect(gone.filter((path) => !emptied.has(path) && !state.children(path))).toEqual([]);
            done += 1;
          }
          expect(nodes.objects()).toEqual(expected.objects);
          expect(nodes.containers().sort()).toEqual(expected.containers().sort());
          const known: string[] = [];
          state.forEach((path) => known.push(path));
          expect(known.sort()).toEqual([...expected.objects.keys()].sort());
        }
      }),
      { numRuns: 300, seed: SEED },
    );
    expect(done).toBeGreaterThan(1000);
  });

  test('makes and takes away each container once', () => {
    const ops: TreeOp[] = [create('/a/b/c'), create('/a/b/d'), remove('/a/b/c'), remove('/a/b/d')];
    const { ops: asked, emptied } = translate(new Forecast(new TreeState()), ops);
    expect(asked.map(({ op, path }) => `${op} ${path}`)).toEqual([
      'create /a',
      'create /a/b',
      'create /a/b/c',
      'create /a/b/d',
      'delete /a/b/c',
      'delete /a/b/d',
      'delete /a/b',
      'delete /a',
    ]);
    expect([...emptied]).toEqual(['/a/b', '/a']);
  });

  test('does not make a container that is left over', () => {
    const forecast = new Forecast(new TreeState());
    forecast.markStray('/a', true);
    const { ops } = translate(forecast, [create('/a/b/c'), set('/a/b/c', '1'), remove('/a/b/c')]);
    expect(ops.map(({ op, path }) => `${op} ${path}`)).toEqual([
      'create /a/b',
      'create /a/b/c',
      'set /a/b/c',
      'delete /a/b/c',
      'delete /a/b',
      'delete /a',
    ]);
  });
});

describe('an entry of the log', () => {
  const changes = [
    { path: '/a/é', value: '"端口 \u{1f600}"', version: 0 },
    { path: '/a', value: null, version: -1 },
  ];

  test('is readable JSON', () => {
    const data = encodeEntry({ writer: 'w', number: 7, changes });
    expect(JSON.parse(Buffer.from(data).toString())).toEqual({
      writer: 'w',
      number: 7,
      changes: [
        ['/a/é', '"端口 \u{1f600}"', 0],
        ['/a', null, -1],
      ],
    });
    expect(decodeEntry(Buffer.from(data))).toEqual({ writer: 'w', number: 7, changes });
  });

  test('is small when it is large', () => {
    const many = Array.from({ length: 5000 }, (_, i) => ({ ...changes[0], path: `/a/${i}` }));
    const entry = { writer: 'w', number: 1, changes: many as typeof changes };
    const data = encodeEntry(entry);
    expect(data.length).toBeLessThan(50_000);
    expect(decodeEntry(Buffer.from(data))).toEqual(entry);
  });

  test.each([
    ['', 'nothing'],
    ['{', 'no JSON'],
    ['[]', 'no object'],
    ['{"writer":"w","number":1}', 'no changes'],
    ['{"writer":"w","number":"1","changes":[]}', 'a number that is none'],
    ['{"writer":"w","number":1,"changes":[["/a",1,0]]}', 'a value that is none'],
    ['\u001f\u008b', 'half a gzip'],
  ])('%j is none: %s', (text) => {
    expect(decodeEntry(Buffer.from(text, 'latin1'))).toBeNull();
    expect(decodeEntry(null)).toBeNull();
  });
});
