/** An offline trace for people: each table, its flow, what the flow changed, and why it ends there. */
import { FIELDS, type Field, type FlowKey } from '../../openflow/fields.ts';
import { readField } from '../../openflow/key.ts';
import { formatActions, formatMatch } from '../../openflow/text/index.ts';
import { formatPort } from '../../openflow/text/ports.ts';
import { formatMatchValue } from '../../openflow/text/values.ts';
import { flowText } from '../../sim/datapath/index.ts';
import type { Step } from '../../sim/index.ts';
import type { LoadedBridge } from './bridge.ts';
import type { OfflineTrace, Outcome, Section } from './trace.ts';

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

const SUPPRESSED: Readonly<Record<StepOf<'suppressed'>['why'], string>> = {
  in_port: 'not sent: the packet came in there (use IN_PORT, or set in_port to 0 before)',
  no_such_port: 'not sent: there is no such port',
  down: 'not sent: the port is down',
  error: 'void: an error further on makes all of this a drop',
  tunnel: 'not sent: the tunnel has no destination, or is the one that the packet came out of',
};

function portName(bridge: LoadedBridge, port: number): string {
  const name = bridge.sim.ports.get(port)?.name;
  return name === undefined ? formatPort(port) : `${formatPort(port)} (${name})`;
}

/** What there is to say of a step beside its flow; nothing of those that only mark a place. */
const TELL: {
  readonly [K in Step['kind']]?: (step: StepOf<K>, bridge: LoadedBridge) => string;
} = {
  group: ({ group, buckets }) => {
    if (typeof group === 'number') return `group ${group} does not exist: the list of actions ends`;
    if (buckets.length === 0) return `group ${group.id} has no bucket that is alive or chosen`;
    return `group ${group.id} (${group.type}): bucket ${buckets.join(', ')}`;
  },
  output: ({ port }, bridge) => `sent to port ${portName(bridge, port)}`,
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

const ENDINGS: Readonly<Record<Outcome, string>> = {
  output: 'sent out',
  controller: 'sent to the controller only',
  recirc: 'not known: it is recirculated with a hash that only the switch computes',
  drop: 'dropped',
};

/** Why nothing came of a section: the last thing that it met. */
function whyDropped(steps: readonly Step[]): string {
  const suppressed = steps.findLast((step) => step.kind === 'suppressed');
  if (suppressed !== undefined) return 'nothing of it was sent';
  const last = steps.findLast((step) => step.kind === 'table');
  if (last === undefined) return 'no table was looked up';
  if (last.flow === null) return `no flow of table ${last.table} matches`;
  if (last.flow.actions.length === 0) return `the flow of table ${last.table} has no actions`;
  return `the actions of table ${last.table} lead nowhere`;
}

class Writer {
  readonly lines: string[] = [];
  readonly #trace: OfflineTrace;
  readonly #bridge: LoadedBridge;
  #sections = 0;

  constructor(trace: OfflineTrace, bridge: LoadedBridge) {
    this.#trace = trace;
    this.#bridge = bridge;
  }

  /** Sections come breadth first, as their forks are numbered. */
  all(): void {
    const order: Section[] = [this.#trace.section];
    for (const section of order) {
      this.section(section);
      order.push(...section.recirculations);
    }
  }

  section(section: Section): void {
    const number = this.#sections;
    this.#sections += 1;
    const { pass, steps } = section.origin;
    const { execution } = this.#trace;
    const initial = execution.initial[pass];
    if (number > 0) this.lines.push('', `— copy ${number}, back from conntrack —`);
    if (initial !== undefined) this.lines.push(`Packet: ${flowText(initial)}`, '');
    const met = steps.flatMap((index) => execution.steps[index] ?? []);
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
    const failure = execution.failures[pass] ?? null;
    const why = failure ?? (section.datapathActions === 'drop' ? whyDropped(met) : null);
    this.lines.push('', `Final flow: ${section.finalFlow}`);
    this.lines.push(`Datapath actions: ${section.datapathActions}`);
    if (why !== null) this.lines.push(`Nothing leaves here: ${why}.`);
  }

  #step(step: Step): void {
    if (step.kind === 'table') {
      const { table, flow } = step;
      if (flow === null) {
        this.lines.push(`${String(table).padStart(3)}. no flow matches`);
        return;
      }
      const match = formatMatch(flow.match) || 'any packet';
      const cookie = flow.cookie === 0n ? '' : `, cookie 0x${flow.cookie.toString(16)}`;
      this.lines.push(
        `${String(table).padStart(3)}. ${match}, priority ${flow.priority}${cookie}`,
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
  writer.lines.push('', `Outcome: ${ENDINGS[trace.section.outcome]}.`);
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
