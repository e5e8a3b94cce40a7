/**
 * Clients that race for the same addresses, names, prefixes and references on servers of one store,
 * and remember what each was told of what.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../support/random.ts';
import {
  ask as askServer,
  MEMBERS,
  type Answer,
  type Asked,
  type Collection,
  type Json,
} from '../support/requests.ts';
import {
  clashOf,
  creates,
  deletes,
  faultOf,
  reads,
  releases,
  takes,
  updates,
  type Operation,
  type Seen,
} from './history.ts';

type Item = Json & { readonly id: string };

/** ms after which an answer is no longer waited for. */
const PATIENCE_MS = 20_000;

/** The store is lost: nothing was done, or it is not known whether it was. */
const OPEN: ReadonlySet<number> = new Set([503, 504]);

/** null: no answer came, or one that leaves open whether it happened. */
const ask = (url: string, method: string, path: string, asked: Asked = {}) =>
  askServer(url, method, path, { patience: PATIENCE_MS, ...asked });

/** Those whose revision only their own updates change, and whose name is the mark of the last one. */
const WATCHED: ReadonlySet<Collection> = new Set(['ports', 'address-groups']);

/** Objects of a collection that are aimed at: more are deleted, fewer made. */
const MOST: Readonly<Record<Collection, number>> = {
  networks: 12,
  subnets: 16,
  routers: 6,
  ports: 60,
  'security-groups': 12,
  'security-group-rules': 40,
  'address-groups': 6,
  nodes: 8,
};

const seenOf = (item: Json): Seen => ({
  revision: Number(item['revision_number']),
  mark: String(item['name']),
});

interface Unanswered {
  readonly collection: Collection;
  readonly mark: string;
  readonly called: number;
  readonly server: string;
}

export class Race {
  readonly #urls: readonly string[];
  readonly #random: Random;
  #tick = 0;
  #serial = 0;
  readonly #known = new Map<Collection, string[]>();
  readonly #histories = new Map<string, Operation<Seen | null>[]>();
  readonly #holdings = new Map<string, Operation<string | null>[]>();
  /** Of an object, as it was seen last. */
  readonly #revisions = new Map<string, number>();
  /** What an object holds. */
  readonly #held = new Map<string, string[]>();
  readonly #unanswered: Unanswered[] = [];
  /** By status, or `none`. */
  readonly outcomes = new Map<string, number>();
  readonly surprises: string[] = [];
  acknowledged = 0;
  asked = 0;
  /** When writes were acknowledged, by server, ms of `performance.now`. */
  readonly acks: { readonly at: number; readonly server: string }[] = [];

  constructor(urls: readonly string[], seed: number) {
    this.#urls = urls;
    this.#random = new Random(seed);
  }

  /** Networks with subnets that are soon full. */
  async furnish(): Promise<void> {
    const [url = ''] = this.#urls;
    for (let index = 0; index < 3; index += 1) {
      const network = await this.#make(url, 'networks', { port_security_enabled: true });
      if (network === null) throw new Error('the first server does not serve');
      await this.#make(url, 'subnets', {
        network_id: network,
        ip_version: 4,
        cidr: `10.${index}.0.0/27`,
      });
    }
    await this.#make(url, 'security-groups', {});
  }

  /** Lets clients write until `enough` is true. */
  async run(clients: number, enough: () => boolean): Promise<void> {
    const client = async (): Promise<void> => {
      while (!enough()) await this.#step();
    };
    await Promise.all(Array.from({ length: clients }, client));
  }

  #one<T>(from: readonly T[]): T | undefined {
    return from.length === 0 ? undefined : this.#random.pick(from);
  }

  #id(collection: Collection): string {
    return this.#one(this.#known.get(collection) ?? []) ?? 'nobody';
  }

  #maybe(probability: number): boolean {
    return this.#random.chance(probability);
  }

  async #step(): Promise<void> {
    const url = this.#one(this.#urls) ?? '';
    const choice = this.#random.next();
    if (choice < 0.1) return this.#read(url, this.#one([...WATCHED]) ?? 'ports');
    if (choice < 0.35) return this.#update(url, this.#one([...WATCHED]) ?? 'ports');
    if (choice < 0.4) return this.#wire(url);
    const weights: readonly Collection[] = [
      ...(['ports', 'ports', 'ports', 'ports', 'ports', 'ports', 'subnets', 'subnets'] as const),
      ...(['security-groups', 'security-groups', 'security-group-rules', 'nodes'] as const),
      ...(['security-group-rules', 'networks', 'routers', 'address-groups'] as const),
    ];
    const collection = this.#one(weights) ?? 'ports';
    const count = this.#known.get(collection)?.length ?? 0;
    if (this.#maybe(count / (2 * MOST[collection]))) return this.#delete(url, collection);
    await this.#make(url, collection, this.#inputs[collection]());
  }

  readonly #inputs: Readonly<Record<Collection, () => Json>> = {
    networks: () => ({}),
    routers: () => ({}),
    'security-groups': () => ({}),
    'address-groups': () => ({}),
    subnets: () => {
      const place = `10.${this.#random.int(4)}.0.${this.#random.int(4) * 32}`;
      const cidr = `${place}/${this.#maybe(0.5) ? 27 : 28}`;
      return { network_id: this.#id('networks'), ip_version: 4, cidr };
    },
    ports: () => {
      const address = `10.${this.#random.int(3)}.0.${this.#random.between(2, 21)}`;
      return {
        network_id: this.#id('networks'),
        ...(this.#maybe(0.7) ? { security_groups: [this.#id('security-groups')] } : {}),
        ...(this.#maybe(0.6) ? { fixed_ips: [{ ip_address: address }] } : {}),
      };
    },
    'security-group-rules': () => ({
      security_group_id: this.#id('security-groups'),
      direction: this.#maybe(0.5) ? 'ingress' : 'egress',
      ethertype: 'IPv4',
      remote_group_id: this.#id('security-groups'),
    }),
    nodes: () => ({
      name: `node${this.#random.int(6)}`,
      vtep: `10.99.0.${this.#random.between(1, 6)}`,
    }),
  };

  /** Counts an answer, and what was not to be expected. */
  #told(url: string, what: string, answer: Answer | null): 'done' | 'refused' | 'unknown' {
    this.asked += 1;
    const status = answer === null ? 'none' : String(answer.status);
    this.outcomes.set(status, (this.outcomes.get(status) ?? 0) + 1);
    if (answer === null) return 'unknown';
    if (answer.status < 300) {
      this.acknowledged += 1;
      this.acks.push({ at: performance.now(), server: url });
      return 'done';
    }
    if (answer.status < 500 || JSON.stringify(answer.body).includes('nothing was changed')) {
      return 'refused';
    }
    if (!OPEN.has(answer.status)) this.surprises.push(`${what}: ${JSON.stringify(answer)}`);
    return 'unknown';
  }

  /** @returns the id of what was made. */
  async #make(url: string, collection: Collection, input: Json): Promise<string | null> {
    const mark = `o${(this.#serial += 1)}`;
    const member = MEMBERS[collection];
    const called = (this.#tick += 1);
    const named = collection === 'security-group-rules' ? { description: mark } : { name: mark };
    const answer = await ask(url, 'POST', collection, {
      body: { [member]: { ...named, ...input } },
    });
    const answered = (this.#tick += 1);
    const told = this.#told(url, `POST ${collection}`, answer);
    if (told === 'unknown') {
      this.#unanswered.push({ collection, mark, called, server: url });
      if (collection === 'nodes')
        this.#hold({ server: url, called, answered: null }, `node ${String(input['name'])}`, 'it');
    }
    // Nobody waits for a server that is away.
    if (answer === null || OPEN.has(answer.status)) await sleep(20);
    if (told !== 'done' || answer === null) return null;
    const item = answer.body[member] as Item;
    this.#made(collection, item, { server: url, called, answered });
    return item.id;
  }

  #made(
    collection: Collection,
    item: Item,
    bounds: { readonly server: string; readonly called: number; readonly answered: number | null },
  ): void {
    const known = this.#known.get(collection) ?? [];
    this.#known.set(collection, [...known, item.id]);
    if (WATCHED.has(collection))
      this.#history(item.id).push(creates({ ...bounds, made: seenOf(item) }));
    if (collection === 'nodes') this.#hold(bounds, `node ${item.id}`, 'it');
    if (collection !== 'ports') return;
    for (const fixed of item['fixed_ips'] as readonly Json[]) {
      this.#hold(
        bounds,
        `address ${String(fixed['ip_address'])} of ${String(fixed['subnet_id'])}`,
        item.id,
      );
    }
  }

  #history(id: string): Operation<Seen | null>[] {
    const known = this.#histories.get(id) ?? [];
    this.#histories.set(id, known);
    return known;
  }

  #hold(
    bounds: { readonly server: string; readonly called: number; readonly answered: number | null },
    what: string,
    holder: string,
  ): void {
    const known = this.#holdings.get(what) ?? [];
    this.#holdings.set(what, [...known, takes({ ...bounds, holder })]);
    this.#held.set(holder, [...(this.#held.get(holder) ?? []), what]);
  }

  async #update(url: string, collection: Collection): Promise<void> {
    const id = this.#id(collection);
    if (id === 'nobody') return;
    const member = MEMBERS[collection];
    const match = this.#maybe(0.5) ? (this.#revisions.get(id) ?? 1) : null;
    const mark = `u${(this.#serial += 1)}`;
    const regroup = collection === 'ports' && this.#maybe(0.5);
    const patch = {
      name: mark,
      ...(regroup ? { security_groups: [this.#id('security-groups')] } : {}),
    };
    const called = (this.#tick += 1);
    const answer = await ask(url, 'PUT', `${collection}/${id}`, {
      body: { [member]: patch },
      match: match ?? undefined,
    });
    const answered = (this.#tick += 1);
    const told = this.#told(url, `PUT ${collection}`, answer);
    if (told === 'refused') return;
    const item = told === 'done' && answer !== null ? (answer.body[member] as Item) : null;
    if (item !== null) this.#revisions.set(id, seenOf(item).revision);
    this.#history(id).push(
      updates({
        server: url,
        called,
        answered: item === null ? null : answered,
        mark,
        match,
        changed: item === null ? null : seenOf(item),
      }),
    );
  }

  async #read(url: string, collection: Collection): Promise<void> {
    const id = this.#id(collection);
    if (id === 'nobody') return;
    const called = (this.#tick += 1);
    const answer = await ask(url, 'GET', `${collection}/${id}`);
    const answered = (this.#tick += 1);
    if (answer === null || (answer.status !== 200 && answer.status !== 404)) return;
    const found = answer.status === 404 ? null : seenOf(answer.body[MEMBERS[collection]] as Json);
    if (found !== null) this.#revisions.set(id, found.revision);
    this.#history(id).push(reads({ server: url, called, answered, found }));
  }

  async #delete(url: string, collection: Collection): Promise<void> {
    const id = this.#id(collection);
    if (id === 'nobody') return;
    const called = (this.#tick += 1);
    const answer = await ask(url, 'DELETE', `${collection}/${id}`);
    const answered = (this.#tick += 1);
    const told = this.#told(url, `DELETE ${collection}`, answer);
    if (told === 'refused' && answer?.status !== 404) return;
    const known = this.#known.get(collection) ?? [];
    this.#known.set(
      collection,
      known.filter((each) => each !== id),
    );
    if (told === 'refused') return;
    const bounds = { server: url, called, answered: told === 'done' ? answered : null };
    if (WATCHED.has(collection)) this.#history(id).push(deletes(bounds));
    const holder = collection === 'nodes' ? 'it' : id;
    const held = collection === 'nodes' ? [`node ${id}`] : (this.#held.get(id) ?? []);
    for (const what of held) {
      const known = this.#holdings.get(what) ?? [];
      this.#holdings.set(what, [...known, releases({ ...bounds, holder })]);
    }
  }

  /** Puts routers into subnets, which joins VPCs, and takes them out again. */
  async #wire(url: string): Promise<void> {
    const how = this.#maybe(0.5) ? 'add_router_interface' : 'remove_router_interface';
    const path = `routers/${this.#id('routers')}/${how}`;
    const answer = await ask(url, 'PUT', path, { body: { subnet_id: this.#id('subnets') } });
    this.#told(url, how, answer);
  }

  /**
   * What cannot be explained, once nobody writes any more.
   * @param final what the tree holds, by collection.
   */
  faults(final: ReadonlyMap<string, readonly Item[]>): string[] {
    for (const { collection, mark, called, server } of this.#unanswered) {
      const item = final.get(MEMBERS[collection])?.find((each) => each['name'] === mark);
      if (item !== undefined && collection !== 'nodes') {
        this.#made(collection, item, { server, called, answered: null });
      }
    }
    const faults: string[] = [];
    for (const [id, history] of this.#histories) {
      const found = ['port', 'address_group'].flatMap(
        (kind) => final.get(kind)?.find((item) => item['id'] === id) ?? [],
      );
      const [called, answered] = [(this.#tick += 1), (this.#tick += 1)];
      const last = found[0] === undefined ? null : seenOf(found[0]);
      const look = { ...reads({ server: 'tree', called, answered, found: last }), reads: false };
      const fault = faultOf([...history, look]);
      if (fault !== null) faults.push(`${id}\n${fault}`);
    }
    for (const [what, holdings] of this.#holdings) {
      const fault = clashOf(holdings);
      if (fault !== null) faults.push(`${what}\n${fault}`);
    }
    return faults;
  }

  /** Objects that were followed, and operations on them. */
  get followed(): { readonly objects: number; readonly operations: number } {
    const operations = [...this.#histories.values(), ...this.#holdings.values()];
    return {
      objects: operations.length,
      operations: operations.reduce((sum, each) => sum + each.length, 0),
    };
  }
}
