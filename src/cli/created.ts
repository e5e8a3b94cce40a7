import type { Json } from './client.ts';
import type { Io } from './io.ts';

/** A create prints the new uuid alone, so that `id=$(tianchi …)` works. */
export function printCreated(io: Io, item: Json, options: { readonly json?: boolean }): void {
  io.out(options.json === true ? JSON.stringify(item, null, 2) : String(item['id']));
}
