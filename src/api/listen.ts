import { readdir, readFile, readlink } from 'node:fs/promises';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { Failure } from '../base/failure.ts';

export interface Endpoint {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

/** @throws {Failure} for anything but HOST:PORT, IPv6 addresses in brackets. */
export function parseEndpoint(text: string): Endpoint {
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(found?.[3]);
  const [host, v6] = [found?.[1] ?? found?.[2], found?.[1]];
  if (host !== undefined && port <= 65_535 && (v6 === undefined || isIP(v6) === 6)) {
    return { host, port };
  }
  throw new Failure('invalid', 'InvalidInput', `listen "${text}" is no address to listen on`, {
    field: 'listen',
    value: text,
    remedy: 'write HOST:PORT such as 127.0.0.1:9797 or [::1]:9797',
  });
}

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

/**
 * Where other machines reach what listens on `endpoint`.
 * @param url As this machine reaches it.
 * @param given By the user, who knows better.
 * @throws {Failure} invalid: `given` is no URL.
 */
export function reachedAt(endpoint: Endpoint, url: string, given?: string): string {
  if (given === undefined) {
    if (endpoint.host !== '0.0.0.0' && endpoint.host !== '::') return url;
    return `http://${hostname()}:${new URL(url).port}`;
  }
  if (URL.canParse(given) && /^https?:$/.test(new URL(given).protocol)) return given;
  throw new Failure('invalid', 'InvalidInput', `advertise "${given}" is no URL of a server`, {
    field: 'advertise',
    value: given,
    remedy: 'write one such as http://10.0.0.1:9797',
  });
}

export const formatEndpoint = ({ host, port }: Endpoint): string =>
  `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;

/** The failure for an endpoint that somebody else listens on, with who that is where it can be seen. */
export async function taken(endpoint: Endpoint): Promise<Failure> {
  const owner = await listenerOf(endpoint.port);
  const by = owner === null ? 'another process' : `${owner.name} (pid ${owner.pid})`;
  return new Failure('in_use', 'AddressInUse', `${formatEndpoint(endpoint)} is taken by ${by}`, {
    field: 'listen',
    value: formatEndpoint(endpoint),
    remedy: 'stop it, or listen on another port with --listen',
  });
}

/** TCP_LISTEN in /proc/net/tcp: proc(5). */
const LISTENING = '0A';

async function listenerOf(port: number): Promise<{ pid: number; name: string } | null> {
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'utf8').catch(() => '')),
  );
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const sockets = new Set<string>();
  for (const line of tables.join('\n').split('\n')) {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    if (local?.endsWith(wanted) && state === LISTENING) sockets.add(`socket:[${inode}]`);
  }
  if (sockets.size === 0) return null;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    if (!(await holds(pid, sockets))) continue;
    const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'a process');
    return { pid: Number(pid), name: name.trim() };
  }
  return null;
}

/** Whether the process has one of `sockets` open; false for those of other users. */
async function holds(pid: string, sockets: ReadonlySet<string>): Promise<boolean> {
  const open = await readdir(`/proc/${pid}/fd`).catch(() => []);
  for (const fd of open) {
    const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
    if (sockets.has(target)) return true;
  }
  return false;
}
