/** The server that measurements of the API ask, a process of its own: `api-server.js STORE [record]`. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { startServer } from '../src/api/server.ts';
import type { TreeOp } from '../src/base/tree.ts';
import {
  isZooKeeperUrl,
  openLmdbStore,
  openZooKeeperStore,
  type StoreCommit,
} from '../src/store/index.ts';
import { MIB } from './measure.ts';

/** What the server has done since its last report. */
export interface Report {
  readonly rssMiB: number;
  readonly heapMiB: number;
  readonly cpuMs: number;
  /** To do again; none unless they are recorded. */
  readonly writes: readonly TreeOp[][];
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const self = fileURLToPath(import.meta.url);
const RECORD = 'record';

export const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

export class ApiServer {
  /** Ending in `/v2.0`. */
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #agent: Agent;

  private constructor(child: ChildProcess, url: string, clients: number) {
    this.url = `${url}/v2.0`;
    this.#child = child;
    this.#agent = new Agent({ keepAlive: true, maxSockets: clients });
  }

  /**
   * @param clients Connections at most.
   * @param record Keep what is written for the next report.
   */
  static async start(dir: string, clients: number, record = false): Promise<ApiServer> {
    const argv = record ? [dir, RECORD] : [dir];
    const child = fork(self, argv, { execArgv: ['--expose-gc'] });
    const [url] = (await once(child, 'message')) as [string];
    return new ApiServer(child, url, clients);
  }

  async report(): Promise<Report> {
    this.#child.send('report');
    const [report] = (await once(this.#child, 'message')) as [Report];
    return report;
  }

  /** @throws {Error} for an answer that is a refusal. */
  async ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await this.#send(method, `${this.url}/${path}`, body);
    if (answer.status < 300) return answer.body;
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }

  /** Reads an answer to its end without looking at it. */
  async drain(path: string): Promise<void> {
    const sent = request(`${this.url}/${path}`, { agent: this.#agent }).end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    await once(answer.resume(), 'end');
  }

  /** Makes an object and returns its id. */
  async make(collection: string, member: string, attributes: object): Promise<string> {
    const made = await this.ask('POST', collection, { [member]: attributes });
    return (made as Record<string, { id: string }>)[member]?.id ?? '';
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    this.#child.disconnect();
    await once(this.#child, 'exit');
  }

  #send(method: string, url: string, body?: unknown): Promise<Answer> {
    const text = body === undefined ? '' : JSON.stringify(body);
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    };
    return new Promise((resolve, reject) => {
      const sent = request(url, { method, agent: this.#agent, headers }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const answer = Buffer.concat(parts).toString();
          const status = response.statusCode ?? 0;
          resolve({ status, body: answer === '' ? null : JSON.parse(answer) });
        });
      });
      sent.on('error', reject);
      sent.end(text);
    });
  }
}

const writesOf = ({ changes }: StoreCommit): TreeOp[] =>
  changes.map(({ path, value, version }) => {
    if (value === null) return { op: 'delete', path };
    return version === 0 ? { op: 'create', path, value } : { op: 'set', path, value };
  });

async function serve(dir: string, record: boolean): Promise<void> {
  const store = await (isZooKeeperUrl(dir) ? openZooKeeperStore(dir) : openLmdbStore(dir));
  const commits: StoreCommit[] = [];
  if (record) store.watch(store.revision, (commit) => commits.push(commit));
  const server = await startServer({
    listen: '127.0.0.1:0',
    store,
    auth: 'none',
    defaultSecurityGroup: false,
    log: pino({ level: 'silent' }),
  });
  let since = cpuMs();
  process.on('message', () => {
    const spent = cpuMs() - since;
    const writes = commits.splice(0).map(writesOf);
    globalThis.gc?.();
    const { rss, heapUsed } = process.memoryUsage();
    const report: Report = { rssMiB: rss / MIB, heapMiB: heapUsed / MIB, cpuMs: spent, writes };
    process.send?.(report);
    since = cpuMs();
  });
  process.on('disconnect', () => process.exit());
  process.send?.(server.url);
}

if (process.argv[1] === self) {
  const [, , dir, record] = process.argv;
  if (dir !== undefined) await serve(dir, record === RECORD);
}
