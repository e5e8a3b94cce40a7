import type { Reader, Writer } from '../base/bytes.ts';
import { readIpv4, readMac, writeIpv4, writeMac } from './addresses.ts';
import { assemble } from './assemble.ts';
import { need, reading, type Decoded } from './malformed.ts';

export const DHCP_PORT = { server: 67, client: 68 } as const;

export const BOOT = { request: 1, reply: 2 } as const;

export const DHCP_TYPE = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

/** Options of RFC 2132, RFC 3442 (121; 249 is what Windows called it before). */
export const DHCP_OPTION = {
  subnetMask: 1,
  router: 3,
  dnsServers: 6,
  hostName: 12,
  domainName: 15,
  mtu: 26,
  broadcastAddress: 28,
  requestedAddress: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  serverId: 54,
  parameterList: 55,
  maxMessageSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  clientId: 61,
  classlessRoutes: 121,
  oldClasslessRoutes: 249,
} as const;

const HARDWARE = 1;
const MAC_LENGTH = 6;
const CHADDR = 16;
const SNAME = 64;
const FILE = 128;
const COOKIE = 0x63825363;
const BROADCAST = 0x8000;
const PAD = 0;
const END = 255;
/** Messages shorter than BOOTP's are refused by old clients and relays (RFC 1542 §2.1). */
const SHORTEST = 300;
const LONGEST_OPTION = 255;

/** Bits of the overload option: `file` holds options, `sname` does (RFC 2132 §9.3). */
const IN_FILE = 1;
const IN_SNAME = 2;

/** RFC 2131 §2, over Ethernet. */
export interface Dhcpv4 {
  readonly op: number;
  readonly hops: number;
  readonly xid: number;
  /** Seconds. */
  readonly secs: number;
  /** The client cannot take unicast yet. */
  readonly broadcast: boolean;
  readonly clientAddress: bigint;
  readonly yourAddress: bigint;
  readonly serverAddress: bigint;
  readonly relayAddress: bigint;
  readonly clientMac: bigint;
  /** By code, in the order of writing; 0 and 255 are none. */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

type Parts = Map<number, Uint8Array[]>;

function readOptions(reader: Reader, into: Parts): void {
  while (reader.remaining > 0) {
    const code = reader.u8();
    if (code === PAD) continue;
    if (code === END) return;
    const data = reader.bytes(reader.u8());
    const before = into.get(code);
    if (before === undefined) into.set(code, [data]);
    else before.push(data);
  }
}

/** Parts of one option are one option (RFC 3396 §7). */
function joined([first = new Uint8Array(), ...others]: readonly Uint8Array[]): Uint8Array {
  if (others.length === 0) return first;
  return assemble((writer) => {
    writer.bytes(first);
    for (const part of others) writer.bytes(part);
  });
}

export const decodeDhcpv4 = (bytes: Uint8Array): Decoded<Dhcpv4> =>
  reading('dhcpv4', bytes, (reader) => {
    const op = reader.u8();
    need(reader.u8() === HARDWARE, 'hardware is not Ethernet');
    need(reader.u8() === MAC_LENGTH, 'hardware addresses are not 6 bytes');
    const hops = reader.u8();
    const xid = reader.u32();
    const secs = reader.u16();
    const flags = reader.u16();
    const clientAddress = readIpv4(reader);
    const yourAddress = readIpv4(reader);
    const serverAddress = readIpv4(reader);
    const relayAddress = readIpv4(reader);
    const clientMac = readMac(reader);
    const sname = reader.skip(CHADDR - MAC_LENGTH).sub(SNAME);
    const file = reader.sub(FILE);
    need(reader.u32() === COOKIE, 'no magic cookie');
    const parts: Parts = new Map();
    readOptions(reader, parts);
    const overload = parts.get(DHCP_OPTION.overload)?.[0]?.[0] ?? 0;
    if ((overload & IN_FILE) !== 0) readOptions(file, parts);
    if ((overload & IN_SNAME) !== 0) readOptions(sname, parts);
    return {
      op,
      hops,
      xid,
      secs,
      broadcast: (flags & BROADCAST) !== 0,
      clientAddress,
      yourAddress,
      serverAddress,
      relayAddress,
      clientMac,
      options: new Map([...parts].map(([code, data]) => [code, joined(data)])),
    };
  });

function writeParts(writer: Writer, code: number, data: Uint8Array): void {
  for (let at = 0; at < data.length; at += LONGEST_OPTION) {
    const part = data.subarray(at, at + LONGEST_OPTION);
    writer.u8(code).u8(part.length).bytes(part);
  }
}

/** Options above 255 bytes go in parts. */
export function encodeDhcpv4(message: Dhcpv4): Uint8Array {
  return assemble((writer) => {
    writer.u8(message.op).u8(HARDWARE).u8(MAC_LENGTH).u8(message.hops).u32(message.xid);
    writer.u16(message.secs).u16(message.broadcast ? BROADCAST : 0);
    writeIpv4(writer, message.clientAddress);
    writeIpv4(writer, message.yourAddress);
    writeIpv4(writer, message.serverAddress);
    writeIpv4(writer, message.relayAddress);
    writeMac(writer, message.clientMac).zeros(CHADDR - MAC_LENGTH);
    writer.zeros(SNAME + FILE).u32(COOKIE);
    for (const [code, data] of message.options) {
      // Seldom in parts: a view of each would cost more than all the rest.
      if (data.length <= LONGEST_OPTION) writer.u8(code).u8(data.length).bytes(data);
      else writeParts(writer, code, data);
    }
    writer.u8(END);
    writer.zeros(Math.max(0, SHORTEST - writer.length));
  });
}

/** Bytes of a message but for its options. */
export const DHCPV4_FIXED_LENGTH = 240;
