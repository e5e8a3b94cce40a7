/** Agents' streams, hundreds of them, that all lose their server in one moment. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Stream, type Reachable } from '../../src/agent/stream.ts';
import type { Accept, Link, Receiver } from '../../src/api/hub/index.ts';
import { Random } from '../support/random.ts';
import { log } from './world.ts';

const AGENTS = Number(process.env['TIANCHI_STREAMS'] ?? 400);
/** Of which it is counted who comes, ms. */
const SLOT = 50;

/** A server that welcomes whoever comes, and can die. */
class Host {
  came: number[] = [];
  alive = true;
  readonly #links = new Set<Receiver>();

  get agents(): number {
    return this.#links.size;
  }

  connect(accept: Accept): Promise<void> {
    this.came.push(performance.now());
    if (!this.alive) return Promise.reject(new Error('nobody there'));
    const link: Link = {
      buffered: 0,
      send: () => queueMicrotask(() => receiver.message('{"type":"welcome","store":"s"}')),
      close: () => undefined,
    };
    const receiver = accept(link);
    this.#links.add(receiver);
    return Promise.resolve();
  }

  die(): void {
    this.alive = false;
    this.came = [];
    const links = [...this.#links];
    this.#links.clear();
    for (const link of links) link.closed(1006, '');
  }

  /** The most that came within a slot. */
  crowd(): number {
    const slots = new Map<number, number>();
    for (const time of this.came) {
      const slot = Math.floor(time / SLOT);
      slots.set(slot, (slots.get(slot) ?? 0) + 1);
    }
    return Math.max(...slots.values());
  }
}

const owner = {
  hello: () =>
    ({ type: 'hello', node: 'n', vtep: '10.0.0.1', revision: null, store: null }) as const,
  message: () => undefined,
};

let hosts: Host[];
let streams: Stream[];

async function start(count: number): Promise<void> {
  const random = new Random(6);
  hosts = Array.from({ length: count }, () => new Host());
  const servers = hosts.map((host, index): Reachable => ({
    name: `${index}`,
    connect: (accept) => host.connect(accept),
  }));
  streams = Array.from(
    { length: AGENTS },
    () => new Stream(servers, owner, log, () => random.next()),
  );
  await vi.advanceTimersByTimeAsync(0);
}

const total = (of: readonly Host[]): number => of.reduce((sum, { agents }) => sum + agents, 0);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  for (const stream of streams) stream.close();
  vi.useRealTimers();
});

test('those of one of three are at the others within half a second, and come spread out', async () => {
  await start(3);
  const [first, ...others] = hosts;
  const moving = first?.agents ?? 0;
  expect(moving).toBeGreaterThan(AGENTS / 4);
  for (const host of others) host.came = [];
  first?.die();
  await vi.advanceTimersByTimeAsync(500);
  expect(total(others)).toBe(AGENTS);
  for (const host of others) {
    expect(host.agents).toBeGreaterThan(AGENTS * 0.4);
    // Ten slots of half of them each, were they quite even.
    expect(host.crowd()).toBeLessThan(2.5 * (moving / 20));
  }
  // Whoever is taken somewhere stays there.
  if (first !== undefined) first.alive = true;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(first?.agents).toBe(0);
});

test('with two of three dead all are at the third within some seconds', async () => {
  await start(3);
  const [first, second, third] = hosts;
  first?.die();
  second?.die();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(third?.agents).toBe(AGENTS);
});

test('those of the only server ask now and then, and are back soon, spread out', async () => {
  await start(1);
  const [host] = hosts;
  host?.die();
  await vi.advanceTimersByTimeAsync(1_500);
  expect(host?.came.length).toBeLessThan(6 * AGENTS);
  if (host !== undefined) {
    host.came = [];
    host.alive = true;
  }
  await vi.advanceTimersByTimeAsync(2_000);
  expect(host?.agents).toBe(AGENTS);
  expect(host?.crowd()).toBeLessThan(AGENTS / 10);
});
