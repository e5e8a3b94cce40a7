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
}

/** Open vSwitch's ports have 16 bits, so these numbers are never a port's. */
const firstUnresolved = 0x10000;
/** OpenFlow 1.0 numbered the reserved ports from here. */
const reserved10 = 0xfff8;
const lastPort = 0xfeff;

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
]);
const reservedNames = new Map([...reserved].toReversed().map(([name, port]) => [port, name]));

/** A port number, a reserved name in any case, or the name of a port; null when it is none of them. */
export function tryParsePort(text: string, options: PortOptions): number | null {
  if (/^[0-9]+$/.test(text)) {
    const port = Number(text);
    if (port >= reserved10 && port <= 0xffff) return port + 0xffff0000;
    return port <= lastPort || (port >= PORT.inPort && port <= PORT.any) ? port : null;
  }
  const special = reserved.get(text.toUpperCase());
  if (special !== undefined) return special;
  const quoted = /^"(.*)"$/.exec(text)?.[1];
  const known = options.ports?.get(quoted ?? text);
  if (known !== undefined || quoted === undefined) return known ?? null;
  if (options.unresolved === undefined) return null;
  for (const [port, name] of options.unresolved) if (name === quoted) return port;
  const port = firstUnresolved + options.unresolved.size;
  options.unresolved.set(port, quoted);
  return port;
}

export function parsePort(span: Span, options: PortOptions): number {
  const port = tryParsePort(span.text, options);
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
  return reservedNames.get(port) ?? (name === undefined ? String(port) : `"${name}"`);
}

export function isReserved(port: number): boolean {
  return reservedNames.has(port);
}
