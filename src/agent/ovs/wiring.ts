/** Makes the bridges what they must be, and reads which ofports they came out with. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BaseLogger } from 'pino';
import { Failure } from '../../base/failure.ts';
import type { OvsdbClient } from '../../net/ovsdb/index.ts';
import type { Operation } from '../../ovsdb/index.ts';
import type { NodeIdentity, Uplink } from '../../pipeline/local.ts';
import { sound } from '../alarms.ts';
import { missingParts, pinnedPorts, wantedBridges } from './bridges.ts';
import type { DatapathType, WantedBridge, WantedPort } from './bridges.ts';
import type { InterfaceRow, SwitchTables } from './tables.ts';

/** The longest that OVSDB, and then ovs-vswitchd, may take. */
const PATIENCE_MS = 5000;
const LOOK_MS = 20;
/** Attempts against others who change the same rows. */
const TRIES = 5;

export interface WiringOptions {
  readonly vtep: string;
  /** Absent: whatever ports br-phy has. */
  readonly uplinks?: readonly string[];
  readonly datapathType: DatapathType;
  readonly log: BaseLogger;
}

/** The ofports that flows speak of. */
export type Wired = Pick<NodeIdentity, 'tunnel' | 'uplinks'>;

interface Awaited {
  readonly bridge: string;
  readonly port: string;
  readonly held: InterfaceRow | null;
}

export class Wiring {
  readonly #ovsdb: OvsdbClient;
  readonly #tables: SwitchTables;
  readonly #options: WiringOptions;

  constructor(ovsdb: OvsdbClient, tables: SwitchTables, options: WiringOptions) {
    this.#ovsdb = ovsdb;
    this.#tables = tables;
    this.#options = options;
  }

  /**
   * Runs operations as one transaction, as soon as the database is there.
   * @param make Reads the tables as they are then: rows that it names may be gone after an absence.
   * @throws {Failure} `unavailable` when it is not within 5 s; what `make` and
   *   {@link OvsdbClient.transact} throw.
   */
  async transact(make: () => readonly Operation<unknown>[]): Promise<void> {
    await this.#database();
    const operations = make();
    if (operations.length > 0) await this.#ovsdb.transact(operations);
  }

  /**
   * Makes what is missing and waits until ovs-vswitchd has opened it.
   * @param strict Every uplink must be there; else one that cannot be opened is left out.
   * @throws {Failure} `unavailable` when OVSDB or ovs-vswitchd is away, or an interface cannot be
   *   opened (`InterfaceNotOpened`); `in_use` when another bridge has a port that is wanted here.
   */
  async open(strict: boolean): Promise<Wired> {
    await this.#make();
    await this.#opened(strict);
    await this.transact(() => pinnedPorts(this.#tables, this.#wanted()));
    return this.#wired();
  }

  /** Changes whenever what {@link open} made or answered is no longer so. */
  fingerprint(): string {
    try {
      const wanted = this.#wanted();
      const missing = missingParts(this.#tables, wanted).length;
      const bridges = wanted.map(({ name }) => this.#tables.bridge(name)?.uuid ?? null);
      const ports = this.#awaited(wanted).map(({ port, held }) => [port, held?.ofport ?? null]);
      return JSON.stringify([missing, bridges, ports]);
    } catch (error) {
      return String(error);
    }
  }

  #wanted(): WantedBridge[] {
    const { vtep, uplinks = this.#present(), datapathType } = this.#options;
    return wantedBridges(this.#tables, { vtep, uplinks, datapathType });
  }

  /** The ports that br-phy has, beside its own. */
  #present(): string[] {
    const bridge = this.#tables.bridge('br-phy');
    if (bridge === null) return [];
    return this.#tables
      .interfacesOf(bridge)
      .filter(({ name }) => name !== bridge.name)
      .sort((a, b) => (a.ofport ?? 0) - (b.ofport ?? 0))
      .map(({ name }) => name);
  }

  async #database(): Promise<void> {
    const deadline = AbortSignal.timeout(PATIENCE_MS);
    await this.#ovsdb.ready(deadline).catch((error: unknown) => {
      if (!deadline.aborted) throw error;
      throw new Failure('unavailable', 'OvsdbUnavailable', `OVSDB is away for ${PATIENCE_MS} ms`);
    });
  }

  async #make(): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.transact(() => missingParts(this.#tables, this.#wanted()));
      } catch (error) {
        const again = error instanceof Failure && error.kind === 'conflict' && tries < TRIES;
        if (!again) throw error;
      }
      await sleep(LOOK_MS);
    }
  }

  /** The interfaces that must have an ofport: of the bridges themselves, the tunnel, the uplinks. */
  #awaited(wanted: readonly WantedBridge[]): Awaited[] {
    return wanted.flatMap(({ name, ports }) => {
      const bridge = this.#tables.bridge(name);
      const own: Pick<WantedPort, 'name'> = { name };
      return [own, ...ports].map((port) => ({
        bridge: name,
        port: port.name,
        held: bridge === null ? null : this.#tables.interfaceOf(bridge, port.name),
      }));
    });
  }

  /** Waits until every interface has its ofport, or those that have none say why. */
  async #opened(strict: boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const closed = this.#awaited(this.#wanted()).filter(({ held }) => held?.ofport == null);
      if (closed.length === 0) return;
      const hopeless = closed.every(({ held }) => held?.error != null);
      if (!hopeless && performance.now() < deadline) {
        await sleep(LOOK_MS);
        continue;
      }
      for (const it of closed) this.#notOpened(it, strict);
      return;
    }
  }

  #notOpened({ bridge, port, held }: Awaited, strict: boolean): void {
    const error = held?.error ?? null;
    if (!strict && bridge === 'br-phy' && port !== bridge && error !== null) {
      sound(this.#options.log, 'uplink_missing', { interface: port, error });
      return;
    }
    const why =
      error ?? `ovs-vswitchd has given it no ofport in ${PATIENCE_MS} ms; see whether it runs`;
    throw new Failure(
      error === null ? 'unavailable' : 'invalid',
      'InterfaceNotOpened',
      `interface ${port} of ${bridge} is not open: ${why}`,
      { field: 'interface', value: port },
    );
  }

  #wired(): Wired {
    const found = this.#awaited(this.#wanted());
    const open = found.flatMap(({ bridge, port, held }) =>
      held?.ofport == null ? [] : [{ bridge, name: port, ofport: held.ofport }],
    );
    const portsOf = (bridge: string): Uplink[] =>
      open
        .filter((it) => it.bridge === bridge && it.name !== bridge)
        .map(({ name, ofport }) => ({ name, ofport }));
    const [tunnel] = portsOf('br-int');
    if (tunnel === undefined) {
      throw new Failure('unavailable', 'InterfaceNotOpened', 'the tunnel port went away again');
    }
    return { tunnel, uplinks: portsOf('br-phy') };
  }
}
