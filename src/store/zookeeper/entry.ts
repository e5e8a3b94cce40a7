import { gunzipSync, gzipSync } from 'node:zlib';
import type { DraftChange } from '../evaluate.ts';

/** What a node of the log holds: one commit, and whose. */
export interface LogEntry {
  /** The store that wrote it: an id that each opening gets. */
  readonly writer: string;
  /** Of the writer's multis, which. */
  readonly number: number;
  readonly changes: readonly DraftChange[];
}

/**
 * Above it an entry is compressed, in bytes: so that what fits into a packet is much more than the
 * entry's share of it. Below, it can be read in any viewer, and compressing costs more time than
 * it saves.
 */
const COMPRESS_FROM = 8192;
const GZIP_MAGIC = 0x1f;

export function encodeEntry({ writer, number, changes }: LogEntry): Uint8Array | string {
  const rows = changes.map(({ path, value, version }) => [path, value, version]);
  const text = JSON.stringify({ writer, number, changes: rows });
  return Buffer.byteLength(text) < COMPRESS_FROM ? text : gzipSync(text, { level: 1 });
}

/** null: not an entry that this program writes. */
export function decodeEntry(data: Uint8Array | null): LogEntry | null {
  if (data === null || data.length === 0) return null;
  try {
    const bytes = data[0] === GZIP_MAGIC ? gunzipSync(data) : Buffer.from(data);
    return entryIn(JSON.parse(bytes.toString()));
  } catch {
    return null;
  }
}

function entryIn(json: unknown): LogEntry | null {
  if (typeof json !== 'object' || json === null) return null;
  const { writer, number, changes } = json as Partial<Record<keyof LogEntry, unknown>>;
  if (typeof writer !== 'string' || typeof number !== 'number') return null;
  if (!Array.isArray(changes)) return null;
  const drafts = changes.map(changeIn);
  return drafts.every((draft) => draft !== null) ? { writer, number, changes: drafts } : null;
}

function changeIn(row: unknown): DraftChange | null {
  if (!Array.isArray(row)) return null;
  const [path, value, version] = row as unknown[];
  if (typeof path !== 'string' || typeof version !== 'number') return null;
  if (typeof value !== 'string' && value !== null) return null;
  return { path, value, version };
}
