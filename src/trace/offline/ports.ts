/**
 * The ports of a bridge out of `ovs-appctl dpif/show`: a line each, `NAME OFPORT/ODPPORT: (TYPE:
 * OPTION=VALUE, …)` below the name of the bridge, and the switch's TLV map in comments.
 */
import { tryParseIp } from '../../address/index.ts';
import { Failure } from '../../base/failure.ts';
import { PORT } from '../../openflow/flow.ts';
import { isMappable } from '../../openflow/tunnel-options.ts';
import type { TunnelPort } from '../../sim/datapath/index.ts';

/** A port as `dpif/show` tells of it. */
export interface ShownPort {
  readonly name: string;
  readonly ofport: number;
  /** The datapath's number; null: it has none, as of a patch port. */
  readonly datapath: number | null;
  /** `dummy`, `internal`, `vxlan` …; '' when the line does not say. */
  readonly type: string;
  readonly options: ReadonlyMap<string, string>;
}

/** What `# tlv-map {class=…,type=…,len=…}->tun_metadataN` says. */
export interface MappedOption {
  readonly optionClass: number;
  readonly type: number;
  /** Bytes. */
  readonly length: number;
  /** N of tun_metadataN. */
  readonly index: number;
}

export interface ShownBridge {
  /** '' where no line names it. */
  readonly name: string;
  readonly ports: readonly ShownPort[];
}

export interface ShownPorts {
  readonly bridges: readonly ShownBridge[];
  readonly tlvMap: readonly MappedOption[];
}

const portLine = /^\s*"?(.+?)"? (\d+)\/(\d+|none):(?:\s*\((.*)\))?\s*$/;
const bridgeLine = /^\s*"?([^\s"@]+)"?:\s*$/;
const datapathLine = /^\s*\S+@\S+:/;
const tlvLine =
  /^\s*#\s*tlv-map\s*\{class=(0x[0-9a-f]+|\d+),\s*type=(0x[0-9a-f]+|\d+),\s*len=(\d+)\}\s*->\s*tun_metadata(\d+)\s*$/i;

/** OpenFlow 1.0 numbers LOCAL so, and `dpif/show` with it. */
const LOCAL_10 = 65534;

function bad(line: number, text: string, right: string): Failure {
  const message = `ports line ${line} is "${text.trim()}"; expected ${right}`;
  return new Failure('invalid', 'InvalidPorts', message, { field: 'ports', value: text.trim() });
}

function optionsOf(text: string): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  for (const part of text.split(/,\s*(?=[a-z_]+=)/)) {
    const at = part.indexOf('=');
    if (at > 0) options.set(part.slice(0, at).trim(), part.slice(at + 1).trim());
  }
  return options;
}

function portOf(found: RegExpExecArray): ShownPort {
  const [, name = '', ofport = '', datapath = '', about = ''] = found;
  const [, type = '', options = ''] = /^\s*([^:]*?)\s*(?::(.*))?$/s.exec(about) ?? [];
  const number = Number(ofport);
  return {
    name,
    ofport: number === LOCAL_10 ? PORT.local : number,
    datapath: datapath === 'none' ? null : Number(datapath),
    type,
    options: optionsOf(options),
  };
}

/**
 * All bridges of the text, of which a dump of one bridge may leave the name out.
 * @throws {Failure} `invalid` (`InvalidPorts`) for a line that is no port, with its number.
 */
export function parsePorts(text: string): ShownPorts {
  const bridges: { name: string; ports: ShownPort[] }[] = [];
  const tlvMap: MappedOption[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const option = tlvLine.exec(line);
    if (option !== null) {
      const [optionClass = 0, type = 0, length = 0, place = 0] = option.slice(1).map(Number);
      const mapped = { optionClass, type, length, index: place };
      if (!isMappable(mapped)) {
        throw bad(
          index + 1,
          line,
          'a length of 4 to 124 bytes, a multiple of 4, and tun_metadata0 to 63',
        );
      }
      tlvMap.push(mapped);
      continue;
    }
    if (/^\s*#\s*tlv-map/.test(line)) {
      throw bad(index + 1, line, '# tlv-map {class=0x102,type=0x80,len=4}->tun_metadata0');
    }
    if (/^\s*(#.*)?$/.test(line) || datapathLine.test(line)) continue;
    const port = portLine.exec(line);
    const bridge = bridgeLine.exec(line);
    if (port !== null) {
      if (bridges.length === 0) bridges.push({ name: '', ports: [] });
      bridges.at(-1)?.ports.push(portOf(port));
    } else if (bridge !== null) bridges.push({ name: bridge[1] ?? '', ports: [] });
    else throw bad(index + 1, line, 'NAME OFPORT/ODPPORT: (TYPE: OPTION=VALUE, …)');
  }
  return { bridges, tlvMap };
}

/** UDP ports that each kind of tunnel has by default; those without ports are not here. */
const TUNNEL_PORTS: Readonly<Record<string, number>> = {
  vxlan: 4789,
  geneve: 6081,
  stt: 7471,
  lisp: 4341,
  gtpu: 2152,
};
const TUNNELS = new Set([
  ...Object.keys(TUNNEL_PORTS),
  'gre',
  'ip6gre',
  'erspan',
  'ip6erspan',
  'bareudp',
  'srv6',
]);
const DEFAULT_TTL = 64;

/** How the port wraps packets; null: it is no tunnel. */
export function tunnelOf({ name, type, options }: ShownPort): TunnelPort | null {
  if (!TUNNELS.has(type)) return null;
  const wrong = (option: string, right: string): Failure =>
    new Failure(
      'invalid',
      'InvalidPorts',
      `port ${name} has ${option}=${options.get(option)}; it must be ${right}`,
      { field: option, value: options.get(option) },
    );
  const address = (option: string) => {
    const text = options.get(option);
    if (text === undefined) return null;
    if (text === 'flow') return text;
    const ip = tryParseIp(text);
    if (ip === null) throw wrong(option, 'an address or "flow"');
    return ip;
  };
  const number = (option: string, otherwise: number) => {
    const text = options.get(option);
    if (text === undefined) return otherwise;
    if (!/^(0x[0-9a-f]+|\d+)$/i.test(text)) throw wrong(option, 'a number');
    return Number(text);
  };
  const key = options.get('out_key') ?? options.get('key');
  if (key !== undefined && key !== 'flow' && !/^(0x[0-9a-f]+|\d+)$/i.test(key)) {
    throw wrong(options.has('out_key') ? 'out_key' : 'key', 'a number or "flow"');
  }
  const inherits = (option: string) => options.get(option) === 'inherit';
  return {
    type,
    remote: address('remote_ip') ?? 'flow',
    local: address('local_ip'),
    outKey: key === undefined ? null : key === 'flow' ? key : BigInt(key),
    tos: inherits('tos') ? 'inherit' : number('tos', 0),
    ttl: inherits('ttl') ? 'inherit' : number('ttl', DEFAULT_TTL),
    destinationPort: number('dst_port', TUNNEL_PORTS[type] ?? 0),
    dontFragment: options.get('df_default') !== 'false',
    checksum: options.get('csum') === 'true',
  };
}
