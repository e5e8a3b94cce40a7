import type { Field } from '../fields.ts';
import { PORT } from '../flow.ts';
import { TextError, type Span } from './span.ts';

export interface PortOptions {
  /** OpenFlow port numbers by name. */
  readonly ports?: ReadonlyMap<string, number>;
  /**
   * Gathers quoted names that `ports` does not hold, under numbers that no port can have (from
   * 0x10000 on), so that they print as they were read. Without it such a name is an error.
   */
  readonly unresolved?: Map<number, string>;
  /** What a switch's TLV map makes of tun_metadata0 and on, by number; absent where there is none. */
  readonly tunnelOptions?: ReadonlyMap<number, Field>;
}

/** Open vSwitch's ports have 16 bits, so these numbers are never a port's. */
const firstUnresolved = 0x10000;
/** OpenFlow 1.0 numbered the reserved ports from here. */
const reserved10 = 0xfff7;
const lastPort = 0xfeff;
/** The action set has no output: in a match alone, nothing can be sent there. */
const unset = 0xffff_fff7;

const reserved: ReadonlyMap<string, number> = new Map([
  ['IN_PORT', PORT.inPort],
  ['TABLE', PORT.table],
  ['NORMAL', PORT.normal],
  ['FLOOD', PORT.flood],
  ['ALL', PORT.all],
  ['CONTROLLER', PORT.controller],
  ['LOCAL', PORT.local],
  ['ANY', PORT.any],
  ['NONE', PORT.any],
  ['UNSET', unset],
]);
/** OpenFlow 1.0's number of LOCAL, under which `dpif/show` lists it. */
const local10 = 0xfffe;
const reservedNames = new Map([...reserved].toReversed().map(([name, port]) => [port, name]));

/** A port number, a reserved name in any case, or the name of a port; null when it is none of them. */
export function tryParsePort(text: string, options: PortOptions): number | null {
  if (/^[0-9]+$/.test(text)) {
    const port = Number(text);
    if (port >= reserved10 && port <= 0xffff) return port + 0xffff0000;
    return port <= lastPort || (port >= unset && port <= PORT.any) ? port : null;
  }
  const special = reserved.get(text.toUpperCase());
  if (special !== undefined) return special;
  const quoted = unquote(text);
  return named(quoted ?? text, quoted === null ? {} : options, options.ports);
}

/** The name in quotes, whose escapes are JSON's; null: there are none. */
function unquote(text: string): string | null {
  if (!/^"(?:[^"\\]|\\.)*"$/s.test(text)) return null;
  if (!text.includes('\\')) return text.slice(1, -1);
  try {
    const name: unknown = JSON.parse(text);
    return typeof name === 'string' ? name : null;
  } catch {
    return null;
  }
}

function named(
  name: string,
  { unresolved }: PortOptions,
  ports: PortOptions['ports'],
): number | null {
  const known = ports?.get(name);
  if (known !== undefined || unresolved === undefined) return known ?? null;
  const byName =
    standIns.get(unresolved) ?? new Map([...unresolved].map(([port, other]) => [other, port]));
  standIns.set(unresolved, byName);
  const port = byName.get(name) ?? firstUnresolved + unresolved.size;
  byName.set(name, port);
  unresolved.set(port, name);
  return port;
}

/** The other way round of each map that gathers names. */
const standIns = new WeakMap<ReadonlyMap<number, string>, Map<string, number>>();

/** What a name needs no quotes for where nothing but a port can stand. */
const bareName = /^[A-Za-z][\w.-]*$/;

/** As {@link tryParsePort}, where nothing but a port can stand: its name needs no quotes. */
export function parsePort(span: Span, options: PortOptions): number {
  const port =
    tryParsePort(span.text, options) ??
    (bareName.test(span.text) ? named(span.text, options, undefined) : null);
  if (port === null) {
    throw new TextError(
      span.at,
      `expected a port number, a reserved port such as LOCAL or the name of a port, found "${span.text}"`,
    );
  }
  return port;
}

/** As `--no-names` prints it; a name that was not resolved stays in its quotes. */
export function formatPort(port: number, unresolved?: ReadonlyMap<number, string>): string {
  const name = unresolved?.get(port);
  return reservedNames.get(port) ?? (name === undefined ? String(port) : JSON.stringify(name));
}

/** Whether a packet can be sent to it. */
export function isDestination(port: number): boolean {
  return port !== PORT.any && port !== unset;
}

export function isReserved(port: number): boolean {
  return reservedNames.has(port);
}

/** `NAME OFPORT/ODPPORT: (type)` of `ovs-appctl dpif/show`. */
const ofDatapath = /^\s*(?<name>\S+) (?<port>\d+)\/(?:\d+|none):/;
/** `1(NAME): addr:…` of `ovs-ofctl show` and `dump-ports-desc`. */
const ofDescription = /^\s*(?<port>\d+|LOCAL)\((?<name>.+)\): addr:/;

/**
 * The numbers of ports by name, from the output of `ovs-appctl dpif/show`, `ovs-ofctl show` or
 * `ovs-ofctl dump-ports-desc`. Other lines are passed over.
 */
export function parsePortNames(text: string): Map<string, number> {
  const ports = new Map<string, number>();
  for (const line of text.split('\n')) {
    const { name, port } = (ofDatapath.exec(line) ?? ofDescription.exec(line))?.groups ?? {};
    if (name === undefined || port === undefined) continue;
    const number = port === 'LOCAL' || Number(port) === local10 ? PORT.local : Number(port);
    ports.set(unquote(name) ?? name, number);
  }
  return ports;
}
