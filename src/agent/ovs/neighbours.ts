/**
 * The tunnel neighbours of the nodes that flows lead to. A native tunnel drops the packet that meets
 * an unknown one, and entries age (tnl/neigh/aging), so each is asked for before it is needed, again
 * before it ages, and at once when it is missing. Questions are sent as the node itself would send
 * them; the switch learns the answers as they pass br-phy (Open vSwitch, Documentation/howto/userspace-tunneling).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BaseLogger } from 'pino';
import { parseIp, parseMac } from '../../address/index.ts';
import { ARP_OPERATION, ETHER_TYPE, encodeArp, encodeEthernet } from '../../packet/index.ts';
import { sound } from '../alarms.ts';
import { parseNeighbours, parseRoute } from './tunnels.ts';
import type { Route } from './tunnels.ts';

const BRIDGE = 'br-phy';
const BROADCAST = 0xffff_ffff_ffffn;
/** The longest that `warm` waits for answers. */
const PATIENCE_MS = 1000;
const REFRESH_MS = 60_000;
/** How soon routes are looked up again while one is missing. */
const ROUTES_AGAIN_MS = 1000;
/** Between two questions for an address that does not answer, first and at most. */
const FIRST_REPEAT_MS = 200;
const LONGEST_REPEAT_MS = 2000;
/** Between two looks: while somebody waits, while addresses are missing, else. */
const LOOK_MS = { awaited: 25, missing: 250, settled: 3000 } as const;

export interface NeighbourOptions {
  /** The node's own. */
  readonly vtep: string;
  /** `ovs-appctl`. */
  readonly call: (command: string, ...args: string[]) => Promise<string>;
  /** Sends a frame through br-phy's flows as if the node had sent it; false while the switch is away. */
  readonly send: (frame: Uint8Array) => boolean;
  /** MAC of br-phy's own interface; null when it is not there. */
  readonly mac: () => string | null;
  readonly log: BaseLogger;
}

/** What packets to some VTEPs go to: each VTEP itself, or the router that leads to them. */
interface Hop {
  /** As it was last seen. */
  mac: string | null;
  known: boolean;
  /** The address that the question comes from. */
  source: string;
  /** Milliseconds of the monotonic clock. */
  nextQuestion: number;
  repeat: number;
  complained: boolean;
}

/** An ARP request (RFC 826), to everybody or, as a poll (RFC 1122 §2.3.2.1), to the MAC that is known. */
function question(mac: string, source: string, target: string, known: string | null): Uint8Array {
  const sender = parseMac(mac);
  return encodeEthernet({
    destination: known === null ? BROADCAST : parseMac(known),
    source: sender,
    tags: [],
    type: ETHER_TYPE.arp,
    payload: encodeArp({
      operation: ARP_OPERATION.request,
      senderMac: sender,
      senderIp: parseIp(source).value,
      targetMac: 0n,
      targetIp: parseIp(target).value,
    }),
  });
}

export class Neighbours {
  readonly #options: NeighbourOptions;
  /** The next hop of each VTEP; null: no way leads there over br-phy. */
  #routes = new Map<string, string | null>();
  readonly #hops = new Map<string, Hop>();
  /** When routes are to be looked up anew. */
  #routesUntil = 0;
  /** Addresses whose missing route was complained of. */
  readonly #unrouted = new Set<string>();
  #looking: Promise<void> | null = null;
  /** When to look next, whatever is known; null: as what is missing asks for. */
  #soon: number | null = null;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: NeighbourOptions) {
    this.#options = options;
  }

  /** Keeps the neighbours of exactly these VTEPs; resolves once the new ones answered, or after 1 s. */
  async warm(vteps: ReadonlySet<string>): Promise<void> {
    const added = [...vteps].filter((vtep) => !this.#routes.has(vtep));
    this.#routes = new Map([...vteps].map((vtep) => [vtep, this.#routes.get(vtep) ?? null]));
    if (added.length > 0) this.#routesUntil = 0;
    const deadline = performance.now() + PATIENCE_MS;
    while (added.length > 0 && !this.#closed) {
      await this.#look();
      // There is nobody to wait for where no way leads.
      const waiting = added.some(
        (vtep) => this.#routes.get(vtep) != null && this.#macOf(vtep) === null,
      );
      if (!waiting || performance.now() > deadline) break;
      await sleep(LOOK_MS.awaited);
    }
    this.#schedule();
  }

  /** Looks at once: the switch may have forgotten everything. */
  hurry(): void {
    this.#routesUntil = 0;
    for (const hop of this.#hops.values()) {
      hop.nextQuestion = 0;
      hop.repeat = FIRST_REPEAT_MS;
    }
    this.#soon = 0;
    this.#schedule();
  }

  /** A line `VTEP MAC`, or `VTEP -`, for each. */
  text(): string {
    return [...this.#routes.keys()]
      .sort()
      .map((vtep) => `${vtep} ${this.#macOf(vtep) ?? '-'}\n`)
      .join('');
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #macOf(vtep: string): string | null {
    const hop = this.#hops.get(this.#routes.get(vtep) ?? '');
    return hop?.known === true ? hop.mac : null;
  }

  #schedule(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#closed || this.#routes.size === 0) return;
    const missing = [...this.#routes.keys()].some((vtep) => this.#macOf(vtep) === null);
    const next = this.#soon ?? (missing ? LOOK_MS.missing : LOOK_MS.settled);
    this.#timer = setTimeout(() => void this.#look().then(() => this.#schedule()), next);
    this.#timer.unref();
  }

  /** One look at a time; whoever comes meanwhile waits for the one under way. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookOnce()
      .catch((error: unknown) => {
        // ovs-vswitchd is away; the channels say so.
        this.#options.log.debug({ err: error }, 'could not read the tunnel neighbours');
        this.#soon ??= LOOK_MS.missing;
      })
      .finally(() => {
        this.#looking = null;
      });
    return this.#looking;
  }

  async #lookOnce(): Promise<void> {
    this.#soon = null;
    const now = performance.now();
    if (now >= this.#routesUntil) await this.#findRoutes(now);
    const present = parseNeighbours(await this.#options.call('tnl/neigh/show'), BRIDGE);
    for (const [address, hop] of this.#hops) {
      const mac = present.get(address);
      const lost = hop.known && mac === undefined;
      hop.known = mac !== undefined;
      if (mac !== undefined) {
        hop.mac = mac;
        hop.repeat = FIRST_REPEAT_MS;
        hop.complained = false;
      }
      // What was right a moment ago is most likely still: packets need not wait for the answer.
      if (lost && hop.mac !== null) {
        await this.#options.call('tnl/neigh/set', BRIDGE, address, hop.mac);
        hop.known = true;
        hop.nextQuestion = 0;
      }
      if (now >= hop.nextQuestion) this.#ask(address, hop, now);
    }
  }

  #ask(address: string, hop: Hop, now: number): void {
    const mac = this.#options.mac();
    if (mac === null) return;
    const known = hop.known ? hop.mac : null;
    if (!this.#options.send(question(mac, hop.source, address, known))) return;
    hop.nextQuestion = now + (hop.known ? REFRESH_MS : hop.repeat);
    if (hop.known) return;
    hop.repeat = Math.min(hop.repeat * 2, LONGEST_REPEAT_MS);
    if (hop.complained || hop.repeat < LONGEST_REPEAT_MS) return;
    hop.complained = true;
    sound(this.#options.log, 'vtep_silent', { address, vteps: this.#behind(address) });
  }

  #behind(address: string): string[] {
    return [...this.#routes].filter(([, hop]) => hop === address).map(([vtep]) => vtep);
  }

  async #findRoutes(now: number): Promise<void> {
    const home = await this.#ownRoute();
    const hops = new Set<string>();
    for (const vtep of this.#routes.keys()) {
      const route = home ? await this.#route(vtep) : null;
      const address = route === null ? null : (route.gateway ?? vtep);
      this.#routes.set(vtep, address);
      if (address === null || route === null) continue;
      hops.add(address);
      this.#hop(address).source = route.source;
    }
    for (const address of this.#hops.keys()) if (!hops.has(address)) this.#hops.delete(address);
    for (const known of this.#unrouted) {
      if (known !== this.#options.vtep && !this.#routes.has(known)) this.#unrouted.delete(known);
    }
    this.#routesUntil = now + (this.#unrouted.size > 0 ? ROUTES_AGAIN_MS : REFRESH_MS);
  }

  /** Whether br-phy has the node's own VTEP address. */
  async #ownRoute(): Promise<boolean> {
    const { vtep, call } = this.#options;
    const route = parseRoute(await call('ovs/route/lookup', vtep));
    const home = route?.device === BRIDGE && route.source === vtep;
    this.#complain(home, 'vtep_missing', vtep, route);
    return home;
  }

  /** The way to a VTEP; null when there is none over br-phy. */
  async #route(vtep: string): Promise<Route | null> {
    const route = parseRoute(await this.#options.call('ovs/route/lookup', vtep));
    const usable = route?.device === BRIDGE;
    this.#complain(usable, 'vtep_unrouted', vtep, route);
    return usable ? route : null;
  }

  /** Once for each address, until it is right. */
  #complain(
    right: boolean,
    alarm: 'vtep_missing' | 'vtep_unrouted',
    vtep: string,
    route: Route | null,
  ): void {
    if (right) this.#unrouted.delete(vtep);
    else if (!this.#unrouted.has(vtep)) {
      this.#unrouted.add(vtep);
      sound(this.#options.log, alarm, { vtep, leadsTo: route?.device ?? null });
    }
  }

  #hop(address: string): Hop {
    let hop = this.#hops.get(address);
    if (hop === undefined) {
      hop = {
        mac: null,
        known: false,
        source: '',
        nextQuestion: 0,
        repeat: FIRST_REPEAT_MS,
        complained: false,
      };
      this.#hops.set(address, hop);
    }
    return hop;
  }
}
