/** One packet through one bridge that is known from its dumps, as `ofproto/trace` follows it. */
import { Failure } from '../../base/failure.ts';
import { CT_STATE } from '../../openflow/build.ts';
import { field, type FlowKey } from '../../openflow/fields.ts';
import type { Flow } from '../../openflow/flow.ts';
import { formatActions, formatMatch } from '../../openflow/text/index.ts';
import { fieldMask, readField, writeField } from '../../openflow/key.ts';
import {
  datapathActions,
  Examined,
  finalFlow,
  Recirculations,
  type DatapathView,
  type Replay,
} from '../../sim/datapath/index.ts';
import { Conntrack, execute, widened, type Execution, type Step } from '../../sim/index.ts';
import type { LoadedBridge } from './bridge.ts';

/** A table on the way; all but its number is null where nothing matches. */
export interface PathStep {
  readonly table: number;
  readonly priority: number | null;
  /** `0x…` without leading zeros. */
  readonly cookie: string | null;
  readonly match: string | null;
  readonly actions: string | null;
}

export type Outcome = 'output' | 'controller' | 'recirc' | 'drop';

/** What became of the packet that came in, or of a copy that went through conntrack. */
export interface Section {
  readonly path: readonly PathStep[];
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

const texts = new WeakMap<Flow, PathStep>();

/** A flow's texts are the same wherever it is met. */
function pathStep(table: number, flow: Flow | null): PathStep {
  if (flow === null) return { table, priority: null, cookie: null, match: null, actions: null };
  let step = texts.get(flow);
  if (step === undefined) {
    step = {
      table,
      priority: flow.priority,
      cookie: `0x${flow.cookie.toString(16)}`,
      match: formatMatch(flow.match),
      actions: formatActions(flow.actions),
    };
    texts.set(flow, step);
  }
  return step;
}

const RECIRCULATION = field('recirc_id');
const OUTCOMES: readonly Outcome[] = ['output', 'controller', 'recirc', 'drop'];

interface Draft {
  readonly steps: number[];
  readonly path: PathStep[];
  readonly forks: number[];
}

/** The steps of an execution by pass. */
function byPass(steps: readonly Step[], passes: number): Draft[] {
  const drafts = Array.from({ length: passes }, (): Draft => ({ steps: [], path: [], forks: [] }));
  for (const [index, step] of steps.entries()) {
    const draft = drafts[step.pass];
    if (draft === undefined) continue;
    draft.steps.push(index);
    if (step.kind === 'table') draft.path.push(pathStep(step.table, step.flow));
    else if (step.kind === 'conntrack' && step.fork !== null) draft.forks.push(step.fork);
  }
  return drafts;
}

/** The packet of a fork bears the number that it came back with. */
function numbered(key: FlowKey, id: number): FlowKey {
  const copy = key.slice();
  writeField(copy, RECIRCULATION, BigInt(id));
  return copy;
}

function best(outcomes: readonly Outcome[]): Outcome {
  return OUTCOMES.find((outcome) => outcomes.includes(outcome)) ?? 'drop';
}

function sections(execution: Execution, bridge: LoadedBridge, replay: Replay): Section {
  const drafts = byPass(execution.steps, execution.initial.length);
  // Numbers are given out breadth first, as the forks are followed.
  const order = [0];
  for (const pass of order) order.push(...(drafts[pass]?.forks ?? []));
  const recirculations = new Recirculations(order);
  const isTunnel = (port: number): boolean => (bridge.port(port)?.tunnel ?? null) !== null;
  const optionFields = bridge.tunnelOptions.map((option) => option.field);
  const examined = new Examined(execution, bridge.shapes, replay, isTunnel);
  const actions = new Map(
    order.map((pass) => {
      const steps = drafts[pass]?.steps ?? [];
      const view: DatapathView = {
        port: (ofport) => bridge.port(ofport),
        meter: (id) => bridge.meter(id),
        options: bridge.tunnelOptions,
        looked: (step) => examined.until(pass, steps, step),
        masks: (step) => {
          const parts = examined.until(pass, steps, step);
          return (target) =>
            readField(bridge.partlyWritten, target) === 0n ? fieldMask(target) : parts(target);
        },
      };
      return [pass, datapathActions(execution, pass, steps, view, recirculations)];
    }),
  );
  const sectionOf = (pass: number): Section => {
    const { path = [], forks = [], steps = [] } = drafts[pass] ?? {};
    const done = actions.get(pass);
    const inner = forks.map(sectionOf);
    const initial = execution.initial[pass];
    const final = execution.final[pass];
    const own: Outcome =
      done === undefined
        ? 'drop'
        : done.outputs > 0
          ? 'output'
          : done.controllers > 0
            ? 'controller'
            : done.hashed
              ? 'recirc'
              : 'drop';
    const bear = (key: FlowKey) => (pass === 0 ? key : numbered(key, recirculations.of(pass)));
    return {
      path,
      outcome: best([own, ...inner.map(({ outcome }) => outcome)]),
      finalFlow:
        initial === undefined || final === undefined
          ? 'unchanged'
          : finalFlow(bear(initial), bear(final), optionFields),
      datapathActions: done?.text ?? 'drop',
      recirculations: inner,
      origin: { pass, steps },
    };
  };
  return sectionOf(0);
}

/** Where the states of the forks are given, no connections are looked up. */
const NOT_ASKED = new Conntrack();

/**
 * Follows `key` through the bridge as `ofproto/trace` of Open vSwitch 3.1 does.
 * @param ctNext ct_state of the forks, breadth first; `trk|new` for those beyond.
 * @param options.ambiguity Whether to look for further flows that match with the same priority.
 */
export function traceOffline(
  bridge: LoadedBridge,
  key: FlowKey,
  ctNext: readonly number[] = [],
  { ambiguity = false }: { readonly ambiguity?: boolean } = {},
): OfflineTrace {
  const options = { conntrack: NOT_ASKED, now: 0, ctNext, imitate: true, ambiguity };
  // Flows may write tunnel options into a packet that came without any.
  const packet = bridge.tunnelOptions.length === 0 ? key : widened(key);
  const execution = execute(bridge.sim, packet, options);
  const section = sections(execution, bridge, (witness) => {
    execute(bridge.sim, packet, { ...options, witness });
  });
  return { section, execution };
}

const stepTexts = new WeakMap<PathStep, string>();

function stepText(step: PathStep): string {
  let text = stepTexts.get(step);
  if (text === undefined) {
    text = JSON.stringify(step);
    stepTexts.set(step, text);
  }
  return text;
}

/** A trace as `--json` prints it, in one line: a flow's part is written once, however often it is met. */
export function sectionText(section: Section): string {
  const { path, outcome, finalFlow: final, datapathActions: actions, recirculations } = section;
  return (
    `{"path":[${path.map(stepText).join(',')}],"outcome":"${outcome}",` +
    `"finalFlow":${JSON.stringify(final)},"datapathActions":${JSON.stringify(actions)},` +
    `"recirculations":[${recirculations.map(sectionText).join(',')}]}`
  );
}
