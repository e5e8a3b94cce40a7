/** Frames and what is in them, protocol by protocol, and captures of them. */
import {
  checksum,
  decodeArp,
  decodeDhcpv4,
  decodeDhcpv6,
  decodeEthernet,
  decodeIa,
  decodeIaAddress,
  decodeIcmp,
  decodeIpv4,
  decodeIpv6,
  decodeNd,
  decodePcapFile,
  decodeTcp,
  decodeUdp,
  encodeArp,
  encodeDhcpv4,
  encodeDhcpv6,
  encodeEthernet,
  encodeIa,
  encodeIaAddress,
  encodeIcmp,
  encodeIpv4,
  encodeIpv6,
  encodeNd,
  encodePcap,
  encodeTcp,
  encodeUdp,
  Malformed,
  transportChecksum,
  type Decoded,
  type Ends,
  type NdMessage,
} from '../../src/packet/index.ts';
import { flowKeyOf } from '../../src/sim/frame.ts';
import { byteTarget, type Target } from '../target.ts';
import { difference, shown } from '../verdict.ts';
import { ARPS, DHCPV4, DHCPV6, ENDS, FRAMES, ICMPS, ND, pcapng, TCP, UDP } from './frames.ts';

/** A protocol: what is decoded is encoded, and decoded to the same. */
interface Protocol<T> {
  readonly name: string;
  readonly share?: number;
  readonly samples: readonly Uint8Array[];
  readonly decode: (bytes: Uint8Array) => Decoded<T>;
  /** null: what is decoded says too little to be encoded. */
  readonly encode: (value: T) => Uint8Array | null;
  readonly mend?: (bytes: Uint8Array) => Uint8Array;
  readonly kept?: Readonly<Record<string, Uint8Array>>;
}

function protocol<T>(subject: Protocol<T>): Target {
  const { name, share = 3, samples, decode, encode, mend, kept } = subject;
  return byteTarget({
    name,
    share,
    samples: () => samples,
    ...(mend && { mend }),
    ...(kept && { kept }),
    judge: (bytes) => {
      const value = decode(bytes);
      if (value instanceof Malformed) return 'refused';
      const again = encode(value);
      if (again === null) return 'taken';
      const back = decode(again);
      const [one, other] = [shown(value), shown(back)];
      if (one === other) return 'taken';
      return { fault: `comes back otherwise: ${difference(one, other)}` };
    },
  });
}

/** With the Internet checksum at a place made right. */
const summed =
  (at: number, sum: (bytes: Uint8Array) => number) =>
  (bytes: Uint8Array): Uint8Array => {
    if (bytes.length < at + 2) return bytes;
    const mended = bytes.slice();
    const view = new DataView(mended.buffer);
    view.setUint16(at, 0);
    view.setUint16(at, sum(mended));
    return mended;
  };

const ofIpv4Header = summed(10, (bytes) => checksum(bytes.subarray(0, ((bytes[0] ?? 0) & 15) * 4)));
const ends: Ends = ENDS;
const ofTcp = summed(16, (bytes) => transportChecksum(ends, 6, bytes));

/** The frame with the checksum of its IPv4 header made right, behind no tag. */
function withChecksum(frame: Uint8Array): Uint8Array {
  if (frame[12] !== 8 || frame[13] !== 0) return frame;
  const mended = frame.slice();
  mended.set(ofIpv4Header(frame.subarray(14)), 14);
  return mended;
}

const ofBody = (body: Uint8Array): Uint8Array => body;

export const packetTargets = [
  protocol({
    name: 'Ethernet',
    share: 4,
    samples: FRAMES,
    decode: decodeEthernet,
    encode: encodeEthernet,
  }),
  protocol({ name: 'ARP', share: 3, samples: ARPS, decode: decodeArp, encode: encodeArp }),
  protocol({
    name: 'IPv4',
    share: 4,
    samples: FRAMES.filter((frame) => frame[12] === 8 && frame[13] === 0).map((frame) =>
      frame.slice(14),
    ),
    decode: decodeIpv4,
    encode: encodeIpv4,
    mend: ofIpv4Header,
  }),
  protocol({
    name: 'IPv6',
    share: 4,
    samples: FRAMES.filter((frame) => frame[12] === 0x86).map((frame) => frame.slice(14)),
    decode: decodeIpv6,
    // Extension headers are read and not written.
    encode: (packet) => (packet.fragment === null ? encodeIpv6(packet) : null),
  }),
  protocol({
    name: 'UDP',
    samples: UDP,
    decode: (bytes) => {
      const udp = decodeUdp(bytes, ends);
      return udp instanceof Malformed ? udp : { ...udp, checksum: 'right' };
    },
    encode: (udp) => encodeUdp(udp, ends),
  }),
  protocol({
    name: 'TCP',
    samples: TCP,
    decode: (bytes) => decodeTcp(bytes, ends),
    encode: (tcp) => encodeTcp(tcp, ends),
    mend: ofTcp,
  }),
  protocol({
    name: 'ICMP',
    share: 3,
    samples: ICMPS,
    decode: decodeIcmp,
    encode: encodeIcmp,
    mend: summed(2, checksum),
  }),
  protocol<NdMessage>({
    name: 'neighbour discovery',
    share: 4,
    samples: ND.map(({ type, body }) => Uint8Array.from([type, ...body])),
    kept: {
      'a dot within a label': Uint8Array.from(
        Buffer.from('864000000000000000000000001f0200000000000903612e6200000000', 'hex'),
      ),
    },
    decode: (bytes) => decodeNd({ type: bytes[0] ?? 0, code: 0, body: ofBody(bytes.subarray(1)) }),
    encode: (message) => {
      const { type, body } = encodeNd(message);
      return Uint8Array.from([type, ...body]);
    },
  }),
  protocol({
    name: 'DHCP',
    share: 4,
    samples: DHCPV4,
    decode: decodeDhcpv4,
    encode: encodeDhcpv4,
  }),
  protocol({
    name: 'DHCPv6',
    share: 4,
    samples: DHCPV6,
    decode: decodeDhcpv6,
    encode: encodeDhcpv6,
  }),
  protocol({
    name: 'identity associations of DHCPv6',
    share: 1,
    samples: DHCPV6.map((bytes) => bytes.slice(8)),
    decode: decodeIa,
    encode: encodeIa,
  }),
  protocol({
    name: 'addresses of DHCPv6',
    share: 1,
    samples: DHCPV6.map((bytes) => bytes.slice(24)),
    decode: decodeIaAddress,
    encode: encodeIaAddress,
  }),
  byteTarget({
    name: 'flow keys of frames',
    share: 8,
    samples: () => FRAMES,
    mend: withChecksum,
    judge: (bytes) => {
      flowKeyOf(bytes);
      return 'taken';
    },
  }),
  protocol({
    name: 'captures',
    samples: [
      encodePcap(FRAMES.slice(0, 6)),
      encodePcap([]),
      pcapng(FRAMES.slice(2, 5), true),
      pcapng(FRAMES.slice(4, 9), false),
    ],
    decode: (bytes) => {
      const frames = decodePcapFile(bytes);
      return frames instanceof Malformed ? frames : frames.map((frame) => frame.bytes);
    },
    encode: encodePcap,
  }),
];
