import { randomUUID } from 'node:crypto';
import { ZooKeeperError } from '../../zookeeper/index.ts';
import type { Acl, ZooKeeper } from '../../zookeeper/index.ts';
import type { Members } from '../contract.ts';
import { Roll } from '../members.ts';
import { asFailure } from './failures.ts';
import { SERVERS } from './layout.ts';

/** Announcements are ephemeral nodes: they go with the session, and are made again in the next. */
export class ZooKeeperMembers implements Members {
  readonly #client: ZooKeeper;
  readonly #acl: readonly Acl[];
  readonly #roll = new Roll();
  readonly #announced = new Map<string, string>();
  #refreshing: Promise<void> | null = null;
  #again = false;

  constructor(client: ZooKeeper, acl: readonly Acl[]) {
    this.#client = client;
    this.#acl = acl;
  }

  async announce(value: string): Promise<() => Promise<void>> {
    const key = randomUUID();
    this.#announced.set(key, value);
    try {
      await this.#put(key, value);
      await this.refresh();
    } catch (error) {
      this.#announced.delete(key);
      throw asFailure(error);
    }
    return () => this.#takeBack(key);
  }

  list(): ReadonlyMap<string, string> {
    return this.#roll.members;
  }

  follow(listener: (members: ReadonlyMap<string, string>) => void): () => void {
    return this.#roll.follow(listener);
  }

  /** Follows what the other stores announce; returns once all that is there now is listed. */
  async watch(): Promise<void> {
    await this.#client.watch(SERVERS, 'persistent', () => void this.refresh().catch(() => {}));
    await this.refresh();
  }

  /** After a connection was lost: what this store announces stands again. */
  async restore(): Promise<void> {
    await Promise.all([...this.#announced].map(([key, value]) => this.#put(key, value)));
    await this.refresh();
  }

  /** Reads the list as it is after the call. */
  refresh(): Promise<void> {
    this.#again = true;
    this.#refreshing ??= this.#read();
    return this.#refreshing;
  }

  async #read(): Promise<void> {
    try {
      while (this.#again) {
        this.#again = false;
        this.#roll.replace(await this.#listed());
      }
    } finally {
      this.#refreshing = null;
    }
  }

  async #listed(): Promise<ReadonlyMap<string, string>> {
    const { children } = await this.#client.children(SERVERS);
    const known = this.#roll.members;
    const members = new Map<string, string>();
    for (const key of children) {
      const value = known.get(key) ?? (await this.#valueOf(key));
      if (value !== null) members.set(key, value);
    }
    return members;
  }

  async #valueOf(key: string): Promise<string | null> {
    try {
      const { data } = await this.#client.get(`${SERVERS}/${key}`);
      return data === null ? null : Buffer.from(data).toString();
    } catch (error) {
      if (error instanceof ZooKeeperError && error.code === 'NONODE') return null;
      throw error;
    }
  }

  async #put(key: string, value: string): Promise<void> {
    const path = `${SERVERS}/${key}`;
    const data = Buffer.from(value);
    try {
      await this.#client.create(path, data, { mode: 'ephemeral', acl: this.#acl });
    } catch (error) {
      if (!(error instanceof ZooKeeperError) || error.code !== 'NODEEXISTS') throw error;
      const stat = await this.#client.exists(path);
      if (stat?.ephemeralOwner === this.#client.session) return;
      // That of the session before, which ZooKeeper will take away: too late.
      if (stat !== null) await this.#client.delete(path);
      await this.#client.create(path, data, { mode: 'ephemeral', acl: this.#acl });
    }
  }

  async #takeBack(key: string): Promise<void> {
    this.#announced.delete(key);
    try {
      await this.#client.delete(`${SERVERS}/${key}`);
      await this.refresh();
    } catch (error) {
      if (!(error instanceof ZooKeeperError)) throw error;
      // Gone already, or soon: with the session.
    }
  }
}
