import type { Change, Kind } from './objects.ts';

/** Everything lies below. */
export const ROOT = '/cns/topologies';

/**
 * The change that a node at `path` stands for: its object put in place, or (`value` null) taken
 * away. null: a uniqueness or reference node, which stands for no object of its own.
 */
export declare function decodeEntry(path: string, value: string | null): Change | null;

export declare function pathOf(kind: Kind, id: string): string;
