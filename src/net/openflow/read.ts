/** What a switch holds, asked of it. */
import { Failure } from '../../base/failure.ts';
import type { BridgeProgram, Group } from '../../openflow/flow.ts';
import type {
  FlowWithCounters,
  Message,
  PortDesc,
  UnreadableFlow,
} from '../../openflow/wire/index.ts';
import type { Link } from './link.ts';
import type { Session } from './session.ts';

const ALL_TABLES = 0xff;

interface Piece<T> {
  readonly items: readonly T[];
  readonly more: boolean;
}

/** Gathers the parts of a multipart reply (OpenFlow 1.5.1 §7.3.5). */
async function gather<T>(
  session: Session,
  request: Message,
  pieceOf: (reply: Message) => Piece<T> | null,
): Promise<T[]> {
  const all: T[] = [];
  await session.ask(request, (reply) => {
    const piece = pieceOf(reply);
    if (piece === null) {
      throw new Failure(
        'invalid',
        'MalformedMessage',
        `the switch answered ${request.kind} with ${reply.kind}`,
        { field: 'kind', value: reply.kind },
      );
    }
    for (const item of piece.items) all.push(item);
    return piece.more;
  });
  return all;
}

/** What a switch holds; the flows bring their counters along. */
export interface HeldProgram extends BridgeProgram {
  readonly flows: readonly FlowWithCounters[];
  /** Flows with matches or actions that no flow of ours can have. */
  readonly unreadable: readonly UnreadableFlow[];
}

async function readAllFlows({ flows }: Link): Promise<Pick<HeldProgram, 'flows' | 'unreadable'>> {
  const unreadable: UnreadableFlow[] = [];
  const request = { kind: 'flow_stats_request', table: ALL_TABLES, match: [] } as const;
  const readable = await gather(flows, request, (reply) => {
    if (reply.kind !== 'flow_stats_reply') return null;
    unreadable.push(...(reply.unreadable ?? []));
    return { items: reply.flows, more: reply.more };
  });
  return { flows: readable, unreadable };
}

/** All flows of all tables that can be read, with their counters. */
export async function readFlows(link: Link): Promise<readonly FlowWithCounters[]> {
  return (await readAllFlows(link)).flows;
}

/** One that cannot be read stands as a group without buckets: unlike any that is wanted. */
function readGroups(session: Session, group: number | null): Promise<Group[]> {
  return gather(session, { kind: 'group_desc_request', group }, (reply) => {
    if (reply.kind !== 'group_desc_reply') return null;
    const unreadable = (reply.unreadable ?? []).map((id): Group => ({
      id,
      type: 'all',
      buckets: [],
    }));
    return { items: [...reply.groups, ...unreadable], more: reply.more };
  });
}

/** The group with this id as the switch holds it now, null where it holds none. */
export async function heldGroup(session: Session, id: number): Promise<Group | null> {
  const [group] = await readGroups(session, id);
  return group ?? null;
}

/** Everything that the switch is programmed with. */
export async function readProgram(link: Link): Promise<HeldProgram> {
  const [flows, groups, meters] = await Promise.all([
    readAllFlows(link),
    readGroups(link.groups, null),
    gather(link.groups, { kind: 'meter_config_request', meter: null }, (reply) =>
      reply.kind === 'meter_config_reply' ? { items: reply.meters, more: reply.more } : null,
    ),
  ]);
  return { ...flows, groups, meters };
}

/** The bridge's ports, LOCAL too. */
export function readPorts({ flows }: Link): Promise<PortDesc[]> {
  return gather(flows, { kind: 'port_desc_request' }, (reply) =>
    reply.kind === 'port_desc_reply' ? { items: reply.ports, more: reply.more } : null,
  );
}
