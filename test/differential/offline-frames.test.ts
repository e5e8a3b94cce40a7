/** What is read out of a frame, against the "Flow:" that `ofproto/trace` prints of the same bytes. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Unixctl } from '../../src/net/unixctl.ts';
import { flowText } from '../../src/sim/datapath/index.ts';
import { readPacket } from '../../src/trace/offline/index.ts';
import { ovsAvailable } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { startTracedSwitch } from '../support/traced-switch.ts';
import { Random } from './sim-random.ts';

const SEED = Number(process.env['TIANCHI_SEED'] ?? 1);
const FRAMES = Number(process.env['TIANCHI_CASES'] ?? 400);

const bytes = (random: Random, count: number): number[] =>
  Array.from({ length: count }, () => (random.chance(30) ? 0 : random.below(256)));
const u16 = (value: number): number[] => [(value >> 8) & 255, value & 255];

type Layer = (random: Random) => number[];

const ports: Layer = (random) => bytes(random, 4);
const tcp: Layer = (random) => [
  ...ports(random),
  ...bytes(random, 8),
  (random.chance(80) ? 0x50 : random.below(256)) | random.below(2),
  ...bytes(random, 7 + random.below(8)),
];
const udp: Layer = (random) => [...ports(random), ...bytes(random, 4 + random.below(8))];
const sctp: Layer = (random) => [...ports(random), ...bytes(random, 8 + random.below(8))];
const icmp: Layer = (random) => [random.pick([8, 0, 3]), random.pick([0, 1]), ...bytes(random, 8)];
const linkOption: Layer = (random) => [
  random.pick([1, 2, 5]),
  random.pick([1, 1, 1, 2, 0]),
  ...bytes(random, 6),
];
const icmp6: Layer = (random) => [
  random.pick([135, 136, 128, 133]),
  random.chance(90) ? 0 : 1,
  ...bytes(random, 22),
  ...(random.chance(70) ? linkOption(random) : []),
  ...(random.chance(40) ? linkOption(random) : []),
];
const igmp: Layer = (random) => [0x16, 0, ...bytes(random, 6)];
const TRANSPORTS: readonly (readonly [number, Layer])[] = [
  [6, tcp],
  [17, udp],
  [132, sctp],
  [2, igmp],
  [47, udp],
];

const ipv4: Layer = (random) => {
  const [protocol, layer] = random.pick([...TRANSPORTS, [1, icmp] as const]);
  const payload = layer(random);
  const words = random.chance(80) ? 5 : 6;
  const fragment = random.pick([0, 0, 0, 0x4000, 0x2000, 0x2010, 0x0010]);
  const length = words * 4 + payload.length + (random.chance(92) ? 0 : random.below(9) - 4);
  return [
    (random.chance(96) ? 0x40 : 0x50) | words,
    random.below(256),
    ...u16(length),
    ...bytes(random, 2),
    ...u16(fragment),
    random.below(256),
    protocol,
    0,
    0,
    ...bytes(random, 8 + (words - 5) * 4),
    ...payload,
  ];
};

const ipv6: Layer = (random) => {
  const [last, layer] = random.pick([...TRANSPORTS, [58, icmp6] as const, [58, icmp6] as const]);
  let next: number = last;
  let payload = layer(random);
  for (const extension of random.chance(35) ? random.some([0, 43, 60, 44, 51], 2) : []) {
    const body =
      extension === 44
        ? [next, 0, ...u16(random.pick([0, 1, 0x10, 0x11])), ...bytes(random, 4)]
        : extension === 51
          ? [next, 1, ...bytes(random, 10)]
          : [next, random.pick([0, 0, 1, 3]), ...bytes(random, 14)].slice(0, random.pick([8, 16]));
    payload = body.concat(payload);
    next = extension;
  }
  const length = payload.length + (random.chance(92) ? 0 : random.below(9) - 4);
  return [
    0x60 | random.below(16),
    ...bytes(random, 3),
    ...u16(Math.max(0, length)),
    next,
    random.below(256),
    ...bytes(random, 32),
    ...payload,
  ];
};

const arp: Layer = (random) => [
  ...u16(random.chance(92) ? 1 : 6),
  ...u16(0x0800),
  6,
  random.chance(95) ? 4 : 16,
  ...u16(random.pick([1, 2, 300])),
  ...bytes(random, 20),
];

const label = (random: Random, bottom: boolean): number[] => [
  ...bytes(random, 2),
  (random.below(256) & 0xfe) | (bottom ? 1 : 0),
  random.below(256),
];
const mpls: Layer = (random) => {
  const count = 1 + random.below(4);
  const stack = Array.from({ length: count }, (_, index) => label(random, index === count - 1));
  return [...stack.flat(), ...ipv4(random)];
};

const snap: Layer = (random) => [
  0xaa,
  0xaa,
  random.chance(80) ? 3 : 4,
  0,
  0,
  0,
  ...u16(random.pick([0x0800, 0x100])),
  ...ipv4(random),
];

const BODIES: readonly (readonly [number, Layer])[] = [
  [0x0800, ipv4],
  [0x0800, ipv4],
  [0x86dd, ipv6],
  [0x86dd, ipv6],
  [0x0806, arp],
  [0x8035, arp],
  [0x8847, mpls],
  [0x8848, mpls],
  [0x0040, snap],
  [0x88cc, (random) => bytes(random, 20)],
];

function frame(random: Random): number[] {
  const [type, layer] = random.pick(BODIES);
  const tags = random.pick([0, 0, 0, 1, 2]);
  const whole = [
    ...bytes(random, 12),
    ...Array.from({ length: tags }, () => [
      ...u16(random.pick([0x8100, 0x88a8])),
      ...bytes(random, 2),
    ]).flat(),
    ...u16(type),
    ...layer(random),
    ...(random.chance(20) ? bytes(random, 6) : []),
  ];
  return random.chance(85) ? whole : whole.slice(0, 14 + random.below(whole.length - 13));
}

requireOrSkip('Open vSwitch', ovsAvailable)('frames', () => {
  let unixctl: Unixctl;
  let stop: () => void;

  beforeAll(async () => {
    ({ unixctl, stop } = await startTracedSwitch([1]));
  });

  afterAll(() => stop());

  it(`are seen as the switch sees them, ${FRAMES} of them (seed ${SEED})`, async () => {
    const random = new Random(SEED);
    const seen = new Set<string>();
    for (let count = 0; count < FRAMES; count += 1) {
      const hex = frame(random)
        .map((byte) => byte.toString(16).padStart(2, '0'))
        .join('');
      const text = await unixctl.call('ofproto/trace', 'br0', 'in_port=1', hex);
      const flow = /^Flow: (.*)$/m.exec(text)?.[1] ?? '';
      expect(flowText(readPacket(hex, {}, 1)), hex).toBe(flow);
      for (const word of flow.match(/(?<=^|,)[a-z_\d]+(?=$|[,=])/g) ?? []) seen.add(word);
    }
    expect(
      ['tcp6', 'sctp', 'nd_target', 'mpls_lse1', 'arp_op', 'dl_vlan', 'dl_type', 'rarp'].filter(
        (word) => !seen.has(word),
      ),
    ).toEqual([]);
  });
});
