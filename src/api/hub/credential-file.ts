/** The server's list of agent credentials as a file that may change at any time. */
import { unwatchFile, watchFile } from 'node:fs';
import { open, readFile, rename } from 'node:fs/promises';
import { Failure } from '../../base/failure.ts';
import {
  formatCredential,
  formatProof,
  newCredential,
  parseCredential,
  parseCredentialList,
  proofOf,
  type Credential,
  type CredentialList,
} from './credentials.ts';

/** Milliseconds between looks at the file: by polling, as a file may be replaced by another. */
const POLL_MS = 500;
const PRIVATE = 0o600;
/** Hashes give nothing away, and the server may be another user than who makes credentials. */
const PUBLIC = 0o644;

function unreadable(field: string, file: string, error: unknown): Failure {
  const why = error instanceof Error ? error.message : String(error);
  return new Failure('not_found', 'FileNotReadable', `cannot read ${field} ${file} (${why})`, {
    field,
    value: file,
    remedy: 'make it with tianchi agent-credential',
  });
}

/** @throws {Failure} not_found: unreadable; invalid: no credential, or another node's. */
export async function readCredential(file: string, node: string): Promise<Credential> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw unreadable('credential', file, error);
  });
  const credential = parseCredential(text, file);
  if (credential.node === node) return credential;
  const message = `the credential in ${file} is node ${credential.node}'s and not node ${node}'s`;
  throw new Failure('invalid', 'CredentialInvalid', message, { field: 'credential', value: file });
}

async function readList(path: string): Promise<CredentialList> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw unreadable('agent-credentials', path, error);
  });
  return parseCredentialList(text, path);
}

export class CredentialFile {
  readonly #path: string;
  #list: CredentialList;
  #watch: (() => void) | null = null;

  private constructor(path: string, list: CredentialList) {
    this.#path = path;
    this.#list = list;
  }

  /** @throws {Failure} not_found, or invalid with the line. */
  static async open(path: string): Promise<CredentialFile> {
    return new CredentialFile(path, await readList(path));
  }

  get list(): CredentialList {
    return this.#list;
  }

  /** Follows the file until `close`. While it cannot be used the last list stands. */
  follow({ changed, failed }: CredentialFileEvents): void {
    this.#watch = () => {
      readList(this.#path).then((list) => {
        this.#list = list;
        changed();
      }, failed);
    };
    watchFile(this.#path, { interval: POLL_MS, persistent: false }, this.#watch);
    // What happened to it since `open`.
    this.#watch();
  }

  close(): void {
    if (this.#watch !== null) unwatchFile(this.#path, this.#watch);
    this.#watch = null;
  }
}

interface CredentialFileEvents {
  /** `list` may be another one. */
  readonly changed: () => void;
  /** The file has changed and cannot be used. */
  readonly failed: (error: unknown) => void;
}

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Makes a credential for a node: its secret in the new file `out`, its hash in the server's file,
 * in place of the node's former lines. What else that file holds stays as it is.
 * @throws {Failure} in_use: `out` exists; invalid: the node's name, or a line of the server's file.
 */
export async function issueCredential(node: string, list: string, out: string): Promise<void> {
  const credential = newCredential(node);
  const before = await readFile(list, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw unreadable('agent-credentials', list, error);
  });
  parseCredentialList(before, list);
  await writeNew(out, `${formatCredential(credential)}\n`, PRIVATE).catch((error: unknown) => {
    throw exists(error) ? taken(out) : error;
  });
  const others = before
    .split('\n')
    .filter((line) => line !== '' && line.trim().split(/\s+/)[0] !== credential.node);
  const lines = [...others, formatProof(proofOf(credential))];
  // Renamed into place: a server that reads it meanwhile sees one or the other.
  const draft = `${list}.${process.pid}`;
  await writeNew(draft, `${lines.join('\n')}\n`, PUBLIC);
  await rename(draft, list);
}

const exists = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'EEXIST';

const taken = (path: string): Failure =>
  new Failure('in_use', 'FileExists', `${path} exists, and a credential is never overwritten`, {
    field: 'out',
    value: path,
    remedy: 'remove it, or give another path',
  });
