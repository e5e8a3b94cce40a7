/**
 * A store's content as a file: a line that says what it is, a line for each node in the order of
 * their paths, and a line by which a file that was cut off or changed is known.
 *
 *     {"format":"tianchi-export 1","store":"5f0c…","revision":4711}
 *     {"path":"/cns/topologies/…","value":"{\"id\":…}"}
 *     {"nodes":1,"sha256":"9b74…"}
 *
 * Values are the nodes' own text; the sum is that of all lines before, with their line ends.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, stat, unlink } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { Failure } from '../base/failure.ts';
import type { TreeEntry } from '../model/tree-check/index.ts';
import type { StoreCopy } from '../store/index.ts';

const FORMAT = 'tianchi-export 1';
/** Characters that are written at a time. */
const CHUNK = 1 << 20;

const Header = Compile(
  Type.Object({ format: Type.String(), store: Type.String(), revision: Type.Integer() }),
);
const Line = Compile(Type.Object({ path: Type.String(), value: Type.String() }));
const Trailer = Compile(Type.Object({ nodes: Type.Integer(), sha256: Type.String() }));

/** Told how much of all is done. */
export type Progress = (done: number, all: number) => void;

/** What a file holds. */
interface Exported {
  readonly revision: number;
  readonly storeId: string;
  readonly entries: readonly TreeEntry[];
}

/**
 * Writes a store's content to a new file, which is there whole or not at all.
 * @throws {Failure} `FileExists`; `FileUnwritable`.
 */
export async function writeExport(
  path: string,
  { storeId, revision, entries }: StoreCopy,
  progress: Progress,
): Promise<void> {
  if (await isThere(path)) {
    throw new Failure('conflict', 'FileExists', `${path} is there already`, {
      field: 'file',
      value: path,
      remedy: 'give the name of a new file',
    });
  }
  const part = `${path}.part`;
  try {
    const file = await open(part, 'w');
    try {
      const sum = createHash('sha256');
      let pending = `${JSON.stringify({ format: FORMAT, store: storeId, revision })}\n`;
      const flush = async () => {
        sum.update(pending);
        await file.write(pending);
        pending = '';
      };
      for (const [index, { path: at, value }] of entries.entries()) {
        pending += `${JSON.stringify({ path: at, value })}\n`;
        if (pending.length < CHUNK) continue;
        await flush();
        progress(index + 1, entries.length);
      }
      await flush();
      await file.write(`${JSON.stringify({ nodes: entries.length, sha256: sum.digest('hex') })}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
  } catch (error) {
    await unlink(part).catch(() => undefined);
    const why = error instanceof Error ? error.message : String(error);
    throw new Failure('unavailable', 'FileUnwritable', `cannot write ${path}: ${why}`);
  }
}

const isThere = async (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

function damaged(path: string, line: number, why: string): Failure {
  return new Failure('invalid', 'ExportDamaged', `${path}:${line}: ${why}`, {
    field: 'file',
    value: path,
    remedy: 'give a file as `tianchi store export` wrote it',
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Reads a file that `writeExport` wrote.
 * @throws {Failure} `FileUnreadable`; `ExportDamaged` naming the line, also when the file ends early.
 */
export async function readExport(path: string): Promise<Exported> {
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity });
  const sum = createHash('sha256');
  const entries: TreeEntry[] = [];
  let header: { readonly store: string; readonly revision: number } | null = null;
  let ended = false;
  let number = 0;
  try {
    for await (const text of lines) {
      number += 1;
      const json = jsonOf(text);
      if (ended) throw damaged(path, number, 'something follows the last line');
      if (header === null) {
        if (!Header.Check(json) || json.format !== FORMAT) {
          throw damaged(path, number, `does not begin with the format "${FORMAT}"`);
        }
        header = json;
      } else if (Line.Check(json)) {
        const before = entries.at(-1)?.path ?? '';
        if (json.path <= before) throw damaged(path, number, `${json.path} is out of order`);
        entries.push({ path: json.path, value: json.value });
      } else if (Trailer.Check(json)) {
        ended = true;
        if (json.nodes !== entries.length || json.sha256 !== sum.digest('hex')) {
          throw damaged(path, number, 'the lines before are not those that were written');
        }
        continue;
      } else throw damaged(path, number, 'is no node of a store');
      sum.update(`${text}\n`);
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new Failure('unavailable', 'FileUnreadable', `cannot read ${path}: ${why}`);
  }
  if (header === null || !ended) throw damaged(path, number + 1, 'the file is cut off');
  return { storeId: header.store, revision: header.revision, entries };
}
