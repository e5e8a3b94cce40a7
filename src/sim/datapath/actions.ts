/**
 * The datapath actions that a translation comes to, as `ofproto/trace` prints them
 * (format_odp_actions() in lib/odp-util.c), composed from the steps of the simulated switch.
 */
import type { FlowKey } from '../../openflow/fields.ts';
import type { Keys } from '../arena.ts';
import type { Execution, Step } from '../types.ts';
import { commit, isCommitted } from './commit.ts';
import type { Masks } from './masks.ts';
import { conntrackAction } from './conntrack.ts';
import { hexDigits } from './digits.ts';
import { LABEL_WORDS } from './labels.ts';
import { forgetsLabels, type Pending } from './layers.ts';
import type { Recirculations } from './recirculations.ts';
import { ownTunnelEnd, tunnelAction, type TunnelOption, type TunnelPort } from './tunnel.ts';

/** A port as the datapath knows it. */
export interface DatapathPort {
  /** null: the datapath has none, as of a patch port. */
  readonly number: number | null;
  /** null: what goes out is not wrapped. */
  readonly tunnel: TunnelPort | null;
}

export interface DatapathView {
  /** undefined: no such port. */
  port(ofport: number): DatapathPort | undefined;
  /** The datapath's number of an OpenFlow meter. */
  meter(id: number): number;
  readonly options: readonly TunnelOption[];
  /** Where copies of the packet's key are put. */
  readonly keys: Keys;
  /** Whether what goes to a controller is sent: `ofproto/trace` has a packet to send where it is given one as bytes. */
  readonly sends: boolean;
  /** Bits under which a field is written when `step` is reached. */
  masks(step: number): Masks;
  /** Bits that were looked at by then, of fields that are written as a whole too. */
  looked(step: number): Masks;
}

/** What the datapath does with the packet of one pass. */
export interface PassActions {
  readonly text: string;
  readonly outputs: number;
  readonly controllers: number;
  /** Whether it is to come back with a hash that is not known. */
  readonly hashed: boolean;
}

type StepOf<K extends Step['kind']> = Extract<Step, { kind: K }>;

/** As `ofp_packet_in_reason` counts them. */
const REASONS: Readonly<Record<string, number>> = {
  no_match: 0,
  action: 1,
  invalid_ttl: 2,
  action_set: 3,
  group: 4,
  packet_out: 5,
};
const EXPLICIT_MISS = 6;

const HASHES = { l4: 'l4', symmetric_l4: 'sym_l4' } as const;

/** A list within the list: what to close it with. */
interface Nested {
  readonly outer: Item[];
  readonly base: FlowKey;
  readonly tunnel: string;
  /** Of a comparison of lengths: what the longer packets got. */
  longer: Items;
}

/** An action, or the actions within a clone. */
type Item = string | Items;
type Items = readonly Item[];

const write = (item: Item): string =>
  typeof item === 'string' ? item : `clone(${item.map(write).join(',')})`;

const list = (actions: Items): string =>
  actions.length === 0 ? 'drop' : actions.map(write).join(',');

class Composer {
  outputs = 0;
  controllers = 0;
  hashed = false;
  #into: Item[] = [];
  /** The datapath's packet. */
  #base: FlowKey;
  /** Whether others hold `#base` too, so that it is copied before it is changed. */
  #shared = true;
  /** The tunnel header that the datapath's packet has. */
  #tunnel = '';
  readonly #pending: Pending = { encap: null, decap: false };
  readonly #nested: Nested[] = [];
  readonly #ownEnd: string;
  readonly #view: DatapathView;
  readonly #recirculations: Recirculations;

  constructor(initial: FlowKey, view: DatapathView, recirculations: Recirculations) {
    this.#base = initial;
    this.#ownEnd = ownTunnelEnd(initial);
    this.#view = view;
    this.#recirculations = recirculations;
  }

  take(step: Step, index: number): void {
    const handle = handlers[step.kind] as ((c: Composer, s: Step, i: number) => void) | undefined;
    handle?.(this, step, index);
  }

  commit(key: FlowKey, index: number): void {
    if (isCommitted(this.#base, key, this.#pending)) return;
    if (this.#shared) this.#base = this.#view.keys.copy(this.#base);
    this.#shared = false;
    const written: string[] = [];
    const masks = this.#view.masks(index);
    const looked = this.#view.looked(index);
    const tunnelled = this.#tunnel !== '';
    commit(this.#base, key, { masks, looked, tunnelled, pending: this.#pending }, written);
    this.#into.push(...written);
  }

  put(action: Item): void {
    this.#into.push(action);
  }

  output({ port, key }: StepOf<'output'>, index: number): void {
    const target = this.#view.port(port);
    if (target === undefined || target.number === null) return;
    if (target.tunnel !== null) {
      const { action, destination, header } = tunnelAction(key, target.tunnel, this.#view.options);
      // A packet is not sent back into the tunnel that it came out of.
      if (destination === this.#ownEnd) return;
      if (destination !== '') {
        if (header !== this.#tunnel) this.put(action);
        this.#tunnel = header;
      }
    }
    this.commit(key, index);
    this.put(String(target.number));
    this.outputs += 1;
  }

  controller(step: StepOf<'controller'>, index: number): void {
    this.commit(step.key, index);
    const { flow, meterId, userdata } = step;
    const state = `controller ${flow?.table} ${userdata.join()}`;
    const cookie = flow?.cookie ?? 0n;
    const parts = [
      `reason=${reasonOf(step)}`,
      `dont_send=${this.#view.sends ? 0 : 1}`,
      'continuation=0',
      `recirc_id=${this.#recirculations.aside(step, state)}`,
      `rule_cookie=${cookie === 0n ? '0' : `0x${cookie.toString(16)}`}`,
      `controller_id=${step.controllerId}`,
      `max_len=${step.maxLength}`,
    ];
    const action = `userspace(pid=0,controller(${parts.join(',')}))`;
    const metered = meterId === null ? null : this.#view.meter(meterId);
    this.put(
      metered === null ? action : `sample(sample=100.0%,actions(meter(${metered}),${action}))`,
    );
    this.controllers += 1;
  }

  conntrack(step: StepOf<'conntrack'>, index: number): void {
    this.commit(step.key, index);
    this.put(conntrackAction(step));
    if (step.fork !== null)
      this.recirculate(this.#recirculations.fork(step.fork, step.table, step));
  }

  recirculate(id: number): void {
    this.put(`recirc(0x${hexDigits(id)})`);
  }

  hash(step: StepOf<'recirculate'>): void {
    const { hash, cause } = step;
    if (hash !== null) this.put(`hash(${HASHES[hash.algorithm]}(${hash.basis}))`);
    if (cause === 'dp_hash') this.hashed = true;
    this.recirculate(this.#recirculations.aside(step, 'frozen'));
  }

  encap({ action, key }: StepOf<'encap'>, index: number): void {
    this.commit(key, index);
    if (forgetsLabels(action, key)) {
      this.#base = this.#view.keys.copy(this.#base);
      for (const word of LABEL_WORDS) this.#base[word] = 0;
      this.#shared = false;
    }
    this.#pending.encap = action;
  }

  decap({ key }: StepOf<'decap'>, index: number): void {
    this.commit(key, index);
    this.#pending.decap = true;
  }

  meter(id: number): void {
    this.put(`meter(${this.#view.meter(id)})`);
  }

  open(key: FlowKey, index: number): void {
    this.commit(key, index);
    this.#nested.push({ outer: this.#into, base: this.#base, tunnel: this.#tunnel, longer: [] });
    this.#shared = true;
    this.#into = [];
  }

  /** The longer packets have had theirs; the others begin with the packet as it was. */
  shorter(): void {
    const nested = this.#nested.at(-1);
    if (nested === undefined) return;
    nested.longer = this.#into;
    this.#into = [];
    this.#base = nested.base;
    this.#shared = true;
    this.#tunnel = nested.tunnel;
  }

  /** `make` makes one action of the list within; null: none. */
  close(make: (inner: Items, longer: Items) => Item | null): void {
    const nested = this.#nested.pop();
    if (nested === undefined) return;
    const action = make(this.#into, nested.longer);
    this.#into = nested.outer;
    this.#base = nested.base;
    this.#shared = true;
    this.#tunnel = nested.tunnel;
    if (action !== null) this.put(action);
  }

  /** A clone that ends all of it is none. */
  get text(): string {
    const last = this.#into.at(-1);
    if (last === undefined || typeof last === 'string') return list(this.#into);
    return list([...this.#into.slice(0, -1), ...last]);
  }
}

function reasonOf(step: StepOf<'controller'>): number {
  const { reason, context, flow, userdata, controllerId, meterId } = step;
  const isOutput = userdata.length === 0 && controllerId === 0 && meterId === null;
  const plain = reason === 'action' && isOutput;
  if (plain && context === 'group') return REASONS['group'] ?? 0;
  if (plain && context === 'action_set') return REASONS['action_set'] ?? 0;
  if (reason === 'action' && flow?.priority === 0 && flow.match.length === 0) return EXPLICIT_MISS;
  return REASONS[reason] ?? 0;
}

const handlers: {
  readonly [K in Step['kind']]?: (composer: Composer, step: StepOf<K>, index: number) => void;
} = {
  output: (composer, step, index) => composer.output(step, index),
  controller: (composer, step, index) => composer.controller(step, index),
  conntrack: (composer, step, index) => composer.conntrack(step, index),
  truncate: (composer, { length }) => composer.put(`trunc(${length})`),
  meter: (composer, { meter }) => composer.meter(meter),
  ct_clear: (composer) => composer.put('ct_clear'),
  commit: (composer, { key }, index) => composer.commit(key, index),
  encap: (composer, step, index) => composer.encap(step, index),
  decap: (composer, step, index) => composer.decap(step, index),
  recirculate: (composer, step, index) => {
    composer.commit(step.key, index);
    if (step.cause !== 'pause') composer.hash(step);
  },
  clone: (composer, { edge, key }, index) => {
    if (edge === 'begin') composer.open(key, index);
    else composer.close((inner) => (inner.length === 0 ? null : inner));
  },
  length: (composer, { edge, length, key }, index) => {
    if (edge === 'greater') composer.open(key, index);
    else if (edge === 'less_equal') composer.shorter();
    else {
      composer.close(
        (inner, longer) => `check_pkt_len(size=${length},gt(${list(longer)}),le(${list(inner)}))`,
      );
    }
  },
};

/** Of a pass of which nothing leaves. */
export const DROP: PassActions = { text: 'drop', outputs: 0, controllers: 0, hashed: false };

/**
 * What the datapath does with the packet of `pass`.
 * @param steps Where the steps of the pass stand in the execution, in order.
 */
export function datapathActions(
  execution: Execution,
  pass: number,
  steps: readonly number[],
  view: DatapathView,
  recirculations: Recirculations,
): PassActions {
  const initial = execution.initial[pass];
  if (initial === undefined) return DROP;
  recirculations.begin(pass);
  const composer = new Composer(initial, view, recirculations);
  for (const index of steps) {
    const step = execution.steps[index];
    // Most steps are lookups, of which nothing is written.
    if (step !== undefined && step.kind !== 'table') composer.take(step, index);
  }
  if ((execution.failures[pass] ?? null) !== null) return DROP;
  const { text, outputs, controllers, hashed } = composer;
  return { text, outputs, controllers, hashed };
}
