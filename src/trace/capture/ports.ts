/** The ports of a captured bridge, put together from what its tools say of them. */
import { formatIp, tryParseIp } from '../../address/index.ts';
import { PORT } from '../../openflow/flow.ts';
import type { PortVlans, SimPort, TunnelOptions } from '../../sim/types.ts';
import type { Row } from './database.ts';

/** A port as OpenFlow tells it: its name cut to 15 characters. */
interface Described {
  readonly ofport: number;
  readonly name: string;
  readonly mac: string;
  readonly up: boolean;
}

const DESCRIBED = /^\s*(LOCAL|\d+)\("?(.*?)"?\): addr:(\S+)/;

/** `dump-ports-desc`. */
export function readDescriptions(text: string): Described[] {
  return text.split(/\n(?=\s*(?:LOCAL|\d+)\()/).flatMap((block) => {
    const line = block.split('\n').find((candidate) => DESCRIBED.test(candidate)) ?? '';
    const [, number, name, mac] = DESCRIBED.exec(line) ?? [];
    if (number === undefined || name === undefined || mac === undefined) return [];
    const ofport = number === 'LOCAL' ? PORT.local : Number(number);
    return [{ ofport, name, mac, up: !/\b(?:LINK_DOWN|PORT_DOWN)\b/.test(block) }];
  });
}

/** A port as the datapath tells it, by its whole name. */
interface Opened {
  readonly ofport: number;
  readonly name: string;
  readonly type: string;
  readonly options: ReadonlyMap<string, string>;
}

const BRIDGE = /^ {2}(\S+):$/;
/** `vxlan0 5/4789: (vxlan: key=flow, remote_ip=flow)` */
const OPENED = /^ {4}(\S+) (\d+)\/\S+: \(([^:)]*)(?:: (.*))?\)$/;
const LOCAL16 = 65_534;

/** `dpif/show`: the ports of each bridge. */
export function readOpened(text: string): Map<string, Opened[]> {
  const bridges = new Map<string, Opened[]>();
  let ports: Opened[] = [];
  for (const line of text.split('\n')) {
    const bridge = BRIDGE.exec(line)?.[1];
    if (bridge !== undefined) bridges.set(bridge, (ports = []));
    const [, name, number, type, options = ''] = OPENED.exec(line) ?? [];
    if (name === undefined || number === undefined || type === undefined) continue;
    ports.push({
      name,
      ofport: Number(number) === LOCAL16 ? PORT.local : Number(number),
      type: type.replace(/^dummy-/, ''),
      options: new Map(
        options.split(', ').map((pair): [string, string] => {
          const [key = '', ...value] = pair.split('=');
          return [key, value.join('=')];
        }),
      ),
    });
  }
  return bridges;
}

/** Interface types that are no tunnel. */
const PLAIN: ReadonlySet<string> = new Set([
  '',
  'system',
  'internal',
  'patch',
  'tap',
  'dummy',
  'dummy-pmd',
  'afxdp',
  'dpdk',
  'dpdkvhostuser',
  'dpdkvhostuserclient',
]);

/** A port with what the database keeps of it. */
export interface CapturedPort extends SimPort {
  /** Keys of external_ids. */
  readonly ids: ReadonlyMap<string, string>;
}

const NAME_LENGTH = 15;

/** The row of a port: by its whole name, or by what OpenFlow shows of a long one. */
function rowOf(rows: readonly Row[], name: string, ofport: number): Row | undefined {
  return (
    rows.find((row) => row.text('name') === name) ??
    rows.find((row) => {
      const whole = row.text('name');
      return (
        name.length === NAME_LENGTH &&
        whole.startsWith(name) &&
        row.text('ofport') === String(ofport)
      );
    })
  );
}

const FLOW = 'flow';

const keyOf = (options: ReadonlyMap<string, string>, direction: string): bigint | null => {
  const text = options.get(direction) ?? options.get('key') ?? '0';
  return /^(?:\d+|0x[\da-f]+)$/i.test(text) ? BigInt(text) : null;
};

const addressIn = (text: string | undefined): string | null => {
  const ip = text === undefined || text === FLOW ? null : tryParseIp(text);
  return ip === null ? null : formatIp(ip);
};

function tunnelOf(type: string, options: ReadonlyMap<string, string>): Partial<SimPort> {
  const tunnel: TunnelOptions = {
    type,
    remote: addressIn(options.get('remote_ip')),
    outKey: keyOf(options, 'out_key'),
    inKey: keyOf(options, 'in_key'),
  };
  const localIp = addressIn(options.get('local_ip'));
  return localIp === null ? { tunnel } : { tunnel, localIp };
}

const MODES = ['access', 'trunk', 'native-tagged', 'native-untagged'] as const;

/** null: a trunk of all, as a port is that nothing is said of. */
function vlansOf(row: Row | undefined): PortVlans | null {
  const tag = Number(row?.text('tag') ?? '');
  const trunks = (row?.set('trunks') ?? []).map(Number);
  const told = MODES.find((mode) => mode === row?.text('vlan_mode'));
  const mode = told ?? (tag === 0 ? 'trunk' : 'access');
  return mode === 'trunk' && trunks.length === 0 ? null : { mode, tag, trunks };
}

/** What else is known of a node when its ports are read. */
export interface PortSources {
  readonly rows: readonly Row[];
  /** Of the table Port. */
  readonly portRows: readonly Row[];
  readonly opened: ReadonlyMap<string, readonly Opened[]>;
  /** Devices that have an address: a bridge that is one lies under tunnels. */
  readonly devices: ReadonlySet<string>;
}

/** `dump-ports-desc` of a bridge ('' when there is none), its ports completed by the other sources. */
export function readPorts(bridge: string, text: string, sources: PortSources): CapturedPort[] {
  const opened = sources.opened.get(bridge) ?? [];
  const described = readDescriptions(text);
  const known: readonly Described[] =
    described.length > 0
      ? described
      : opened.map(({ ofport, name }) => {
          const row = rowOf(sources.rows, name, ofport);
          const up = row?.text('link_state') !== 'down';
          return { ofport, name, mac: row?.text('mac_in_use') ?? '', up };
        });
  const names = new Set([...known, ...opened].map(({ name }) => name));
  const underlay = [...names].some((name) => sources.devices.has(name));
  return known.map((port) => complete(port, opened, sources, underlay));
}

/** A port with its kind, by what its type and its keys are. */
function complete(
  { ofport, name: short, mac, up }: Described,
  opened: readonly Opened[],
  { rows, portRows }: PortSources,
  underlay: boolean,
): CapturedPort {
  const open = opened.find((port) => port.ofport === ofport);
  const row = rowOf(rows, open?.name ?? short, ofport);
  const name = row?.text('name') || open?.name || short;
  const type = row === undefined ? (open?.type ?? '') : row.text('type');
  const options = row === undefined ? (open?.options ?? new Map()) : row.map('options');
  const ids = row?.map('external_ids') ?? new Map<string, string>();
  const vlans = vlansOf(portRows.find((port) => port.text('name') === name));
  const base = { ofport, name, up, mac, ids, ...(vlans === null ? {} : { vlans }) };
  if (ofport === PORT.local) return { ...base, kind: 'local', up: true };
  if (type === 'patch') return { ...base, kind: 'patch', peer: options.get('peer') ?? '' };
  if (!PLAIN.has(type)) return { ...base, kind: 'tunnel', ...tunnelOf(type, options) };
  if (ids.has('iface-id')) return { ...base, kind: 'vm' };
  if (type === 'internal') return { ...base, kind: 'internal' };
  return { ...base, kind: underlay ? 'uplink' : 'vm' };
}
