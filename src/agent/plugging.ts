import type { DependencyKey } from '../model/topology.ts';
import { attachmentKey } from '../pipeline/local.ts';
import type { Interface } from './datapath.ts';
import type { NodeNumbers } from './numbers.ts';

export interface Replugged {
  /** For the compiler. */
  readonly touched: readonly DependencyKey[];
  /** Vids that are new with their ports: the connections found under them are somebody else's. */
  readonly fresh: readonly number[];
}

/** Makes the attachments those of the interfaces that carry a port of `bound`. */
export function replug(
  local: NodeNumbers,
  interfaces: readonly Interface[],
  bound: ReadonlySet<string>,
): Replugged {
  const touched: DependencyKey[] = [];
  const fresh: number[] = [];
  const found = new Map<string, Interface>();
  for (const it of interfaces) if (bound.has(it.port_id)) found.set(it.port_id, it);
  const known = new Set([...local.attached(), ...Object.keys(local.kept().vids)]);
  for (const id of known) {
    if (found.has(id)) continue;
    local.detach(id);
    touched.push(attachmentKey(id));
  }
  for (const { port_id, name, ofport, vid } of found.values()) {
    const held = local.attachment(port_id);
    if (held?.ofport === ofport && held.interface === name && held.vid === vid) continue;
    const attachment = local.attach(port_id, { ofport, interface: name, vid });
    if (attachment.vid !== vid) fresh.push(attachment.vid);
    touched.push(attachmentKey(port_id));
  }
  return { touched, fresh };
}
