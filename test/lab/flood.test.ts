/** One VM that sends as fast as it can what its network answers; the others must hardly notice. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseMac } from '../../src/address/index.ts';
import type { Vm } from '../../src/lab/index.ts';
import { vhuName } from '../../src/lab/names.ts';
import { encodeDhcpv4 } from '../../src/packet/index.ts';
import { arp, ARP, ethernet, ipv4, udp, type Frame } from '../support/frames.ts';
import { Bench, describeLab, eventually } from './harness.ts';
import { sendFrames, SteadyPing } from './traffic.ts';

/** Packets a second that are asked for; what the machine gave is told with the test. */
const RATE = 100_000;
/** What the switch must have taken of them, or it was no flood. */
const LEAST = 10_000;
const SECONDS = 6;
/** Frames that differ: each asks something else. */
const QUESTIONS = 250;
/** Of a 20 ms ping, while the flood and the ping share a processor: one in so many may be lost. */
const ONE_IN = 20;
/** What an agent may grow by, MiB: its heap before a collection. */
const GROWTH = 64;
/** What a port gets through to the agent of its DHCP, packets a second. */
const TO_AGENT = 100;

/** Written to a process's clear_refs, sets its peak of resident memory back: proc(5). */
const PEAK_ANEW = '5';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const DISCOVER = 1;

/** Who has …, each time another address of the subnet. */
const asks = ({ mac, addresses: [spa = ''] }: Vm): Frame[] =>
  Array.from({ length: QUESTIONS }, (_, index) =>
    ethernet(mac, BROADCAST, arp(ARP.request, { sha: mac, spa, tpa: `10.1.1.${index + 1}` })),
  );

const discovers = ({ mac }: Vm): Frame[] =>
  Array.from({ length: QUESTIONS }, (_, xid) => {
    const message = encodeDhcpv4({
      op: 1,
      hops: 0,
      xid,
      secs: 0,
      broadcast: false,
      clientAddress: 0n,
      yourAddress: 0n,
      serverAddress: 0n,
      relayAddress: 0n,
      clientMac: parseMac(mac),
      options: new Map([[53, Uint8Array.of(DISCOVER)]]),
    });
    const packet = ipv4('0.0.0.0', '255.255.255.255', udp(68, 67, [...message]));
    return ethernet(mac, BROADCAST, packet);
  });

describeLab('a flood by one VM', () => {
  let bench: Bench;
  let flooder: Vm;
  let near: Vm;
  let far: Vm;

  beforeAll(async () => {
    bench = await Bench.up();
    const network = await bench.vpc('flooded', '10.1.0.0/16');
    await bench.subnet(network, '10.1.1.0/24');
    const security_groups = [await bench.openGroup('open')];
    const boot = async (name: string, node: string) =>
      bench.boot(name, await bench.port(network, { security_groups }), node);
    [flooder, near, far] = await Promise.all([
      boot('flooder', 'node1'),
      boot('near', 'node1'),
      boot('far', 'node2'),
    ]);
  });
  afterAll(() => bench?.down());

  /** Resident memory of node1's agent, MiB, now and at most since it was last asked: proc(5). */
  function memory(): { readonly now: number; readonly peak: number } {
    const pid = bench.lab.processes.pid('node1-agent');
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const [now = 0, peak = 0] = ['VmRSS', 'VmHWM'].map((line) => {
      const found = new RegExp(`^${line}:\\s+(\\d+) kB$`, 'm').exec(status);
      return Number(found?.[1]) / 1024;
    });
    writeFileSync(`/proc/${pid}/clear_refs`, PEAK_ANEW);
    return { now, peak };
  }

  /** Packets that node1's VMs have sent, as its switch counts them. */
  async function taken(): Promise<number> {
    const rows = await bench.flows('node1', 'br-int', 'table=0');
    return rows.reduce((sum, { packets }) => sum + packets, 0);
  }

  /** Packets that the flooder has got. */
  async function received(): Promise<number> {
    const dump = ['ovs-ofctl', 'dump-ports', 'br-int', vhuName(flooder.port)];
    const port = await bench.ovs('node1', ...dump);
    return Number(/tx pkts=(\d+)/.exec(port)?.[1]);
  }

  /** Has a VM's DHCP client ask for its address anew, as it does when half its lease is over. */
  async function renew(vm: Vm): Promise<void> {
    const lease = join(bench.lab.dir, 'vms', `${vm.name}.dhcp4.lease`);
    const told = () => statSync(lease).mtimeMs;
    const before = told();
    const pid = bench.lab.processes.pid(`vms/${vm.name}.dhcp4`);
    if (pid === undefined) throw new Error(`${vm.name} has no DHCP client`);
    const asked = () => {
      process.kill(pid, 'SIGUSR1');
      return eventually('an answer', () => told() > before, 2);
    };
    // By itself it would ask again after half of what is left of its lease.
    await asked().catch(asked).catch(asked);
  }

  /** Has a VM look for an address as if it had none. */
  async function discover(vm: Vm): Promise<void> {
    const once = ['-f', '-q', '-n', '-s', '/bin/true', '-t', '5', '-T', '1'];
    const { status, err } = await bench.inVm(vm, 'udhcpc', '-i', 'eth0', ...once);
    if (status !== 0) throw new Error(`${vm.name} gets no address: ${err}`);
  }

  test.for([
    ['ARP', asks, Infinity],
    ['DHCP', discovers, TO_AGENT],
  ] as const)('of %s is hardly noticed by others', async ([, questions, most], { annotate }) => {
    const frames = questions(flooder).map(({ bytes }) => Uint8Array.from(bytes));
    const times = (RATE * SECONDS) / QUESTIONS;
    const pings = [
      new SteadyPing(near.netns, far.addresses[0] ?? '', 20),
      new SteadyPing(far.netns, near.addresses[0] ?? '', 20),
    ];
    await Promise.all(pings.map((ping) => ping.more(10)));
    const before = { ...memory(), packets: await taken(), answers: await received() };
    const began = performance.now();
    const course = { served: false, rounds: 0 };
    const flood = async (): Promise<void> => {
      // On until all are served, else that would have been no feat.
      do {
        await sendFrames(flooder.netns, frames, { rate: RATE, times });
        course.rounds += 1;
      } while (!course.served);
    };
    const serve = async (): Promise<void> => {
      try {
        await renew(near);
        await discover(near);
      } finally {
        course.served = true;
      }
    };
    await Promise.all([flood(), serve()]);
    const seconds = (performance.now() - began) / 1000;
    await Promise.all(pings.map((ping) => ping.more(10)));
    const after = { ...memory(), packets: await taken(), answers: await received() };
    const heard = await Promise.all(pings.map((ping) => ping.stop()));
    const sent = (frames.length * times * course.rounds) / seconds;
    const got = (after.packets - before.packets) / seconds;
    const answers = after.answers - before.answers;
    const lost = heard.map((ping) => `${ping.lost} of ${ping.received + ping.lost}`).join(' and ');
    await annotate(
      `${sent.toFixed()} packets/s sent, ${got.toFixed()} taken, ` +
        `${(answers / seconds).toFixed()} answered; pings lost ${lost}; ` +
        `agent ${before.now.toFixed()} MiB, then ${after.peak.toFixed()} at most`,
    );
    expect(got).toBeGreaterThan(LEAST);
    expect(answers).toBeGreaterThan(0);
    // A meter begins with the burst of a second; another is for what the flooder asks for itself.
    expect(answers).toBeLessThan(most * (seconds + 2));
    for (const ping of heard) expect(ping.lost).toBeLessThanOrEqual(ping.received / ONE_IN);
    expect(after.peak - before.now).toBeLessThan(GROWTH);
  });
});
