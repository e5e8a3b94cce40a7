/** Tells what others do to a switch from what we do, by what the switch reports. */
import { formatGroup, formatMatch, formatMeter } from '../../openflow/text/index.ts';
import type { FlowUpdate, Message, MessageOf } from '../../openflow/wire/index.ts';

/** What somebody else changed. */
export type Changed = 'flows' | 'groups' | 'meters';

export interface Change {
  readonly what: Changed;
  /** For a reader: which one and how, as far as the switch says. */
  readonly detail: string;
}

/** OFPRR_IDLE_TIMEOUT, OFPRR_HARD_TIMEOUT: the flow's own wish (OpenFlow 1.4.1 §7.4.2). */
const EXPIRED: ReadonlySet<number> = new Set([0, 1]);

/** Watches one connection's monitor; it must report our own changes abbreviated. */
export class ChangeWatch {
  /** The switch had more to say than we read, and drops updates until it says `resumed`. */
  #paused = false;

  /** The change by others that a message tells of; of many flows in one message the first is named. */
  of(message: Message): Change | null {
    if (message.kind === 'request_forward') return forwarded(message.message);
    if (message.kind !== 'flow_monitor_reply') return null;
    const theirs = message.updates.filter((update) => this.#isTheirs(update));
    const [first] = theirs;
    if (first === undefined) return null;
    const more = theirs.length > 1 ? ` and ${theirs.length - 1} more` : '';
    return { what: 'flows', detail: `${updateDetail(first)}${more}` };
  }

  #isTheirs(update: FlowUpdate): boolean {
    if (update.event === 'paused') this.#paused = true;
    if (update.event === 'resumed') {
      this.#paused = false;
      return true;
    }
    // Meanwhile our own changes come in full too.
    if (this.#paused || !('flow' in update) || update.event === 'initial') return false;
    return !(update.event === 'removed' && EXPIRED.has(update.reason));
  }
}

function updateDetail(update: FlowUpdate): string {
  if (!('flow' in update)) return 'more changes at once than the switch could report';
  if (update.flow === null) return `${update.event} a flow unlike any of ours`;
  const { table, priority, match } = update.flow;
  const matched = formatMatch(match);
  const place = [`table=${table}`, `priority=${priority}`, ...(matched === '' ? [] : [matched])];
  return `${update.event} ${place.join(',')}`;
}

const FORWARDED: Readonly<Record<string, string>> = {
  add: 'added',
  modify: 'modified',
  add_or_modify: 'put',
  delete: 'removed',
};

function forwarded(message: Message): Change {
  if (message.kind === 'group_mod') return { what: 'groups', detail: groupDetail(message) };
  if (message.kind === 'meter_mod') return { what: 'meters', detail: meterDetail(message) };
  return { what: 'groups', detail: `a ${message.kind} of another connection` };
}

function groupDetail(message: MessageOf<'group_mod'>): string {
  const done = FORWARDED[message.command] ?? message.command;
  return message.command === 'delete'
    ? `${done} group_id=${message.id}`
    : `${done} ${formatGroup(message.group)}`;
}

function meterDetail(message: MessageOf<'meter_mod'>): string {
  const done = FORWARDED[message.command] ?? message.command;
  return message.command === 'delete'
    ? `${done} meter=${message.id}`
    : `${done} ${formatMeter(message.meter).replaceAll(/\s+/g, ' ')}`;
}
