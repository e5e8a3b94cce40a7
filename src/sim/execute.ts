/**
 * Runs a packet through one bridge the way OVS 3.1 translates and executes it: tables, actions,
 * groups, conntrack forks. The order of steps is that in which the datapath meets them: a fork runs
 * where its `ct` stands, before what follows it.
 */
import { CT_STATE } from '../openflow/build.ts';
import type { FlowKey } from '../openflow/fields.ts';
import { PORT, type Action, type Flow } from '../openflow/flow.ts';
import { readField, writeField } from '../openflow/key.ts';
import { KeyArena } from './arena.ts';
import type { SimBridge } from './bridge.ts';
import { untracked, type Tracker } from './conntrack.ts';
import {
  actionSetList,
  applySet,
  compileActions,
  subfieldMask,
  type ConntrackOperation,
  type Operation,
} from './operations.ts';
import {
  clearConntrack,
  copyOf,
  labelIn,
  remember,
  snapshot,
  writeTracking,
  type Packet,
} from './packet.ts';
import { isIp } from './prerequisites.ts';
import type { StepEvent, Execution, Step } from './types.ts';
import { AT, fragment, setVlanTci, timeToLive, VLAN_PRESENT_BIT, vlanTci } from './words.ts';

export interface ExecuteOptions {
  readonly conntrack: Tracker;
  /** Milliseconds since 1970: what connections age by. */
  readonly now: number;
  /** Whether flows and groups count the packet. Default: not. */
  readonly count?: boolean;
  /** Length of the packet in bytes, for the counters. */
  readonly length?: number;
}

/** Nesting of backward resubmits, groups and clones (MAX_DEPTH in ofproto-dpif-xlate.c). */
const MAXIMUM_NESTING = 64;
/** Table lookups in one translation (MAX_RESUBMITS). */
const MAXIMUM_RESUBMITS = 4096;
/** Forks within forks that the userspace datapath executes (MAX_RECIRC_DEPTH in dpif-netdev.c). */
const MAXIMUM_RECIRCULATIONS = 6;
/** VLAN headers that a flow key of OVS holds (FLOW_MAX_VLAN_HEADERS). */
const MAXIMUM_VLANS = 2;

/** How a packet goes to a controller. */
interface Sending {
  readonly userdata?: readonly number[] | undefined;
  readonly reason?: string;
  readonly maxLength?: number;
  readonly controllerId?: number;
  readonly meterId?: number | undefined;
}

/** `max_len` of a packet that goes to a controller uncut. */
const WHOLE_PACKET = 0xffff;

/** One translation: from the ingress, or from a fork. */
interface Pass {
  readonly number: number;
  readonly firstStep: number;
  readonly recirculations: number;
  actionSet: readonly Action[];
  inActionSet: boolean;
  resubmits: number;
  nesting: number;
  /** Whether ct_state is valid. */
  conntracked: boolean;
  failed: boolean;
  /** A paused controller action ends the pass. */
  ended: boolean;
}

/** Where an action stands. */
interface Frame {
  readonly packet: Packet;
  readonly pass: Pass;
  readonly table: number;
  readonly depth: number;
  /** The flow whose actions run; null before the first lookup. */
  readonly flow: Flow | null;
  /** Whether the list is a bucket's own. */
  readonly bucket?: boolean;
}

/** Returns true to end its list of actions. */
type Handler<K extends Operation['kind']> = (
  walk: Walk,
  operation: Extract<Operation, { kind: K }>,
  frame: Frame,
) => boolean | void;

const notSimulated = (walk: Walk, { kind }: Operation, frame: Frame) =>
  walk.report(frame, `${kind} is not simulated`);

const handlers: { readonly [K in Operation['kind']]: Handler<K> } = {
  set: (_walk, operation, { packet }) => applySet(operation, packet.key),
  move: (_walk, { action, needs }, { packet: { key } }) => {
    if (!needs.every((holds) => holds(key))) return;
    const { source, target } = action;
    const bits = (readField(key, source.field) & subfieldMask(source)) >> BigInt(source.first);
    writeField(key, target.field, bits << BigInt(target.first), subfieldMask(target));
  },
  output: (walk, { port }, frame) => walk.output(port, frame),
  output_subfield: (walk, { source }, frame) => {
    const bits = readField(frame.packet.key, source.field) & subfieldMask(source);
    const port = Number(bits >> BigInt(source.first));
    if (port <= 0xffff) walk.output(port >= 0xff00 ? (0xffff0000 | port) >>> 0 : port, frame);
  },
  controller: (walk, { userdata, reason, maxLength, controllerId, meterId, pause }, frame) => {
    walk.toController(frame, { userdata, reason, maxLength, controllerId, meterId });
    frame.pass.ended ||= pause;
  },
  group: (walk, { group }, frame) => walk.group(group, frame),
  resubmit: (walk, operation, frame) => {
    if (operation.ct) {
      walk.report(frame, 'resubmit with the original tuple of the connection is not simulated');
      return;
    }
    const inPort = operation.inPort ?? frame.packet.key[AT.inPort] ?? 0;
    walk.table(operation.table ?? frame.table, inPort, { ...frame, depth: frame.depth + 1 });
  },
  goto_table: (walk, { table }, frame) =>
    walk.table(table, frame.packet.key[AT.inPort] ?? 0, frame),
  ct: (walk, operation, frame) => walk.conntrack(operation, frame),
  ct_clear: (_walk, _operation, { packet, pass }) => {
    if (!pass.conntracked) return;
    clearConntrack(packet.key);
    packet.tracking = untracked();
    pass.conntracked = false;
  },
  clone: (walk, { operations }, frame) => walk.clone(operations, frame),
  dec_ttl: (walk, { controllers }, frame) => {
    const { key } = frame.packet;
    if (!isIp(key)) return false;
    if (timeToLive(key) > 1) {
      key[AT.ipHeader] = (key[AT.ipHeader] ?? 0) - 0x100;
      return false;
    }
    for (const controllerId of controllers.length === 0 ? [0] : controllers) {
      walk.toController(frame, { controllerId, reason: 'invalid_ttl' });
    }
    return true;
  },
  push_vlan: (_walk, _operation, { packet: { key, innerVlans } }) => {
    const tci = vlanTci(key);
    if (tci & VLAN_PRESENT_BIT) innerVlans.push(tci);
    if (innerVlans.length >= MAXIMUM_VLANS) innerVlans.shift();
    setVlanTci(key, VLAN_PRESENT_BIT);
  },
  pop_vlan: (_walk, _operation, { packet: { key, innerVlans } }) =>
    setVlanTci(key, innerVlans.pop() ?? 0),
  clear_actions: (_walk, _operation, { pass }) => {
    pass.actionSet = [];
  },
  write_actions: (_walk, { actions }, { pass }) => {
    pass.actionSet = [...pass.actionSet, ...actions];
  },
  set_queue: notSimulated,
  pop_queue: notSimulated,
  mod_nw_ttl: notSimulated,
  mod_tp_src: notSimulated,
  mod_tp_dst: notSimulated,
  set_mpls_ttl: notSimulated,
  nat: notSimulated,
  push: notSimulated,
  pop: notSimulated,
  push_mpls: notSimulated,
  pop_mpls: notSimulated,
  dec_mpls_ttl: notSimulated,
  dec_nsh_ttl: notSimulated,
  delete_field: notSimulated,
  encap: notSimulated,
  decap: notSimulated,
  learn: notSimulated,
  fin_timeout: notSimulated,
  multipath: notSimulated,
  bundle: notSimulated,
  sample: notSimulated,
  check_pkt_larger: notSimulated,
  exit: notSimulated,
  debug_recirc: notSimulated,
  debug_slow: notSimulated,
  // Nothing is policed: a trace is one packet.
  meter: () => {},
  note: () => {},
};

/** Operations that leave the key as it is. */
const READING = new Set<Operation['kind']>([
  'output',
  'output_subfield',
  'controller',
  'resubmit',
  'goto_table',
  'clone',
  'group',
  'meter',
  'note',
  'clear_actions',
  'write_actions',
]);

class Walk {
  readonly steps: Step[] = [];
  readonly initial: FlowKey[] = [];
  readonly final: FlowKey[] = [];
  readonly failures: (string | null)[] = [];
  #passes = 0;
  readonly #bridge: SimBridge;
  readonly #options: ExecuteOptions;

  constructor(bridge: SimBridge, options: ExecuteOptions) {
    this.#bridge = bridge;
    this.#options = options;
  }

  /** Translates `packet` from `table` on. */
  pass(
    packet: Packet,
    table: number,
    depth: number,
    from: Pick<Pass, 'recirculations' | 'actionSet' | 'conntracked'>,
  ): void {
    const pass: Pass = {
      number: this.#passes,
      firstStep: this.steps.length,
      recirculations: from.recirculations,
      actionSet: from.actionSet,
      inActionSet: false,
      conntracked: from.conntracked,
      resubmits: 0,
      nesting: 0,
      failed: false,
      ended: false,
    };
    this.#passes += 1;
    this.initial[pass.number] = snapshot(packet);
    this.failures[pass.number] = null;
    const frame = { packet, pass, table, depth, flow: null };
    const flow = this.#visit(table, packet.key[AT.inPort] ?? 0, frame);
    this.#executeActionSet({ ...frame, flow });
    this.final[pass.number] = packet.key;
    if (pass.failed) this.#void(pass);
  }

  /** Looks `table` up with `inPort` for in_port and runs what it finds. */
  table(table: number, inPort: number, frame: Frame): void {
    const { pass } = frame;
    if (!this.#withinLimits(frame)) return;
    const deeper = table <= frame.table ? 1 : 0;
    pass.resubmits += 1;
    pass.nesting += deeper;
    this.#visit(table, inPort, frame);
    pass.nesting -= deeper;
  }

  run(operations: readonly Operation[], frame: Frame): void {
    const { pass } = frame;
    for (let i = 0; i < operations.length; i += 1) {
      if (pass.failed || pass.ended) return;
      const operation = operations[i] as Operation;
      if (!READING.has(operation.kind)) frame.packet.snapshot = null;
      const handle = handlers[operation.kind] as Handler<Operation['kind']>;
      if (handle(this, operation, frame) === true) return;
    }
  }

  output(port: number, frame: Frame): void {
    const { key } = frame.packet;
    const inPort = key[AT.inPort] ?? 0;
    switch (port) {
      case PORT.inPort:
        this.#emit(inPort, frame);
        return;
      case PORT.table:
        this.table(0, inPort, { ...frame, depth: frame.depth + 1 });
        return;
      case PORT.controller:
        this.toController(frame);
        return;
      case PORT.all:
      case PORT.flood:
        for (const ofport of [...this.#bridge.ports.keys()].sort((a, b) => a - b)) {
          if (ofport !== inPort) this.#emit(ofport, frame);
        }
        return;
      case PORT.normal:
        this.report(frame, 'output to NORMAL (MAC learning) is not simulated');
        return;
      case PORT.any:
        return;
      default:
        if (port === inPort) this.#suppress(port, 'in_port', frame);
        else this.#emit(port, frame);
    }
  }

  toController(frame: Frame, how: Sending = {}): void {
    this.#step(frame, {
      kind: 'controller',
      key: snapshot(frame.packet),
      flow: frame.flow,
      userdata: how.userdata ?? [],
      reason: how.reason ?? 'action',
      context: frame.bucket === true ? 'group' : frame.pass.inActionSet ? 'action_set' : 'flow',
      maxLength: how.maxLength ?? WHOLE_PACKET,
      controllerId: how.controllerId ?? 0,
      meterId: how.meterId ?? null,
    });
  }

  /** A note on something that ends nothing. */
  report(frame: Frame, message: string): void {
    this.#step(frame, { kind: 'error', message });
  }

  /** Each bucket works on the packet as it was before the group; returns true when there is none. */
  group(id: number, frame: Frame): boolean {
    const { packet, pass, depth } = frame;
    if (!this.#withinLimits(frame)) return false;
    const entry = this.#bridge.group(id);
    if (entry === undefined) {
      this.#step(frame, { kind: 'group', group: id, buckets: [] });
      return true;
    }
    const taken = entry.pick(packet.key, this.#bridge);
    if (this.#options.count === true) entry.count(taken, this.#options.length ?? 0);
    const buckets = taken.map(({ bucket }) => bucket.id);
    this.#step(frame, { kind: 'group', group: entry.group, buckets });
    const inner = { ...frame, depth: depth + 1, bucket: true };
    for (const { operations } of taken) {
      const restore = remember(packet);
      pass.nesting += 1;
      this.run(operations, inner);
      pass.nesting -= 1;
      restore();
      pass.ended = false;
    }
    return false;
  }

  clone(operations: readonly Operation[], frame: Frame): void {
    const { packet, pass } = frame;
    const { actionSet, conntracked } = pass;
    const inner = { ...frame, packet: copyOf(packet), depth: frame.depth + 1, bucket: false };
    this.run(operations, inner);
    this.#executeActionSet(inner);
    Object.assign(pass, { actionSet, conntracked, ended: false });
  }

  /** `ct`: tracks the packet; with a table, a fork goes on there with what was found. */
  conntrack({ action, exec, markMask, labelMask }: ConntrackOperation, frame: Frame): void {
    const { packet, pass } = frame;
    const { key, tracking } = packet;
    const zone =
      typeof action.zone === 'number'
        ? action.zone
        : Number(
            (readField(key, action.zone.field) & subfieldMask(action.zone)) >>
              BigInt(action.zone.first),
          );
    const arrived = snapshot(packet);
    this.run(exec, frame);
    const mark = { value: BigInt(key[AT.ctMark] ?? 0), mask: markMask };
    const label = { value: labelIn(key), mask: labelMask };
    const fork = { ...packet, key: packet.arena.copy(key), innerVlans: [...packet.innerVlans] };
    const request = {
      zone,
      commit: action.commit,
      force: action.force,
      nat: action.nat,
      mark: markMask === 0n ? null : mark,
      label: labelMask === 0n ? null : label,
    };
    this.#options.conntrack.track(fork.key, tracking, request, this.#options.now);
    const { state } = tracking;
    const { table } = action;
    this.#step(frame, {
      kind: 'conntrack',
      action,
      zone,
      committed: action.commit,
      state,
      table,
      fork: table === null ? null : this.#passes,
      key: arrived,
      mark: { value: Number(mark.value & markMask), mask: Number(markMask) },
      label: { value: label.value & labelMask, mask: labelMask },
    });
    if (table !== null) this.#recirculate(fork, table, frame);
    clearConntrack(key);
    pass.conntracked = false;
  }

  #recirculate(fork: Packet, table: number, frame: Frame): void {
    const { pass, depth } = frame;
    if (pass.recirculations >= MAXIMUM_RECIRCULATIONS) {
      this.report(
        frame,
        `dropped: over ${MAXIMUM_RECIRCULATIONS} conntrack forks within each other`,
      );
      return;
    }
    fork.tracking = { ...fork.tracking };
    writeTracking(fork);
    this.pass(fork, table, depth + 1, {
      recirculations: pass.recirculations + 1,
      actionSet: pass.actionSet,
      conntracked: true,
    });
  }

  #visit(table: number, inPort: number, frame: Frame): Flow | null {
    const { packet } = frame;
    const { key } = packet;
    const realPort = key[AT.inPort] ?? 0;
    if (inPort !== realPort) packet.snapshot = null;
    key[AT.inPort] = inPort;
    const rule = fragment(key) === 0 ? this.#bridge.lookup(table, key) : this.#blind(table, key);
    this.#step(frame, { kind: 'table', table, flow: rule?.flow ?? null, key: snapshot(packet) });
    key[AT.inPort] = realPort;
    if (inPort !== realPort) packet.snapshot = null;
    if (rule === null) return null;
    if (this.#options.count === true) {
      rule.packets += 1;
      rule.bytes += this.#options.length ?? 0;
    }
    this.run(rule.operations, { ...frame, table, flow: rule.flow, bucket: false });
    return rule.flow;
  }

  /** Of a fragment no table sees the ports (`ovs-ofctl set-frags normal`). */
  #blind(table: number, key: FlowKey) {
    const ports = key[AT.ports] ?? 0;
    key[AT.ports] = 0;
    const rule = this.#bridge.lookup(table, key);
    key[AT.ports] = ports;
    return rule;
  }

  #executeActionSet(frame: Frame): void {
    const { pass } = frame;
    const list = actionSetList(pass.actionSet);
    pass.actionSet = [];
    if (list.length === 0) return;
    pass.inActionSet = true;
    this.run(compileActions(list), frame);
    pass.inActionSet = false;
  }

  #withinLimits(frame: Frame): boolean {
    const { pass } = frame;
    if (pass.nesting >= MAXIMUM_NESTING) {
      this.#fail(frame, `over max translation depth ${MAXIMUM_NESTING}`);
    } else if (pass.resubmits >= MAXIMUM_RESUBMITS) {
      this.#fail(frame, `over ${MAXIMUM_RESUBMITS} resubmit actions`);
    }
    return !pass.failed;
  }

  #fail(frame: Frame, message: string): void {
    this.report(frame, message);
    frame.pass.failed = true;
    this.failures[frame.pass.number] = message;
  }

  #emit(port: number, frame: Frame): void {
    const target = this.#bridge.port(port);
    if (target === undefined) this.#suppress(port, 'no_such_port', frame);
    else if (!target.up) this.#suppress(port, 'down', frame);
    else this.#step(frame, { kind: 'output', port, key: snapshot(frame.packet) });
  }

  #suppress(port: number, why: 'in_port' | 'no_such_port' | 'down', frame: Frame): void {
    this.#step(frame, { kind: 'suppressed', port, why });
  }

  #step({ depth, pass }: Frame, event: StepEvent): void {
    this.steps.push({ depth, pass: pass.number, ...event });
  }

  /** An error makes a drop of everything that its translation had put out. */
  #void({ firstStep }: Pass): void {
    for (const [index, step] of this.steps.entries()) {
      if (index >= firstStep && step.kind === 'output') {
        const { depth, pass, port } = step;
        this.steps[index] = { kind: 'suppressed', depth, pass, port, why: 'error' };
      }
    }
  }
}

/**
 * Sends one packet into `bridge` at table 0 and tells every step. `key` stays as it is; its in_port
 * says where the packet comes in.
 */
export function execute(bridge: SimBridge, key: FlowKey, options: ExecuteOptions): Execution {
  const walk = new Walk(bridge, options);
  const state = key[AT.ctState] ?? 0;
  const tracking = { ...untracked(), state, zone: (key[AT.ctZone] ?? 0) >>> 16 };
  const arena = new KeyArena();
  const packet = { arena, key: arena.copy(key), tracking, innerVlans: [], snapshot: null };
  walk.pass(packet, 0, 0, {
    recirculations: 0,
    actionSet: [],
    conntracked: (state & CT_STATE.trk) !== 0,
  });
  const { steps, initial, final, failures } = walk;
  return { steps, initial, final, failures };
}
