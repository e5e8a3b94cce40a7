import type { Interface } from './datapath.ts';
import type { NodeNumbers } from './numbers.ts';

export interface Replugged {
  /** Ports whose attachment is another one now, or gone. */
  readonly moved: readonly string[];
  /** Vids that are new with their ports: the connections found under them are somebody else's. */
  readonly fresh: readonly number[];
}

/**
 * Makes the attachments those of the interfaces that carry a port of `bound`.
 * @param interfaces Those of `only`.
 * @param only The ports to look at; null: all.
 */
export function replug(
  local: NodeNumbers,
  interfaces: readonly Interface[],
  bound: ReadonlySet<string>,
  only: ReadonlySet<string> | null,
): Replugged {
  const moved: string[] = [];
  const fresh: number[] = [];
  const found = new Map<string, Interface>();
  for (const it of interfaces) {
    if (bound.has(it.port_id)) found.set(it.port_id, it);
  }
  for (const id of only ?? local.known()) {
    if (!found.has(id) && local.detach(id)) moved.push(id);
  }
  for (const { port_id, name, ofport, vid } of found.values()) {
    const held = local.attachment(port_id);
    if (held?.ofport === ofport && held.interface === name && held.vid === vid) continue;
    const attachment = local.attach(port_id, { ofport, interface: name, vid });
    if (attachment.vid !== vid) fresh.push(attachment.vid);
    moved.push(port_id);
  }
  return { moved, fresh };
}
