/** Where an OVSDB server listens, as ovsdb(7) writes it, and how a stream to it is opened. */
import { readFile } from 'node:fs/promises';
import { connect as connectPlain } from 'node:net';
import type { Socket } from 'node:net';
import { TLSSocket, connect as connectTls } from 'node:tls';
import { Failure } from '../../base/failure.ts';

/** Paths of PEM files, read anew for each connection: OVS's --private-key, --certificate, --ca-cert. */
export interface SslFiles {
  readonly privateKey: string;
  readonly certificate: string;
  /** Signs the server's certificate. Whose name that certificate bears does not matter, as in OVS. */
  readonly caCert: string;
}

export type Target =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | {
      readonly kind: 'ssl';
      readonly host: string;
      readonly port: number;
      readonly files: SslFiles;
    };

/** The port that IANA gave OVSDB (RFC 7047 §6). */
const DEFAULT_PORT = 6640;
const remoteForm = /^(tcp|ssl):(?:\[([^\]]+)\]|([^:[\]]+))(?::([0-9]+))?$/;

/**
 * Reads `unix:FILE`, `tcp:HOST[:PORT]` or `ssl:HOST[:PORT]`; an IPv6 address stands in brackets.
 * @throws {Failure} `invalid` when `text` is none of these, or `ssl:` comes without files.
 */
export function parseTarget(text: string, files: SslFiles | undefined): Target {
  if (text.startsWith('unix:') && text.length > 'unix:'.length) {
    return { kind: 'unix', path: text.slice('unix:'.length) };
  }
  const [, kind, bracketed, plain, digits] = remoteForm.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = digits === undefined ? DEFAULT_PORT : Number(digits);
  if (host === undefined || port < 1 || port > 65_535) {
    throw bad(text, 'write unix:FILE, tcp:HOST[:PORT] or ssl:HOST[:PORT]');
  }
  if (kind === 'tcp') return { kind, host, port };
  if (files !== undefined) return { kind: 'ssl', host, port, files };
  throw bad(text, 'ssl needs a private key, a certificate and a CA certificate');
}

const bad = (value: string, remedy: string) =>
  new Failure('invalid', 'OvsdbTargetInvalid', `ovsdb is '${value}'; ${remedy}`, {
    field: 'ovsdb',
    value,
    remedy,
  });

/**
 * Opens a stream to a server.
 * @throws {Failure} `unavailable` when nobody answers in time, certificates don't fit, files can't be
 *   read, or the signal gives it up.
 */
export async function openStream(
  target: Target,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Socket> {
  try {
    const socket = await begin(target);
    await connected(socket, timeoutMs, signal);
    return socket;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Failure('unavailable', 'ConnectionRefused', `no connection to OVSDB: ${why}`);
  }
}

async function begin(target: Target): Promise<Socket> {
  if (target.kind === 'unix') return connectPlain(target.path);
  const { host, port } = target;
  if (target.kind === 'tcp') return connectPlain({ host, port, noDelay: true });
  const [key, cert, ca] = await Promise.all([
    readFile(target.files.privateKey),
    readFile(target.files.certificate),
    readFile(target.files.caCert),
  ]);
  const socket = connectTls({ host, port, key, cert, ca, checkServerIdentity: () => undefined });
  return socket.setNoDelay(true);
}

function connected(socket: Socket, timeoutMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => socket.destroy(new Error('given up'));
    const timer = setTimeout(
      () => socket.destroy(new Error(`none within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    };
    socket.once('error', (error) => {
      settle();
      reject(error);
    });
    socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', () => {
      settle();
      resolve();
    });
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
  });
}
