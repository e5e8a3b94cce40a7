/** An offline trace for people: each table, its flow, what the flow changed, and why it ends there. */
import { FIELDS, type Field, type FlowKey } from '../../openflow/fields.ts';
import { readField } from '../../openflow/key.ts';
import { formatActions, formatMatch } from '../../openflow/text/index.ts';
import { formatMatchValue } from '../../openflow/text/values.ts';
import { flowText } from '../../sim/datapath/index.ts';
import type { Step } from '../../sim/index.ts';
import type { LoadedBridge } from './bridge.ts';
import {
  coursesOf,
  ending,
  endsInNothing,
  flowName,
  portName,
  SUPPRESSED,
  whyNothing,
  type Course,
} from './ending.ts';
import type { OfflineTrace } from './trace.ts';

/** Fields by which a change is told: no two overlap, and those of one packet share no place. */
const TOLD: readonly Field[] = [
  ...Array.from({ length: 16 }, (_, index) => `reg${index}`),
  'metadata',
  'in_port',
  'tun_id',
  'tun_src',
  'tun_dst',
  'tun_ipv6_src',
  'tun_ipv6_dst',
  'pkt_mark',
  'ct_state',
  'ct_zone',
  'ct_mark',
  'ct_label',
  'eth_src',
  'eth_dst',
  'eth_type',
  'vlan_tci',
  'mpls_label',
  'ip_src',
  'ip_dst',
  'ipv6_src',
  'ipv6_dst',
  'nw_tos',
  'nw_ttl',
  'tcp_src',
  'tcp_dst',
  'nd_target',
  'arp_sha',
  'arp_tha',
].flatMap((name) => FIELDS.get(name) ?? []);

function shown(value: bigint, target: Field): string {
  return formatMatchValue({ value, mask: target.exact }, target);
}

function changes(before: FlowKey, after: FlowKey): string[] {
  if (before === after) return [];
  return TOLD.flatMap((target) => {
    const old = readField(before, target);
    const next = readField(after, target);
    if (old === next) return [];
    return [`${target.matchName}: ${shown(old, target)} → ${shown(next, target)}`];
  });
}

type StepOf<K extends Step['kind']> = Extract<Step, { kind: K }>;

/** What there is to say of a step beside its flow; nothing of those that only mark a place. */
const TELL: {
  readonly [K in Step['kind']]?: (step: StepOf<K>, bridge: LoadedBridge) => string;
} = {
  group: ({ group, buckets }) => {
    if (typeof group === 'number') return `group ${group} does not exist: the list of actions ends`;
    if (buckets.length === 0) return `group ${group.id} has no bucket that is alive or chosen`;
    return `group ${group.id} (${group.type}): bucket ${buckets.join(', ')}`;
  },
  output: ({ port }, bridge) => {
    const peer = bridge.sim.ports.get(port)?.peer;
    const onward = peer === undefined ? '' : `, and on into the bridge of ${peer}`;
    return `sent to port ${portName(bridge, port)}${onward}`;
  },
  suppressed: ({ port, why }, bridge) => `port ${portName(bridge, port)}: ${SUPPRESSED[why]}`,
  controller: ({ reason }) => `sent to the controller (reason ${reason})`,
  conntrack: ({ zone, committed, table }) =>
    `conntrack zone ${zone}${committed ? ', committed' : ''}${
      table === null ? '' : `; a copy comes back to table ${table} (below)`
    }`,
  recirculate: ({ cause, followed }) =>
    cause === 'dp_hash' && !followed
      ? 'recirculated for its hash: which bucket it takes is known only with dp_hash=… in the packet'
      : `recirculated (${cause})`,
  length: ({ edge, length }) =>
    edge === 'end'
      ? 'both lengths are told above'
      : `packets ${edge === 'greater' ? 'longer than' : 'of up to'} ${length} bytes:`,
  learn: ({ flow }) =>
    `would learn table=${flow.table},priority=${flow.priority},${formatMatch(flow.match)},actions=${formatActions(flow.actions)}`,
  note: ({ message, alternatives }) =>
    [message, ...alternatives.map((one) => `or: ${one}`)].join('; '),
  error: ({ message }) => message,
};

function tell(step: Step, bridge: LoadedBridge): string | null {
  const write = TELL[step.kind] as ((step: Step, bridge: LoadedBridge) => string) | undefined;
  return write?.(step, bridge) ?? null;
}

class Writer {
  readonly lines: string[] = [];
  readonly #trace: OfflineTrace;
  readonly #bridge: LoadedBridge;

  constructor(trace: OfflineTrace, bridge: LoadedBridge) {
    this.#trace = trace;
    this.#bridge = bridge;
  }

  /** Sections come breadth first, as their forks are numbered. */
  all(): void {
    for (const course of coursesOf(this.#trace)) this.course(course);
    this.lines.push('', ...ending(this.#trace, this.#bridge));
  }

  course(course: Course): void {
    const { number, section, steps: met } = course;
    const { execution } = this.#trace;
    const { pass } = section.origin;
    const initial = execution.initial[pass];
    if (number > 0) this.lines.push('', `— copy ${number}, back from conntrack —`);
    if (initial !== undefined) this.lines.push(`Packet: ${flowText(initial)}`, '');
    let before = initial;
    for (const step of met) {
      if ('key' in step) {
        if (before !== undefined) {
          for (const change of changes(before, step.key)) this.lines.push(`      ${change}`);
        }
        before = step.key;
      }
      this.#step(step);
    }
    this.lines.push('', `Final flow: ${section.finalFlow}`);
    this.lines.push(`Datapath actions: ${section.datapathActions}`);
    if (endsInNothing(course, this.#bridge)) {
      this.lines.push(`Nothing leaves here: ${whyNothing(course, this.#bridge)}.`);
    }
  }

  #step(step: Step): void {
    if (step.kind === 'table') {
      const { table, flow } = step;
      if (flow === null) {
        this.lines.push(`${String(table).padStart(3)}. no flow matches`);
        return;
      }
      this.lines.push(
        `${String(table).padStart(3)}. ${flowName(flow)}`,
        `     ${formatActions(flow.actions)}`,
      );
      return;
    }
    const said = tell(step, this.#bridge);
    if (said !== null) this.lines.push(`      ${said}`);
  }
}

/** The whole trace, line by line. */
export function renderOffline(trace: OfflineTrace, bridge: LoadedBridge): string {
  const writer = new Writer(trace, bridge);
  writer.all();
  if (!bridge.portsKnown) {
    writer.lines.push(
      'Which ports there are is not known (--ports tells): each is taken to exist, with its own number in the datapath.',
    );
  }
  if (bridge.skipped.length > 0) {
    const lines = bridge.skipped.length === 1 ? 'line was' : 'lines were';
    writer.lines.push(
      `${bridge.skipped.length} ${lines} left out; the switch may have flows that this trace missed:`,
      ...bridge.skipped,
    );
  }
  return writer.lines.join('\n');
}
