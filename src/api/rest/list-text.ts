import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

/** Objects that are written at once, in a few ms. */
const AT_ONCE = 500;

/**
 * A list's answer as JSON: a text, or for a long list a stream that lets others have their turn
 * between its parts and is written no faster than it is read.
 * @param key Of the list.
 * @param more Of the answer beside it.
 */
export function listText(
  key: string,
  objects: readonly object[],
  more: Readonly<Record<string, unknown>>,
  write: (object: object) => string,
): string | Readable {
  const head = `{${JSON.stringify(key)}:[`;
  const tail = `]${Object.entries(more)
    .map(([name, value]) => `,${JSON.stringify(name)}:${JSON.stringify(value)}`)
    .join('')}}`;
  if (objects.length <= AT_ONCE) return `${head}${objects.map(write).join(',')}${tail}`;
  return Readable.from(parts(head, objects, tail, write));
}

/** Objects in one part of a stream. */
const PART = 64;

async function* parts(
  head: string,
  objects: readonly object[],
  tail: string,
  write: (object: object) => string,
): AsyncGenerator<string> {
  let before = head;
  for (let from = 0; from < objects.length; from += PART) {
    yield `${before}${objects
      .slice(from, from + PART)
      .map(write)
      .join(',')}`;
    before = ',';
    await setImmediate();
  }
  yield tail;
}
