/** One packet through one bridge that is known from its dumps, as `ofproto/trace` follows it. */
import { Failure } from '../../base/failure.ts';
import { CT_STATE } from '../../openflow/build.ts';
import type { FlowKey } from '../../openflow/fields.ts';
import { fieldMask, readField } from '../../openflow/key.ts';
import {
  datapathActions,
  Examined,
  finalFlow,
  DROP,
  Recirculations,
  type DatapathPort,
  type DatapathView,
  type Masks,
  type PassActions,
  type Replay,
  type TunnelOption,
} from '../../sim/datapath/index.ts';
import {
  Conntrack,
  execute,
  KeyArena,
  widened,
  type Execution,
  type Keys,
  type Step,
} from '../../sim/index.ts';
import type { LoadedBridge } from './bridge.ts';
import { isFrame, readPacket } from './packet.ts';
import { Way, type Ways } from './ways.ts';

export type Outcome = 'output' | 'controller' | 'recirc' | 'drop';

/** What became of the packet that came in, or of a copy that went through conntrack. */
export interface Section {
  readonly way: Way;
  /** The best of it and of all that it forks. */
  readonly outcome: Outcome;
  /** The packet in the end; `unchanged`, or all of it. */
  readonly finalFlow: string;
  readonly datapathActions: string;
  /** In the order of the forks. */
  readonly recirculations: readonly Section[];
  /** Which pass of the execution it is, and where its steps stand there. */
  readonly origin: { readonly pass: number; readonly steps: readonly number[] };
}

/** A trace, and what it was made of. */
export interface OfflineTrace {
  readonly section: Section;
  readonly execution: Execution;
}

const FLAGS: Readonly<Record<string, number>> = CT_STATE;

/**
 * ct_state as `--ct-next` takes it: flags with `|`, `,` or spaces between them.
 * @throws {Failure} `invalid` for an unknown flag, and for flags that conntrack never gives together.
 */
export function parseCtState(text: string): number {
  let state = 0;
  const wrong = (right: string) =>
    new Failure('invalid', 'InvalidCtState', `ctNext is "${text}"; ${right}`, {
      field: 'ctNext',
      value: text,
    });
  for (const name of text.split(/[|,\s]+/).filter((part) => part !== '')) {
    const bit = FLAGS[name];
    if (bit === undefined) {
      throw wrong(`"${name}" is no flag, the flags are ${Object.keys(FLAGS).join(', ')}`);
    }
    state |= bit;
  }
  const { trk, inv, new: fresh, est, rpl } = CT_STATE;
  if (state !== 0 && (state & trk) === 0) throw wrong('other flags stand only beside trk');
  if ((state & inv) !== 0 && (state & ~(trk | inv)) !== 0) {
    throw wrong('beside inv there is only trk');
  }
  if ((state & fresh) !== 0 && (state & est) !== 0) throw wrong('new and est exclude each other');
  if ((state & fresh) !== 0 && (state & rpl) !== 0) throw wrong('new and rpl exclude each other');
  return state;
}

const OUTCOMES: readonly Outcome[] = ['output', 'controller', 'recirc', 'drop'];

/** What a pass met. */
class Draft {
  readonly steps: number[] = [];
  readonly forks: number[] = [];
  way: Way;

  constructor(way: Way) {
    this.way = way;
  }
}

/** The steps of an execution by pass. */
function byPass(steps: readonly Step[], ways: Ways): Draft[] {
  const start = ways.begin();
  const drafts: Draft[] = [];
  for (let index = 0; index < steps.length; index += 1) {
    const step = steps[index] as Step;
    const draft = (drafts[step.pass] ??= new Draft(start));
    draft.steps.push(index);
    if (step.kind === 'table') draft.way = ways.onward(draft.way, step.table, step.flow);
    else if (step.kind === 'conntrack' && step.fork !== null) draft.forks.push(step.fork);
  }
  return drafts;
}

/** The one that comes first in what a trace tells. */
const best = (a: Outcome, b: Outcome): Outcome =>
  OUTCOMES.indexOf(a) <= OUTCOMES.indexOf(b) ? a : b;

function outcomeOf({ outputs, controllers, hashed }: PassActions): Outcome {
  if (outputs > 0) return 'output';
  if (controllers > 0) return 'controller';
  return hashed ? 'recirc' : 'drop';
}

/** What does not change in a trace. */
interface Setting {
  readonly bridge: LoadedBridge;
  /** Whether the packet is given as bytes, which are sent to controllers. */
  readonly sends: boolean;
  readonly keys: Keys;
}

/** A bridge as what leaves it is written, step by step of a pass. */
class PassView implements DatapathView {
  readonly options: readonly TunnelOption[];
  readonly sends: boolean;
  readonly keys: Keys;
  readonly #bridge: LoadedBridge;
  readonly #examined: Examined;
  readonly #pass: number;
  readonly #steps: readonly number[];

  constructor(
    { bridge, sends, keys }: Setting,
    examined: Examined,
    pass: number,
    steps: readonly number[],
  ) {
    this.options = bridge.tunnelOptions;
    this.sends = sends;
    this.keys = keys;
    this.#bridge = bridge;
    this.#examined = examined;
    this.#pass = pass;
    this.#steps = steps;
  }

  port(ofport: number): DatapathPort | undefined {
    return this.#bridge.port(ofport);
  }

  meter(id: number): number {
    return this.#bridge.meter(id);
  }

  looked(step: number): Masks {
    return this.#examined.until(this.#pass, this.#steps, step);
  }

  masks(step: number): Masks {
    const parts = this.looked(step);
    const { partlyWritten } = this.#bridge;
    return (target) =>
      readField(partlyWritten, target) === 0n ? fieldMask(target) : parts(target);
  }
}

const NO_DRAFT = new Draft(new Way(null, null));

function sections(execution: Execution, setting: Setting, replay: Replay): Section {
  const { bridge } = setting;
  const drafts = byPass(execution.steps, bridge.ways);
  // Numbers are given out breadth first, as the forks are followed.
  const order = [0];
  for (const pass of order) order.push(...(drafts[pass] ?? NO_DRAFT).forks);
  const recirculations = new Recirculations(order);
  const tunnelOf = (port: number) => bridge.port(port)?.tunnel ?? null;
  const examined = new Examined(execution, bridge.shapes, replay, tunnelOf);
  const actions: PassActions[] = [];
  for (const pass of order) {
    const { steps } = drafts[pass] ?? NO_DRAFT;
    const view = new PassView(setting, examined, pass, steps);
    actions[pass] = datapathActions(execution, pass, steps, view, recirculations);
  }
  const sectionOf = (pass: number): Section => {
    const { way, forks, steps } = drafts[pass] ?? NO_DRAFT;
    const done = actions[pass] ?? DROP;
    const initial = execution.initial[pass];
    const final = execution.final[pass];
    const inner = forks.map(sectionOf);
    let outcome = outcomeOf(done);
    for (const one of inner) outcome = best(outcome, one.outcome);
    return {
      way,
      outcome,
      finalFlow:
        initial === undefined || final === undefined
          ? 'unchanged'
          : finalFlow(initial, final, bridge.optionFields, recirculations.of(pass)),
      datapathActions: done.text,
      recirculations: inner,
      origin: { pass, steps },
    };
  };
  return sectionOf(0);
}

/** Where the states of the forks are given, no connections are looked up. */
const NOT_ASKED = new Conntrack();

/** How a packet is followed. */
interface Following {
  /** Whether the packet was given as bytes, of which `ofproto/trace` sends what goes to a controller. */
  readonly asFrame?: boolean;
  /** Whether to look for further flows that match with the same priority. */
  readonly ambiguity?: boolean;
}

function follow(
  bridge: LoadedBridge,
  key: FlowKey,
  ctNext: readonly number[],
  { asFrame: sends = false, ambiguity = false }: Following,
  keys: Keys,
): OfflineTrace {
  const options = { conntrack: NOT_ASKED, now: 0, ctNext, imitate: true, ambiguity, keys };
  // Flows may write tunnel options into a packet that came without any.
  const packet = bridge.tunnelOptions.length === 0 ? key : widened(key);
  const execution = execute(bridge.sim, packet, options);
  const section = sections(execution, { bridge, sends, keys }, (witness) => {
    execute(bridge.sim, packet, { ...options, witness });
  });
  return { section, execution };
}

/**
 * Follows `key` through the bridge as `ofproto/trace` of Open vSwitch 3.1 does.
 * @param ctNext ct_state of the forks, breadth first; `trk|new` for those beyond.
 */
export function traceOffline(
  bridge: LoadedBridge,
  key: FlowKey,
  ctNext: readonly number[] = [],
  following: Following = {},
): OfflineTrace {
  return follow(bridge, key, ctNext, following, new KeyArena());
}

/** The same as `--json` prints it, in one line. */
export function traceLine(
  bridge: LoadedBridge,
  key: FlowKey,
  ctNext: readonly number[] = [],
  following: Following = {},
): string {
  const { keys } = bridge;
  keys.recall();
  return sectionText(follow(bridge, key, ctNext, following, keys).section);
}

/**
 * The same of a packet as {@link readPacket} takes it.
 * @throws {Failure} `invalid`, with the column in the message.
 */
export function answerLine(
  bridge: LoadedBridge,
  packet: string,
  inPort: number | null,
  ctNext: readonly number[] = [],
): string {
  const { keys } = bridge;
  keys.recall();
  const key = readPacket(packet, bridge.textOptions, inPort, keys);
  const following = { asFrame: isFrame(packet) };
  return sectionText(follow(bridge, key, ctNext, following, keys).section);
}

/**
 * Texts of packets and of the datapath have
 * no character that JSON would write otherwise.
 */
function sectionText(section: Section): string {
  const { way, outcome, finalFlow: final, datapathActions: actions, recirculations } = section;
  let text = `{"path":${way.json},"outcome":"${outcome}","finalFlow":"${final}","datapathActions":"${actions}"`;
  text += ',"recirculations":[';
  for (let index = 0; index < recirculations.length; index += 1) {
    if (index > 0) text += ',';
    text += sectionText(recirculations[index] as Section);
  }
  return `${text}]}`;
}
