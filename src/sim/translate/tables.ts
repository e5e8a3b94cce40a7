/** Actions that decide what is run next, and those that a translation notes and passes over. */
import { PORT, type Action } from '../../openflow/flow.ts';
import { needsCopy, type Operation } from '../operations.ts';
import { learned } from '../learn.ts';
import { changing, remember, snapshot } from '../packet.ts';
import { writeSubfield } from '../subfield.ts';
import type { ActionOf } from '../types.ts';
import { AT, tcpFlags } from '../words.ts';
import { leaveAfter } from './left-over.ts';
import { isLast, UNSET_PORT, type Frame, type Pass } from './pass.ts';
import type { Handlers, Walk } from './walk.ts';

/** What `run` changes of headers, registers, stack and action set is undone after it. */
function apart(frame: Frame, run: (inner: Frame) => void): void {
  const { packet, pass } = frame;
  const restore = remember(packet);
  const tracking = { ...packet.tracking };
  const { actionSet, actionSetHasGroup, stack } = pass;
  run({ ...frame, depth: frame.depth + 1, bucket: false });
  Object.assign(pass, { actionSet, actionSetHasGroup, stack });
  packet.tracking = tracking;
  restore();
}

/**
 * Runs a list as a clone. Only one whose effects on the packet cannot be undone, with more to come,
 * is a clone in the datapath too; that alone keeps conntrack's and MPLS's state to itself.
 */
export function runClone(walk: Walk, operations: readonly Operation[], frame: Frame): void {
  const { packet, pass } = frame;
  if (frame.last || !needsCopy(operations)) {
    apart(frame, (inner) => {
      walk.list(operations, inner);
      walk.finish(inner);
    });
    return;
  }
  const { conntracked, wasMpls } = pass;
  walk.step(frame, { kind: 'clone', edge: 'begin', key: snapshot(packet) });
  apart({ ...frame, last: true }, (inner) => {
    walk.list(operations, inner);
    walk.finish(inner);
  });
  walk.step(frame, { kind: 'clone', edge: 'end', key: snapshot(packet) });
  Object.assign(pass, { conntracked, wasMpls });
}

/** The frame, for an action at `index` of its list. */
function lastOr(frame: Frame, list: readonly Operation[], index: number): Frame {
  const last = isLast(frame, list, index);
  return last === frame.last ? frame : { ...frame, last };
}

type LengthCheck = ActionOf<'check_pkt_larger'>;

/** Both outcomes where the length is not known, each with all that follows in the list. */
function checkLength(
  walk: Walk,
  action: LengthCheck,
  frame: Frame,
  rest: readonly Operation[],
): void {
  const { packet, pass } = frame;
  const { length, target } = action;
  const known = walk.options.imitate ? undefined : walk.options.length;
  const { conntracked, wasMpls } = pass;
  const key = snapshot(packet);
  const outcomes = [
    ['greater', 1n, known === undefined || known > length],
    ['less_equal', 0n, known === undefined || known <= length],
  ] as const;
  let exited = false;
  // The second outcome finds what the first one left of stack and action set: none of a set that ran.
  let left: Pick<Pass, 'actionSet' | 'stack'> = pass;
  for (const [edge, bit, possible] of outcomes) {
    if (!possible) {
      left = { actionSet: [], stack: pass.stack };
      continue;
    }
    walk.step(frame, { kind: 'length', edge, length, key });
    apart({ ...frame, last: true }, (inner) => {
      const { actionSet, stack } = left;
      Object.assign(pass, { actionSet, stack });
      writeSubfield(changing(packet), target, bit);
      walk.list(rest, inner);
      walk.finish(inner);
      left = { actionSet: pass.actionSet, stack: pass.stack };
    });
    // The second outcome runs whether or not the first one left the list early.
    if (edge === 'greater') {
      exited = pass.exit;
      pass.exit = false;
    }
    Object.assign(pass, { conntracked, wasMpls });
  }
  pass.exit = exited;
  walk.step(frame, { kind: 'length', edge: 'end', length, key });
}

/** The port that an action puts out to; null: to none. */
const portOf = (action: Action): number | null =>
  action.kind === 'output' ? action.port : action.kind === 'controller' ? PORT.controller : null;

const FIN_OR_RST = 0x05;
const nothing = (): void => {};

export const tableHandlers = {
  resubmit: (walk, operation, frame, list, index) => {
    const inPort = operation.inPort ?? frame.packet.key[AT.inPort] ?? 0;
    const inner = { ...frame, depth: frame.depth + 1, last: isLast(frame, list, index) };
    walk.table(operation.table ?? frame.table, inPort, inner, { original: operation.ct });
  },
  goto_table: (walk, { table }, frame, list, index) =>
    walk.table(table, frame.packet.key[AT.inPort] ?? 0, lastOr(frame, list, index)),
  clone: (walk, { operations }, frame, list, index) =>
    runClone(walk, operations, { ...frame, last: isLast(frame, list, index) }),
  check_pkt_larger: (walk, action, frame, list, index) => {
    checkLength(walk, action, frame, list.slice(index + 1));
    if (frame.pass.failure === null) leaveAfter(frame, list, index);
    return true;
  },
  exit: (_walk, _operation, { pass }) => {
    pass.exit = true;
  },
  clear_actions: (_walk, _operation, { packet, pass }) => {
    Object.assign(pass, { actionSet: [], actionSetHasGroup: false });
    changing(packet)[AT.actionSetOutput] = UNSET_PORT;
  },
  write_actions: (_walk, { actions }, { packet, pass }) => {
    // actset_output is the port of the last output, unless the set has a group.
    const group = actions.findIndex(({ kind }) => kind === 'group');
    const before = group === -1 ? actions : actions.slice(0, group);
    const output = before.map(portOf).findLast((port) => port !== null);
    if (!pass.actionSetHasGroup && group !== -1) changing(packet)[AT.actionSetOutput] = UNSET_PORT;
    else if (!pass.actionSetHasGroup && output !== undefined) {
      changing(packet)[AT.actionSetOutput] = output;
    }
    pass.actionSetHasGroup ||= group !== -1;
    pass.actionSet = [...pass.actionSet, ...actions];
  },
  learn: (walk, action, frame) => {
    if (walk.options.imitate) return;
    walk.step(frame, { kind: 'learn', flow: learned(action, frame.packet.key) });
    const { resultTarget, limit } = action;
    if (resultTarget === null) return;
    writeSubfield(changing(frame.packet), resultTarget, 1n);
    if (limit === 0) return;
    const message = `learn may hold ${limit} flows, and ${resultTarget.field.name} tells if it has: taken for room`;
    walk.note(frame, 'unknown', message, ['there is room: 1', 'there is none: 0']);
  },
  fin_timeout: (walk, { idle, hard }, frame) => {
    if ((tcpFlags(frame.packet.key) & FIN_OR_RST) === 0) return;
    walk.note(frame, 'aside', `the flow's timeouts are cut to ${idle} s idle and ${hard} s in all`);
  },
  sample: (walk, { probability, collectorSet }, frame) => {
    const message = `${probability} of 65,535 packets are sampled for collector set ${collectorSet}, if there is one`;
    walk.note(frame, 'aside', message);
  },
  // Nothing is policed: a trace is one packet.
  meter: (walk, { meter }, frame) => walk.step(frame, { kind: 'meter', meter }),
  debug_recirc: (walk, _operation, frame) => void walk.recirculate(frame, 'debug', nothing),
  note: nothing,
  debug_slow: nothing,
} satisfies Partial<Handlers>;
