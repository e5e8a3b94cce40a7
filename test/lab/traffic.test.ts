/** That the tools of these tests see what is there: an instrument that shows nothing proves nothing. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Vm } from '../../src/lab/index.ts';
import { Bench, describeLab, eventually } from './harness.ts';
import { Capture, pause, ping, sendFrames, SteadyPing } from './traffic.ts';

/** An ARP request for 178.1.3.1, but for the asker's addresses: RFC 826. */
function arpRequest(mac: string, ip: string): Uint8Array {
  const sender = mac.split(':').map((octet) => Number.parseInt(octet, 16));
  const address = ip.split('.').map(Number);
  const [ethernet, header] = [
    [8, 6],
    [0, 1, 8, 0, 6, 4, 0, 1],
  ];
  const broadcast = [255, 255, 255, 255, 255, 255];
  const target = [0, 0, 0, 0, 0, 0, 178, 1, 3, 1];
  return Uint8Array.from([
    ...broadcast,
    ...sender,
    ...ethernet,
    ...header,
    ...sender,
    ...address,
    ...target,
  ]);
}

describeLab('the tools of the lab', () => {
  let bench: Bench;
  let a: Vm;
  let b: Vm;
  let closed: Vm;

  beforeAll(async () => {
    bench = await Bench.up();
    const network = await bench.vpc('tools');
    await bench.subnet(network, '178.1.3.0/24');
    const security_groups = [await bench.openGroup('open')];
    [a, b, closed] = await Promise.all([
      bench.boot('a', await bench.port(network, { security_groups }), 'node1'),
      bench.boot('b', await bench.port(network, { security_groups }), 'node2'),
      bench.boot('closed', await bench.port(network), 'node2'),
    ]);
    const prober = await bench.prober(b);
    await prober.listen('tcp', 22);
    await prober.listen('udp', 53);
  });
  afterAll(() => bench?.down());

  const address = (vm: Vm): string => vm.addresses[0] ?? '';

  test.each([
    ['tcp', 22, 'answered'],
    ['tcp', 23, 'refused'],
    ['udp', 53, 'answered'],
    ['udp', 54, 'refused'],
  ] as const)('a probe of %s/%i is %s', async (protocol, port, outcome) => {
    const prober = await bench.prober(a);
    expect(await prober.probe({ protocol, host: address(b), port })).toBe(outcome);
    const from = { protocol, host: address(b), port, sourcePort: 40_000 };
    expect(await prober.probe(from)).toBe(outcome);
    expect(await prober.probe({ protocol, host: address(closed), port }, 200)).toBe('silent');
  });

  test.each([
    ['tcp', 22],
    ['udp', 53],
  ] as const)('both sides of a conversation over %s hear the other', async (protocol, port) => {
    const [asking, answering] = [await bench.prober(a), await bench.prober(b)];
    await asking.converse({ protocol, host: address(b), port, sourcePort: 41_000 });
    const heard = async () => {
      const mine = (await asking.heard()).find((ear) => ear.protocol === protocol);
      const theirs = (await answering.heard()).find((ear) => ear.protocol === protocol);
      expect(theirs).toMatchObject({ peer: address(a), peerPort: 41_000, localPort: port });
      return Math.min(mine?.received ?? 0, theirs?.received ?? 0);
    };
    await pause(200);
    const before = await heard();
    await eventually('both have heard more', async () => (await heard()) > before + 5);
  });

  test('frames go out as they were made, and are caught', async () => {
    const sent = await Capture.start(a.netns, 'arp', { direction: 'out' });
    const answers = await Capture.start(a.netns, 'arp');
    const frame = arpRequest(a.mac, address(a));
    await sendFrames(a.netns, [frame], { times: 3 });
    await eventually('three answers', () => answers.frames().length === 3);
    expect(await sent.stop()).toEqual([frame, frame, frame]);
    const [answer = new Uint8Array()] = await answers.stop();
    expect([...answer.subarray(6, 12)]).toEqual([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff]);
  });

  test('frames go out at the rate that was asked for', async () => {
    const frame = arpRequest(a.mac, address(a));
    const began = performance.now();
    await sendFrames(a.netns, [frame], { times: 100, rate: 200 });
    expect(performance.now() - began).toBeGreaterThan(400);
  });

  test('a ping counts what is lost', async () => {
    expect(await ping(a.netns, address(b), { count: 5 })).toEqual({ sent: 5, received: 5 });
    expect(await ping(a.netns, address(closed), { count: 5, waitMs: 100 })).toEqual({
      sent: 5,
      received: 0,
    });
    const steady = new SteadyPing(a.netns, address(b));
    await steady.more(20);
    await bench.ip('node2', 'link', 'set', b.interface, 'down');
    await pause(200);
    await bench.ip('node2', 'link', 'set', b.interface, 'up');
    await steady.more(20);
    const { lost } = await steady.stop();
    expect(lost).toBeGreaterThan(5);
  });

  test('counters rise with the packets', async () => {
    for (const count of [1, 4, 9]) {
      const before = await bench.drops(closed.node, 72);
      await bench.ping(closed, address(b), { count, waitMs: 20 });
      expect(await bench.drops(closed.node, 72)).toBe(before + count);
    }
  });
});
