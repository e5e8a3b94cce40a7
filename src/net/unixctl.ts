/**
 * The control socket of an OVS daemon, as ovs-appctl(8) uses it, over one connection for calls that
 * follow each other. It is not kept for longer: ovs-vswitchd tries ten times to read from each open
 * one on every turn of its main loop (lib/unixctl.c, `run_connection`), and without a PMD thread
 * every batch of packets is such a turn.
 */
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { Failure } from '../base/failure.ts';
import { JsonRpcPeer } from './jsonrpc.ts';

/** A daemon answers its commands one after the other, so an answer may wait for others'. */
const DEADLINE_MS = 60_000;
/** How long the connection waits for a further call. */
const IDLE_MS = 100;

/**
 * Where a daemon listens now: `<rundir>/<program>.<pid>.ctl` by its pid file, else
 * `<rundir>/<program>.ctl`, where a `--unixctl` put it.
 */
export function controlSocket(rundir: string, program: string = 'ovs-vswitchd'): string {
  const fixed = path.join(rundir, `${program}.ctl`);
  const pidFile = path.join(rundir, `${program}.pid`);
  if (!existsSync(pidFile)) return fixed;
  const pid = readFileSync(pidFile, 'utf8').trim();
  const own = path.join(rundir, `${program}.${pid}.ctl`);
  return existsSync(own) ? own : fixed;
}

export class Unixctl {
  readonly #path: () => string;
  readonly #deadlineMs: number;
  #peer: JsonRpcPeer | null = null;
  /** Calls that wait for their answer. */
  #calls = 0;
  #idle: NodeJS.Timeout | undefined;
  #closed = false;

  /**
   * Connects with the first call, and again with the first one after the connection was lost or let go.
   * @param socket The control socket's path; a function is asked anew for each connection.
   */
  constructor(socket: string | (() => string), options: { readonly deadlineMs?: number } = {}) {
    this.#path = typeof socket === 'string' ? () => socket : socket;
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS;
  }

  /**
   * Runs a command and returns what it prints.
   * @throws {Failure} `invalid` (`UnixctlRefused`) with what the daemon says against it;
   *   `unavailable` when it is away, goes away, or does not answer in time: whether the command took
   *   effect is not known then.
   */
  async call(command: string, ...args: readonly string[]): Promise<string> {
    if (this.#closed) throw away('this end closed it');
    clearTimeout(this.#idle);
    const peer = (this.#peer ??= this.#connect());
    this.#calls += 1;
    const deadline = setTimeout(
      () => peer.close(away(`no answer to ${command} within ${this.#deadlineMs} ms`)),
      this.#deadlineMs,
    );
    try {
      const reply = await peer.request(command, args);
      if (!reply.ok) throw refused(command, reply.error);
      return typeof reply.result === 'string' ? reply.result : '';
    } finally {
      clearTimeout(deadline);
      this.#calls -= 1;
      if (this.#calls === 0 && !this.#closed) this.#idle = setTimeout(() => this.#letGo(), IDLE_MS);
    }
  }

  /** What waits for an answer fails. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#idle);
    this.#letGo();
  }

  #letGo(): void {
    this.#peer?.close(away('this end closed it'));
  }

  #connect(): JsonRpcPeer {
    const peer = new JsonRpcPeer(connect(this.#find()), {
      onClose: () => {
        if (this.#peer === peer) this.#peer = null;
      },
    });
    return peer;
  }

  #find(): string {
    try {
      return this.#path();
    } catch (error) {
      throw away(error instanceof Error ? error.message : String(error));
    }
  }
}

const away = (why: string) =>
  new Failure('unavailable', 'UnixctlUnavailable', `no control connection to the switch: ${why}`);

function refused(command: string, error: unknown): Failure {
  const text = typeof error === 'string' ? error.trim() : JSON.stringify(error);
  return new Failure('invalid', 'UnixctlRefused', `${command}: ${text}`, {
    field: 'command',
    value: command,
  });
}
