/**
 * What Nova is told of its servers' ports. An event lies in the tree from the very write that it
 * comes of until Nova has taken it, so none is lost and none made up, whoever restarts when.
 */
import type { TreeOp } from '../base/tree.ts';
import type { Kind, Objects, Port, Status } from './objects.ts';
import type { TopologyReader } from './topology.ts';
import { member, ROOT } from './tree.ts';

export type NovaEventName =
  | 'network-vif-plugged'
  | 'network-vif-unplugged'
  | 'network-vif-deleted'
  | 'network-changed';

/** As Nova's `os-server-external-events` takes it. */
export interface NovaEvent {
  readonly server_uuid: string;
  readonly name: NovaEventName;
  /** Left out where there is nothing to succeed or fail. */
  readonly status?: 'completed' | 'failed';
  /** The port. */
  readonly tag: string;
}

/** An event in the tree, with its place in the order of sending. */
export interface QueuedEvent {
  readonly order: number;
  readonly event: NovaEvent;
}

/** The collection of events that wait, below the root. */
export const NOVA_EVENTS = 'nova_events';
/** Which server sends them. */
export const NOVA_SENDER = `${ROOT}/nova_sender`;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Nova hears of ports that servers have, and of no others. */
const serverOf = ({ device_id, device_owner }: Port): string | null =>
  device_owner.startsWith('compute:') && UUID.test(device_id) ? device_id : null;

const PLUGGED: Readonly<Partial<Record<Status, 'completed' | 'failed'>>> = {
  ACTIVE: 'completed',
  ERROR: 'failed',
};
const UNPLUGGED: ReadonlySet<Status> = new Set(['DOWN', 'BUILD']);

/** What agents and the system write by themselves: no more than a status says follows from it. */
const SILENT: ReadonlySet<string> = new Set([
  'status',
  'revision_number',
  'updated_at',
  'binding:vif_type',
  'standby_bindings',
]);

function changed(before: Port, after: Port): boolean {
  return Object.entries(after).some(
    ([name, value]) => !SILENT.has(name) && value !== before[name as keyof Port],
  );
}

/** What a port's change means to its server, in order; null: there was, or will be, no port. */
export function portEvents(before: Port | null, after: Port | null): NovaEvent[] {
  if (after === null) {
    const server = before && serverOf(before);
    if (!before || server === null) return [];
    return [{ server_uuid: server, name: 'network-vif-deleted', tag: before.id }];
  }
  const server = serverOf(after);
  if (before === null || server === null) return [];
  const of = { server_uuid: server, tag: after.id };
  const events: NovaEvent[] = [];
  const status = PLUGGED[after.status];
  if (status !== undefined && UNPLUGGED.has(before.status)) {
    events.push({ ...of, name: 'network-vif-plugged', status });
  }
  if (before.status === 'ACTIVE' && after.status === 'DOWN') {
    events.push({ ...of, name: 'network-vif-unplugged', status: 'completed' });
  }
  if (changed(before, after)) events.push({ ...of, name: 'network-changed' });
  return events;
}

/** What a change of any object means to servers: ports' own changes, and their floating ips. */
export function novaEvents<K extends Kind>(
  kind: K,
  before: Objects[K] | null,
  after: Objects[K] | null,
  topology: TopologyReader,
): NovaEvent[] {
  if (kind === 'port') return portEvents(before as Port | null, after as Port | null);
  if (kind !== 'floatingip') return [];
  const [had, has] = [before, after] as (Objects['floatingip'] | null)[];
  if (had?.port_id === has?.port_id && had?.fixed_ip_address === has?.fixed_ip_address) return [];
  return [...new Set([had?.port_id, has?.port_id])].flatMap((id) => {
    const port = id ? topology.get('port', id) : undefined;
    const server = port && serverOf(port);
    if (!port || !server) return [];
    return [{ server_uuid: server, name: 'network-changed', tag: port.id } as const];
  });
}

/** Of a port that is gone only that matters: what it was like before nobody needs to look at. */
function lasting(events: readonly NovaEvent[]): NovaEvent[] {
  const gone = new Set(
    events.filter(({ name }) => name === 'network-vif-deleted').map(({ tag }) => tag),
  );
  const told = new Set<string>();
  return events.filter(({ name, tag }) => {
    if (name !== 'network-changed') return true;
    if (gone.has(tag) || told.has(tag)) return false;
    told.add(tag);
    return true;
  });
}

/** The writes that keep `events` until they are sent. */
export function queueing(
  events: readonly NovaEvent[],
  newId: () => string,
  order: () => number,
): TreeOp[] {
  return lasting(events).map((event) => {
    const queued: QueuedEvent = { order: order(), event };
    const path = member(ROOT, NOVA_EVENTS, newId());
    return { op: 'create', path, value: JSON.stringify(queued) };
  });
}
