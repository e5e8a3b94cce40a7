/** Addresses in packets: 48, 32 and 128 bits, as bigints like everywhere. */
import type { Reader, Writer } from '../base/bytes.ts';

export const readMac = (reader: Reader): bigint =>
  (BigInt(reader.u16()) << 32n) | BigInt(reader.u32());
export const readIpv4 = (reader: Reader): bigint => BigInt(reader.u32());
export const readIpv6 = (reader: Reader): bigint => (reader.u64() << 64n) | reader.u64();

export const writeMac = (writer: Writer, mac: bigint): Writer =>
  writer.u16(Number((mac >> 32n) & 0xffffn)).u32(Number(mac & 0xffff_ffffn));
export const writeIpv4 = (writer: Writer, address: bigint): Writer =>
  writer.u32(Number(address & 0xffff_ffffn));
export const writeIpv6 = (writer: Writer, address: bigint): Writer =>
  writer.u64(address >> 64n).u64(address);
