/** A real Keystone that a test can stop and start again, and what an admin does there. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The Debian package is for the distribution's own Python. */
const PYTHON = '/usr/bin/python3';
const SCRIPT = fileURLToPath(new URL('keystone.py', import.meta.url));
const PACKAGE = '/usr/lib/python3/dist-packages/keystone/server/wsgi.py';
const ADMIN = { user: 'admin', password: 'admin-secret', project: 'admin' };

export const hasKeystone = existsSync(PACKAGE);

export interface Login {
  readonly user: string;
  readonly password: string;
  /** Left out: the token is for no project. */
  readonly project?: string;
}

type Json = Readonly<Record<string, unknown>>;

async function freePort(): Promise<number> {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as { port: number };
  holder.close();
  await once(holder, 'close');
  return port;
}

export class TestKeystone {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tianchi-keystone-'));
  readonly #port: number;
  readonly #process: ChildProcess;
  #adminToken = '';

  private constructor(port: number) {
    this.#port = port;
    const log = openSync(join(this.#folder, 'log'), 'a');
    // -I: the script's name must not stand for the package of that name.
    this.#process = spawn(PYTHON, ['-I', SCRIPT], {
      env: {
        PATH: '/usr/bin:/bin',
        LC_ALL: 'C.UTF-8',
        KEYSTONE_FOLDER: this.#folder,
        KEYSTONE_PORT: String(port),
      },
      stdio: ['pipe', 'pipe', log],
    });
    closeSync(log);
  }

  /** One with an admin and nobody else; stop it at the end. */
  static async start(): Promise<TestKeystone> {
    const keystone = new TestKeystone(await freePort());
    await keystone.up();
    keystone.#adminToken = await keystone.token(ADMIN);
    return keystone;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/v3`;
  }

  /** Starts it on what it knew; its new tokens are good for `seconds`. */
  up(seconds = 3_600): Promise<void> {
    return this.#command(`up ${seconds}`, 'ready');
  }

  /** kill -9 */
  down(): Promise<void> {
    return this.#command('down', 'down');
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.stdin?.end();
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #command(line: string, reply: string): Promise<void> {
    const { stdin, stdout } = this.#process;
    if (stdin === null || stdout === null) throw new Error('Keystone has no pipes');
    stdin.write(`${line}\n`);
    const said = await Promise.race([
      once(stdout, 'data').then(String),
      once(this.#process, 'exit').then(() => 'it ended'),
    ]);
    if (said.trim() !== reply) throw new Error(`Keystone said "${said}": ${this.log()}`);
  }

  log(): string {
    return readFileSync(join(this.#folder, 'log'), 'utf8').slice(-4_000);
  }

  /** A new token; users and projects are those of the domain Default. */
  async token({ user, password, project }: Login): Promise<string> {
    const domain = { id: 'default' };
    const scope = project === undefined ? {} : { scope: { project: { name: project, domain } } };
    const { headers } = await this.#call('POST', '/auth/tokens', {
      auth: {
        identity: { methods: ['password'], password: { user: { name: user, domain, password } } },
        ...scope,
      },
    });
    return headers.get('x-subject-token') ?? '';
  }

  async revoke(token: string): Promise<void> {
    await this.#call('DELETE', '/auth/tokens', undefined, { 'x-subject-token': token });
  }

  /** A user with these roles in a project; the user's password is `secret`. @returns ids. */
  async grant(user: string, project: string, roles: readonly string[]) {
    const domain_id = 'default';
    const projectId = await this.#ensure('project', { name: project, domain_id });
    const userId = await this.#ensure('user', { name: user, domain_id, password: 'secret' });
    for (const role of roles) {
      const roleId = await this.#ensure('role', { name: role });
      await this.#call('PUT', `/projects/${projectId}/users/${userId}/roles/${roleId}`);
    }
    return { projectId, userId };
  }

  /** Puts a service into the catalogue, so that clients find it. */
  async publish(type: string, url: string): Promise<void> {
    const made = await this.#call('POST', '/services', { service: { type, name: type } });
    const { id: service_id } = made.body['service'] as { id: string };
    const endpoint = { service_id, interface: 'public', url, region_id: 'RegionOne' };
    await this.#call('POST', '/endpoints', { endpoint });
  }

  async #ensure(member: string, content: Json & { name: string }): Promise<string> {
    const found = await this.#call('GET', `/${member}s?name=${content.name}`);
    const [known] = found.body[`${member}s`] as { id: string }[];
    if (known !== undefined) return known.id;
    const made = await this.#call('POST', `/${member}s`, { [member]: content });
    return (made.body[member] as { id: string }).id;
  }

  async #call(method: string, path: string, body?: Json, headers: Record<string, string> = {}) {
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        'content-type': 'application/json',
        'x-auth-token': this.#adminToken,
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return { headers: answer.headers, body: (text === '' ? {} : JSON.parse(text)) as Json };
  }
}
