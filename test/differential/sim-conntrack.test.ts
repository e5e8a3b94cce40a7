/**
 * Our connection tracking against the userspace datapath's: real packets through a small pipeline
 * of one or two zones in a dummy Open vSwitch, which writes the ct_state that it finds into the
 * source MAC; the same pipeline and packets in the simulated switch.
 */
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ETH_TYPE, IP_PROTO } from '../../src/openflow/build.ts';
import { field, type FlowKey } from '../../src/openflow/fields.ts';
import { newKey, readField, writeField } from '../../src/openflow/key.ts';
import { parseFlows } from '../../src/openflow/text/index.ts';
import { Conntrack, execute, SimBridge } from '../../src/sim/index.ts';
import { Unixctl, controlSocket } from '../../src/net/unixctl.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { Random } from './sim-random.ts';

const SEED = Number(process.env['TIANCHI_SEED'] ?? 1);
const SEQUENCES = Number(process.env['SIM_SEQUENCES'] ?? 80);
const LENGTH = 50;

/** What a packet asks of the pipeline: bits of its destination MAC. */
const ASK = {
  /** 2 bits: the first zone. */
  zone: 0,
  commit: 2,
  second: 3,
  /** 2 bits: the second zone. */
  secondZone: 4,
  secondCommit: 6,
  nat: 7,
  force: 8,
  mark: 9,
  translate: 10,
} as const;

const macText = (value: number): string =>
  value
    .toString(16)
    .padStart(12, '0')
    .replaceAll(/..(?=.)/g, '$&:');

/** Flows for IPv4 and IPv6 packets that ask for all of `bits`. */
function asking(
  table: number,
  priority: number,
  bits: readonly number[],
  actions: string,
): string[] {
  const mac = macText(bits.reduce((sum, bit) => sum | (1 << bit), 0));
  const match = bits.length === 0 ? '' : `dl_dst=${mac}/${mac},`;
  return ['ip', 'ipv6'].map(
    (word) => `table=${table},priority=${priority},${word},${match}actions=${actions}`,
  );
}

const FIRST = 'zone=NXM_NX_REG12[0..15]';
const SECOND = 'zone=NXM_NX_REG13[0..15]';
const PIPELINE = [
  'table=0,priority=1,actions=move:NXM_OF_ETH_DST[0..1]->NXM_NX_REG12[0..1],move:NXM_OF_ETH_DST[4..5]->NXM_NX_REG13[0..1],goto_table:1',
  ...asking(1, 2, [ASK.nat], `ct(table=2,${FIRST},nat)`),
  ...asking(1, 1, [], `ct(table=2,${FIRST})`),
  'table=2,priority=1,actions=move:NXM_NX_CT_STATE[0..7]->NXM_OF_ETH_SRC[0..7],move:NXM_NX_CT_MARK[0..7]->NXM_OF_ETH_SRC[16..23],goto_table:3',
  `table=3,priority=9,ip,dl_dst=${macText(1028)}/${macText(1028)},actions=ct(commit,table=4,${FIRST},nat(src=10.9.9.9))`,
  ...asking(3, 8, [ASK.commit, ASK.force], `ct(commit,force,${FIRST}),goto_table:4`),
  ...asking(
    3,
    7,
    [ASK.commit, ASK.mark],
    `ct(commit,${FIRST},exec(set_field:0x5->ct_mark)),goto_table:4`,
  ),
  ...asking(3, 6, [ASK.commit], `ct(commit,${FIRST}),goto_table:4`),
  'table=3,priority=1,actions=goto_table:4',
  ...asking(4, 2, [ASK.second], `ct(table=5,${SECOND})`),
  'table=4,priority=1,actions=goto_table:7',
  'table=5,priority=1,actions=move:NXM_NX_CT_STATE[0..7]->NXM_OF_ETH_SRC[8..15],goto_table:6',
  ...asking(6, 2, [ASK.secondCommit], `ct(commit,${SECOND}),goto_table:7`),
  'table=6,priority=1,actions=goto_table:7',
  'table=7,priority=1,actions=output:2',
];

interface Probe {
  readonly text: string;
  readonly key: FlowKey;
}

const set = (key: FlowKey, name: string, value: bigint | number) =>
  writeField(key, field(name), BigInt(value));

/** The client's and the server's; seldom others. */
const PORTS = [
  [40_000, 80],
  [80, 40_000],
] as const;
const OTHER_PORTS = [22, 700, 40_000] as const;
/** SYN, SYN+ACK, ACK, PSH+ACK, FIN+ACK, RST, RST+ACK, and what no stack sends. */
const TCP_FLAGS = [
  0x02, 0x02, 0x02, 0x12, 0x12, 0x10, 0x10, 0x18, 0x11, 0x11, 0x11, 0x04, 0x14, 0x00, 0x01, 0x03,
  0x0c,
] as const;
const ICMP_TYPES = [8, 8, 0, 0, 13, 14, 15, 16, 3, 11] as const;
const ICMP6_TYPES = [128, 128, 129, 129, 1, 135] as const;
const V6 = 0x20010db8n << 96n;

type Kind = 'tcp' | 'udp' | 'icmp' | 'gre';

/** What the packets of a sequence have in common, so that they meet. */
interface Conversation {
  readonly six: boolean;
  readonly kinds: readonly Kind[];
  /** Hosts 1 and 3 appear to host 2 as 10.9.9.9. */
  readonly translated: boolean;
}

function conversation(random: Random): Conversation {
  const kinds = random.some(['tcp', 'tcp', 'udp', 'icmp', 'icmp', 'gre'] as const, 2);
  const six = random.chance(30);
  // What a switch does with a translated TCP connection that begins anew depends on its sweeper.
  return { six, kinds, translated: !six && !kinds.includes('tcp') && random.chance(60) };
}

/** The bits of a packet that mostly asks to be committed, in the first zone mostly 1. */
function request(random: Random, translated: boolean, forward: boolean): number {
  const zones = (random.chance(70) ? 1 : random.below(4)) | (random.below(4) << ASK.secondZone);
  const odds = [
    [ASK.commit, translated && !forward ? 0 : 70],
    [ASK.second, 40],
    [ASK.secondCommit, 50],
    [ASK.nat, translated ? 100 : 50],
    [ASK.force, translated ? 0 : 10],
    [ASK.mark, 20],
    [ASK.translate, translated ? 100 : 0],
  ] as const;
  return odds.reduce(
    (bits, [bit, percent]) => bits | (random.chance(percent) ? 1 << bit : 0),
    zones,
  );
}

const NAT_HOST = 9;

/** A packet between host 2 and host 1 or 3; what it asks is in its destination MAC. */
function probe(random: Random, { six, kinds, translated }: Conversation): Probe {
  const key = newKey();
  const forward = random.chance(50);
  const client = random.chance(70) ? 1 : 3;
  const [source, destination] = forward ? [client, 2] : [2, translated ? NAT_HOST : client];
  const mac = request(random, translated, forward);
  set(key, 'in_port', 1);
  set(key, 'eth_dst', mac);
  set(key, 'eth_src', 0x020000000000);
  set(key, 'eth_type', six ? ETH_TYPE.ipv6 : ETH_TYPE.ip);
  const address = (host: number) =>
    six ? V6 | BigInt(host) : BigInt(host === NAT_HOST ? 0x0a090909 : 0x0a000000 + host);
  set(key, six ? 'ipv6_src' : 'ip_src', address(source));
  set(key, six ? 'ipv6_dst' : 'ip_dst', address(destination));
  set(key, 'nw_ttl', 64);
  const ends = six
    ? `src=2001:db8::${source},dst=2001:db8::${destination},label=0`
    : `src=10.0.0.${source},dst=${destination === NAT_HOST ? '10.9.9.9' : `10.0.0.${destination}`}`;
  const layer4 = transport(random, key, six, random.pick(kinds));
  const layer3 = `${six ? 'ipv6' : 'ipv4'}(${ends},proto=${readField(key, field('ip_proto'))},tos=0,${six ? 'tclass=0,hlimit' : 'ttl'}=64,frag=no)`;
  const type = six ? '0x86dd' : '0x0800';
  const text = `in_port(1),eth(src=02:00:00:00:00:00,dst=${macText(mac)}),eth_type(${type}),${layer3.replace(six ? 'tos=0,' : '\0', '')}${layer4}`;
  return { text, key };
}

function transport(random: Random, key: FlowKey, six: boolean, kind: Kind): string {
  if (kind === 'gre') {
    set(key, 'ip_proto', 47);
    return '';
  }
  if (kind === 'icmp') {
    const type = random.pick(six ? ICMP6_TYPES : ICMP_TYPES);
    set(key, 'ip_proto', six ? IP_PROTO.icmp6 : IP_PROTO.icmp);
    set(key, 'icmp_type', type);
    const code = random.chance(5) ? 1 : 0;
    set(key, 'icmp_code', code);
    return `,${six ? 'icmpv6' : 'icmp'}(type=${type},code=${code})`;
  }
  const usual = random.pick(PORTS);
  const [from, to] = random.chance(80)
    ? usual
    : [random.pick(OTHER_PORTS), random.pick(OTHER_PORTS)];
  set(key, 'ip_proto', kind === 'tcp' ? IP_PROTO.tcp : IP_PROTO.udp);
  set(key, 'tcp_src', from);
  set(key, 'tcp_dst', to);
  const ports = `,${kind}(src=${from},dst=${to})`;
  if (kind === 'udp') return ports;
  const flags = random.pick(TCP_FLAGS);
  set(key, 'tcp_flags', flags);
  return `${ports},tcp_flags(0x${flags.toString(16)})`;
}

/** Frames that leave a dummy port: each behind its length, 2 bytes, big-endian. */
class Frames {
  readonly #socket: Socket;
  #buffer = Buffer.alloc(0);
  #waiting: ((frame: Buffer) => void) | null = null;

  constructor(file: string) {
    this.#socket = connect(file);
    this.#socket.on('data', (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      this.#deliver();
    });
  }

  next(): Promise<Buffer> {
    return new Promise((resolve) => {
      this.#waiting = resolve;
      this.#deliver();
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #deliver(): void {
    if (this.#waiting === null || this.#buffer.length < 2) return;
    const end = 2 + this.#buffer.readUInt16BE(0);
    if (this.#buffer.length < end) return;
    const frame = this.#buffer.subarray(2, end);
    this.#buffer = this.#buffer.subarray(end);
    const resolve = this.#waiting;
    this.#waiting = null;
    resolve(frame);
  }
}

/** What the pipeline wrote into the source MAC, and the addresses of IPv4. */
function seenInFrame(frame: Buffer): string {
  const v4 = frame.readUInt16BE(12) === ETH_TYPE.ip;
  return `${frame.toString('hex', 6, 12)} ${v4 ? frame.toString('hex', 26, 34) : ''}`;
}

function seenInKey(key: FlowKey): string {
  const hex = (name: string, digits: number) =>
    readField(key, field(name)).toString(16).padStart(digits, '0');
  const v4 = readField(key, field('eth_type')) === BigInt(ETH_TYPE.ip);
  return `${hex('eth_src', 12)} ${v4 ? hex('ip_src', 8) + hex('ip_dst', 8) : ''}`;
}

requireOrSkip('Open vSwitch', ovsAvailable)('userspace conntrack', () => {
  let sandbox: Sandbox;
  let unixctl: Unixctl;
  let frames: Frames;

  beforeAll(async () => {
    sandbox = await startOvs();
    sandbox.addBridge('br0');
    sandbox.addPort('br0', 'p1', 1);
    const socket = path.join(sandbox.dir, 'p2.sock');
    sandbox.addPort('br0', 'p2', 2, 'dummy', `options:pstream=punix:${socket}`);
    sandbox.ofctl(['add-flows', 'br0', '-'], PIPELINE.map((line) => `${line}\n`).join(''));
    unixctl = new Unixctl(controlSocket(sandbox.dir));
    await unixctl.call('dpctl/ct-disable-tcp-seq-chk');
    await unixctl.call('time/stop');
    frames = new Frames(socket);
  });

  afterAll(() => {
    frames.close();
    unixctl.close();
    sandbox.stop();
  });

  it(`agrees on ${SEQUENCES} sequences of ${LENGTH} packets (seed ${SEED})`, async () => {
    const { flows, errors } = parseFlows(PIPELINE.join('\n'));
    expect(errors).toEqual([]);
    const bridge = new SimBridge('br0', [
      { ofport: 1, name: 'p1', kind: 'vm', up: true },
      { ofport: 2, name: 'p2', kind: 'vm', up: true },
    ]);
    bridge.apply({ flows, groups: [], meters: [] });
    let now = 0;
    const states = new Map<string, number>();
    for (let sequence = 0; sequence < SEQUENCES; sequence += 1) {
      const random = new Random(SEED * 1000 + sequence);
      const conntrack = new Conntrack();
      await unixctl.call('dpctl/flush-conntrack');
      const talk = conversation(random);
      const history: string[] = [];
      for (let step = 0; step < LENGTH; step += 1) {
        // When a translated entry is forgotten depends on the switch's sweeper.
        const event = talk.translated ? 100 : random.below(100);
        if (event < 6) {
          const milliseconds = random.pick([5000, 20_000, 31_000, 61_000]);
          now += milliseconds;
          await unixctl.call('time/warp', String(milliseconds));
          history.push(`${milliseconds} ms pass`);
        } else if (event < 9) {
          const zone = random.below(4);
          conntrack.flush(zone);
          await unixctl.call('dpctl/flush-conntrack', `zone=${zone}`);
          history.push(`zone ${zone} is flushed`);
        }
        const { text, key } = probe(random, talk);
        history.push(text);
        await unixctl.call('netdev-dummy/receive', 'p1', text);
        const expected = seenInFrame(await frames.next());
        const { steps } = execute(bridge, key, { conntrack, now });
        const outputs = steps.filter((one) => one.kind === 'output');
        const label = `seed ${SEED}, sequence ${sequence}:\n${history.join('\n')}`;
        expect(
          outputs.map((one) => seenInKey(one.key)),
          label,
        ).toEqual([expected]);
        const state = expected.slice(10, 12);
        states.set(state, (states.get(state) ?? 0) + 1);
      }
    }
    // Untracked nothing; new, established, replied and invalid each often.
    for (const state of ['21', '22', '2a', '30']) {
      expect(states.get(state) ?? 0, `ct_state 0x${state}`).toBeGreaterThan(SEQUENCES);
    }
  });
});
