/** Connection tracking: `ct`, `ct_clear` and the forks that come back from it (ovs-actions(7)). */
import { CT_STATE } from '../../openflow/build.ts';
import type { NatSpec } from '../../openflow/flow.ts';
import type { FlowKey } from '../../openflow/fields.ts';
import { untracked } from '../conntrack.ts';
import type { ConntrackOperation } from '../operations.ts';
import {
  changing,
  clearConntrack,
  labelIn,
  snapshot,
  writeTracking,
  type Packet,
} from '../packet.ts';
import { readSubfield } from '../subfield.ts';
import { AT } from '../words.ts';
import { keptOf, type Departure, type Frame } from './pass.ts';
import type { Handlers, Walk } from './walk.ts';

/** Forks within forks that the userspace datapath executes (MAX_RECIRC_DEPTH in dpif-netdev.c). */
const MAXIMUM_RECIRCULATIONS = 6;
/** Forks of one packet that are followed where their states are given, and nothing else ends them. */
const MAXIMUM_FORKS = 4096;
/** ct_state of a fork to which none is given. */
const USUAL_STATE = CT_STATE.trk | CT_STATE.new;

/** What a fork of `packet` is to be translated with, before conntrack has had its say. */
function departure(walk: Walk, packet: Packet, table: number, frame: Frame): Departure {
  const { pass, bridge, depth } = frame;
  const remainder = pass.residue;
  pass.residue = null;
  return {
    number: walk.nextNumber(),
    packet,
    bridge,
    table,
    depth: depth + 1,
    recirculations: pass.recirculations + 1,
    actionSet: pass.actionSet,
    stack: pass.stack,
    conntracked: true,
    remainder,
  };
}

/** Tracks the packet; with a table, a fork goes on there with what was found. */
function conntrack(walk: Walk, operation: ConntrackOperation, frame: Frame): void {
  const { packet, pass, depth } = frame;
  const { action, exec, nat, markMask, labelMask } = operation;
  const zone =
    typeof action.zone === 'number' ? action.zone : Number(readSubfield(packet.key, action.zone));
  const arrived = snapshot(packet);
  walk.list(exec, frame);
  const mark = { value: BigInt(packet.key[AT.ctMark] ?? 0), mask: markMask };
  const label = { value: labelMask === 0n ? 0n : labelIn(packet.key), mask: labelMask };
  const kept = { ...keptOf(frame, true), conntracked: true };
  const follow = walk.options.ctNext === undefined ? lookUp : scripted;
  const fork = follow(walk, { operation, zone, mark, label }, frame);
  walk.steps.push({
    depth,
    pass: pass.number,
    kind: 'conntrack',
    action,
    nat,
    zone,
    committed: action.commit,
    state: fork.state,
    table: action.table,
    fork: fork.departure?.number ?? null,
    key: arrived,
    mark: { value: Number(mark.value & markMask), mask: Number(markMask) },
    label: { value: label.value & labelMask, mask: labelMask },
    kept,
  });
  fork.go?.();
  clearConntrack(changing(packet));
  pass.conntracked = false;
}

interface Bits {
  readonly value: bigint;
  readonly mask: bigint;
}

interface Tracked {
  readonly operation: ConntrackOperation;
  readonly zone: number;
  readonly mark: Bits;
  readonly label: Bits;
}

/** What becomes of a packet in conntrack: its state, and the fork that `go` begins. */
interface Fork {
  readonly state: number;
  readonly departure: Departure | null;
  readonly go: (() => void) | null;
}

/** As conntrack knows the connection: the fork runs at once. */
function lookUp(walk: Walk, { operation, zone, mark, label }: Tracked, frame: Frame): Fork {
  const { packet, pass } = frame;
  const { action, nat } = operation;
  const fork: Packet = { ...packet, key: packet.keys.copy(packet.key), snapshot: null };
  const request = {
    zone,
    commit: action.commit,
    force: action.force,
    nat,
    mark: mark.mask === 0n ? null : mark,
    label: label.mask === 0n ? null : label,
  };
  const { conntrack: tracker, now } = walk.options;
  tracker.track(fork.key, packet.tracking, request, now);
  const { state } = packet.tracking;
  if (action.table === null) return { state, departure: null, go: null };
  if (pass.recirculations >= MAXIMUM_RECIRCULATIONS) {
    const message = `dropped: over ${MAXIMUM_RECIRCULATIONS} conntrack forks within each other`;
    walk.step(frame, { kind: 'error', message });
    return { state, departure: null, go: null };
  }
  const next = departure(walk, fork, action.table, frame);
  const go = () => {
    fork.tracking = { ...packet.tracking };
    writeTracking(fork);
    walk.translate(next);
  };
  return { state, departure: next, go };
}

/** As the states that were given say, in the order of the forks: each waits for its turn. */
function scripted(walk: Walk, { operation, zone }: Tracked, frame: Frame): Fork {
  const { packet, pass } = frame;
  const { action, nat } = operation;
  const none = { state: 0, departure: null, go: null };
  // A pause that ofproto/trace did not end takes the fork with it.
  if (action.table === null || pass.freeze !== null) return none;
  const key = packet.keys.copy(packet.key);
  const fork: Packet = { ...packet, key, tracking: { ...packet.tracking, zone }, snapshot: null };
  const next = departure(walk, fork, action.table, frame);
  if (next.number > MAXIMUM_FORKS) {
    walk.note(frame, 'dropped', `no more than ${MAXIMUM_FORKS} forks are followed`);
    return none;
  }
  const state = walk.options.ctNext?.[next.number - 1] ?? USUAL_STATE;
  key[AT.ctState] = state;
  key[AT.ctZone] = (zone << 16) | ((key[AT.ctZone] ?? 0) & 0xffff);
  fork.tracking.state = state;
  if (nat !== null) translateGiven(walk, nat, state, key, frame);
  walk.enqueue(next);
  return { state, departure: next, go: null };
}

/**
 * Without the connection, all that is known of a translation is the range that it is taken from: the
 * first of it, as ofproto/trace has it, and only for what begins a connection where the truth is asked.
 */
function translateGiven(walk: Walk, nat: NatSpec, state: number, key: FlowKey, frame: Frame): void {
  const { direction, address, port } = nat;
  const begins = (state & CT_STATE.new) !== 0;
  if (!walk.options.imitate && !begins) {
    walk.note(
      frame,
      'unknown',
      'the translation of the connection is not known: its addresses stay',
    );
    return;
  }
  if (direction === undefined || address === undefined) return;
  const source = direction === 'src';
  if (address.version === 4) {
    key[source ? AT.ipSource : AT.ipDestination] = Number(address.from);
  } else {
    const at = source ? AT.ipv6Source : AT.ipv6Destination;
    for (const word of [0, 1, 2, 3]) {
      key[at + word] = Number((address.from >> BigInt(96 - 32 * word)) & 0xffffffffn);
    }
  }
  if (port === undefined || port.from === 0) return;
  const ports = key[AT.ports] ?? 0;
  key[AT.ports] = source ? (port.from << 16) | (ports & 0xffff) : (ports & 0xffff0000) | port.from;
}

export const stateHandlers = {
  ct: (walk, operation, frame) => conntrack(walk, operation, frame),
  // Part of the ct whose `exec` it stands in.
  nat: () => {},
  ct_clear: (walk, _operation, frame) => {
    const { packet, pass } = frame;
    if (!pass.conntracked) return;
    walk.step(frame, { kind: 'ct_clear' });
    clearConntrack(changing(packet));
    packet.tracking = untracked();
    pass.conntracked = false;
  },
} satisfies Partial<Handlers>;
