/** What became of a packet in the end, and why nothing did, in words. */
import { PORT } from '../../openflow/flow.ts';
import { readNumber } from '../../openflow/key.ts';
import { field } from '../../openflow/fields.ts';
import { formatActions, formatMatch } from '../../openflow/text/index.ts';
import { formatPort } from '../../openflow/text/ports.ts';
import { formatMatchValue } from '../../openflow/text/values.ts';
import type { Flow } from '../../openflow/flow.ts';
import type { Step } from '../../sim/index.ts';
import type { LoadedBridge } from './bridge.ts';
import { causesOf, lookupsOf, type Cause } from './cause.ts';
import type { OfflineTrace, Section } from './trace.ts';

type StepOf<K extends Step['kind']> = Extract<Step, { kind: K }>;

const kindIs =
  <K extends Step['kind']>(kind: K) =>
  (step: Step): step is StepOf<K> =>
    step.kind === kind;

/** `12 (vm2)`. */
export function portName({ sim }: LoadedBridge, port: number): string {
  const name = sim.ports.get(port)?.name;
  return name === undefined ? formatPort(port) : `${formatPort(port)} (${name})`;
}

/** `MATCH, priority N, cookie C`. */
export function flowName({ match, priority, cookie }: Flow): string {
  const mark = cookie === 0n ? '' : `, cookie 0x${cookie.toString(16)}`;
  return `${formatMatch(match) || 'any packet'}, priority ${priority}${mark}`;
}

export const SUPPRESSED: Readonly<Record<StepOf<'suppressed'>['why'], string>> = {
  in_port: 'not sent: the packet came in there (use IN_PORT, or set in_port to 0 before)',
  no_such_port: 'not sent: there is no such port',
  down: 'not sent: the port is down',
  error: 'void: an error further on makes all of this a drop',
  tunnel: 'not sent: the tunnel has no destination, or is the one that the packet came out of',
};

/** The sections breadth first, as their forks are numbered. */
function inOrder(section: Section): Section[] {
  const order = [section];
  for (const next of order) order.push(...next.recirculations);
  return order;
}

/** A section with what it met; `number` is its place in {@link inOrder}. */
export interface Course {
  readonly number: number;
  readonly section: Section;
  readonly steps: readonly Step[];
  /** Why all that it put out is void. */
  readonly failure: string | null;
}

/** The courses of a trace, breadth first. */
export function coursesOf({ section, execution }: OfflineTrace): Course[] {
  return inOrder(section).map((one, number) => ({
    number,
    section: one,
    steps: one.origin.steps.flatMap((index) => execution.steps[index] ?? []),
    failure: execution.failures[one.origin.pass] ?? null,
  }));
}

const isPatch = ({ sim }: LoadedBridge, port: number): boolean =>
  sim.ports.get(port)?.kind === 'patch';

/** Ports by which a course leaves this bridge, each once; `patch`: those into other bridges. */
function leaves({ steps, failure }: Course, bridge: LoadedBridge, patch: boolean): number[] {
  if (failure !== null) return [];
  const ports = steps.filter(kindIs('output')).map(({ port }) => port);
  return [...new Set(ports)].filter((port) => isPatch(bridge, port) === patch);
}

/** Whether nothing comes of a course: it is not sent on, and no copy of it goes on. */
export function endsInNothing(course: Course, bridge: LoadedBridge): boolean {
  const { steps, section, failure } = course;
  if (failure !== null) return true;
  if (section.recirculations.length > 0) return false;
  if (steps.some(({ kind }) => kind === 'controller' || kind === 'recirculate')) return false;
  return leaves(course, bridge, false).length + leaves(course, bridge, true).length === 0;
}

/** Why nothing came of a course: the last thing that it met. */
export function whyNothing({ steps, failure }: Course, bridge: LoadedBridge): string {
  if (failure !== null) return failure;
  const suppressed = steps.findLast(kindIs('suppressed'));
  if (suppressed !== undefined) {
    return `output to port ${portName(bridge, suppressed.port)} is ${SUPPRESSED[suppressed.why]}`;
  }
  const last = steps.findLast(kindIs('table'));
  if (last === undefined) return 'no table was looked up';
  if (last.flow === null) return `no flow of table ${last.table} matches`;
  const flow = `the flow of table ${last.table}, ${flowName(last.flow)},`;
  return `${flow} ${last.flow.actions.length === 0 ? 'drops it' : 'sends it nowhere'}`;
}

function causeText({ term, table, flow, action }: Cause): string {
  const value = formatMatchValue(term, term.field);
  return `${term.field.matchName}=${value} was written in table ${table} (${flowName(flow)}): ${formatActions([action])}`;
}

function* why(lookups: Parameters<typeof causesOf>[0]): Generator<string> {
  for (const cause of causesOf(lookups)) yield `    ${causeText(cause)}`;
}

const IN_PORT = field('in_port');

/** A packet whose port is not known to the bridge meets no flow of any port. */
function* strangePort({ execution }: OfflineTrace, bridge: LoadedBridge): Generator<string> {
  const [key] = execution.initial;
  if (key === undefined) return;
  const port = readNumber(key, IN_PORT);
  if (port === PORT.any) yield 'The packet does not say where it comes in: give it an in_port.';
  else if (bridge.portsKnown && !bridge.sim.ports.has(port) && port !== PORT.controller) {
    const ports = [...bridge.sim.ports.keys()].map((one) => portName(bridge, one)).join(', ');
    yield `The bridge has no port ${formatPort(port)}, by which the packet comes in; it has ${ports}.`;
  }
}

const where = ({ number }: Course): string => (number === 0 ? '' : `in copy ${number}, `);

const listed = (ports: ReadonlySet<number>, bridge: LoadedBridge): string =>
  [...ports].map((port) => `port ${portName(bridge, port)}`).join(', ');

function* dropped(trace: OfflineTrace, bridge: LoadedBridge, courses: readonly Course[]) {
  yield 'Outcome: dropped.';
  yield* strangePort(trace, bridge);
  for (const course of courses) {
    if (!endsInNothing(course, bridge)) continue;
    yield `  Why: ${where(course)}${whyNothing(course, bridge)}.`;
    yield* why(lookupsOf(trace.execution.steps, course.section.origin.pass));
  }
}

function* told({ execution }: OfflineTrace, courses: readonly Course[]) {
  yield 'Outcome: sent to the controller only.';
  for (const course of courses) {
    for (const step of course.steps.filter(kindIs('controller'))) {
      if (step.flow === null) continue;
      yield `  By: ${where(course)}the flow of table ${step.flow.table}, ${flowName(step.flow)}.`;
      yield* why(lookupsOf(execution.steps, step.pass, execution.steps.indexOf(step)));
    }
  }
}

/** The buckets among which the hash chooses. */
function* hashed(courses: readonly Course[], bridge: LoadedBridge) {
  yield 'Outcome: not known: it is recirculated with a hash that only the switch computes.';
  for (const { steps } of courses) {
    const at = steps.findIndex((step) => step.kind === 'recirculate' && step.cause === 'dp_hash');
    const flow = steps.slice(0, Math.max(0, at)).findLast(kindIs('table'))?.flow;
    for (const action of flow?.actions ?? []) {
      const group = action.kind === 'group' ? bridge.sim.group(action.group)?.group : undefined;
      if (group === undefined) continue;
      yield `  Group ${group.id} takes one of these; dp_hash=1, 2 … in the packet follows one:`;
      for (const { id, actions } of group.buckets) {
        yield `    bucket ${id}: ${formatActions(actions) || 'drop'}`;
      }
    }
  }
}

/** The last lines of a trace: what became of the packet, and by what. */
export function* ending(trace: OfflineTrace, bridge: LoadedBridge): Generator<string> {
  const courses = coursesOf(trace);
  const out = new Set(courses.flatMap((course) => leaves(course, bridge, false)));
  const onward = new Set(courses.flatMap((course) => leaves(course, bridge, true)));
  const { outcome } = trace.section;
  if (outcome === 'output') yield `Outcome: sent out by ${listed(out, bridge)}.`;
  else if (outcome === 'controller') yield* told(trace, courses);
  else if (outcome === 'recirc') yield* hashed(courses, bridge);
  else if (onward.size === 0) yield* dropped(trace, bridge, courses);
  else yield 'Outcome: nothing leaves this bridge but into another.';
  if (onward.size > 0) {
    yield `  It goes on into another bridge by ${listed(onward, bridge)}; what happens there is not in these dumps.`;
  }
}
