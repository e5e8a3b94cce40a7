import * as fc from 'fast-check';
import type { TreeOp } from '../../src/base/tree.ts';
import type { StoreConflictReason, StoreEntry } from '../../src/store/contract.ts';

/** What became of a multi: a conflict as `index path reason`, or null. */
export type Verdict = string | null;

/** The contract's tree in the plainest way there is: a map that each multi copies. */
export class Model {
  revision = 0;
  objects = new Map<string, { value: string; version: number }>();

  multi(ops: readonly TreeOp[]): Verdict {
    const next = new Map(this.objects);
    let changed = false;
    for (const [index, op] of ops.entries()) {
      const reason = perform(next, op);
      if (reason !== null) return `${index} ${op.path} ${reason}`;
      changed ||= op.op !== 'check';
    }
    this.objects = next;
    if (changed) this.revision += 1;
    return null;
  }

  entries(place: string): StoreEntry[] {
    const below = place === '/' ? '/' : `${place}/`;
    return [...this.objects]
      .filter(([path]) => path === place || path.startsWith(below))
      .map(([path, object]) => ({ path, value: object.value, version: object.version }))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  children(place: string): string[] {
    const below = place === '/' ? '/' : `${place}/`;
    const names = [...this.objects.keys()]
      .filter((path) => path.startsWith(below))
      .map((path) => path.slice(below.length).split('/')[0] ?? '');
    return [...new Set(names)].sort();
  }
}

function perform(
  objects: Map<string, { value: string; version: number }>,
  op: TreeOp,
): StoreConflictReason | null {
  const there = objects.get(op.path);
  const below = () => [...objects.keys()].some((path) => path.startsWith(`${op.path}/`));
  if (op.op === 'create') {
    if (there || below()) return 'exists';
    objects.set(op.path, { value: op.value, version: 0 });
    return null;
  }
  if (!there) return 'missing';
  if (op.version !== undefined && op.version !== there.version) return 'version';
  if (op.op === 'set') objects.set(op.path, { value: op.value, version: there.version + 1 });
  if (op.op === 'delete') {
    if (below()) return 'not_empty';
    objects.delete(op.path);
  }
  return null;
}

/** Few names, so that operations meet; `a-`, `a0` sort just before and after what is below `a`. */
export const names = ['a', 'a-', 'a0'];

const name = fc.constantFrom(...names);
const path = fc
  .array(name, { minLength: 1, maxLength: 3 })
  .map((names) => names.map((segment) => `/${segment}`).join(''));
const value = fc.constantFrom('{}', '1', '"é"', '[1,2]', '');
const version = fc.nat({ max: 2 });

const op: fc.Arbitrary<TreeOp> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant('create' as const), path, value }) },
  {
    weight: 3,
    arbitrary: fc.record(
      { op: fc.constant('set' as const), path, value, version },
      { requiredKeys: ['op', 'path', 'value'] },
    ),
  },
  {
    weight: 4,
    arbitrary: fc.record(
      { op: fc.constantFrom('delete' as const, 'check' as const), path, version },
      { requiredKeys: ['op', 'path'] },
    ),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('delete' as const), path }) },
);

/** An object and one below it: by chance they are seldom made in this order. */
const family: fc.Arbitrary<TreeOp[]> = fc
  .tuple(path, name, value)
  .map(([path, name, value]) =>
    [path, `${path}/${name}`].map((path) => ({ op: 'create' as const, path, value })),
  );

const multi = fc.oneof(
  { weight: 6, arbitrary: fc.array(op, { maxLength: 4, size: 'max' }) },
  { weight: 1, arbitrary: family },
);

/** Rounds of multis that are in flight together. */
export const rounds: fc.Arbitrary<TreeOp[][][]> = fc.array(
  fc.array(multi, { minLength: 1, maxLength: 20, size: 'max' }),
  { minLength: 1, maxLength: 4, size: 'max' },
);
