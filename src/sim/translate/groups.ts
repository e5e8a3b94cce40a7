/** Groups: which buckets a packet takes, and what they do to it (OpenFlow 1.3.5 §5.6). */
import { hashOf, type GroupEntry } from '../group.ts';
import { changing, remember, snapshot } from '../packet.ts';
import { AT } from '../words.ts';
import { isLast, type Frame } from './pass.ts';
import type { Handlers, Walk } from './walk.ts';

export const groupHandlers = {
  group: (walk, { group: id }, frame, list, index) => {
    if (!walk.withinLimits(frame)) return false;
    const entry = frame.bridge.group(id);
    if (entry === undefined) {
      walk.step(frame, { kind: 'group', group: id, buckets: [], key: snapshot(frame.packet) });
      return true;
    }
    if (readyToChoose(walk, entry, frame)) runGroup(walk, entry, frame, isLast(frame, list, index));
    return false;
  },
} satisfies Partial<Handlers>;

/** Whether what the group chooses by is known: else the packet goes through the datapath for it. */
function readyToChoose(walk: Walk, entry: GroupEntry, frame: Frame): boolean {
  const { packet, pass, bridge } = frame;
  if (entry.group.type !== 'select') return true;
  if (pass.wasMpls && !walk.readUnderLabel(frame)) return false;
  const hash = entry.awaits(packet.key);
  if (hash === null) return true;
  const alternatives = entry.live(bridge).map(({ bucket }) => `bucket ${bucket.id}`);
  const resume = () => {
    changing(packet)[AT.dpHash] = hashOf(packet.key);
  };
  if (!walk.recirculate(frame, 'dp_hash', resume, hash)) return false;
  if (alternatives.length > 1) {
    walk.note(frame, 'unknown', "the datapath's own hash chooses the bucket", alternatives);
  }
  return true;
}

/** Each bucket works on the packet as it was before the group. */
function runGroup(walk: Walk, entry: GroupEntry, frame: Frame, last: boolean): void {
  const { packet, pass, bridge, depth } = frame;
  const taken = entry.pick(packet.key, bridge);
  if (walk.options.count === true) entry.count(taken, walk.options.length ?? 0);
  const buckets = taken.map(({ bucket }) => bucket.id);
  const { group } = entry;
  const key = snapshot(packet);
  walk.steps.push({ depth, pass: pass.number, kind: 'group', group, buckets, key });
  const inner = { ...frame, depth: depth + 1, bucket: true };
  for (const [index, { operations }] of taken.entries()) {
    const restore = remember(packet);
    const { wasMpls } = pass;
    pass.nesting += 1;
    walk.list(operations, { ...inner, last: last && index === taken.length - 1 });
    pass.nesting -= 1;
    walk.thaw(inner);
    restore();
    pass.wasMpls = wasMpls;
    pass.exit = false;
    // A bucket's own failure is not the group's, unless it ran against a limit.
    if (pass.failure?.kind === 'mpls' || pass.failure?.kind === 'packet_type') pass.failure = null;
  }
}
