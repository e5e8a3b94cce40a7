import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkTree } from '../../src/model/tree-check/index.ts';
import { openLmdbStore } from '../../src/store/index.ts';
import { ask, MEMBERS, type Collection, type Json } from '../support/requests.ts';
import { compile } from './compiled.ts';

/** Stores that are tried at a time, each with a server of its own. */
const LANES = 2;
/** Kills in each lane. */
const ROUNDS = Number(process.env['TIANCHI_KILLS'] ?? 20) / LANES;
const CLIENTS = 6;
/** Of each client; beyond it deletes rather than makes. */
const MOST_OBJECTS = 30;

type Item = Json & { id: string; name?: string };

const top = mkdtempSync(join(tmpdir(), 'tianchi-kill-'));
let entry = '';
const children = new Set<ChildProcess>();

beforeAll(async () => {
  const source = fileURLToPath(new URL('server.process.ts', import.meta.url));
  entry = await compile(source, join(top, 'compiled'));
});
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(top, { recursive: true });
});

/** A process that has its code loaded and starts to serve when told: loading takes the longest. */
function prepare(dir: string): ChildProcess {
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

/** What other objects show through this one is not its own. */
function own(item: Item): Item {
  const { security_group_rules: _rules, subnets: _subnets, ...rest } = item;
  return rest;
}

const slot = (collection: Collection, item: { id: string }): string => `${collection} ${item.id}`;

/** What the server of one store acknowledged, and what it was asked and never answered. */
class Ledger {
  readonly held = new Map<string, Item>();
  readonly gone = new Set<string>();
  /** Names of objects that may have been made. */
  readonly made = new Set<string>();
  /** Names that slots may have. */
  readonly changed = new Map<string, string>();
  /** Slots that may be empty. */
  readonly removed = new Set<string>();
  acknowledged = 0;

  /** Requests without an answer. */
  get open(): number {
    return this.made.size + this.changed.size + this.removed.size;
  }

  async someMore(writes: number): Promise<void> {
    const enough = this.acknowledged + writes;
    while (this.acknowledged < enough) await sleep(5);
  }
}

let serial = 0;

/** What one client may change: nobody else does. */
type Own = { collection: Collection; id: string }[];

class Client {
  readonly #url: string;
  readonly #ledger: Ledger;
  readonly mine: Own;

  constructor(url: string, ledger: Ledger, mine: Own) {
    this.#url = url;
    this.#ledger = ledger;
    this.mine = mine;
  }

  /** @returns null when the server is dead. */
  async make(collection: Collection, attributes: Json): Promise<Item | null> {
    const name = `object-${serial++}`;
    this.#ledger.made.add(name);
    // A rule has no name of its own.
    const naming = collection === 'security-group-rules' ? { description: name } : { name };
    const body = { [MEMBERS[collection]]: { ...attributes, ...naming } };
    const answer = await ask(this.#url, 'POST', collection, { body });
    if (answer === null) return null;
    expect(answer).toMatchObject({ status: 201 });
    const item = answer.body[MEMBERS[collection]] as Item;
    this.#ledger.made.delete(name);
    this.#ledger.held.set(slot(collection, item), own(item));
    this.#ledger.acknowledged++;
    this.mine.push({ collection, id: item.id });
    return item;
  }

  async rename(collection: Collection, id: string): Promise<boolean> {
    const ledger = this.#ledger;
    const renamed = slot(collection, { id });
    const name = `renamed-${serial++}`;
    ledger.changed.set(renamed, name);
    const attribute = collection === 'security-group-rules' ? 'description' : 'name';
    const body = { [MEMBERS[collection]]: { [attribute]: name } };
    const answer = await ask(this.#url, 'PUT', `${collection}/${id}`, { body });
    if (answer === null) return false;
    expect(answer).toMatchObject({ status: 200 });
    ledger.changed.delete(renamed);
    ledger.held.set(renamed, own(answer.body[MEMBERS[collection]] as Item));
    ledger.acknowledged++;
    return true;
  }

  async remove(collection: Collection, id: string): Promise<boolean> {
    const ledger = this.#ledger;
    const removed = slot(collection, { id });
    ledger.removed.add(removed);
    const answer = await ask(this.#url, 'DELETE', `${collection}/${id}`);
    if (answer === null) return false;
    expect(answer).toMatchObject({ status: 204 });
    ledger.removed.delete(removed);
    ledger.held.delete(removed);
    ledger.gone.add(removed);
    ledger.acknowledged++;
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

/** As it was, but for what a network or group counts of the changes of what it holds. */
function isSame(key: string, item: Item, found: Item): boolean {
  const still = (at: Item) => {
    const { updated_at: _u, revision_number: _r, ...rest } = at;
    return JSON.stringify(/^(networks|security-groups) /.test(key) ? rest : at);
  };
  return still(item) === still(found);
}

/** Holds what the server shows against what it acknowledged, and takes over what was left open. */
async function verify(url: string, ledger: Ledger, mine: Own[]): Promise<void> {
  const { held, gone, made, changed, removed } = ledger;
  const faults: string[] = [];
  const shown = await everything(url);
  for (const [key, item] of held) {
    const found = shown.get(key);
    const rename = changed.get(key);
    if (found === undefined) {
      if (!removed.has(key)) faults.push(`lost ${key}`);
      held.delete(key);
    } else if (rename !== undefined && nameOf(found) === rename) {
      const { name: _n, description: _d, updated_at: _u, revision_number: _r, ...rest } = found;
      expect(item).toMatchObject(rest);
      held.set(key, found);
    } else if (!isSame(key, item, found)) {
      faults.push(`${key} was ${JSON.stringify(item)} and is ${JSON.stringify(found)}`);
    }
  }
  for (const [key, item] of shown) {
    if (gone.has(key)) faults.push(`${key} was deleted and is there`);
    if (held.has(key)) continue;
    if (implied(key, item)) held.set(key, item);
    else if (made.has(nameOf(item))) {
      held.set(key, item);
      const [collection = '', id = ''] = key.split(' ');
      mine[0]?.push({ collection: collection as Collection, id });
    } else faults.push(`${key} was never asked for: ${JSON.stringify(item)}`);
  }
  for (const list of mine) {
    const alive = list.filter(({ collection, id }) => held.has(slot(collection, { id })));
    list.splice(0, list.length, ...alive);
  }
  made.clear();
  changed.clear();
  removed.clear();
  expect(faults).toEqual([]);
}

async function everything(url: string): Promise<Map<string, Item>> {
  const shown = new Map<string, Item>();
  for (const collection of Object.keys(MEMBERS) as Collection[]) {
    const answer = await ask(url, 'GET', collection);
    const items = answer?.body[collection.replaceAll('-', '_')] as Item[];
    for (const item of items) shown.set(slot(collection, item), own(item));
  }
  return shown;
}

/** Made with a group of a project: its own rules, and the project's default group. */
const implied = (key: string, item: Item): boolean =>
  (key.startsWith('security-groups ') && item.name === 'default') ||
  (key.startsWith('security-group-rules ') && !nameOf(item).startsWith('object-'));

const nameOf = (item: Item): string => String(item.name ?? item['description']);

async function killAgainAndAgain(dir: string): Promise<void> {
  const ledger = new Ledger();
  let server = prepare(dir);
  let url = await serve(server);
  const first = new Client(url, ledger, []);
  const network = await first.make('networks', { cidr: '10.0.0.0/8' });
  const attributes = { network_id: network?.id, cidr: '10.1.0.0/16' };
  expect(await first.make('subnets', attributes)).not.toBeNull();
  expect(await first.make('routers', { network_id: network?.id })).not.toBeNull();
  const groups: string[] = [];
  for (let n = 0; n < 2; n++) groups.push((await first.make('security-groups', {}))?.id ?? '');
  await verify(url, ledger, []);

  const mine: Own[] = Array.from({ length: CLIENTS }, () => []);
  let interrupted = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const load = mine.map((list) => new Client(url, ledger, list).run(network?.id ?? '', groups));
    const ended = Promise.all(load);
    const next = prepare(dir);
    await Promise.race([ledger.someMore(CLIENTS), ended]);
    await Promise.race([sleep(Math.random() * 200), ended]);
    await kill(server);
    await ended;
    interrupted += ledger.open;

    const store = await openLmdbStore(dir);
    const { entries } = await store.snapshot('/');
    await store.close();
    expect(checkTree(entries)).toEqual([]);

    server = next;
    url = await serve(server);
    await verify(url, ledger, mine);
  }
  await kill(server);
  // Else the kills did not come while something was being written.
  expect(interrupted).toBeGreaterThan(ROUNDS);
  expect(ledger.held.size).toBeGreaterThan(CLIENTS);
}

const title = `${LANES * ROUNDS} kills under load lose nothing acknowledged and leave nothing half-written`;
test(title, { timeout: 300_000 }, async () => {
  const lanes = Array.from({ length: LANES }, (_, lane) => join(top, `store-${lane}`));
  await Promise.all(lanes.map(killAgainAndAgain));
});
