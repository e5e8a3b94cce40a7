/** A bridge's delta on its way into the switch: all of it or nothing. */
import { Failure } from '../../base/failure.ts';
import type { Flow, Group, Meter } from '../../openflow/flow.ts';
import { formatFlow, formatGroup, formatMeter } from '../../openflow/text/index.ts';
import type { Message, UnreadableFlow } from '../../openflow/wire/index.ts';
import type { BridgeDelta } from '../../pipeline/feature.ts';
import { Bundle, part, send, sendAll, type Part } from './bundle.ts';
import { flushZones } from './conntrack.ts';
import { errorName } from './errors.ts';
import type { Link } from './link.ts';
import { heldGroup } from './read.ts';
import type { Session } from './session.ts';

const METER_EXISTS = 'OFPMMFC_METER_EXISTS';

const flows = (command: 'add' | 'delete_strict', things: readonly Flow[]): Part =>
  part(
    'flow',
    things,
    (flow) => ({ kind: 'flow_mod', command, flow }),
    (flow) => formatFlow(flow),
  );

const groups = (things: readonly Group[], message: (group: Group) => Message): Part =>
  part('group', things, message, (group) => formatGroup(group));

const putGroup = (group: Group): Message => ({
  kind: 'group_mod',
  command: 'add_or_modify',
  group,
});
const deleteGroup = ({ id }: Group): Message => ({ kind: 'group_mod', command: 'delete', id });

const meters = (things: readonly Meter[], message: (meter: Meter) => Message): Part =>
  part('meter', things, message, (meter) => formatMeter(meter).replaceAll(/\s+/g, ' '));

const addMeter = (meter: Meter): Message => ({ kind: 'meter_mod', command: 'add', meter });
const modifyMeter = (meter: Meter): Message => ({ kind: 'meter_mod', command: 'modify', meter });
const deleteMeter = ({ id }: Meter): Message => ({ kind: 'meter_mod', command: 'delete', id });

/** What must be done before packets see the flows of a change; the switch takes them in meanwhile. */
export interface Before {
  /** Conntrack zones whose connections are to be forgotten. */
  readonly flush: readonly number[];
  /** What else: when it fails nothing of the change goes in. */
  readonly meanwhile: () => Promise<void>;
}

const isAway = (error: unknown): boolean => error instanceof Failure && error.code === 'SwitchAway';

/**
 * Applies `delta` in the order in which nothing ever points at what is not there: meters, groups, then
 * all flows at once, last the groups and meters that go. Each step waits for a switch that may be slow
 * to wake, so the flows are handed over while meters and groups go in, and only their commit comes
 * after. When anything is refused, groups and new meters are put back.
 * @throws {Failure} `SwitchRefused`, naming the flow, group or meter and the switch's error, and what
 *   `before.meanwhile` throws: nothing of the delta is in then, but meters that were there before may
 *   have their new rates. `SwitchAway` when the connection is lost: the switch may hold any part of it.
 */
export async function applyDelta(
  link: Link,
  delta: BridgeDelta,
  before: Partial<Before> = {},
): Promise<void> {
  const bundle = new Bundle(link.flows, [
    flows('add', delta.add),
    flows('delete_strict', delta.remove),
  ]);
  const undo: Part[] = [];
  try {
    const steps = await Promise.allSettled([
      flushZones(link, before.flush ?? []),
      bundle.stage(),
      before.meanwhile?.(),
      putMeters(link.groups, delta.addMeters, undo),
      putGroups(link.groups, delta.addGroups, undo),
    ]);
    for (const step of steps) if (step.status === 'rejected') throw step.reason;
    await bundle.commit();
  } catch (error) {
    if (!isAway(error)) {
      await bundle.discard();
      for (const part of undo) await send(link.groups, part);
    }
    throw error;
  }
  await Promise.all([
    sendAll(link.groups, groups(delta.removeGroups, deleteGroup)),
    sendAll(link.groups, meters(delta.removeMeters, deleteMeter)),
  ]);
}

/** Adds or changes groups, each by itself; `undo` gets what puts the former ones back. */
async function putGroups(session: Session, wanted: readonly Group[], undo: Part[]): Promise<void> {
  const puts = groups(wanted, putGroup);
  // Asked before it is told, so the answers are what was there.
  const asked = Promise.all(wanted.map(({ id }) => heldGroup(session, id)));
  const [held, refused] = await Promise.all([asked, send(session, puts)]);
  const former = held.filter((group) => group !== null);
  const fresh = wanted.filter((_, index) => held[index] === null);
  undo.push(groups(former, putGroup), groups(fresh, deleteGroup));
  for (const [index, refusal] of refused) throw puts.failure(index, refusal);
}

/** Adds meters, and changes those that the switch has already; `undo` gets what takes the new ones back. */
async function putMeters(session: Session, wanted: readonly Meter[], undo: Part[]): Promise<void> {
  const additions = meters(wanted, addMeter);
  const refused = await send(session, additions);
  undo.push(
    meters(
      wanted.filter((_, index) => !refused.has(index)),
      deleteMeter,
    ),
  );
  for (const [index, refusal] of refused) {
    if (errorName(refusal.error) !== METER_EXISTS) throw additions.failure(index, refusal);
  }
  const existing = wanted.filter((_, index) => refused.has(index));
  await sendAll(session, meters(existing, modifyMeter));
}

const WHOLE_COOKIE = 0xffff_ffff_ffff_ffffn;

/**
 * Deletes flows of which only table, priority and cookie are known. Every flow of such a table with such a
 * cookie goes along: a switch can't be told more precisely without the match.
 * @throws {Failure} `SwitchRefused`, `SwitchAway`.
 */
export function removeUnreadable({ flows }: Link, held: readonly UnreadableFlow[]): Promise<void> {
  return sendAll(
    flows,
    part(
      'flow',
      held,
      ({ table, priority, cookie }) => ({
        kind: 'flow_mod',
        command: 'delete',
        flow: { table, priority, cookie, match: [], actions: [] },
        cookieMask: WHOLE_COOKIE,
      }),
      ({ table, cookie }) => `table=${table}, cookie=0x${cookie.toString(16)}/-1`,
    ),
  );
}
