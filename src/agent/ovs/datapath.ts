/**
 * A real Open vSwitch as a datapath: bridges, interfaces and the agent's numbers by OVSDB, flows by
 * OpenFlow, the rest by the control socket. Each of the three connects again by itself; whoever asks
 * for something meanwhile waits a little and is then refused.
 */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BaseLogger } from 'pino';
import { formatIp, parseIp } from '../../address/index.ts';
import { Failure } from '../../base/failure.ts';
import type { NodeDatapath } from '../../model/objects.ts';
import type { AgentDump, AgentQuery } from '../../model/stream.ts';
import { OpenFlowChannel } from '../../net/openflow/index.ts';
import { OvsdbClient } from '../../net/ovsdb/index.ts';
import type { OvsdbState } from '../../net/ovsdb/index.ts';
import { Unixctl, controlSocket } from '../../net/unixctl.ts';
import { PORT } from '../../openflow/flow.ts';
import type { BridgeProgram } from '../../openflow/flow.ts';
import type { MessageOf } from '../../openflow/wire/index.ts';
import { BRIDGES } from '../../pipeline/compiler.ts';
import type { BridgeDelta } from '../../pipeline/feature.ts';
import type { NodeIdentity } from '../../pipeline/local.ts';
import { sound } from '../alarms.ts';
import { bridgeNamed } from '../datapath.ts';
import type {
  Before,
  BridgeName,
  Connection,
  Datapath,
  DatapathEvent,
  Interface,
  KeptState,
  PacketIn,
} from '../datapath.ts';
import type { DatapathType } from './bridges.ts';
import { parseConnections } from './conntrack.ts';
import { Debounce } from './debounce.ts';
import { DUMPS } from './dumps.ts';
import { onlyKept, pluggedInterfaces } from './interfaces.ts';
import type { Plugged } from './interfaces.ts';
import { keptWrites, readKept } from './kept.ts';
import { Neighbours } from './neighbours.ts';
import { MONITORED, SwitchTables } from './tables.ts';
import { Wiring } from './wiring.ts';
import type { Wired } from './wiring.ts';

export interface OvsOptions {
  readonly node: string;
  readonly vtep: string;
  /** `unix:PATH`; the sockets of ovs-vswitchd lie beside it. */
  readonly ovsdb: string;
  /** Interfaces that br-phy sends by; absent: the ports that it has. */
  readonly uplinks?: readonly string[];
  /** VLAN of the underlay; null or absent: untagged. */
  readonly vlan?: number | null;
  /** Of bridges that are not there yet; `netdev` when left out. */
  readonly datapathType?: DatapathType;
  readonly log: BaseLogger;
}

/** How long a request waits for a connection that is being made again. */
const PATIENCE_MS = 5000;
const FIRST_TRY_AGAIN_MS = 500;
const FEW_ZONES = 4;
/** Changes that come within it are told of as one. */
const DRIFT_DELAY_MS = 50;
const ROWS_DELAY_MS = 5;

type PerBridge<T> = Record<BridgeName, T>;

const UNIX = /^unix:(.+)$/;

function rundirOf(ovsdb: string): string {
  const file = UNIX.exec(ovsdb)?.[1];
  if (file !== undefined) return path.dirname(file);
  throw new Failure('invalid', 'OvsdbTargetInvalid', `ovsdb is '${ovsdb}'; it must be unix:PATH`, {
    field: 'ovsdb',
    value: ovsdb,
    remedy: 'give the local socket, as in unix:/var/run/openvswitch/db.sock',
  });
}

/** Changes with what `interfaces` answers, but for vids. */
const signature = ({ interfaces }: Plugged): string =>
  [...interfaces.values()]
    .map(({ uuid, port_id, ofport, name }) => `${uuid} ${port_id} ${ofport} ${name}`)
    .join('\n');

export class OvsDatapath implements Datapath {
  readonly #options: OvsOptions;
  readonly #vtep: string;
  readonly #rundir: string;
  readonly #log: BaseLogger;
  readonly #ovsdb: OvsdbClient;
  readonly #tables: SwitchTables;
  readonly #wiring: Wiring;
  readonly #unixctl: Unixctl;
  readonly #neighbours: Neighbours;
  readonly #listeners = new Set<(event: DatapathEvent) => void>();
  readonly #packetListeners = new Set<(packet: PacketIn) => void>();
  readonly #drift = new Debounce(DRIFT_DELAY_MS, () => this.#tell('drift'));
  readonly #rows = new Debounce(ROWS_DELAY_MS, () => this.#compareRows());
  /** Begins with the time, so that a restarted agent is never taken for the one before. */
  readonly #generations: PerBridge<number>;
  readonly #complained = new Set<string>();
  /** null until the bridges are there. */
  #channels: PerBridge<OpenFlowChannel> | null = null;
  /** As last told to the listeners; null before the first `open`. */
  #wiredAs: string | null = null;
  #plugged: Plugged | null = null;
  #opening = false;
  #ovsdbLost = false;
  #closed = false;

  constructor(options: OvsOptions) {
    const { ovsdb, log, uplinks, datapathType = 'netdev' } = options;
    this.#options = options;
    this.#log = log;
    this.#vtep = formatIp(parseIp(options.vtep, 'vtep'));
    this.#rundir = rundirOf(ovsdb);
    const began = Date.now() * 1000;
    this.#generations = { 'br-int': began, 'br-phy': began };
    this.#ovsdb = OvsdbClient.connect({
      target: ovsdb,
      database: 'Open_vSwitch',
      tables: MONITORED,
      log,
    });
    this.#tables = new SwitchTables(this.#ovsdb);
    this.#ovsdb.onChange((changes) => {
      if (!changes.every(onlyKept)) this.#rows.call();
    });
    this.#ovsdb.onState((state, reason) => this.#noteOvsdb(state, reason));
    this.#wiring = new Wiring(this.#ovsdb, this.#tables, {
      vtep: this.#vtep,
      ...(uplinks === undefined ? {} : { uplinks }),
      datapathType,
      log,
    });
    this.#unixctl = new Unixctl(() => controlSocket(this.#rundir));
    this.#neighbours = new Neighbours({
      vtep: this.#vtep,
      call: (command, ...args) => this.#unixctl.call(command, ...args),
      send: (frame) => this.#sendAsNode(frame),
      mac: () => this.#ownMac(),
      log,
    });
  }

  /** The first call waits for OVSDB and ovs-vswitchd for as long as it takes. */
  async open(): Promise<Omit<NodeIdentity, 'epoch'>> {
    this.#opening = true;
    try {
      const wired = await this.#wire();
      this.#channels ??= this.#connect();
      const { node, vlan = null } = this.#options;
      return { node, vtep: this.#vtep, vlan, ...wired };
    } finally {
      this.#opening = false;
    }
  }

  describe(): NodeDatapath {
    const type = this.#tables.bridge('br-int')?.datapathType === 'netdev' ? 'netdev' : 'system';
    // The type is there only where ovs-vswitchd was started with DPDK.
    const sockets = this.#tables.interfaceTypes.has('dpdkvhostuserclient');
    return { type, vhostuser_socket_dir: sockets ? this.#rundir : null };
  }

  interfaces(ports: ReadonlySet<string> | null): Promise<readonly Interface[]> {
    const plugged = pluggedInterfaces(this.#tables);
    const { interfaces, rivals } = plugged;
    this.#plugged = plugged;
    for (const { uuid, port_id: port, name: ignored } of rivals) {
      if (this.#complained.has(uuid)) continue;
      this.#complained.add(uuid);
      const name = interfaces.get(port)?.name;
      sound(this.#log, 'interface_twice', { port, interface: name, ignored });
    }
    const found = Array.from(ports ?? interfaces.keys(), (port) => interfaces.get(port));
    return Promise.resolve(found.filter((it) => it !== undefined));
  }

  /** Plugging is the hypervisor's. */
  ensurePlugged(_portIds: ReadonlySet<string>): Promise<void> {
    return Promise.resolve();
  }

  watch(listener: (event: DatapathEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  packets(listener: (packet: PacketIn) => void): () => void {
    this.#packetListeners.add(listener);
    return () => this.#packetListeners.delete(listener);
  }

  send(bridge: BridgeName, ofport: number, frame: Uint8Array): void {
    this.#channels?.[bridge].packetOut(ofport, frame);
  }

  async connections(zones: readonly number[]): Promise<readonly Connection[]> {
    const dump = async (...only: string[]) => parseConnections(await this.#conntrack(...only));
    // For each zone asked of it the switch goes through all connections.
    if (zones.length > FEW_ZONES) {
      const wanted = new Set(zones);
      return (await dump()).filter(({ zone }) => wanted.has(zone));
    }
    const found: Connection[] = [];
    for (const zone of zones) found.push(...(await dump(`zone=${zone}`)));
    return found;
  }

  async forget(connections: readonly Connection[]): Promise<void> {
    if (connections.length === 0) return;
    await (await this.#channel('br-int')).flushConnections(connections);
  }

  warm(vteps: ReadonlySet<string>): Promise<void> {
    return this.#neighbours.warm(vteps);
  }

  async flush(zones: readonly number[]): Promise<void> {
    const channel = await this.#channel('br-int');
    await channel.flushZones(zones);
  }

  kept(): Promise<KeptState> {
    return Promise.resolve(readKept(this.#tables));
  }

  /** @throws {Failure} `unavailable` while there is no br-int, or no OVSDB. */
  async keep(state: KeptState, moved: ReadonlySet<string> | null): Promise<void> {
    await this.#wiring.transact(() => {
      const bridge = this.#tables.bridge('br-int');
      if (bridge === null) throw new Failure('unavailable', 'BridgeMissing', 'br-int is not there');
      return keptWrites(this.#tables, bridge, state, moved);
    });
  }

  /** Flows that cannot be read are somebody else's, and are deleted on the way. */
  async program(bridge: BridgeName): Promise<BridgeProgram> {
    const channel = await this.#channel(bridge);
    const held = await channel.program();
    if (held.unreadable.length === 0) return held;
    for (const { cookie, ...flow } of held.unreadable) {
      const bearing = `0x${cookie.toString(16)}`;
      sound(this.#log, 'drift', { bridge, what: 'added', ...flow, cookie: bearing });
    }
    await channel.removeUnreadable(held.unreadable);
    return channel.program();
  }

  async apply(bridge: BridgeName, delta: BridgeDelta, before?: Partial<Before>): Promise<void> {
    const channel = await this.#channel(bridge);
    this.#generations[bridge] += 1;
    try {
      await channel.apply(delta, before);
    } finally {
      this.#generations[bridge] += 1;
    }
  }

  /**
   * Counters that moved make no new generation.
   * @throws {Failure} not_found: no such bridge; unavailable: the switch is away.
   */
  async dump({ what, bridge: name, generation: known }: AgentQuery): Promise<AgentDump> {
    const bridge = bridgeNamed(name);
    const generation = this.#generations[bridge];
    if (what === 'neighbours') return { generation, text: this.#neighbours.text() };
    if (what === 'conntrack') return { generation, text: await this.#conntrack() };
    const channel = await this.#channel(bridge);
    return generation === known
      ? { generation, unchanged: true }
      : { generation, text: await DUMPS[what](channel) };
  }

  #conntrack(...only: string[]): Promise<string> {
    const type = this.#tables.bridge('br-int')?.datapathType || 'system';
    return this.#unixctl.call('dpctl/dump-conntrack', `${type}@ovs-${type}`, ...only);
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#drift.cancel();
    this.#rows.cancel();
    this.#neighbours.close();
    if (this.#channels !== null) for (const name of BRIDGES) this.#channels[name].close();
    this.#unixctl.close();
    this.#ovsdb.close();
    return Promise.resolve();
  }

  async #wire(): Promise<Wired> {
    const first = this.#wiredAs === null;
    for (;;) {
      try {
        const wired = await this.#wiring.open(first);
        this.#wiredAs = this.#wiring.fingerprint();
        return wired;
      } catch (error) {
        const wait = first && error instanceof Failure && error.kind === 'unavailable';
        if (!wait || this.#closed) throw error;
        this.#log.info({ reason: error.message }, 'waiting for the switch');
      }
      await sleep(FIRST_TRY_AGAIN_MS);
    }
  }

  /** Once an outage. */
  #noteOvsdb(state: OvsdbState, reason: string | null): void {
    if (state === 'waiting' && !this.#ovsdbLost) sound(this.#log, 'ovsdb_lost', { reason });
    if (state === 'waiting') this.#ovsdbLost = true;
    if (state === 'ready') this.#ovsdbLost = false;
  }

  #connect(): PerBridge<OpenFlowChannel> {
    return { 'br-int': this.#open('br-int'), 'br-phy': this.#open('br-phy') };
  }

  #open(bridge: BridgeName): OpenFlowChannel {
    let restarted = false;
    return new OpenFlowChannel({
      socket: path.join(this.#rundir, `${bridge}.mgmt`),
      log: this.#log,
      events: {
        up: () => {
          this.#generations[bridge] += 1;
          this.#neighbours.hurry();
          if (restarted) this.#tell('program');
        },
        down: (reason) => {
          restarted = true;
          this.#generations[bridge] += 1;
          if (!this.#closed) sound(this.#log, 'switch_lost', { bridge, reason });
        },
        changed: () => {
          this.#generations[bridge] += 1;
          this.#drift.call();
        },
        portStatus: () => {
          this.#generations[bridge] += 1;
        },
        packetIn: (packet) => this.#packetIn(bridge, packet),
      },
    });
  }

  /** @throws {Failure} `unavailable` when the switch is still away after a while. */
  async #channel(bridge: BridgeName): Promise<OpenFlowChannel> {
    if (this.#channels === null) throw new RangeError('the datapath was not opened');
    const channel = this.#channels[bridge];
    if (channel.state !== 'ready') await channel.ready(AbortSignal.timeout(PATIENCE_MS));
    return channel;
  }

  #packetIn(bridge: BridgeName, packet: MessageOf<'packet_in'>): void {
    const { reason, table, cookie, userdata, metadata, frame } = packet;
    if (reason !== 'action' && reason !== 'invalid_ttl') return;
    const inPort = Number(metadata.find(({ field }) => field.name === 'in_port')?.value ?? 0n);
    const told = { bridge, reason, inPort, table, cookie, userdata, metadata, frame };
    for (const listener of this.#packetListeners) listener(told);
  }

  #tell(event: DatapathEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Tells what the rows that changed mean, if anything. */
  #compareRows(): void {
    if (this.#wiredAs === null || this.#closed) return;
    const plugged = pluggedInterfaces(this.#tables);
    const replugged = this.#plugged === null || signature(plugged) !== signature(this.#plugged);
    this.#plugged = plugged;
    // While it is being wired, its own changes come back as rows.
    const wiredAs = this.#opening ? this.#wiredAs : this.#wiring.fingerprint();
    const rewired = wiredAs !== this.#wiredAs;
    this.#wiredAs = wiredAs;
    if (rewired) this.#tell('identity');
    if (replugged) this.#tell('interfaces');
  }

  #ownMac(): string | null {
    const bridge = this.#tables.bridge('br-phy');
    return bridge === null ? null : (this.#tables.interfaceOf(bridge, bridge.name)?.mac ?? null);
  }

  #sendAsNode(frame: Uint8Array): boolean {
    const channel = this.#channels?.['br-phy'];
    if (channel?.state !== 'ready') return false;
    channel.packetOut(PORT.table, frame, PORT.local);
    return true;
  }
}

/** A datapath on the Open vSwitch whose database listens at `ovsdb`; it begins to connect at once. */
export function ovsDatapath(options: OvsOptions): OvsDatapath {
  return new OvsDatapath(options);
}
