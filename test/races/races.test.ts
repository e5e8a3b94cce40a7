/**
 * Many clients at once on the embedded store, each doing what comes to its mind: whatever the order
 * turns out to be, what must be unique is, what is counted stays within its limit, what is referred
 * to is there, and revisions rise. `TIANCHI_SECONDS=60` for the real thing.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServer, type Server } from '../../src/api/server.ts';
import { COUNTED, type Kind } from '../../src/model/objects.ts';
import { PLANNERS } from '../../src/model/plan.ts';
import { Topology } from '../../src/model/topology.ts';
import { decodeEntry, ROOT } from '../../src/model/tree.ts';
import { openLmdbStore, type Store } from '../../src/store/index.ts';
import { Random } from '../support/random.ts';

const CLIENTS = 64;
const SECONDS = Number(process.env['TIANCHI_SECONDS'] ?? 2);
const NODES = ['node1', 'node2', 'node3'];
/** Small enough to be met all the time. */
const QUOTA = { network: 6, subnet: 8, port: 60, router: 3, security_group: 6, floatingip: 5 };
const PROJECTS = ['red', 'blue'];
/** ms in which all want the same. */
const RUSH = 100;

type Json = Record<string, unknown>;

let dir: string;
let store: Store;
let server: Server;
const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tianchi-races-'));
  store = await openLmdbStore(join(dir, 'store'));
  server = await startServer({
    listen: '127.0.0.1:0',
    store,
    auth: 'none',
    defaultSecurityGroup: true,
    nova: { endpoint: 'http://127.0.0.1:1', region: null },
    log: pino({ level: 'silent' }),
  });
  for (const [at, name] of NODES.entries()) {
    const node = { name, vtep: `10.9.0.${at + 1}`, agent_alive: true };
    await server.runtime.execute((topology, context) =>
      PLANNERS.node.create(topology, node, context),
    );
  }
});

afterAll(async () => {
  agent.destroy();
  await server.close();
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

function ask(method: string, path: string, body?: Json): Promise<{ status: number; body: Json }> {
  const text = body === undefined ? '' : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request(
      `${server.url}/v2.0/${path}`,
      { method, agent, headers: { 'content-length': Buffer.byteLength(text) } },
      (response) => {
        let answer = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (answer += chunk));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            body: answer === '' ? {} : (JSON.parse(answer) as Json),
          }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(text);
  });
}

/** One who creates, deletes, binds and changes at random what anyone has made. */
class Client {
  readonly #random: Random;
  readonly #answers: Map<string, number>;
  /** When each request began and ended in ms, by what it did. */
  readonly seen = new Map<string, number>();

  constructor(seed: number, answers: Map<string, number>) {
    this.#random = new Random(seed);
    this.#answers = answers;
  }

  async run(until: number): Promise<void> {
    while (performance.now() < until) await this.#step();
  }

  #one<T>(from: readonly T[]): T | undefined {
    return from[this.#random.int(Math.max(1, from.length))];
  }

  #id(kind: Kind): string {
    const all = [...server.runtime.topology.all(kind)];
    if (kind === 'network' && this.#maybe(0.6)) return all[0]?.id ?? '';
    return this.#one(all)?.id ?? '00000000-0000-4000-8000-000000000000';
  }

  #maybe(share: number): boolean {
    return this.#random.next() < share;
  }

  /** Often what everybody else wants in the same moment. */
  #of(choices: number): number {
    return this.#maybe(0.7)
      ? Math.floor(performance.now() / RUSH) % choices
      : this.#random.int(choices);
  }

  #address(): string {
    return `10.0.0.${2 + this.#of(12)}`;
  }

  #mac(): string {
    return `fa:16:3e:00:00:${this.#of(16).toString(16).padStart(2, '0')}`;
  }

  #port(): Json {
    return {
      ...(this.#maybe(0.3) ? { fixed_ips: [{ ip_address: this.#address() }] } : {}),
      ...(this.#maybe(0.3) ? { mac_address: this.#mac() } : {}),
      ...(this.#maybe(0.3) ? { security_groups: [this.#id('security_group')] } : {}),
      ...(this.#maybe(0.5) ? { 'binding:host_id': this.#one(NODES) ?? null } : {}),
      ...(this.#maybe(0.3)
        ? {
            device_owner: 'compute:nova',
            device_id: `aaaaaaaa-0000-4000-8000-00000000000${this.#random.int(9)}`,
          }
        : {}),
    };
  }

  #creations(): readonly (readonly [path: string, member: string, body: Json])[] {
    const project_id = this.#one(PROJECTS);
    const network_id = this.#id('network');
    const octet = this.#random.int(4);
    return [
      ['networks', 'network', { project_id, 'router:external': this.#maybe(0.2) }],
      ['subnets', 'subnet', { project_id, network_id, cidr: `10.0.${octet}.0/27`, ip_version: 4 }],
      ['ports', 'port', { project_id, network_id, ...this.#port() }],
      ['ports', 'port', { project_id, network_id, ...this.#port() }],
      ['ports', 'port', { project_id, network_id, ...this.#port() }],
      ['routers', 'router', { project_id }],
      ['security-groups', 'security_group', { project_id, name: 'web' }],
      [
        'security-group-rules',
        'security_group_rule',
        {
          security_group_id: this.#id('security_group'),
          direction: 'ingress',
          protocol: 'tcp',
          port_range_min: 1 + this.#random.int(5),
          port_range_max: 10,
          ...(this.#maybe(0.4) ? { remote_group_id: this.#id('security_group') } : {}),
        },
      ],
      ['floatingips', 'floatingip', { project_id, floating_network_id: this.#id('network') }],
    ];
  }

  async #step(): Promise<void> {
    const draw = this.#random.next();
    if (draw < 0.4) {
      const [path = '', member = '', body = {}] = this.#one(this.#creations()) ?? [];
      return this.#count(`POST ${path}`, ask('POST', path, { [member]: body }));
    }
    if (draw < 0.7) {
      const id = this.#id('port');
      return this.#count('PUT ports', ask('PUT', `ports/${id}`, { port: this.#port() }));
    }
    if (draw < 0.75) {
      const path = `ports/${this.#id('port')}/bindings`;
      const host = this.#one(NODES) ?? '';
      if (this.#maybe(0.5)) {
        return this.#count('POST bindings', ask('POST', path, { binding: { host } }));
      }
      return this.#count('PUT activate', ask('PUT', `${path}/${host}/activate`));
    }
    if (draw < 0.8) {
      const body = { subnet_id: this.#id('subnet') };
      const verb = this.#maybe(0.6) ? 'add_router_interface' : 'remove_router_interface';
      return this.#count(verb, ask('PUT', `routers/${this.#id('router')}/${verb}`, body));
    }
    const [kind, path] = this.#one(DELETIONS) ?? ['port', 'ports'];
    return this.#count(`DELETE ${path}`, ask('DELETE', `${path}/${this.#id(kind)}`));
  }

  async #count(what: string, answer: Promise<{ status: number; body: Json }>): Promise<void> {
    const { status, body } = await answer;
    const key = `${what} ${status}`;
    this.#answers.set(key, (this.#answers.get(key) ?? 0) + 1);
    if (status >= 500) throw new Error(`${what}: ${status} ${JSON.stringify(body)}`);
  }
}

const DELETIONS: readonly (readonly [Kind, string])[] = [
  ['port', 'ports'],
  ['port', 'ports'],
  ['port', 'ports'],
  ['port', 'ports'],
  ['network', 'networks'],
  ['subnet', 'subnets'],
  ['router', 'routers'],
  ['security_group', 'security-groups'],
  ['security_group_rule', 'security-group-rules'],
  ['floatingip', 'floatingips'],
];

function twice(what: string, keys: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts].filter(([, count]) => count > 1).map(([key]) => `${what} ${key} twice`);
}

/** The way of a network from one VPC to another is the system's: users are told by other means. */
const ownAttributes = (name: string, value: unknown): unknown =>
  ['vpc', 'next_vpc', 'last_vpc'].includes(name) ? undefined : value;

/** What is wrong with the objects of the tree, by themselves. */
function faultsIn(topology: Topology): string[] {
  const all = <K extends Kind>(kind: K) => [...topology.all(kind)];
  const ports = all('port');
  const faults = [
    ...twice(
      'MAC',
      ports.map((port) => `${port.network_id} ${port.mac_address}`),
    ),
    ...twice('address', [
      ...ports.flatMap((port) =>
        port.fixed_ips.map(({ ip_address }) => `${port.network_id} ${ip_address}`),
      ),
      ...all('floatingip').map((it) => `${it.floating_network_id} ${it.floating_ip_address}`),
    ]),
    ...twice(
      'VNI',
      all('network')
        .filter((network) => network.vni !== null)
        .map((network) => String(network.vni)),
    ),
    ...twice(
      'default group',
      all('security_group')
        .filter((group) => group.is_default)
        .map((group) => group.project_id),
    ),
  ];
  const refer = (from: string, kind: Kind, id: string | null): void => {
    if (id !== null && topology.get(kind, id) === undefined) {
      faults.push(`${from} refers to ${kind} ${id}`);
    }
  };
  for (const port of ports) {
    refer(`port ${port.id}`, 'network', port.network_id);
    for (const { subnet_id } of port.fixed_ips) refer(`port ${port.id}`, 'subnet', subnet_id);
    for (const id of port.security_groups) refer(`port ${port.id}`, 'security_group', id);
    if (port.device_owner.startsWith('network:router')) {
      refer(`port ${port.id}`, 'router', port.device_id);
    }
  }
  for (const subnet of all('subnet')) refer(`subnet ${subnet.id}`, 'network', subnet.network_id);
  for (const rule of all('security_group_rule')) {
    refer(`rule ${rule.id}`, 'security_group', rule.security_group_id);
    refer(`rule ${rule.id}`, 'security_group', rule.remote_group_id);
  }
  for (const floating of all('floatingip')) {
    refer(`floating ip ${floating.id}`, 'network', floating.floating_network_id);
    refer(`floating ip ${floating.id}`, 'port', floating.port_id);
  }
  for (const kind of COUNTED) {
    for (const project of PROJECTS) {
      const limit = QUOTA[kind as keyof typeof QUOTA] ?? Infinity;
      const used = [...topology.all(kind as Kind)].filter(
        (object) => 'project_id' in object && object.project_id === project,
      ).length;
      if (used > limit) faults.push(`${project} has ${used} of ${kind}, more than ${limit}`);
    }
  }
  return faults;
}

test(
  `${CLIENTS} clients for ${SECONDS} s leave no trace of having met`,
  { timeout: SECONDS * 1000 + 60_000 },
  async () => {
    for (const project of PROJECTS) {
      expect((await ask('PUT', `quotas/${project}`, { quota: QUOTA })).status).toBe(200);
    }
    for (const project_id of PROJECTS) {
      const { body } = await ask('POST', 'networks', { network: { project_id } });
      const { id } = body['network'] as { id: string };
      for (const octet of [0, 1]) {
        const subnet = { project_id, network_id: id, cidr: `10.0.${octet}.0/27`, ip_version: 4 };
        await ask('POST', 'subnets', { subnet });
      }
    }
    const revisions = new Map<string, { number: number; text: string }>();
    const fallen: string[] = [];
    const stop = server.runtime.subscribe((_revision, changes) => {
      for (const { kind, id, object } of changes) {
        const key = `${kind} ${id}`;
        if (object === null) revisions.delete(key);
        else if ('revision_number' in object) {
          const before = revisions.get(key);
          const after = {
            number: object.revision_number,
            text: JSON.stringify(object, ownAttributes),
          };
          // Written as it was, an object is only held against others who write it.
          if (before !== undefined && before.text !== after.text && after.number <= before.number) {
            fallen.push(`${before.text} became ${after.text}`);
          }
          revisions.set(key, after);
        }
      }
    });
    const answers = new Map<string, number>();
    const until = performance.now() + SECONDS * 1000;
    const clients = Array.from({ length: CLIENTS }, (_, seed) => new Client(seed, answers));
    await Promise.all(clients.map((client) => client.run(until)));
    stop();

    expect(fallen).toEqual([]);
    const { entries } = await store.snapshot(ROOT);
    const stored = new Topology();
    for (const { path, value } of entries) {
      const change = decodeEntry(path, value);
      if (change !== null) stored.apply(change);
    }
    expect(faultsIn(stored)).toEqual([]);
    for (const kind of ['network', 'subnet', 'port', 'router', 'floatingip'] as const) {
      expect([...server.runtime.topology.all(kind)].length, kind).toBe(stored.count(kind));
    }
    const total = [...answers.values()].reduce((sum, count) => sum + count, 0);
    if (SECONDS > 10) {
      process.stdout.write(`${total} requests: ${JSON.stringify(Object.fromEntries(answers))}\n`);
    }
    // On a busy machine a short run does not get everywhere.
    if (total < 5000) return;
    for (const way of ['POST ports 201', 'PUT ports 200', 'DELETE ports 204', 'POST ports 409']) {
      expect([...answers.keys()]).toContain(way);
    }
  },
);
