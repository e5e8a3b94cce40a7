/**
 * Run as a process of its own: writes to the store in the directory given until it is killed, with
 * many multis in flight, and prints the number of each that it was told is durable. Number `n` of a
 * worker `w` creates `n/x`, `n/y` and `n/z` below `/w`, deletes `x` and `y` of the number before,
 * and raises the object `/w` itself.
 */
import { writeSync } from 'node:fs';
import type { TreeOp } from '../../src/base/tree.ts';
import { openLmdbStore } from '../../src/store/index.ts';

const WORKERS = 8;
const IN_FLIGHT = 8;

const store = await openLmdbStore(process.argv[2] ?? '', { keepChanges: 2000 });
writeSync(1, 'ready\n');
await Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker)));

async function work(worker: number): Promise<void> {
  const top = `/${worker}`;
  const last = await store.get(top);
  let number = last === null ? -1 : Number(last.value);
  if (last === null) await store.multi(opsOf(top, ++number));
  const inFlight: Promise<void>[] = [];
  for (;;) {
    while (inFlight.length < IN_FLIGHT) inFlight.push(write(worker, ++number));
    await inFlight.shift();
  }
}

async function write(worker: number, number: number): Promise<void> {
  await store.multi(opsOf(`/${worker}`, number));
  writeSync(1, `${worker} ${number}\n`);
}

function opsOf(top: string, number: number): TreeOp[] {
  const value = `${number}`;
  const made = ['x', 'y', 'z'].map((name): TreeOp => ({
    op: 'create',
    path: `${top}/${number}/${name}`,
    value,
  }));
  if (number === 0) return [{ op: 'create', path: top, value }, ...made];
  const gone = ['x', 'y'].map((name): TreeOp => ({
    op: 'delete',
    path: `${top}/${number - 1}/${name}`,
  }));
  return [...made, { op: 'set', path: top, value, version: number - 1 }, ...gone];
}
