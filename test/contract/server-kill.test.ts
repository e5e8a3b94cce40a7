import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLmdbStore } from '../../src/store/index.ts';
import { compile } from './compiled.ts';
import { faultsOf } from './tree-invariants.ts';

const ROUNDS = 50;
const CLIENTS = 6;
/** Of each client; beyond it deletes rather than makes. */
const MOST_OBJECTS = 30;

type Json = Record<string, unknown>;
type Item = Json & { id: string; name?: string };

const top = mkdtempSync(join(tmpdir(), 'tianchi-kill-'));
const dir = join(top, 'store');
let entry = '';
const children = new Set<ChildProcess>();

beforeAll(() => {
  entry = compile(
    fileURLToPath(new URL('server.process.ts', import.meta.url)),
    join(top, 'compiled'),
  );
});
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(top, { recursive: true });
});

/** A process that has its code loaded and starts to serve when told: loading takes the longest. */
function prepare(): ChildProcess {
  const child = spawn(process.execPath, [entry, dir], { stdio: ['pipe', 'pipe', 'ignore'] });
  children.add(child);
  return child;
}

async function serve(child: ChildProcess): Promise<string> {
  if (child.stdin === null || child.stdout === null) throw new Error('no pipes');
  child.stdin.write('serve\n');
  for await (const line of createInterface(child.stdout)) {
    if (line.startsWith('ready ')) return line.slice('ready '.length);
  }
  throw new Error('the server ended before it served');
}

async function kill(child: ChildProcess): Promise<void> {
  const dead = once(child, 'exit');
  child.kill('SIGKILL');
  await dead;
  children.delete(child);
}

/** The answer; null when the server died before giving it. */
async function ask(
  url: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: Json } | null> {
  try {
    const answer = await fetch(`${url}/v2.0/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as Json };
  } catch {
    return null;
  }
}

const MEMBERS = {
  networks: 'network',
  subnets: 'subnet',
  routers: 'router',
  ports: 'port',
  'security-groups': 'security_group',
  'security-group-rules': 'security_group_rule',
} as const;
type Collection = keyof typeof MEMBERS;

/** What other objects show through this one is not its own. */
function own(item: Item): Item {
  const { security_group_rules: _rules, subnets: _subnets, ...rest } = item;
  return rest;
}

const slot = (collection: Collection, item: { id: string }): string => `${collection} ${item.id}`;

/** What the server acknowledged, and what it was asked and never answered. */
const held = new Map<string, Item>();
const gone = new Set<string>();
const open = {
  /** Names of objects that may have been made. */
  made: new Set<string>(),
  /** Slots that may have the name. */
  changed: new Map<string, string>(),
  /** Slots that may be empty. */
  removed: new Set<string>(),
};
const count = { acknowledged: 0 };
let serial = 0;

class Client {
  readonly #url: string;
  /** What this client may change: nobody else does. */
  readonly mine: { collection: Collection; id: string }[];

  constructor(url: string, mine: { collection: Collection; id: string }[]) {
    this.#url = url;
    this.mine = mine;
  }

  /** @returns null when the server is dead. */
  async make(collection: Collection, attributes: Json): Promise<Item | null> {
    const name = `object-${serial++}`;
    open.made.add(name);
    // A rule has no name of its own.
    const naming = collection === 'security-group-rules' ? { description: name } : { name };
    const body = { [MEMBERS[collection]]: { ...attributes, ...naming } };
    const answer = await ask(this.#url, 'POST', collection, body);
    if (answer === null) return null;
    expect(answer).toMatchObject({ status: 201 });
    const item = answer.body[MEMBERS[collection]] as Item;
    open.made.delete(name);
    held.set(slot(collection, item), own(item));
    count.acknowledged++;
    this.mine.push({ collection, id: item.id });
    return item;
  }

  async rename(collection: Collection, id: string): Promise<boolean> {
    const name = `renamed-${serial++}`;
    open.changed.set(`${collection} ${id}`, name);
    const attribute = collection === 'security-group-rules' ? 'description' : 'name';
    const body = { [MEMBERS[collection]]: { [attribute]: name } };
    const answer = await ask(this.#url, 'PUT', `${collection}/${id}`, body);
    if (answer === null) return false;
    expect(answer).toMatchObject({ status: 200 });
    open.changed.delete(`${collection} ${id}`);
    held.set(`${collection} ${id}`, own(answer.body[MEMBERS[collection]] as Item));
    count.acknowledged++;
    return true;
  }

  async remove(collection: Collection, id: string): Promise<boolean> {
    open.removed.add(`${collection} ${id}`);
    const answer = await ask(this.#url, 'DELETE', `${collection}/${id}`);
    if (answer === null) return false;
    expect(answer).toMatchObject({ status: 204 });
    open.removed.delete(`${collection} ${id}`);
    held.delete(`${collection} ${id}`);
    gone.add(`${collection} ${id}`);
    count.acknowledged++;
    this.mine.splice(
      this.mine.findIndex((one) => one.id === id),
      1,
    );
    return true;
  }

  /** Writes until the server is dead. */
  async run(network: string, groups: readonly string[]): Promise<void> {
    for (let alive = true; alive;) {
      const victim = this.mine[Math.floor(Math.random() * this.mine.length)];
      const dice = this.mine.length >= MOST_OBJECTS ? 0.9 : Math.random();
      if (victim !== undefined && dice > 0.8) {
        alive = await this.remove(victim.collection, victim.id);
      } else if (victim !== undefined && dice > 0.6) {
        alive = await this.rename(victim.collection, victim.id);
      } else if (dice > 0.5) {
        alive = (await this.#makeRule(groups)) !== null;
      } else if (dice > 0.45) {
        alive = (await this.make('networks', { cidr: '192.168.0.0/16' })) !== null;
      } else {
        const attributes = { network_id: network, security_groups: groups };
        alive = (await this.make('ports', attributes)) !== null;
      }
    }
  }

  #makeRule(groups: readonly string[]): Promise<Item | null> {
    return this.make('security-group-rules', {
      security_group_id: groups[serial % groups.length],
      direction: 'ingress',
      protocol: 'tcp',
      // No rule twice.
      port_range_min: (serial % 65_000) + 1,
      port_range_max: (serial % 65_000) + 1,
    });
  }
}

/** Holds what the server shows against what it acknowledged, and takes over what was left open. */
async function verify(url: string, mine: Client['mine'][]): Promise<void> {
  const faults: string[] = [];
  const shown = new Map<string, Item>();
  for (const collection of Object.keys(MEMBERS) as Collection[]) {
    const answer = await ask(url, 'GET', collection);
    const items = answer?.body[collection.replaceAll('-', '_')] as Item[];
    for (const item of items) shown.set(slot(collection, item), own(item));
  }
  for (const [key, item] of held) {
    const found = shown.get(key);
    const rename = open.changed.get(key);
    if (found === undefined) {
      if (!open.removed.has(key)) faults.push(`lost ${key}`);
      held.delete(key);
    } else if (rename !== undefined && nameOf(found) === rename) {
      const { name: _n, description: _d, updated_at: _u, revision_number: _r, ...rest } = found;
      expect(item).toMatchObject(rest);
      held.set(key, found);
    } else if (JSON.stringify(found) !== JSON.stringify(item)) {
      faults.push(`${key} was ${JSON.stringify(item)} and is ${JSON.stringify(found)}`);
    }
  }
  for (const [key, item] of shown) {
    if (gone.has(key)) faults.push(`${key} was deleted and is there`);
    if (held.has(key)) continue;
    if (implied(key, item)) held.set(key, item);
    else if (open.made.has(nameOf(item))) {
      held.set(key, item);
      const [collection = '', id = ''] = key.split(' ');
      mine[0]?.push({ collection: collection as Collection, id });
    } else faults.push(`${key} was never asked for: ${JSON.stringify(item)}`);
  }
  for (const list of mine) {
    const alive = list.filter(({ collection, id }) => held.has(`${collection} ${id}`));
    list.splice(0, list.length, ...alive);
  }
  open.made.clear();
  open.changed.clear();
  open.removed.clear();
  expect(faults).toEqual([]);
}

/** Made with a group of a project: its own rules, and the project's default group. */
const implied = (key: string, item: Item): boolean =>
  (key.startsWith('security-groups ') && item.name === 'default') ||
  (key.startsWith('security-group-rules ') && !nameOf(item).startsWith('object-'));

const nameOf = (item: Item): string => String(item.name ?? item['description']);

async function someWrites(writes: number): Promise<void> {
  const enough = count.acknowledged + writes;
  while (count.acknowledged < enough) await sleep(5);
}

const title = `${ROUNDS} kills under load lose nothing acknowledged and leave nothing half-written`;
test(title, { timeout: 300_000 }, async () => {
  let server = prepare();
  let url = await serve(server);
  const first = new Client(url, []);
  const network = await first.make('networks', { cidr: '10.0.0.0/8' });
  const attributes = { network_id: network?.id, cidr: '10.1.0.0/16' };
  expect(await first.make('subnets', attributes)).not.toBeNull();
  expect(await first.make('routers', { network_id: network?.id })).not.toBeNull();
  const groups: string[] = [];
  for (let n = 0; n < 2; n++) groups.push((await first.make('security-groups', {}))?.id ?? '');
  await verify(url, []);

  const mine: Client['mine'][] = Array.from({ length: CLIENTS }, () => []);
  let interrupted = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const load = mine.map((list) => new Client(url, list).run(network?.id ?? '', groups));
    const ended = Promise.all(load);
    const next = prepare();
    await Promise.race([someWrites(CLIENTS), ended]);
    await Promise.race([sleep(Math.random() * 200), ended]);
    await kill(server);
    await ended;
    interrupted += open.made.size + open.changed.size + open.removed.size;

    const store = await openLmdbStore(dir);
    const { entries } = await store.snapshot('/');
    await store.close();
    expect(faultsOf(entries)).toEqual([]);

    server = next;
    url = await serve(server);
    await verify(url, mine);
  }
  // Else the kills did not come while something was being written.
  expect(interrupted).toBeGreaterThan(ROUNDS);
  expect(held.size).toBeGreaterThan(CLIENTS);
});
