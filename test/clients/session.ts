/** A server behind a real Keystone with two nodes, and OpenStack's clients that find it there. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { startAgent } from '../../src/agent/index.ts';
import { simulatedDatapath } from '../../src/agent/simulated.ts';
import { startServer } from '../../src/api/server.ts';
import { openLmdbStore } from '../../src/store/index.ts';
import { hasKeystone, TestKeystone } from '../support/keystone.ts';
import type { Step, Who } from './steps.ts';

/** Debian's packages are for the distribution's own Python. */
const PYTHON = '/usr/bin/python3';
const SCRIPT = fileURLToPath(new URL('clients.py', import.meta.url));
const PACKAGES = ['openstackclient/shell.py', 'openstack/connection.py', 'neutronclient/shell.py'];

export const hasClients =
  hasKeystone && PACKAGES.every((file) => existsSync(join('/usr/lib/python3/dist-packages', file)));

const SERVICE = {
  username: 'neutron',
  password: 'secret',
  project: 'service',
  userDomain: 'Default',
  projectDomain: 'Default',
};
const RATE = { perSecond: 10_000, burst: 10_000 };
/** ms; a machine that is busy with other tests makes Keystone slow. */
const PATIENCE = 60_000;

type Answer = { readonly value: unknown } | { readonly refused: string };

/** The clients of one login. */
class Login {
  readonly #process: ChildProcess;
  readonly #lines: Interface;

  constructor(options: Readonly<Record<string, string>>, home: string) {
    this.#process = spawn(PYTHON, ['-I', '-W', 'ignore', SCRIPT], {
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8', HOME: home },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (this.#process.stdout === null) throw new Error('the clients have no pipes');
    this.#lines = createInterface(this.#process.stdout);
    this.#say(options);
  }

  #say(line: unknown): void {
    this.#process.stdin?.write(`${JSON.stringify(line)}\n`);
  }

  async ask(question: unknown): Promise<Answer> {
    const line = once(this.#lines, 'line');
    this.#say(question);
    const [text] = (await line) as [string];
    return JSON.parse(text) as Answer;
  }

  async close(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.stdin?.end();
    await ended;
  }
}

export class Clients {
  /** The projects' ids by their names. */
  readonly projects: Readonly<Record<Who, string>>;
  readonly #logins: Readonly<Record<Who, Login>>;
  readonly #closers: readonly (() => unknown)[];

  private constructor(
    projects: Readonly<Record<Who, string>>,
    logins: Readonly<Record<Who, Login>>,
    closers: readonly (() => unknown)[],
  ) {
    this.projects = projects;
    this.#logins = logins;
    this.#closers = closers;
  }

  static async open(): Promise<Clients> {
    const keystone = await TestKeystone.start();
    await keystone.grant('neutron', 'service', ['admin', 'service']);
    const project = async (name: Who, ...roles: string[]) =>
      (await keystone.grant(`${name}-user`, name, roles)).projectId;
    const projects = {
      admin: await project('admin', 'admin', 'member', 'reader'),
      red: await project('red', 'member', 'reader'),
      blue: await project('blue', 'member', 'reader'),
    };
    const folder = mkdtempSync(join(tmpdir(), 'tianchi-clients-'));
    const store = await openLmdbStore(folder);
    const log = pino({ level: 'silent' });
    const server = await startServer({
      listen: '127.0.0.1:0',
      store,
      auth: {
        url: keystone.url,
        credentials: SERVICE,
        recheck: 60_000,
        rate: RATE,
        patience: PATIENCE,
        metricsSecret: null,
      },
      defaultSecurityGroup: true,
      log,
    });
    await keystone.publish('network', server.url);
    const closers: (() => unknown)[] = [
      () => keystone.stop(),
      () => rmSync(folder, { recursive: true, force: true }),
      () => store.close(),
      () => server.close(),
    ];
    for (const [node, vtep] of [
      ['node1', '10.9.0.1'],
      ['node2', '10.9.0.2'],
    ] as const) {
      const datapath = simulatedDatapath({ node, vtep });
      const agent = await startAgent({ node, vtep, server: server.hub.connect, datapath, log });
      closers.push(
        () => datapath.close(),
        () => agent.close(),
      );
    }
    const login = (name: Who) =>
      new Login(
        {
          auth_url: keystone.url,
          username: `${name}-user`,
          password: 'secret',
          project_name: name,
          user_domain_id: 'default',
          project_domain_id: 'default',
        },
        folder,
      );
    const logins = { admin: login('admin'), red: login('red'), blue: login('blue') };
    return new Clients(projects, logins, closers);
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#logins).map((login) => login.close()));
    for (const close of this.#closers.toReversed()) await close();
  }

  /** One question at a time of each login. */
  ask({ as, by, words, call, given }: Omit<Step, 'answer'>): Promise<Answer> {
    return this.#logins[as].ask({ by, words, call, given });
  }
}
