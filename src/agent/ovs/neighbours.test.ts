import { pino } from 'pino';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { Neighbours } from './neighbours.ts';

const VTEP = '10.0.0.1';
const MAC = '0a:00:00:00:00:01';

/** A switch that knows what is told of it here. */
class FakeSwitch {
  readonly routes = new Map<string, string>([[VTEP, '::']]);
  readonly known = new Map<string, string>();
  /** Who answers a question. */
  readonly answers = new Map<string, string>();
  /** Who was asked, and of them those that were asked alone. */
  readonly asked: string[] = [];
  readonly polled: string[] = [];
  readonly alarms: unknown[] = [];
  here = true;
  /** What its answers wait for. */
  pace: () => Promise<void> = () => Promise.resolve();

  readonly call = (command: string, ...args: string[]): Promise<string> => {
    const [first = '', address = '', mac = ''] = args;
    if (command === 'tnl/neigh/set') this.known.set(address, mac);
    if (command === 'tnl/neigh/show') {
      const lines = [...this.known].map(([ip, at]) => `${ip}   ${at}   br-phy`);
      return this.pace().then(() => ['IP MAC Bridge', '===', ...lines, ''].join('\n'));
    }
    const gateway = this.routes.get(first);
    return gateway === undefined
      ? Promise.resolve(`src 192.0.2.9\ngateway 192.0.2.1\ndev eth0\n`)
      : Promise.resolve(`src ${VTEP}\ngateway ${gateway}\ndev br-phy\n`);
  };

  readonly send = (frame: Uint8Array): boolean => {
    if (!this.here) return false;
    const target = frame.slice(-4).join('.');
    (frame[0] === 0xff ? this.asked : this.polled).push(target);
    const mac = this.answers.get(target);
    if (mac !== undefined) this.known.set(target, mac);
    return true;
  };

  readonly neighbours = new Neighbours({
    vtep: VTEP,
    call: this.call,
    send: this.send,
    mac: () => MAC,
    log: pino({ level: 'warn' }, { write: (line) => this.alarms.push(alarmOf(line)) }),
  });
}

const alarmOf = (line: string): unknown => (JSON.parse(line) as { alarm?: unknown }).alarm;

let fake = new FakeSwitch();
afterEach(() => {
  fake.neighbours.close();
  fake = new FakeSwitch();
});

test('asks everybody for who is new, and is done when they answered', async () => {
  fake.routes.set('10.0.0.2', '::');
  fake.answers.set('10.0.0.2', '0a:00:00:00:00:02');
  const began = performance.now();
  await fake.neighbours.warm(new Set(['10.0.0.2']));
  expect(performance.now() - began).toBeLessThan(900);
  expect(fake.asked).toEqual(['10.0.0.2']);
  expect(fake.neighbours.text()).toBe('10.0.0.2 0a:00:00:00:00:02\n');
  await fake.neighbours.warm(new Set(['10.0.0.2']));
  expect(fake.asked).toEqual(['10.0.0.2']);
});

test('waits a second for who does not answer, once, and goes on asking', async () => {
  fake.routes.set('10.0.0.3', '::');
  await fake.neighbours.warm(new Set(['10.0.0.3']));
  expect(fake.asked.length).toBeGreaterThan(1);
  expect(fake.neighbours.text()).toBe('10.0.0.3 -\n');
  const began = performance.now();
  await fake.neighbours.warm(new Set(['10.0.0.3']));
  expect(performance.now() - began).toBeLessThan(500);
  fake.answers.set('10.0.0.3', '0a:00:00:00:00:03');
  await expect.poll(() => fake.neighbours.text(), { timeout: 10_000 }).toContain('0a:');
});

test('asks the router for nodes behind it, once for all of them', async () => {
  fake.routes.set('10.9.0.1', '10.0.0.254').set('10.9.0.2', '10.0.0.254');
  fake.answers.set('10.0.0.254', '0a:00:00:00:00:fe');
  await fake.neighbours.warm(new Set(['10.9.0.1', '10.9.0.2']));
  expect(fake.asked).toEqual(['10.0.0.254']);
  expect(fake.neighbours.text()).toBe('10.9.0.1 0a:00:00:00:00:fe\n10.9.0.2 0a:00:00:00:00:fe\n');
});

test('puts back at once what the switch forgot, and asks whether it is still right', async () => {
  fake.routes.set('10.0.0.2', '::');
  fake.answers.set('10.0.0.2', '0a:00:00:00:00:02');
  await fake.neighbours.warm(new Set(['10.0.0.2']));
  fake.known.clear();
  fake.answers.clear();
  fake.neighbours.hurry();
  await expect.poll(() => fake.polled, { timeout: 10_000 }).toEqual(['10.0.0.2']);
  expect(fake.known.get('10.0.0.2')).toBe('0a:00:00:00:00:02');
});

test('looks once more when it is hurried while it looks, and soon after a look that failed', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  fake.routes.set('10.0.0.2', '::');
  fake.answers.set('10.0.0.2', '0a:00:00:00:00:02');
  await fake.neighbours.warm(new Set(['10.0.0.2']));
  let answer = (): void => undefined;
  const answered = new Promise<void>((resolve) => (answer = resolve));
  fake.pace = () => answered;
  fake.neighbours.hurry();
  await vi.advanceTimersByTimeAsync(1);
  // The answer under way still has the entry that the switch loses now.
  fake.known.clear();
  fake.neighbours.hurry();
  await vi.advanceTimersByTimeAsync(1);
  answer();
  await vi.advanceTimersByTimeAsync(1);
  expect(fake.known.get('10.0.0.2')).toBe('0a:00:00:00:00:02');

  fake.pace = () => Promise.reject(new Error('away'));
  fake.neighbours.hurry();
  await vi.advanceTimersByTimeAsync(1);
  fake.pace = () => Promise.resolve();
  fake.known.clear();
  await vi.advanceTimersByTimeAsync(300);
  expect(fake.known.get('10.0.0.2')).toBe('0a:00:00:00:00:02');
});

test('sounds an alarm once for a node without a route, and for its own address', async () => {
  const began = performance.now();
  await fake.neighbours.warm(new Set(['10.5.0.1']));
  expect(performance.now() - began).toBeLessThan(900);
  fake.neighbours.hurry();
  await fake.neighbours.warm(new Set(['10.5.0.1', '10.5.0.2']));
  expect(fake.alarms).toEqual(['vtep_unrouted', 'vtep_unrouted']);
  fake.routes.delete(VTEP);
  await fake.neighbours.warm(new Set(['10.5.0.3']));
  expect(fake.alarms.slice(2)).toEqual(['vtep_missing']);
});

test('forgets who is no longer named', async () => {
  fake.routes.set('10.0.0.2', '::');
  await fake.neighbours.warm(new Set(['10.0.0.2']));
  await fake.neighbours.warm(new Set());
  expect(fake.neighbours.text()).toBe('');
});
