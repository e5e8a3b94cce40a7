/** One bridge as its dumps tell of it, ready to trace through. */
import { formatIp } from '../../address/ip.ts';
import { Failure } from '../../base/failure.ts';
import {
  parseFlows,
  parseGroups,
  type LineError,
  type PortOptions,
} from '../../openflow/text/index.ts';
import type { Field, FlowKey } from '../../openflow/fields.ts';
import { PORT, type Action, type Flow, type Group } from '../../openflow/flow.ts';
import { mappedOptions } from '../../openflow/tunnel-options.ts';
import { KeyPool, SimBridge, type SimPort } from '../../sim/index.ts';
import {
  partlyWritten,
  TableShapes,
  type DatapathPort,
  type TunnelOption,
  type TunnelPort,
} from '../../sim/datapath/index.ts';
import { parsePorts, tunnelOf, type ShownBridge, type ShownPort } from './ports.ts';
import { Ways } from './ways.ts';

/** A text and where it is from, for messages. */
export interface Source {
  /** The file's path, or what the text is called. */
  readonly name: string;
  readonly text: string;
}

export interface BridgeSources {
  /** add-flow lines or a dump-flows output. */
  readonly flows: Source;
  /** add-group lines or a dump-groups output. */
  readonly groups?: Source | undefined;
  /** A dpif/show output; without it every port exists, numbered in the datapath as in OpenFlow. */
  readonly ports?: Source | undefined;
  /** Which bridge of `ports`; needed where it shows several. */
  readonly bridge?: string | undefined;
  /** Go on without the lines that cannot be read. */
  readonly skipBad?: boolean | undefined;
}

export interface LoadedBridge {
  readonly sim: SimBridge;
  /** OpenFlow port numbers by name. */
  readonly portNumbers: ReadonlyMap<string, number>;
  /** What texts about this bridge are read with: names of ports, tunnel options. */
  readonly textOptions: PortOptions;
  /** What the TLV map names, in the order of the map. */
  readonly tunnelOptions: readonly TunnelOption[];
  /** Their fields. */
  readonly optionFields: readonly Field[];
  port(ofport: number): DatapathPort | undefined;
  meter(id: number): number;
  readonly shapes: TableShapes;
  /** For the packets of one trace after the other. */
  readonly keys: KeyPool;
  readonly ways: Ways;
  /** Bits of fields that some action writes in part. */
  readonly partlyWritten: FlowKey;
  /** Lines that were left out, as `FILE:LINE:COLUMN: what is wrong`. */
  readonly skipped: readonly string[];
  /** Whether it is known which ports there are. */
  readonly portsKnown: boolean;
}

/** Every port exists: nobody says which do. */
class AnyPortBridge extends SimBridge {
  override port(ofport: number): SimPort {
    return super.port(ofport) ?? { ofport, name: `port ${ofport}`, kind: 'vm', up: true };
  }
}

const located = ({ name }: Source, { line, column, message }: LineError): string =>
  `${name}:${line}:${column}: ${message}`;

const MOST_SHOWN = 10;

function badLines(lines: readonly string[]): Failure {
  const shown = lines.slice(0, MOST_SHOWN).join('\n');
  const more = lines.length > MOST_SHOWN ? `\n… and ${lines.length - MOST_SHOWN} more` : '';
  const count = lines.length === 1 ? 'a line' : `${lines.length} lines`;
  return new Failure(
    'invalid',
    'InvalidFlows',
    `${count} cannot be read, so a trace could miss flows (--skip-bad goes on without):\n${shown}${more}`,
    { field: 'flows', value: lines[0] },
  );
}

function chooseBridge(bridges: readonly ShownBridge[], wanted: string | undefined): ShownBridge {
  const names = bridges.map(({ name }) => name || '(unnamed)').join(', ');
  if (wanted !== undefined) {
    const found = bridges.find(({ name }) => name === wanted);
    if (found !== undefined) return found;
    const message = `bridge is "${wanted}"; the ports are those of ${names || 'no bridge'}`;
    throw new Failure('not_found', 'UnknownBridge', message, { field: 'bridge', value: wanted });
  }
  const [only] = bridges;
  if (only === undefined || bridges.length === 1) return only ?? { name: '', ports: [] };
  throw new Failure(
    'invalid',
    'AmbiguousBridge',
    `the ports are those of several bridges: ${names}; say which one with --bridge`,
    { field: 'bridge' },
  );
}

const KINDS: Readonly<Record<string, SimPort['kind']>> = { patch: 'patch', internal: 'internal' };

function simPort(port: ShownPort, tunnel: TunnelPort | null): SimPort {
  const { ofport, name, type } = port;
  const kind = ofport === PORT.local ? 'local' : tunnel ? 'tunnel' : (KINDS[type] ?? 'vm');
  const peer = port.options.get('peer');
  const common = { ofport, name, kind, up: true, ...(peer !== undefined && { peer }) };
  if (tunnel === null) return common;
  const { local, remote, outKey } = tunnel;
  return {
    ...common,
    ...(local !== null && local !== 'flow' && { localIp: formatIp(local) }),
    tunnel: {
      type,
      remote: remote === 'flow' ? null : formatIp(remote),
      outKey: outKey === 'flow' ? null : (outKey ?? 0n),
      inKey: null,
    },
  };
}

function* metersOf(actions: readonly Action[]): Generator<number> {
  for (const action of actions) {
    if (action.kind === 'meter') yield action.meter;
    else if (action.kind === 'controller' && action.meterId !== undefined) yield action.meterId;
    else if (action.kind === 'clone' || action.kind === 'write_actions') {
      yield* metersOf(action.actions);
    }
  }
}

/**
 * A datapath numbers meters from 0 in the order in which they are added. No dump tells that order;
 * most switches are given them by id.
 */
function datapathMeters(flows: readonly Flow[], groups: readonly Group[]): Map<number, number> {
  const ids = new Set<number>();
  for (const { actions } of flows) for (const id of metersOf(actions)) ids.add(id);
  for (const { buckets } of groups) {
    for (const { actions } of buckets) for (const id of metersOf(actions)) ids.add(id);
  }
  return new Map([...ids].sort((a, b) => a - b).map((id, index) => [id, index]));
}

/**
 * Reads the texts of one bridge.
 * @throws {Failure} `invalid`: `InvalidFlows` with file, line and column of every bad line of flows
 *   and groups, unless they are to be skipped; `InvalidPorts`; `AmbiguousBridge`; `not_found`
 *   (`UnknownBridge`).
 */
export function loadBridge(sources: BridgeSources): LoadedBridge {
  const shown = sources.ports === undefined ? null : parsePorts(sources.ports.text);
  const { name, ports } =
    shown === null ? { name: '', ports: [] } : chooseBridge(shown.bridges, sources.bridge);
  const portNumbers = new Map(ports.map((port) => [port.name, port.ofport]));
  const tlvMap = shown?.tlvMap ?? [];
  const tunnelOptions = mappedOptions(tlvMap);
  const options = { ports: portNumbers, ...(tlvMap.length > 0 && { tunnelOptions }) };
  const flows = parseFlows(sources.flows.text, options);
  const groups = sources.groups === undefined ? null : parseGroups(sources.groups.text, options);
  const skipped = [
    ...flows.errors.map((error) => located(sources.flows, error)),
    ...(groups?.errors ?? []).map((error) => located(sources.groups ?? sources.flows, error)),
  ];
  if (skipped.length > 0 && sources.skipBad !== true) throw badLines(skipped);

  const tunnels = new Map(ports.map((port) => [port.ofport, tunnelOf(port)]));
  const simPorts = ports.map((port) => simPort(port, tunnels.get(port.ofport) ?? null));
  const sim = shown === null ? new AnyPortBridge(name) : new SimBridge(name, simPorts);
  const meterNumbers = datapathMeters(flows.flows, groups?.groups ?? []);
  // A switch takes no flow with a meter that it does not have; what they limit does not matter here.
  const meters = [...meterNumbers.keys()].map((id) => ({ id, unit: 'pktps', rate: 1 }) as const);
  sim.apply({ flows: flows.flows, groups: groups?.groups ?? [], meters });
  const datapath = new Map<number, DatapathPort>(
    ports.map(({ ofport, datapath: number }) => [
      ofport,
      { number, tunnel: tunnels.get(ofport) ?? null },
    ]),
  );
  const mapped = tlvMap.flatMap(({ optionClass, type, index }) => {
    const target = tunnelOptions.get(index);
    return target === undefined ? [] : [{ optionClass, type, field: target }];
  });
  let partly: FlowKey | undefined;
  return {
    sim,
    portNumbers,
    port: (ofport) =>
      datapath.get(ofport) ??
      (shown === null ? { number: ofport & 0xffff, tunnel: null } : undefined),
    meter: (id) => meterNumbers.get(id) ?? id,
    shapes: new TableShapes(() => flows.flows),
    keys: new KeyPool(),
    ways: new Ways(),
    get partlyWritten() {
      return (partly ??= partlyWritten([
        ...flows.flows.map(({ actions }) => actions),
        ...(groups?.groups ?? []).flatMap(({ buckets }) => buckets.map(({ actions }) => actions)),
      ]));
    },
    skipped,
    portsKnown: shown !== null,
    textOptions: options,
    tunnelOptions: mapped,
    optionFields: mapped.map(({ field }) => field),
  };
}
