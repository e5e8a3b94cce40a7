/**
 * Translates a packet's way as OVS 3.1 does it (do_xlate_actions() and what it calls): tables,
 * actions, groups, forks. One walk is all that becomes of one packet in one bridge and those that
 * its patch ports lead to.
 */
import type { FlowKey } from '../../openflow/fields.ts';
import { formatMatch } from '../../openflow/text/index.ts';
import type { SimBridge } from '../bridge.ts';
import type { Rule } from '../classifier.ts';
import { actionSetList, compileActions, type Operation, type OperationOf } from '../operations.ts';
import { changing, snapshot, type Beneath } from '../packet.ts';
import { isIp, networkType, ETH_TYPE_NSH } from '../prerequisites.ts';
import type {
  ActionOf,
  Execution,
  NoteCode,
  RecirculationCause,
  Step,
  StepEvent,
} from '../types.ts';
import { AT, completeVlan, fragment } from '../words.ts';
import { uncover } from './beneath.ts';
import { leaveAfter, leaveOver } from './left-over.ts';
import { limitExceeded } from './limits.ts';
import { congested } from './outer.ts';
import { controllerStep, type Sending } from './packet-in.ts';
import {
  inTable,
  keptOf,
  newPass,
  UNSET_PORT,
  type DatapathHash,
  type Departure,
  type ExecuteOptions,
  type FailureKind,
  type Frame,
  type Pass,
} from './pass.ts';
import { swapTuple } from './tuple.ts';
import { looksUnderLabel } from './under-label.ts';

/** Runs an operation that stands at `index` of `list`; true ends the list. */
export type Handler<K extends Operation['kind']> = (
  walk: Walk,
  operation: OperationOf<K>,
  frame: Frame,
  list: readonly Operation[],
  index: number,
) => boolean | void;

export type Handlers = { readonly [K in Operation['kind']]: Handler<K> };

type SuppressedWhy = Exclude<Extract<StepEvent, { kind: 'suppressed' }>['why'], 'error'>;

/** How a table is looked up, beside the usual. */
interface LookUp {
  /** By the tuple that the connection began with. */
  readonly original?: boolean;
  /** Runs what is found. Default: as the list that it is. */
  readonly run?: (operations: readonly Operation[], frame: Frame) => void;
}

const USUAL: LookUp = {};

export class Walk implements Execution {
  readonly steps: Step[] = [];
  readonly initial: FlowKey[] = [];
  readonly final: FlowKey[] = [];
  readonly failures: (string | null)[] = [];
  readonly options: ExecuteOptions;
  readonly #handlers: Handlers;
  readonly #queue: Departure[] = [];
  readonly #ambiguity: boolean;
  #passes = 0;

  constructor(handlers: Handlers, options: ExecuteOptions) {
    this.#handlers = handlers;
    this.options = options;
    this.#ambiguity = options.ambiguity ?? options.count !== true;
  }

  /** The number that the next pass to begin will bear. */
  nextNumber(): number {
    const number = this.#passes;
    this.#passes += 1;
    return number;
  }

  /** Lets a pass begin when those before it have ended. */
  enqueue(departure: Departure): void {
    this.#queue.push(departure);
  }

  /** Translates `departure`, and all that is enqueued on the way. */
  run(departure: Departure): void {
    this.translate(departure);
    for (let index = 0; index < this.#queue.length; index += 1) {
      this.translate(this.#queue[index] as Departure);
    }
  }

  translate(departure: Departure): void {
    const { packet, bridge, table, depth, remainder, number } = departure;
    const queued = this.#queue.length;
    changing(packet)[AT.actionSetOutput] = UNSET_PORT;
    completeVlan(packet.key);
    const initial = snapshot(packet);
    this.initial[number] = initial;
    this.failures[number] = null;
    const pass = newPass(departure, this.steps.length, initial);
    const start: Frame = {
      packet,
      pass,
      bridge,
      table,
      depth,
      flow: null,
      bucket: false,
      last: true,
    };
    if (remainder !== null) {
      this.list(remainder.operations, { ...start, table: remainder.table, flow: remainder.flow });
      this.finish(start);
    } else {
      const rule = this.#lookUp(table, packet.key[AT.inPort] ?? 0, start, false);
      const frame = rule === null ? start : inTable(start, table, rule.flow, true);
      if (congested(packet)) {
        this.note(frame, 'dropped', 'the tunnel met congestion, which the packet cannot tell of');
      } else {
        if (rule !== null) this.list(rule.operations, frame);
        this.finish(frame);
      }
    }
    this.final[number] = packet.key;
    if (pass.failure !== null) this.#void(pass, queued);
  }

  /** Looks `table` up with `inPort` for in_port and runs what it finds. */
  table(table: number, inPort: number, frame: Frame, how: LookUp = USUAL): void {
    const { pass } = frame;
    if (pass.wasMpls && !this.readUnderLabel(frame)) return;
    if (!this.withinLimits(frame)) return;
    const rule = this.#lookUp(table, inPort, frame, how.original === true);
    if (rule === null) {
      pass.resubmits += 1;
      return;
    }
    const deeper = table <= frame.table ? 1 : 0;
    pass.resubmits += 1;
    pass.nesting += deeper;
    const inner = inTable(frame, table, rule.flow, frame.last);
    if (how.run === undefined) this.list(rule.operations, inner);
    else how.run(rule.operations, inner);
    pass.nesting -= deeper;
  }

  /** Runs a list of actions. */
  list(operations: readonly Operation[], frame: Frame): void {
    const { pass } = frame;
    for (let i = 0; i < operations.length; i += 1) {
      const operation = operations[i] as Operation;
      if (pass.failure !== null) return;
      if (pass.wasMpls && !pass.exit && looksUnderLabel(operation)) this.readUnderLabel(frame);
      if (pass.exit) {
        if (pass.freeze !== null) leaveOver(frame, operations.slice(i));
        return;
      }
      this.options.witness?.(operation, frame.packet.key, pass, this.steps.length);
      const handle = this.#handlers[operation.kind] as Handler<Operation['kind']>;
      if (handle(this, operation, frame, operations, i) === true) {
        return;
      }
      if (pass.exit) {
        if (pass.failure !== null) return;
        leaveAfter(frame, operations, i);
        return;
      }
    }
  }

  /** The end of a translation, of a clone or of another bridge: the action set, or a freeze. */
  finish(frame: Frame): void {
    const { pass } = frame;
    if (pass.freeze === null && pass.actionSet.length > 0) {
      const operations = compileActions(actionSetList(pass.actionSet));
      pass.actionSet = [];
      pass.inActionSet = true;
      this.list(operations, { ...frame, last: true, bucket: false });
      pass.inActionSet = false;
    }
    this.thaw(frame);
  }

  /** Ends what has been frozen: the packet is sent through the datapath, and nobody follows it. */
  thaw(frame: Frame): void {
    const { packet, pass } = frame;
    const { freeze } = pass;
    if (freeze === null || pass.failure !== null) return;
    // ofproto/trace sends no packet to a controller, and forgets to end the freeze.
    if (freeze.cause === 'pause' && this.options.imitate) {
      this.commit(frame);
      return;
    }
    const key = snapshot(packet);
    const kept = keptOf(frame, true);
    this.step(frame, { kind: 'recirculate', ...freeze, key, followed: false, kept });
    pass.freeze = null;
    pass.residue = null;
  }

  /** The packet goes through the datapath once more; `resume` makes of it what comes back. */
  recirculate(
    frame: Frame,
    cause: RecirculationCause,
    resume: () => void,
    hash: DatapathHash = null,
  ): boolean {
    const { packet, pass } = frame;
    if (this.options.imitate) {
      pass.exit = true;
      // A pause that ofproto/trace did not end takes what comes after it along.
      if (pass.freeze?.cause !== 'pause') pass.freeze = { cause, hash };
      return false;
    }
    const key = snapshot(packet);
    this.step(frame, {
      kind: 'recirculate',
      cause,
      key,
      hash,
      followed: true,
      kept: keptOf(frame, true),
    });
    resume();
    return true;
  }

  /** What lies under the popped label comes to light; false: not here, in another translation. */
  readUnderLabel(frame: Frame): boolean {
    return this.recirculate(frame, 'mpls', () => {
      frame.pass.wasMpls = false;
      this.uncover(frame, 'mpls', AT.ipSource);
    });
  }

  /** The packet has come back without its outermost `header`: what that hid, from the word `from` on. */
  uncover(frame: Frame, header: Beneath['header'], from: number): void {
    if (uncover(frame.packet, header, from)) return;
    const message = `the packet under its ${header.toUpperCase()} header is not known here: its headers are taken as zeros`;
    this.note(frame, 'unknown', message);
  }

  /** The packet waits for a controller, which may send it on, changed or not, or keep it. */
  pause(frame: Frame, action: ActionOf<'controller'>): void {
    const { pass } = frame;
    pass.exit = true;
    pass.freeze = { cause: 'pause', hash: null };
    if (this.options.imitate) return;
    this.toController(frame, action);
    this.note(frame, 'unknown', 'the controller decides what becomes of the packet', [
      'it resumes the packet behind this action',
      'it drops the packet',
    ]);
  }

  toController(frame: Frame, how: Sending): void {
    this.step(frame, controllerStep(frame, how));
  }

  /** Ends the translation, and makes void what it put out. */
  fail({ pass }: Frame, kind: FailureKind, message: string): void {
    pass.failure = { kind, message };
  }

  commit(frame: Frame): void {
    this.step(frame, { kind: 'commit', key: snapshot(frame.packet) });
  }

  suppress(frame: Frame, port: number, why: SuppressedWhy): void {
    this.step(frame, { kind: 'suppressed', port, why });
  }

  note(frame: Frame, code: NoteCode, message: string, alternatives: readonly string[] = []): void {
    this.step(frame, { kind: 'note', code, message, alternatives });
  }

  /** Steps that there are many of are made whole where they happen. */
  step({ depth, pass }: Frame, event: StepEvent): void {
    this.steps.push({ depth, pass: pass.number, ...event });
  }

  isNsh(key: FlowKey): boolean {
    return networkType(key) === ETH_TYPE_NSH;
  }

  /** Whether tables and groups may still be looked up; fails the translation if not. */
  withinLimits(frame: Frame): boolean {
    const exceeded = limitExceeded(frame.pass);
    if (exceeded === null) return frame.pass.failure === null;
    this.step(frame, { kind: 'error', message: exceeded.message });
    this.fail(frame, exceeded.kind, exceeded.message);
    return false;
  }

  #lookUp(table: number, inPort: number, frame: Frame, original: boolean): Rule | null {
    const { packet, bridge } = frame;
    const { key } = packet;
    if (original) {
      if (((key[AT.ctZone] ?? 0) & 0xff00) === 0 || !isIp(key)) {
        this.note(frame, 'no_effect', 'resubmit(ct) of a packet that is not tracked or not IP');
        return null;
      }
      swapTuple(changing(packet));
    }
    const realPort = key[AT.inPort] ?? 0;
    if (inPort !== realPort) packet.snapshot = null;
    key[AT.inPort] = inPort;
    const rule = fragment(key) === 0 ? bridge.lookup(table, key) : blind(bridge, table, key);
    const flow = rule?.flow ?? null;
    const { depth, pass } = frame;
    this.steps.push({
      depth,
      pass: pass.number,
      kind: 'table',
      table,
      flow,
      key: snapshot(packet),
      original,
    });
    if (this.#ambiguity && rule !== null) this.#compare(rule, table, frame);
    key[AT.inPort] = realPort;
    if (inPort !== realPort) packet.snapshot = null;
    if (original) swapTuple(changing(packet));
    if (rule !== null && this.options.count === true) {
      rule.packets += 1;
      rule.bytes += this.options.length ?? 0;
    }
    return rule;
  }

  #compare(rule: Rule, table: number, frame: Frame): void {
    const rivals = frame.bridge.rivals(table, frame.packet.key, rule);
    if (rivals.length === 0) return;
    const message = `${rivals.length + 1} flows of priority ${rule.flow.priority} in table ${table} match, of which OpenFlow lets a switch take any: here it is the one that Open vSwitch takes with flows in this order`;
    const others = rivals.map(
      ({ flow }) =>
        `${formatMatch(flow.match) || 'any packet'}, cookie 0x${flow.cookie.toString(16)}`,
    );
    this.note(frame, 'ambiguous', message, others);
  }

  /** An error makes a drop of everything that its translation had put out, its forks too. */
  #void({ number, firstStep, failure }: Pass, queued: number): void {
    this.failures[number] = failure?.message ?? null;
    for (const [index, step] of this.steps.entries()) {
      if (index < firstStep) continue;
      if (step.kind === 'output') {
        const { depth, pass, port } = step;
        this.steps[index] = { kind: 'suppressed', depth, pass, port, why: 'error' };
      } else if (step.kind === 'conntrack' && step.fork !== null && !this.options.imitate) {
        this.steps[index] = { ...step, fork: null };
      }
    }
    // ofproto/trace goes on with forks of a packet that the datapath never gets to fork.
    if (this.options.imitate || this.#queue.length === queued) return;
    this.#passes -= this.#queue.length - queued;
    this.#queue.length = queued;
  }
}

/** Of a fragment no table sees the ports (`ovs-ofctl set-frags normal`). */
function blind(bridge: SimBridge, table: number, key: FlowKey): Rule | null {
  const ports = key[AT.ports] ?? 0;
  key[AT.ports] = 0;
  const rule = bridge.lookup(table, key);
  key[AT.ports] = ports;
  return rule;
}
