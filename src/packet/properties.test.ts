/** What is encoded is decoded, and no bytes whatever upset a decoder. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeArp,
  decodeDhcpv4,
  decodeDhcpv6,
  decodeEcho,
  decodeEthernet,
  decodeIa,
  decodeIaAddress,
  decodeIaTa,
  decodeIcmp,
  decodeIcmpv6,
  decodeIpv4,
  decodeIpv6,
  decodeNd,
  decodeTcp,
  decodeUdp,
  encodeArp,
  encodeDhcpv4,
  encodeDhcpv6,
  encodeEcho,
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
  Malformed,
  type Ends,
  type NdMessage,
  type NdOption,
} from './index.ts';

const seeded = { seed: 20_261_122, numRuns: 300 };

const u = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });
const big = (bits: bigint) => fc.bigInt({ min: 0n, max: (1n << bits) - 1n });
const bytes = (maxLength = 200) => fc.uint8Array({ maxLength });
const words = fc.integer({ min: 0, max: 10 }).chain((n) => {
  return fc.uint8Array({ minLength: n * 4, maxLength: n * 4 });
});
const endsOf = (version: 4 | 6): fc.Arbitrary<Ends> => {
  const address = big(version === 4 ? 32n : 128n);
  return fc.record({ version: fc.constant(version), source: address, destination: address });
};
const ends = fc.oneof(endsOf(4), endsOf(6));

function roundTrip<T>(values: fc.Arbitrary<T>, again: (value: T) => unknown): void {
  fc.assert(
    fc.property(values, (value) => {
      expect(again(value)).toEqual(value);
    }),
    seeded,
  );
}

test('Ethernet', () => {
  const tag = fc.record({ tpid: fc.constantFrom(0x8100, 0x88a8), tci: u(16) });
  const frame = fc.record({
    destination: big(48n),
    source: big(48n),
    tags: fc.array(tag, { maxLength: 3 }),
    type: u(16).filter((type) => type !== 0x8100 && type !== 0x88a8),
    payload: bytes(),
  });
  roundTrip(frame, (value) => decodeEthernet(encodeEthernet(value)));
});

test('ARP', () => {
  const arp = fc.record({
    operation: u(16),
    senderMac: big(48n),
    senderIp: big(32n),
    targetMac: big(48n),
    targetIp: big(32n),
  });
  roundTrip(arp, (value) => decodeArp(encodeArp(value)));
});

test('IPv4 and IPv6', () => {
  const v4 = fc.record({
    source: big(32n),
    destination: big(32n),
    protocol: u(8),
    ttl: u(8),
    tos: u(8),
    id: u(16),
    dontFragment: fc.boolean(),
    moreFragments: fc.boolean(),
    fragmentOffset: u(13).map((offset) => offset * 8),
    options: words,
    payload: bytes(),
  });
  roundTrip(v4, (value) => decodeIpv4(encodeIpv4(value)));
  const v6 = fc.record({
    source: big(128n),
    destination: big(128n),
    trafficClass: u(8),
    flowLabel: u(20),
    hopLimit: u(8),
    fragment: fc.constant(null),
    protocol: fc.constantFrom(6, 17, 58, 59, 50, 200),
    payload: bytes(),
  });
  roundTrip(v6, (value) => decodeIpv6(encodeIpv6(value)));
});

test('UDP, TCP, ICMP and ICMPv6', () => {
  const udp = fc.record({ sourcePort: u(16), destinationPort: u(16), payload: bytes() });
  roundTrip(fc.tuple(udp, ends), ([value, between]) => {
    const { checksum, ...rest } = decodeUdp(encodeUdp(value, between), between) as typeof value & {
      checksum: string;
    };
    expect(checksum).toBe('right');
    return [rest, between];
  });
  const tcp = fc.record({
    sourcePort: u(16),
    destinationPort: u(16),
    sequence: u(32),
    acknowledgement: u(32),
    flags: u(12),
    window: u(16),
    urgent: u(16),
    options: words,
    payload: bytes(),
  });
  roundTrip(fc.tuple(tcp, ends), ([value, between]) => [
    decodeTcp(encodeTcp(value, between), between),
    between,
  ]);
  const icmp = fc.record({
    type: u(8),
    code: u(8),
    body: fc.uint8Array({ minLength: 4, maxLength: 100 }),
  });
  roundTrip(icmp, (value) => decodeIcmp(encodeIcmp(value)));
  roundTrip(fc.tuple(icmp, ends), ([value, between]) => [
    decodeIcmpv6(encodeIcmpv6(value, between), between),
    between,
  ]);
  const echo = fc.record({ identifier: u(16), sequence: u(16), data: bytes() });
  roundTrip(echo, (value) => decodeEcho(encodeEcho(value)));
});

const label = fc.stringMatching(/^[a-z0-9-]{1,63}$/);
const domain = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));

const ndOption: fc.Arbitrary<NdOption> = fc.oneof(
  fc.record({ kind: fc.constant('source_mac'), mac: big(48n) }),
  fc.record({ kind: fc.constant('target_mac'), mac: big(48n) }),
  fc.record({ kind: fc.constant('mtu'), mtu: u(32) }),
  fc.record({
    kind: fc.constant('prefix'),
    prefix: big(128n),
    length: fc.integer({ min: 0, max: 128 }),
    onLink: fc.boolean(),
    autonomous: fc.boolean(),
    valid: u(32),
    preferred: u(32),
  }),
  fc.record({
    kind: fc.constant('dns_servers'),
    lifetime: u(32),
    servers: fc.array(big(128n), { maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant('dns_search'),
    lifetime: u(32),
    domains: fc.array(domain, { maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant('other'),
    type: fc.constantFrom(4, 24, 200),
    data: fc.uint8Array({ minLength: 14, maxLength: 14 }),
  }),
) as fc.Arbitrary<NdOption>;

test('neighbour discovery', () => {
  const options = fc.array(ndOption, { maxLength: 5 });
  const message = fc.oneof(
    fc.record({ kind: fc.constant('router_solicitation'), options }),
    fc.record({
      kind: fc.constant('router_advertisement'),
      hopLimit: u(8),
      managed: fc.boolean(),
      other: fc.boolean(),
      lifetime: u(16),
      options,
    }),
    fc.record({ kind: fc.constant('neighbour_solicitation'), target: big(128n), options }),
    fc.record({
      kind: fc.constant('neighbour_advertisement'),
      router: fc.boolean(),
      solicited: fc.boolean(),
      override: fc.boolean(),
      target: big(128n),
      options,
    }),
  ) as fc.Arbitrary<NdMessage>;
  roundTrip(message, (value) => decodeNd(encodeNd(value)));
});

test('DHCP and DHCPv6', () => {
  const message = fc.record({
    op: u(8),
    hops: u(8),
    xid: u(32),
    secs: u(16),
    broadcast: fc.boolean(),
    clientAddress: big(32n),
    yourAddress: big(32n),
    serverAddress: big(32n),
    relayAddress: big(32n),
    clientMac: big(48n),
    options: fc
      .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 254 }), bytes(600)), {
        selector: ([code]) => code,
        maxLength: 12,
      })
      .map((all) => new Map(all.filter(([code]) => code !== 52))),
  });
  roundTrip(message, (value) => decodeDhcpv4(encodeDhcpv4(value)));
  const options = fc.array(fc.record({ code: u(16), data: bytes() }), { maxLength: 6 });
  const message6 = fc.record({
    type: u(8).filter((type) => type !== 12 && type !== 13),
    xid: u(24),
    options,
  });
  roundTrip(message6, (value) => decodeDhcpv6(encodeDhcpv6(value)));
  const ia = fc.record({ iaid: u(32), t1: u(32), t2: u(32), options });
  roundTrip(ia, (value) => decodeIa(encodeIa(value)));
  const address = fc.record({ address: big(128n), preferred: u(32), valid: u(32) });
  roundTrip(address, (value) => decodeIaAddress(encodeIaAddress(value)));
});

const DECODERS: Readonly<Record<string, (data: Uint8Array, between: Ends) => unknown>> = {
  ethernet: decodeEthernet,
  arp: decodeArp,
  ipv4: decodeIpv4,
  ipv6: decodeIpv6,
  udp: decodeUdp,
  tcp: decodeTcp,
  icmp: decodeIcmp,
  icmpv6: decodeIcmpv6,
  echo: decodeEcho,
  nd: (data) => decodeNd({ type: 133 + ((data[0] ?? 0) % 4), code: 0, body: data }),
  dhcpv4: decodeDhcpv4,
  dhcpv6: decodeDhcpv6,
  ia: decodeIa,
  iaTa: decodeIaTa,
  iaAddress: decodeIaAddress,
};

test.each(Object.entries(DECODERS))('%s makes something of any bytes', (_name, decode) => {
  fc.assert(
    fc.property(bytes(400), ends, (data, between) => {
      const decoded = decode(data, between);
      expect(typeof decoded).toBe('object');
      if (decoded instanceof Malformed) expect(decoded.why).not.toBe('');
    }),
    seeded,
  );
});
