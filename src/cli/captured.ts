/** A folder of dumps on the disk: read for a trace, and written by `tianchi capture`. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure } from '../base/failure.ts';
import { BRIDGE_FILES, BRIDGES, NODE_FILES, TOPOLOGY } from '../trace/capture/layout.ts';
import type { Capture } from '../trace/capture/index.ts';
import type { Asked } from '../trace/question.ts';
import type { Trace } from '../trace/types.ts';
import type { Json } from './client.ts';
import type { Io } from './io.ts';

const NODE_NAMES: readonly string[] = Object.values(NODE_FILES).map(({ name }) => name);
const BRIDGE_NAMES: readonly string[] = Object.values(BRIDGE_FILES).map(({ name }) => name);

/** Faults of a file that are printed; the rest is counted. */
const SHOWN = 20;

const folders = async (dir: string): Promise<string[]> =>
  (await readdir(dir, { withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();

/** The files of a capture by their path in it; whatever else lies there is passed over. */
async function readTexts(dir: string): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  const read = async (path: string): Promise<void> => {
    try {
      texts.set(path, await readFile(join(dir, path), 'utf8'));
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'ENOENT') throw error;
    }
  };
  await read(TOPOLOGY);
  for (const node of await folders(dir)) {
    for (const name of NODE_NAMES) await read(`${node}/${name}`);
    for (const bridge of await folders(join(dir, node, BRIDGES))) {
      for (const name of BRIDGE_NAMES) await read(`${node}/${BRIDGES}/${bridge}/${name}`);
    }
  }
  return texts;
}

/**
 * The capture in a folder. What is missing in it is said on stderr, with the command that makes it.
 * @throws {Failure} when it is none, or a file of it cannot be understood.
 */
async function openCapture(dir: string, io: Io): Promise<Capture> {
  const { Capture } = await import('../trace/capture/index.ts');
  const texts = await readTexts(dir);
  if (![...texts.keys()].some((path) => path.includes('/'))) {
    throw new Failure('not_found', 'NoCapture', `'${dir}' holds the dumps of no node`, {
      field: '--source',
      value: dir,
      remedy: 'give live, intent, or a folder made by tianchi capture or packaging/capture.sh',
    });
  }
  const capture = new Capture(texts);
  for (const { file, lost, command } of capture.gaps) {
    io.err(`${join(dir, file)} is missing, so ${lost} is not known; make it with: ${command}`);
  }
  const { faults } = capture;
  for (const { file, line, column, message } of faults.slice(0, SHOWN)) {
    io.err(`${join(dir, file)}:${line}:${column}: ${message}`);
  }
  if (faults.length > 0) {
    const more = faults.length > SHOWN ? `, of which the first ${SHOWN} are shown` : '';
    throw new Failure(
      'invalid',
      'BadCapture',
      `${faults.length} ${faults.length === 1 ? 'line' : 'lines'} of the capture cannot be read${more}`,
      { remedy: 'correct them or take them out: a trace without them could be wrong' },
    );
  }
  return capture;
}

/** A path that stays within the folder it is joined to. */
const INSIDE = /^[\w-][\w.-]*(?:\/[\w-][\w.-]*)*$/;

/**
 * Writes the files of one folder of a capture.
 * @throws {Failure} when a file is there already, or a path leads out of the folder.
 */
export async function writeFiles(
  dir: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    if (!INSIDE.test(path)) {
      throw new Failure('invalid', 'UnexpectedAnswer', `the server names a file '${path}'`);
    }
    const file = join(dir, path);
    await mkdir(dirname(file), { recursive: true });
    try {
      await writeFile(file, text, { flag: 'wx' });
    } catch (error) {
      const taken = error instanceof Error && 'code' in error && error.code === 'EEXIST';
      if (!taken) throw error;
      throw new Failure('conflict', 'FileExists', `${file} is there already; give another folder`);
    }
  }
}

const WORDS = ['from', 'to', 'protocol'] as const;
const NUMBERS = ['family', 'source_port', 'size'] as const;

function unfit(key: string, value: unknown, remedy: string): Failure {
  return new Failure('invalid', 'InvalidInput', `${key} is ${JSON.stringify(value)}; ${remedy}`, {
    field: key,
    value,
  });
}

/** A request of the API, as far as a capture can answer it. @throws {Failure} invalid. */
function askedOf(request: Json): Asked {
  const { source: _source, ...rest } = request;
  for (const [key, value] of Object.entries(rest)) {
    const word = WORDS.some((name) => name === key);
    if (word && typeof value === 'string') continue;
    if (NUMBERS.some((name) => name === key) && Number.isInteger(value)) continue;
    const known = word || NUMBERS.some((name) => name === key);
    throw unfit(
      key,
      value,
      known ? `it must be a ${word ? 'text' : 'number'}` : 'a capture cannot answer that',
    );
  }
  const word = (key: (typeof WORDS)[number]): string | undefined => {
    const value = rest[key];
    return typeof value === 'string' ? value : undefined;
  };
  const number = (key: (typeof NUMBERS)[number]): number | undefined => {
    const value = rest[key];
    return typeof value === 'number' ? value : undefined;
  };
  const [from, to, protocol] = WORDS.map(word);
  const [family, sourcePort, size] = NUMBERS.map(number);
  if (from === undefined) throw unfit('from', from, 'name who sends');
  if (to === undefined) throw unfit('to', to, 'name who is to receive');
  if (family !== undefined && family !== 4 && family !== 6)
    throw unfit('family', family, 'it must be 4 or 6');
  return {
    from,
    to,
    ...(protocol === undefined ? {} : { protocol }),
    ...(family === undefined ? {} : { family }),
    ...(sourcePort === undefined ? {} : { source_port: sourcePort }),
    ...(size === undefined ? {} : { size }),
  };
}

/**
 * Answers requests of the API over the folder `dir`, as a server does over its switches.
 * @param named From a name of the lab to a port's uuid; names of a lab that the folder is not of are no names.
 */
export async function tracerOver(
  dir: string,
  io: Io,
  named: (name: string) => string,
): Promise<(request: Json) => Trace> {
  const capture = await openCapture(dir, io);
  const end = (name: string): string => {
    const port = named(name);
    return capture.knows(port) ? port : name;
  };
  return (request) => {
    const asked = askedOf(request);
    return capture.trace({ ...asked, from: end(asked.from), to: end(asked.to) }, dir);
  };
}
