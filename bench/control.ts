/** Nodes with real switches, from the REST call to the flow: what was measured, said beside its aim. */
import { ovsAvailable } from '../test/support/ovs.ts';
import { countBudget, type BudgetFigures } from './budget.ts';
import { benchLatency, type LatencyFigures } from './latency.ts';
import { benchScale, type ScaleFigures } from './scale.ts';
import { benchSwitch, type SwitchFigures } from './switch.ts';

/** A figure with what it should stay under. */
export interface Aimed {
  readonly what: string;
  readonly figure: number;
  readonly aim: number;
  /** What OVN 23.03 needs for the same on two quiet cores. */
  readonly ovn?: number;
}

export interface ControlFigures {
  readonly budget: readonly BudgetFigures[];
  /** Null without Open vSwitch. */
  readonly live: {
    readonly switch: SwitchFigures;
    readonly latency: LatencyFigures;
    readonly scale: ScaleFigures;
  } | null;
  readonly aims: readonly Aimed[];
}

const FILL_RATIO = 0.5;
const BOUND_P50_MS = 15;
/** Of p50 at the most ports to p50 at the fewest. */
const GROWTH = 1.5;
const MANY_MS = 1000;
const PER_PORT: Readonly<Record<string, Pick<Aimed, 'aim' | 'ovn'>>> = {
  'IPv4, one allow-all group': { aim: 15, ovn: 53 },
  'dual stack, one allow-all group': { aim: 24 },
};
const OVN_MS: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  allowAll: { 100: 33, 500: 237, 1000: 554 },
  remoteGroup: { 1000: 1004 },
};
const OVN_MANY_MS = 2700;

const ovnOf = (ms: number | undefined): Pick<Aimed, 'ovn'> => (ms === undefined ? {} : { ovn: ms });

function budgetAims(budget: readonly BudgetFigures[]): Aimed[] {
  return budget.flatMap(({ ports, flowsPerPort: figure }) => {
    const aim = PER_PORT[ports];
    return aim === undefined ? [] : [{ what: `flows per port, ${ports}`, figure, ...aim }];
  });
}

function latencyAims(latency: LatencyFigures): Aimed[] {
  return Object.entries(latency).flatMap(([group, sizes]) => {
    const name = group === 'allowAll' ? 'allow-all group' : 'remote group';
    const at: Aimed[] = sizes.map(({ ports, p50Ms }: LatencyFigures['allowAll'][number]) => ({
      what: `p50 from binding to flows, ${name}, ${ports} ports, ms`,
      figure: p50Ms,
      aim: BOUND_P50_MS,
      ...ovnOf(OVN_MS[group]?.[ports]),
    }));
    const growth = (at.at(-1)?.figure ?? 0) / (at[0]?.figure ?? 0);
    return at.concat({ what: `its growth, ${name}`, figure: growth, aim: GROWTH });
  });
}

function liveAims({ switch: filled, latency, scale }: NonNullable<ControlFigures['live']>) {
  const fills = filled.fill.map(({ flows, ratio }) => ({
    what: `${flows} flows put in, of ovs-ofctl's time`,
    figure: ratio,
    aim: FILL_RATIO,
  }));
  const many = {
    what: `${scale.ports} ports bound on two nodes, ms`,
    figure: scale.boundMs,
    aim: MANY_MS,
    ovn: OVN_MANY_MS,
  };
  return [...fills, ...latencyAims(latency), many];
}

export async function benchControl(): Promise<ControlFigures> {
  const budget = countBudget();
  const live = ovsAvailable
    ? {
        switch: await benchSwitch(),
        latency: await benchLatency(),
        scale: await benchScale(),
      }
    : null;
  const aims = [...budgetAims(budget), ...(live === null ? [] : liveAims(live))];
  return { budget, live, aims };
}

type Say = (line: string) => void;
const number = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 2 });

function sayLive(
  { switch: filled, latency, scale }: NonNullable<ControlFigures['live']>,
  say: Say,
) {
  for (const { flows, oursMs, ofctlMs, ratio } of filled.fill) {
    say(
      `  ${number(flows)} flows into an empty bridge: ${number(oursMs)} ms,` +
        ` ovs-ofctl --bundle add-flows ${number(ofctlMs)} ms: ${number(ratio)}`,
    );
  }
  const { reconcile } = filled;
  say(
    `  ${number(reconcile.flows)} flows read and found right: ${number(reconcile.oursMs)} ms,` +
      ` ${number(reconcile.dumpRatio)} of ovs-ofctl dump-flows,` +
      ` ${number(reconcile.replaceRatio)} of replace-flows`,
  );
  say('  a port bound by REST, ms to its flows on both nodes   p50     p99    PUT p50  PUT p99');
  for (const [group, sizes] of Object.entries(latency)) {
    for (const { ports, p50Ms, p99Ms, putP50Ms, putP99Ms } of sizes as LatencyFigures['allowAll']) {
      say(
        `    ${number(ports)} ports, ${group}`.padEnd(50) +
          [p50Ms, p99Ms, putP50Ms, putP99Ms].map((ms) => number(ms).padStart(8)).join(''),
      );
    }
  }
  const { ports, boundMs, agent, emptyAgent, agentPorts } = scale;
  say(`  ${number(ports)} plugged ports bound: ${number(boundMs)} ms to all flows on both nodes`);
  say(
    `  agent with ${number(agentPorts.inVpc)} ports in its VPC, ${number(agentPorts.here)} here:` +
      ` ${number(agent.rssMiB)} MiB resident, ${number(agent.heapMiB)} MiB heap` +
      ` (empty: ${number(emptyAgent.rssMiB)} and ${number(emptyAgent.heapMiB)})`,
  );
}

export function sayControl({ budget, live, aims }: ControlFigures, say: Say): void {
  say('nodes: one VPC on real switches');
  for (const { ports, flowsPerPort } of budget) say(`  ${flowsPerPort} flows for a port: ${ports}`);
  if (live === null) say('  Open vSwitch is not installed: nothing of switches is measured');
  else sayLive(live, say);
  for (const { what, figure, aim, ovn } of aims) {
    if (figure <= aim) continue;
    const beside = ovn === undefined ? '' : `, OVN ${number(ovn)}`;
    say(`  not reached: ${what}: ${number(figure)}, aim ${number(aim)}${beside}`);
  }
}
