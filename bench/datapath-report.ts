/** What real traffic came to, said beside what it is to come to. */
import type { Compared, DatapathFigures, PathFigures } from './datapath.ts';

interface Aim {
  /** OVN 23.03's ratio to the bare network on two quiet cores, which is to be beaten. */
  readonly ovn: number;
  readonly better: 'higher' | 'lower';
}

type Measured = Exclude<keyof PathFigures, 'datapathFlows'>;

const MEASURED: readonly { readonly of: Measured; readonly unit: string }[] = [
  { of: 'mbitPerSecond', unit: 'TCP, Mbit/s' },
  { of: 'roundTripUs', unit: 'ping, µs' },
  { of: 'connectionsPerSecond', unit: 'new connections/s of 8 clients' },
  { of: 'switchCpuUsPerConnection', unit: 'ovs-vswitchd for each, µs of CPU' },
];

const higher = (ovn: number): Aim => ({ ovn, better: 'higher' });
const lower = (ovn: number): Aim => ({ ovn, better: 'lower' });

type Aims = Readonly<Record<Measured, Aim>>;

const SAME_NODE: Aims = {
  mbitPerSecond: higher(0.93),
  roundTripUs: lower(1.32),
  connectionsPerSecond: higher(0.88),
  switchCpuUsPerConnection: lower(1.14),
};

const ACROSS_NODES: Aims = {
  mbitPerSecond: higher(0.98),
  roundTripUs: lower(1.22),
  connectionsPerSecond: higher(0.84),
  switchCpuUsPerConnection: lower(1.16),
};

const PATHS: readonly {
  readonly path: keyof DatapathFigures;
  readonly name: string;
  readonly aims: Aims;
}[] = [
  { path: 'sameNode', name: 'VM1 to VM2, same node', aims: SAME_NODE },
  {
    path: 'acrossNodes',
    name: 'VM1 to VM3, across nodes; the bare ones use one uplink',
    aims: ACROSS_NODES,
  },
  {
    path: 'acrossNodesBonded',
    name: 'VM1 to VM3, across nodes; the bare ones bond their uplinks, active and backup',
    aims: ACROSS_NODES,
  },
];

function line(unit: string, { ours, bare, ratio, half }: Compared, { ovn, better }: Aim): string {
  const met = better === 'higher' ? ratio > ovn : ratio < ovn;
  const figures = [ours, bare, ratio].map((figure) => String(figure).padStart(9)).join('');
  const spread = half.join(' … ').padEnd(15);
  return `    ${unit.padEnd(34)}${figures}   ${spread}   OVN ${ovn}${met ? '' : '   missed'}`;
}

export function sayDatapath(
  outcome: DatapathFigures | { readonly leftOut: string },
  say: (text: string) => void,
): void {
  if ('leftOut' in outcome) {
    say(`real traffic: left out, ${outcome.leftOut}`);
    return;
  }
  say('real traffic beside a bare NORMAL bridge with VXLAN: ours, bare, ratio, half of the rounds');
  for (const { path, name, aims } of PATHS) {
    const figures = outcome[path];
    say(`  ${name}`);
    for (const { of, unit } of MEASURED) say(line(unit, figures[of], aims[of]));
    const { ours, bare } = figures.datapathFlows;
    say(`    one connection each way leaves ${ours} datapath flows, bare ${bare}`);
  }
}
