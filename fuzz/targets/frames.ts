/** Legal packets of every protocol that is read. */
import {
  encodeArp,
  encodeDhcpv4,
  encodeDhcpv6,
  encodeEthernet,
  encodeIa,
  encodeIaAddress,
  encodeIcmp,
  encodeIcmpv6,
  encodeIpv4,
  encodeIpv6,
  encodeNd,
  encodeTcp,
  encodeUdp,
  type Icmp,
} from '../../src/packet/index.ts';
import { Writer } from '../../src/base/bytes.ts';

const SOURCE = 0xfa16_3e00_0001n;
const DESTINATION = 0xfa16_3e00_0002n;
export const ENDS = { version: 4, source: 0x0a000001n, destination: 0x0a000002n } as const;
const ENDS6 = { version: 6, source: 0xfd00n << 112n, destination: (0xfd00n << 112n) | 2n } as const;
const DATA = Uint8Array.from({ length: 30 }, (_, at) => at);

export const ARPS = [1, 2].map((operation) =>
  encodeArp({
    operation,
    senderMac: SOURCE,
    senderIp: ENDS.source,
    targetMac: DESTINATION,
    targetIp: ENDS.destination,
  }),
);

const dhcp = {
  op: 1,
  hops: 0,
  xid: 7,
  secs: 1,
  broadcast: true,
  clientAddress: 0n,
  yourAddress: ENDS.source,
  serverAddress: 0n,
  relayAddress: 0n,
  clientMac: SOURCE,
};
const option = (code: number, ...data: number[]): [number, Uint8Array] => [
  code,
  Uint8Array.from(data),
];
export const DHCPV4 = [
  encodeDhcpv4({ ...dhcp, options: new Map([option(53, 1), option(55, 1, 3, 6, 121)]) }),
  encodeDhcpv4({
    ...dhcp,
    op: 2,
    options: new Map([
      option(53, 5),
      option(1, 255, 255, 255, 0),
      option(43, ...Array.from({ length: 400 }, () => 9)),
    ]),
  }),
];

const address = encodeIaAddress({
  address: ENDS6.source,
  preferred: 1,
  valid: 2,
});
const association = encodeIa({ iaid: 1, t1: 2, t2: 3, options: [{ code: 5, data: address }] });
export const DHCPV6 = [
  encodeDhcpv6({
    type: 1,
    xid: 9,
    options: [
      { code: 3, data: association },
      { code: 6, data: Uint8Array.of(0, 23) },
    ],
  }),
  encodeDhcpv6({
    type: 7,
    xid: 9,
    options: [
      { code: 1, data: DATA },
      { code: 3, data: association },
    ],
  }),
];

export const UDP = [DATA, new Uint8Array(), ...DHCPV4].map((payload) =>
  encodeUdp({ sourcePort: 68, destinationPort: 67, payload }, ENDS),
);
const segment = {
  sourcePort: 40000,
  destinationPort: 80,
  sequence: 1,
  acknowledgement: 2,
  window: 3,
  urgent: 0,
};
export const TCP = [
  encodeTcp({ ...segment, flags: 2, options: Uint8Array.of(2, 4, 5, 180), payload: DATA }, ENDS),
  encodeTcp({ ...segment, flags: 0x18, options: new Uint8Array(), payload: DATA }, ENDS),
];
export const ICMPS = [0, 3, 8, 11].map((type) =>
  encodeIcmp({ type, code: 0, body: Uint8Array.of(0, 1, 0, 2, ...DATA) }),
);

const prefix = {
  kind: 'prefix',
  prefix: ENDS6.source,
  length: 64,
  onLink: true,
  autonomous: true,
  valid: 9,
  preferred: 8,
} as const;
export const ND: readonly Icmp[] = [
  encodeNd({ kind: 'router_solicitation', options: [{ kind: 'source_mac', mac: SOURCE }] }),
  encodeNd({
    kind: 'router_advertisement',
    hopLimit: 64,
    managed: true,
    other: false,
    lifetime: 1800,
    options: [
      prefix,
      { kind: 'mtu', mtu: 1450 },
      { kind: 'dns_servers', lifetime: 9, servers: [ENDS6.source, ENDS6.destination] },
      { kind: 'dns_search', lifetime: 9, domains: ['a.example', 'b.c.example'] },
      { kind: 'other', type: 24, data: DATA.subarray(0, 14) },
    ],
  }),
  encodeNd({ kind: 'neighbour_solicitation', target: ENDS6.destination, options: [] }),
  encodeNd({
    kind: 'neighbour_advertisement',
    router: false,
    solicited: true,
    override: true,
    target: ENDS6.source,
    options: [{ kind: 'target_mac', mac: SOURCE }],
  }),
];

const ethernet = (type: number, payload: Uint8Array, tags: readonly number[] = []): Uint8Array =>
  encodeEthernet({
    destination: DESTINATION,
    source: SOURCE,
    tags: tags.map((tci) => ({ tpid: 0x8100, tci })),
    type,
    payload,
  });
const ipv4 = (protocol: number, payload: Uint8Array, more = false): Uint8Array =>
  encodeIpv4({
    source: ENDS.source,
    destination: ENDS.destination,
    protocol,
    ttl: 64,
    tos: 0,
    id: 7,
    dontFragment: !more,
    moreFragments: more,
    fragmentOffset: 0,
    options: more ? Uint8Array.of(1, 1, 1, 0) : new Uint8Array(),
    payload,
  });
const ipv6 = (protocol: number, payload: Uint8Array): Uint8Array =>
  encodeIpv6({
    source: ENDS6.source,
    destination: ENDS6.destination,
    trafficClass: 0,
    flowLabel: 5,
    hopLimit: 255,
    protocol,
    payload,
  });

const hex = (digits: string): Uint8Array => Uint8Array.from(Buffer.from(digits, 'hex'));

/** Hop-by-hop options, a routing header and a fragment header before UDP. */
const EXTENDED = Uint8Array.of(
  ...hex('2b000104000000002c00000000000000'),
  ...hex('1100000100000009'),
  ...encodeUdp({ sourcePort: 1, destinationPort: 2, payload: DATA }, ENDS6),
);
const SERVICE_HEADER = Uint8Array.of(0, 6, 1, 3, 0, 0, 1, 255, ...DATA.subarray(0, 16));
const LABELS = Uint8Array.of(0, 1, 0x0e, 64, 0, 2, 1, 63);

export const FRAMES: readonly Uint8Array[] = [
  ...ARPS.map((arp) => ethernet(0x0806, arp)),
  ...UDP.map((udp) => ethernet(0x0800, ipv4(17, udp))),
  ...TCP.map((tcp) => ethernet(0x0800, ipv4(6, tcp), [5])),
  ...ICMPS.map((icmp) => ethernet(0x0800, ipv4(1, icmp))),
  ethernet(0x0800, ipv4(17, DATA.subarray(0, 24), true)),
  ...ND.map((nd) => ethernet(0x86dd, ipv6(58, encodeIcmpv6(nd, ENDS6)))),
  ethernet(0x86dd, ipv6(0, EXTENDED)),
  ethernet(0x86dd, ipv6(132, DATA), [0x6005, 7]),
  ethernet(0x894f, Uint8Array.from([...SERVICE_HEADER, ...ethernet(0x0806, ARPS[0] ?? DATA)])),
  ethernet(0x8847, Uint8Array.from([...LABELS, ...ipv4(6, TCP[0] ?? DATA)])),
  ethernet(40, Uint8Array.of(0xaa, 0xaa, 3, 0, 0, 0, 8, 0, ...ipv4(17, DATA))),
];

/** A capture in blocks: a section, an interface, and frames, every other one in a simple block. */
export function pcapng(frames: readonly Uint8Array[], little: boolean): Uint8Array {
  const writer = new Writer();
  const number = (value: number): number =>
    little ? new DataView(Uint32Array.of(value).buffer).getUint32(0) : value;
  const block = (
    type: number,
    words: readonly number[],
    data: Uint8Array = new Uint8Array(),
  ): void => {
    const padding = (4 - (data.length % 4)) % 4;
    const length = number(12 + words.length * 4 + data.length + padding);
    writer.u32(number(type)).u32(length);
    for (const word of words) writer.u32(number(word));
    writer.bytes(data).zeros(padding).u32(length);
  };
  block(0x0a0d0d0a, [0x1a2b3c4d, 1, 0xffffffff, 0xffffffff]);
  block(1, [little ? 1 : 0x10000, 0]);
  for (const [index, frame] of frames.entries()) {
    if (index % 2 === 0) block(6, [0, 0, index, frame.length, frame.length], frame);
    else block(3, [frame.length], frame);
  }
  return writer.finish();
}
