/**
 * Run as a process of its own that may not write large files: fills the store in the directory
 * given until no more goes in, makes room, and prints what became of it as JSON.
 */
import { Failure } from '../../src/base/failure.ts';
import { openLmdbStore } from '../../src/store/index.ts';

const store = await openLmdbStore(process.argv[2] ?? '', { keepChanges: 0 });
const value = 'x'.repeat(100_000);
let written = 0;
let failure: unknown = null;
while (failure === null && written < 1000) {
  // The small one goes with the large one or not at all.
  const ops = ['small', 'large'].map((name) => ({
    op: 'create' as const,
    path: `/${name}/${written}`,
    value: name === 'large' ? value : '1',
  }));
  const others = [store.multi([{ op: 'create', path: `/other/${written}`, value }])];
  const results = await Promise.allSettled([store.multi(ops), ...others]);
  const rejected = results.find((result) => result.status === 'rejected');
  if (rejected === undefined) written += 1;
  else failure = rejected.reason;
}
const names = await Promise.all(['/small', '/large'].map((path) => store.children(path)));
const counts = names.map(({ length }) => length);
await store.multi([{ op: 'delete', path: '/large/0' }]);
await store.multi([{ op: 'create', path: '/after', value: '1' }]);
const code = failure instanceof Failure ? failure.code : String(failure);
const { revision } = store;
await store.close();
process.stdout.write(JSON.stringify({ code, written, counts, revision }));
