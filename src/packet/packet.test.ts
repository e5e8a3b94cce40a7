/** Bytes written out by hand from the RFCs, and what lies next to the rules. */
import { describe, expect, test } from 'vitest';
import {
  checksum,
  decodeArp,
  decodeDhcpv4,
  decodeDhcpv6,
  decodeEcho,
  decodeEthernet,
  decodeIa,
  decodeIcmp,
  decodeIcmpv6,
  decodeIpv4,
  decodeIpv6,
  decodeNd,
  decodeTcp,
  decodeUdp,
  encodeArp,
  encodeDhcpv4,
  encodeIpv4,
  encodeNd,
  encodeUdp,
  Malformed,
  type Decoded,
} from './index.ts';

const hex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/[0-9a-f]{2}/gi) ?? [], (octet) => Number.parseInt(octet, 16));

function ok<T>(decoded: Decoded<T>): T {
  if (decoded instanceof Malformed) throw new Error(`${decoded.protocol}: ${decoded.why}`);
  return decoded;
}

const why = (decoded: unknown): string =>
  decoded instanceof Malformed ? decoded.why : 'well formed';

describe('the Internet checksum', () => {
  test('is that of RFC 1071 §3', () => {
    expect(checksum(hex('0001 f203 f4f5 f6f7'))).toBe(0x220d);
    expect(checksum(hex('0001 f203 f4f5 f6f7 220d'))).toBe(0);
  });

  test('fills up the last byte with a zero', () => {
    expect(checksum(hex('0001 f2'))).toBe(checksum(hex('0001 f200')));
  });
});

describe('Ethernet', () => {
  test('tags come off, outermost first', () => {
    const frame = ok(
      decodeEthernet(hex('ffffffffffff fa163e9890e7 88a8 0064 8100 6065 0806 0001')),
    );
    expect(frame.tags).toEqual([
      { tpid: 0x88a8, tci: 0x0064 },
      { tpid: 0x8100, tci: 0x6065 },
    ]);
    expect(frame).toMatchObject({ destination: 0xffff_ffff_ffffn, source: 0xfa16_3e98_90e7n });
    expect(frame.type).toBe(0x0806);
    expect(frame.payload).toEqual(hex('0001'));
  });

  test.each(['', 'ffffffffffff fa163e9890e7 08', 'ffffffffffff fa163e9890e7 8100 00'])(
    '"%s" is too short',
    (bytes) => expect(decodeEthernet(hex(bytes))).toBeInstanceOf(Malformed),
  );
});

const ARP = '0001 0800 06 04 0001 fa163e9890e7 b2010302 000000000000 b2010301';

describe('ARP', () => {
  test('a request', () => {
    const arp = ok(decodeArp(hex(ARP)));
    expect(arp).toEqual({
      operation: 1,
      senderMac: 0xfa16_3e98_90e7n,
      senderIp: 0xb201_0302n,
      targetMac: 0n,
      targetIp: 0xb201_0301n,
    });
    expect(encodeArp(arp)).toEqual(hex(ARP));
  });

  test.each([
    ['hardware', ARP.replace('0001', '0006')],
    ['protocol', ARP.replace('0800', '86dd')],
    ['hardware address', ARP.replace('06 04', '08 04')],
    ['protocol address', ARP.replace('06 04', '06 10')],
  ])('of another %s is none', (_what, bytes) => {
    expect(decodeArp(hex(bytes))).toBeInstanceOf(Malformed);
  });
});

const IPV4 = '4500 0018 0000 4000 4011 b8bc c0a80001 c0a800c7 01020304';

describe('IPv4', () => {
  test('a datagram without what pads its frame', () => {
    const packet = ok(decodeIpv4(hex(`${IPV4} 0000000000`)));
    expect(packet).toMatchObject({
      source: 0xc0a8_0001n,
      destination: 0xc0a8_00c7n,
      protocol: 17,
      ttl: 64,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
    });
    expect(packet.payload).toEqual(hex('01020304'));
    expect(encodeIpv4(packet)).toEqual(hex(IPV4));
  });

  test.each([
    ['version', '6500', 'version is 6'],
    ['header length', '4400', 'header length is 16'],
    ['options beyond the end', '4f00', 'total length 24 is less than the header’s'],
  ])('a wrong %s', (_what, first, says) => {
    expect(why(decodeIpv4(hex(IPV4.replace('4500', first))))).toBe(says.replace('’', "'"));
  });

  test('a wrong length or checksum', () => {
    expect(why(decodeIpv4(hex(IPV4.replace('0018', '0013'))))).toContain("less than the header's");
    expect(why(decodeIpv4(hex(IPV4.replace('0018', '0019'))))).toContain('24 bytes are there');
    expect(why(decodeIpv4(hex(IPV4.replace('b8bc', 'b8bd'))))).toBe('wrong header checksum');
  });

  test('fragments and options are seen', () => {
    const packet = ok(decodeIpv4(hex(IPV4)));
    const part = { ...packet, moreFragments: true, fragmentOffset: 1480, options: hex('94040000') };
    expect(ok(decodeIpv4(encodeIpv4(part)))).toEqual(part);
  });

  test('what is no datagram is not encoded', () => {
    const packet = ok(decodeIpv4(hex(IPV4)));
    expect(() => encodeIpv4({ ...packet, options: hex('9404') })).toThrow(RangeError);
    expect(() => encodeIpv4({ ...packet, payload: new Uint8Array(65_516) })).toThrow(RangeError);
  });
});

describe('IPv6', () => {
  const head = (length: string, next: string) =>
    `60000000 ${length} ${next} 40 ${'20010db8'.padEnd(31, '0')}1 ${'20010db8'.padEnd(31, '0')}2`;

  test('extension headers are passed over', () => {
    const hopByHop = '2b 00 050200000100';
    const routing = '33 00 000000000000';
    const authentication = '3c 01 0000 00000001 00000002';
    const destinationOptions = '11 01 010400000000 0104 000000000000';
    const all = `${hopByHop} ${routing} ${authentication} ${destinationOptions} abcd`;
    const packet = ok(decodeIpv6(hex(`${head('002e', '00')} ${all} ffff`)));
    expect(packet).toMatchObject({ protocol: 17, fragment: null, hopLimit: 64 });
    expect(packet.payload).toEqual(hex('abcd'));
  });

  test('the first fragment shows its protocol, a later one what its header names', () => {
    const headers = '3c 00 0001 00000007 11 00 010400000000';
    const packet = ok(decodeIpv6(hex(`${head('0012', '2c')} ${headers} abcd`)));
    expect(packet).toMatchObject({ protocol: 17, fragment: { offset: 0, more: true } });
    const later = ok(decodeIpv6(hex(`${head('000a', '2c')} 3c 00 0578 00000007 abcd`)));
    expect(later).toMatchObject({ protocol: 60, fragment: { offset: 0x578, more: false } });
    expect(later.payload).toEqual(hex('abcd'));
  });

  test('headers end with the packet', () => {
    expect(decodeIpv6(hex(`${head('0008', '00')} 3b 01 000000000000`))).toBeInstanceOf(Malformed);
    expect(decodeIpv6(hex(`${head('0009', '3b')} 0000000000000000`))).toBeInstanceOf(Malformed);
    expect(ok(decodeIpv6(hex(head('0000', '3b')))).payload).toHaveLength(0);
  });
});

describe('UDP and TCP', () => {
  const ends = { version: 4, source: 0x0a00_0001n, destination: 0x0a00_0002n } as const;

  test('a datagram, its checksum right, wrong and absent', () => {
    const bytes = encodeUdp({ sourcePort: 1, destinationPort: 2, payload: hex('ff') }, ends);
    // Pseudo-header 0a00+0001+0a00+0002+0011+0009, ports, length, ff00.
    expect(bytes).toEqual(hex('0001 0002 0009 ecd5 ff'));
    expect(ok(decodeUdp(bytes, ends))).toMatchObject({ checksum: 'right', payload: hex('ff') });
    expect(ok(decodeUdp(hex('0001 0002 0009 ecd7 ff'), ends)).checksum).toBe('wrong');
    expect(ok(decodeUdp(hex('0001 0002 0009 0000 ff'), ends)).checksum).toBe('absent');
  });

  test('a checksum of zero is sent as ones', () => {
    const empty = encodeUdp({ sourcePort: 0xebdb, destinationPort: 0, payload: hex('') }, ends);
    expect(empty.subarray(6)).toEqual(hex('ffff'));
    expect(ok(decodeUdp(empty, ends)).checksum).toBe('right');
  });

  test.each(['0001 0002 0007 0000', '0001 0002 0009 0000', '0001 0002 00'])('"%s"', (bytes) => {
    expect(decodeUdp(hex(bytes), ends)).toBeInstanceOf(Malformed);
  });

  test('a segment without its header is none', () => {
    const short = hex('0001 0002 00000000 00000000 4002 ffff 0000 0000');
    expect(why(decodeTcp(short, ends))).toBe('header length is 16');
    expect(why(decodeTcp(hex('0001 0002 00000000 00000000 5002 ffff 0000 0000'), ends))).toBe(
      'wrong checksum',
    );
  });
});

describe('ICMP', () => {
  test('an echo request', () => {
    const { type, body } = ok(decodeIcmp(hex('0800 f7fb 0001 0003')));
    expect(type).toBe(8);
    expect(ok(decodeEcho(body))).toEqual({ identifier: 1, sequence: 3, data: hex('') });
    expect(why(decodeIcmp(hex('0800 f7fb 0001 0004')))).toBe('wrong checksum');
    expect(why(decodeIcmp(hex('0800 f7ff 00')))).toBe('5 bytes');
  });

  test('the checksum of ICMPv6 covers its addresses', () => {
    const ends = { version: 6, source: 1n, destination: 2n } as const;
    // Pseudo-header 1+2+8+3a.
    const bytes = hex('8000 7fb6 0001 0003');
    expect(ok(decodeIcmpv6(bytes, ends))).toMatchObject({ type: 128, code: 0 });
    expect(why(decodeIcmpv6(bytes, { ...ends, destination: 3n }))).toBe('wrong checksum');
  });
});

describe('neighbour discovery', () => {
  const target = 'fe80000000000000 0000000000000009';

  test('a solicitation (RFC 4861 §4.3)', () => {
    const body = hex(`00000000 ${target} 01 01 fa163e9890e7 fd 01 010203040506`);
    const message = ok(decodeNd({ type: 135, code: 0, body }));
    expect(message).toEqual({
      kind: 'neighbour_solicitation',
      target: (0xfe80n << 112n) | 9n,
      options: [
        { kind: 'source_mac', mac: 0xfa16_3e98_90e7n },
        { kind: 'other', type: 0xfd, data: hex('010203040506') },
      ],
    });
    expect(encodeNd(message).body).toEqual(body);
  });

  test('an advertisement of a router (RFC 4861 §4.2, §4.6.2)', () => {
    const prefix = '03 04 40 c0 00278d00 00093a80 00000000 20010db80003 0000 0000000000000000';
    const body = hex(`40 80 ffff 00000000 00000000 05 01 0000 000005aa ${prefix}`);
    const message = ok(decodeNd({ type: 134, code: 0, body }));
    expect(message).toMatchObject({ managed: true, other: false, lifetime: 65_535, hopLimit: 64 });
    expect(message.options).toEqual([
      { kind: 'mtu', mtu: 1450 },
      {
        kind: 'prefix',
        prefix: 0x2001_0db8_0003n << 80n,
        length: 64,
        onLink: true,
        autonomous: true,
        valid: 2_592_000,
        preferred: 604_800,
      },
    ]);
    expect(encodeNd(message).body).toEqual(body);
  });

  test.each([
    ['an option of no length', 135, 0, `00000000 ${target} 01 00 fa163e9890e7`],
    ['an option that ends too soon', 135, 0, `00000000 ${target} 01 02 fa163e9890e7`],
    ['half a target', 135, 0, '00000000 fe80'],
    ['a code', 135, 1, `00000000 ${target}`],
    ['another type', 137, 0, `00000000 ${target}`],
    ['a label beyond its name', 133, 0, '00000000 1f 02 0000 00000001 09 61 000000000000'],
  ])('%s is malformed', (_what, type, code, body) => {
    expect(decodeNd({ type, code, body: hex(body) })).toBeInstanceOf(Malformed);
  });
});

describe('DHCP', () => {
  const fixed = (options: string, file = ''): Uint8Array => {
    const message = new Uint8Array(240 + hex(options).length);
    message.set(hex('01 01 06 00 3903f326 0004 8000'));
    message.set(hex('fa163e9890e7'), 28);
    message.set(hex(file), 108);
    message.set(hex('63825363'), 236);
    message.set(hex(options), 240);
    return message;
  };

  test('a message (RFC 2131 §2)', () => {
    const message = ok(decodeDhcpv4(fixed('35 01 01 00 00 37 02 01 79 ff 0c 01 41')));
    expect(message).toMatchObject({ xid: 0x3903f326, secs: 4, broadcast: true });
    expect(message.clientMac).toBe(0xfa16_3e98_90e7n);
    expect(Object.fromEntries(message.options)).toEqual({ 53: hex('01'), 55: hex('01 79') });
  });

  test('parts of one option are one (RFC 3396)', () => {
    const { options } = ok(decodeDhcpv4(fixed('79 02 0102 35 01 03 79 01 03 ff')));
    expect(options.get(121)).toEqual(hex('010203'));
    const long = new Uint8Array(600).fill(7);
    const message = ok(decodeDhcpv4(fixed('35 01 03 ff')));
    const bytes = encodeDhcpv4({ ...message, options: new Map([[121, long]]) });
    expect(bytes.subarray(240, 243)).toEqual(hex('79 ff 07'));
    expect(ok(decodeDhcpv4(bytes)).options.get(121)).toEqual(long);
  });

  test('options may lie in the file field (RFC 2132 §9.3)', () => {
    const { options } = ok(decodeDhcpv4(fixed('34 01 01 ff', '0c 01 41 ff')));
    expect(options.get(12)).toEqual(hex('41'));
    expect(ok(decodeDhcpv4(fixed('ff', '0c 01 41 ff'))).options.has(12)).toBe(false);
  });

  test('an option beyond the end, no cookie, other hardware', () => {
    expect(decodeDhcpv4(fixed('35 05 01'))).toBeInstanceOf(Malformed);
    const message = fixed('ff');
    message[236] = 0;
    expect(why(decodeDhcpv4(message))).toBe('no magic cookie');
    const token = fixed('ff');
    token[1] = 6;
    expect(why(decodeDhcpv4(token))).toBe('hardware is not Ethernet');
  });

  test('DHCPv6 nests its options', () => {
    const ia = '0003 0010 00000009 00000000 00000000 0006 0000';
    const { type, xid, options } = ok(decodeDhcpv6(hex(`01 abcdef ${ia}`)));
    expect([type, xid]).toEqual([1, 0xabcdef]);
    const [first] = options;
    expect(ok(decodeIa(first?.data ?? hex('')))).toMatchObject({
      iaid: 9,
      options: [{ code: 6, data: hex('') }],
    });
    expect(decodeDhcpv6(hex('01 abcdef 0003 0010 00000009'))).toBeInstanceOf(Malformed);
    expect(why(decodeDhcpv6(hex('0c 00')))).toContain('bytes wanted');
  });
});
