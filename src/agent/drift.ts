/** What somebody else did to the switch, in words that lead to the objects concerned. */
import type { BaseLogger } from 'pino';
import type { TopologyReader } from '../model/topology.ts';
import type { BridgeProgram, Flow, Group, Meter } from '../openflow/flow.ts';
import { flowKey } from '../openflow/identity.ts';
import { formatFlow, formatGroup, formatMeter } from '../openflow/text/index.ts';
import type { BridgeName } from '../pipeline/compiler.ts';
import { MODULE, decodeCookie } from '../pipeline/cookies.ts';
import type { BridgeDelta } from '../pipeline/feature.ts';
import { sound } from './alarms.ts';
import type { NodeNumbers } from './numbers.ts';

/** Lines for one repair; the rest is counted. */
const MOST_LINES = 20;

interface Item {
  readonly bridge: BridgeName;
  readonly what: 'missing' | 'changed' | 'added';
  readonly flow?: string;
  readonly group?: string;
  readonly meter?: string;
  /** The part of the pipeline that the flow belongs to. */
  readonly module?: string;
  readonly port?: string;
  readonly vpc?: string;
}

const moduleNames: ReadonlyMap<number, string> = new Map(
  Object.entries(MODULE).map(([name, number]) => [number, name]),
);

/** The name with the id behind it, as far as there is one. */
const named = (id: string, name: string | undefined): string =>
  name === undefined || name === '' ? id : `${name} (${id})`;

/** Who a flow's cookie speaks of; a foreign flow's speaks of nobody. */
function concerned(flow: Flow, topology: TopologyReader, local: NodeNumbers): Partial<Item> {
  const { epoch, vid, module, networkId } = decodeCookie(flow.cookie);
  if (epoch !== local.identity.epoch) return {};
  const port = local.portOf(vid);
  const networks = Object.entries(local.networkIds());
  const vpc = networks.find(([, number]) => number === networkId)?.[0];
  const name = moduleNames.get(module);
  return {
    ...(name === undefined ? {} : { module: name }),
    ...(port === undefined ? {} : { port: named(port, topology.get('port', port)?.name) }),
    ...(vpc === undefined ? {} : { vpc: named(vpc, topology.get('network', vpc)?.name) }),
  };
}

/** The parts of a difference, with how what was held relates to what was wanted. */
function* items(
  bridge: BridgeName,
  held: BridgeProgram,
  delta: BridgeDelta,
): Generator<Pick<Item, 'bridge' | 'what'> & { flow?: Flow; group?: Group; meter?: Meter }> {
  const flows = new Set(delta.add.length === 0 ? [] : held.flows.map(flowKey));
  const groups = new Set(held.groups.map(({ id }) => id));
  const meters = new Set(held.meters.map(({ id }) => id));
  const what = (known: boolean) => (known ? 'changed' : 'missing');
  for (const flow of delta.add) yield { bridge, what: what(flows.has(flowKey(flow))), flow };
  for (const flow of delta.remove) yield { bridge, what: 'added', flow };
  for (const group of delta.addGroups) yield { bridge, what: what(groups.has(group.id)), group };
  for (const group of delta.removeGroups) yield { bridge, what: 'added', group };
  for (const meter of delta.addMeters) yield { bridge, what: what(meters.has(meter.id)), meter };
  for (const meter of delta.removeMeters) yield { bridge, what: 'added', meter };
}

/**
 * Sounds an alarm for each flow, group and meter that was repaired; beyond twenty, one for the rest.
 * @param held What the switch had.
 * @param delta What turned it into what it should have.
 */
export function reportDrift(
  log: BaseLogger,
  bridge: BridgeName,
  held: BridgeProgram,
  delta: BridgeDelta,
  topology: TopologyReader,
  local: NodeNumbers,
): void {
  let count = 0;
  for (const { flow, group, meter, ...item } of items(bridge, held, delta)) {
    count += 1;
    if (count > MOST_LINES) continue;
    sound(log, 'drift', {
      ...item,
      ...(flow && { flow: formatFlow(flow), ...concerned(flow, topology, local) }),
      ...(group && { group: formatGroup(group) }),
      ...(meter && { meter: formatMeter(meter) }),
    });
  }
  if (count > MOST_LINES) sound(log, 'drift', { bridge, more: count - MOST_LINES });
}
