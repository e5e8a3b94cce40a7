/**
 * Which bits of its packet a translation has looked at or written up to a step. A field that is
 * written in part goes to the datapath under the mask of these bits; of one that is written as a
 * whole they are all of it, so most translations never ask.
 */
import type { FlowKey } from '../../openflow/fields.ts';
import { readField, touches } from '../../openflow/key.ts';
import type { ExecuteOptions } from '../execute.ts';
import { swapTuple } from '../translate/tuple.ts';
import type { Execution, Step } from '../types.ts';
import { AT } from '../words.ts';
import { fields, isIp, isIpv4, whole } from './looked-fields.ts';
import type { Masks } from './masks.ts';
import { lookOf, writesFirst } from './operation-looks.ts';
import { hashedByGroup, inherited, reachesPort, toldOfCongestion } from './step-looks.ts';
import { asLookedUp, type TableShapes } from './table-shapes.ts';
import type { TunnelPort } from './tunnel.ts';

/** Steps at which what has changed of the packet is written. */
const WRITES: ReadonlySet<Step['kind']> = new Set([
  'output',
  'controller',
  'conntrack',
  'commit',
  'encap',
  'decap',
  'recirculate',
  'clone',
  'length',
]);

/** Whether flags or option of neighbour discovery differ, of whose mask a write leaves a byte alone. */
const differs = (a: FlowKey, b: FlowKey): boolean =>
  a[AT.ndReserved] !== b[AT.ndReserved] || a[AT.tcpFlags] !== b[AT.tcpFlags];

/** What one operation looked at or wrote, before the step at `at`. */
interface Glance {
  readonly at: number;
  readonly mask: FlowKey;
}

/** Runs the same packet the same way again, under the eyes of `witness`. */
export type Replay = (witness: NonNullable<ExecuteOptions['witness']>) => void;

/** What each pass looked at, found out by a second run when it is asked for. */
export class Examined {
  readonly #execution: Execution;
  readonly #shapes: TableShapes;
  readonly #replay: Replay;
  readonly #tunnelOf: (port: number) => TunnelPort | null;
  #operations: Map<number, Glance[]> | undefined;

  /** @param tunnelOf How an output to the port wraps the packet; null: not at all. */
  constructor(
    execution: Execution,
    shapes: TableShapes,
    replay: Replay,
    tunnelOf: (port: number) => TunnelPort | null,
  ) {
    this.#execution = execution;
    this.#shapes = shapes;
    this.#replay = replay;
    this.#tunnelOf = tunnelOf;
  }

  /**
   * The bits looked at in a pass up to a step.
   * @param steps Where the steps of the pass stand in the execution, in order.
   */
  until(pass: number, steps: readonly number[], step: number): Masks {
    let mask: FlowKey | undefined;
    return (target) => {
      mask ??= this.#gather(pass, steps, step);
      return readField(mask, target);
    };
  }

  #gather(pass: number, steps: readonly number[], until: number): FlowKey {
    const { initial } = this.#execution;
    let key = initial[pass] ?? new Uint32Array(0);
    const mask: FlowKey = new Uint32Array(key.length);
    let told = key;
    // Congestion that the tunnel met is told to the packet, so its own is looked at.
    if (toldOfCongestion(key)) whole(mask, fields.ecn);
    const operations = this.#ofPass(pass);
    let next = 0;
    const run = (to: number) => {
      for (; next < operations.length && (operations[next]?.at ?? 0) <= to; next += 1) {
        const looked = operations[next]?.mask ?? mask;
        // Taken of the wrong byte of a mask as well: what is kept of it are those that no field has.
        if (touches(looked, fields.ndOption)) {
          mask[AT.tcpFlags] = ((mask[AT.tcpFlags] ?? 0) >>> 8) & 0xff;
        }
        for (let word = 0; word < mask.length; word += 1) {
          mask[word] = (mask[word] ?? 0) | (looked[word] ?? 0);
        }
      }
    };
    for (const index of steps) {
      const step = this.#execution.steps[index];
      if (step === undefined || index > until) break;
      run(index);
      if ('key' in step) key = step.key;
      if (WRITES.has(step.kind) && differs(told, key)) {
        mask[AT.tcpFlags] = (mask[AT.tcpFlags] ?? 0) & 0xff;
        told = key;
      }
      if (step.kind === 'table') {
        // What was looked at is exchanged as what is looked at.
        if (step.original) swapTuple(mask, isIpv4(key));
        this.#shapes.table(step.table).look(asLookedUp(key), step.flow, mask);
        if (step.original) swapTuple(mask, isIpv4(key));
      } else if (step.kind === 'group') hashedByGroup(mask, step);
      else if (reachesPort(step) && isIp(key)) inherited(mask, this.#tunnelOf(step.port));
    }
    return mask;
  }

  #ofPass(pass: number): readonly Glance[] {
    this.#operations ??= this.#witnessed();
    return this.#operations.get(pass) ?? [];
  }

  #witnessed(): Map<number, Glance[]> {
    const operations = new Map<number, Glance[]>();
    this.#replay((operation, key, pass, at) => {
      const mask = lookOf(operation, key, pass);
      if (mask === null) return;
      const glance = { at: writesFirst(operation, key) ? at + 1 : at, mask };
      const known = operations.get(pass.number);
      if (known === undefined) operations.set(pass.number, [glance]);
      else known.push(glance);
    });
    return operations;
  }
}
