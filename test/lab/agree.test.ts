/** Real packets and traces of them agree, in random clouds on two real nodes. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Vm } from '../../src/lab/index.ts';
import type { Trace } from '../../src/trace/types.ts';
import { Bench, describeLab } from './harness.ts';
import { aims, randomCloud, type Aim, type Cloud, type Create } from './random-cloud.ts';

const SEEDS = Array.from({ length: 10 }, (_, index) => 20_230_112 + index);
const VMS = 8;
const PROBES = 300;
/** Probes on their way at once: two cores carry them all. */
const AT_ONCE = 40;
/** What is dropped stays silent; what is delivered answers in a few ms. */
const PATIENCE_MS = 1000;

/** Does `work` for each item, so many at a time. */
async function together<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const lane = async () => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return results;
}

describeLab('probes of random clouds', () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await Bench.up();
  });
  afterEach(() => bench.clear());
  afterAll(() => bench?.down());

  async function probe({ to, protocol, port }: Aim, vm: Vm): Promise<Trace['verdict']> {
    if (protocol === 'icmp') {
      const { received } = await bench.ping(vm, to, { count: 1, waitMs: PATIENCE_MS });
      return received === 1 ? 'delivered' : 'dropped';
    }
    const prober = await bench.prober(vm);
    const outcome = await prober.probe({ protocol, host: to, port }, PATIENCE_MS);
    return outcome === 'silent' ? 'dropped' : 'delivered';
  }

  async function trace(aim: Aim, source: 'live' | 'intent'): Promise<Trace['verdict']> {
    const { from, to, protocol, port } = aim;
    const family = to.includes(':') ? 6 : 4;
    const icmp = family === 4 ? 'icmp' : 'icmp6';
    const answer = await bench.request('POST', '/tianchi/v1/traces', {
      from: from.port.id,
      to,
      protocol: protocol === 'icmp' ? icmp : `${protocol}/${port}`,
      source,
      family,
    });
    return (answer as Trace).verdict;
  }

  async function boot(cloud: Cloud): Promise<Map<string, Vm>> {
    const vms = await Promise.all(
      cloud.ports.map(async ({ port, node }) => {
        const vm = await bench.boot(`t${port.name}`, port.id, node);
        // Linux answers a thousand unreachable ports a second at most, and each peer once a second.
        for (const setting of [
          'ipv4.icmp_ratelimit=0',
          'ipv4.icmp_ratemask=0',
          'ipv6.icmp.ratelimit=0',
        ]) {
          await bench.inVm(vm, 'sysctl', '-qw', `net.${setting}`);
        }
        return [port.id, vm] as const;
      }),
    );
    return new Map(vms);
  }

  test.each(SEEDS)('agree with both traces (seed %i)', async (seed) => {
    const create: Create = async <T>(collection: string, key: string, body: object) =>
      (await bench.rest('POST', collection, { [key]: body })) as unknown as T;
    const cloud = await randomCloud(create, seed, VMS);
    const vms = await boot(cloud);
    const wanted = aims(cloud, seed, PROBES);
    const [real, intent] = await Promise.all([
      together(wanted, AT_ONCE, (aim) => {
        const vm = vms.get(aim.from.port.id);
        if (vm === undefined) throw new Error(`no VM for ${aim.from.port.name}`);
        return probe(aim, vm);
      }),
      together(wanted, 1, (aim) => trace(aim, 'intent')),
    ]);
    // Afterwards, when the switches' counters rest: each trace would read all of them anew.
    const live = await together(wanted, 2, (aim) => trace(aim, 'live'));
    const verdicts = wanted.map((aim, index) => ({
      aim,
      real: real[index],
      live: live[index],
      intent: intent[index],
    }));
    const delivered = verdicts.filter(({ real }) => real === 'delivered').length;
    const told = ({ from, source, to, protocol, port }: Aim) =>
      `${from.port.name} ${source} > ${to} ${protocol}/${port}`;
    const disagreeing = verdicts
      .filter(({ real, live, intent }) => real !== live || real !== intent)
      .map((it) => `${told(it.aim)}: real ${it.real}, live ${it.live}, intent ${it.intent}`);
    expect(disagreeing).toEqual([]);
    // A cloud in which nearly everything has one verdict proves little.
    expect(delivered).toBeGreaterThan(PROBES / 10);
    expect(delivered).toBeLessThan((PROBES * 9) / 10);
  });
});
