/** RFC 8415. Times are in seconds. */
import type { Reader, Writer } from '../base/bytes.ts';
import { readIpv6, writeIpv6 } from './addresses.ts';
import { assemble } from './assemble.ts';
import { need, reading, type Decoded } from './malformed.ts';

export const DHCPV6_PORT = { client: 546, server: 547 } as const;

export const DHCPV6_TYPE = {
  solicit: 1,
  advertise: 2,
  request: 3,
  confirm: 4,
  renew: 5,
  rebind: 6,
  reply: 7,
  release: 8,
  decline: 9,
  informationRequest: 11,
} as const;

/** Relays' messages have another form; clients send none of them. */
const RELAYED: ReadonlySet<number> = new Set([12, 13]);

export const DHCPV6_OPTION = {
  clientId: 1,
  serverId: 2,
  iaNa: 3,
  iaTa: 4,
  iaAddress: 5,
  optionRequest: 6,
  preference: 7,
  status: 13,
  rapidCommit: 14,
  dnsServers: 23,
  domainList: 24,
  iaPd: 25,
  informationRefresh: 32,
} as const;

export const DHCPV6_STATUS = {
  success: 0,
  noAddrsAvail: 2,
  noBinding: 3,
  notOnLink: 4,
  noPrefixAvail: 6,
} as const;

export interface Dhcpv6Option {
  readonly code: number;
  readonly data: Uint8Array;
}

export interface Dhcpv6 {
  readonly type: number;
  /** 24 bits. */
  readonly xid: number;
  readonly options: readonly Dhcpv6Option[];
}

function readOptions(reader: Reader): Dhcpv6Option[] {
  const options: Dhcpv6Option[] = [];
  while (reader.remaining > 0) {
    const code = reader.u16();
    options.push({ code, data: reader.bytes(reader.u16()) });
  }
  return options;
}

function writeOptions(writer: Writer, options: readonly Dhcpv6Option[]): Writer {
  for (const { code, data } of options) writer.u16(code).u16(data.length).bytes(data);
  return writer;
}

export const decodeDhcpv6 = (bytes: Uint8Array): Decoded<Dhcpv6> =>
  reading('dhcpv6', bytes, (reader) => {
    const head = reader.u32();
    const type = head >>> 24;
    need(!RELAYED.has(type), `type ${type} is a relay's`);
    return { type, xid: head & 0xffffff, options: readOptions(reader) };
  });

export const encodeDhcpv6 = ({ type, xid, options }: Dhcpv6): Uint8Array =>
  assemble((writer) => writeOptions(writer.u32(((type << 24) | xid) >>> 0), options));

/** An identity association for addresses or, in the same form, prefixes. */
export interface IdentityAssociation {
  readonly iaid: number;
  readonly t1: number;
  readonly t2: number;
  readonly options: readonly Dhcpv6Option[];
}

/** @param data of IA_NA (§21.4) or IA_PD (§21.21) */
export const decodeIa = (data: Uint8Array): Decoded<IdentityAssociation> =>
  reading('dhcpv6 ia', data, (reader) => ({
    iaid: reader.u32(),
    t1: reader.u32(),
    t2: reader.u32(),
    options: readOptions(reader),
  }));

export const encodeIa = ({ iaid, t1, t2, options }: IdentityAssociation): Uint8Array =>
  assemble((writer) => writeOptions(writer.u32(iaid).u32(t1).u32(t2), options));

/** An association for temporary addresses has no times (§21.5). */
export const decodeIaTa = (data: Uint8Array): Decoded<Pick<IdentityAssociation, 'iaid'>> =>
  reading('dhcpv6 ia_ta', data, (reader) => ({ iaid: reader.u32() }));

export const encodeIaTa = (iaid: number, options: readonly Dhcpv6Option[]): Uint8Array =>
  assemble((writer) => writeOptions(writer.u32(iaid), options));

export interface IaAddress {
  readonly address: bigint;
  readonly preferred: number;
  readonly valid: number;
}

export const decodeIaAddress = (data: Uint8Array): Decoded<IaAddress> =>
  reading('dhcpv6 iaaddr', data, (reader) => ({
    address: readIpv6(reader),
    preferred: reader.u32(),
    valid: reader.u32(),
  }));

export const encodeIaAddress = ({ address, preferred, valid }: IaAddress): Uint8Array =>
  assemble((writer) => writeIpv6(writer, address).u32(preferred).u32(valid));
