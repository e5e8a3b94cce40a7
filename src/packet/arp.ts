import { readIpv4, readMac, writeIpv4, writeMac } from './addresses.ts';
import { assemble } from './assemble.ts';
import { ETHER_TYPE } from './ethernet.ts';
import { need, reading, type Decoded } from './malformed.ts';

export const ARP_OPERATION = { request: 1, reply: 2 } as const;

const HARDWARE = 1;
const MAC_LENGTH = 6;
const IPV4_LENGTH = 4;

/** ARP for IPv4 over Ethernet (RFC 826). */
export interface Arp {
  readonly operation: number;
  readonly senderMac: bigint;
  readonly senderIp: bigint;
  readonly targetMac: bigint;
  readonly targetIp: bigint;
}

export const decodeArp = (bytes: Uint8Array): Decoded<Arp> =>
  reading('arp', bytes, (reader) => {
    need(reader.u16() === HARDWARE, 'hardware is not Ethernet');
    need(reader.u16() === ETHER_TYPE.ipv4, 'protocol is not IPv4');
    need(reader.u8() === MAC_LENGTH, 'hardware addresses are not 6 bytes');
    need(reader.u8() === IPV4_LENGTH, 'protocol addresses are not 4 bytes');
    return {
      operation: reader.u16(),
      senderMac: readMac(reader),
      senderIp: readIpv4(reader),
      targetMac: readMac(reader),
      targetIp: readIpv4(reader),
    };
  });

export function encodeArp(arp: Arp): Uint8Array {
  return assemble((writer) => {
    writer.u16(HARDWARE).u16(ETHER_TYPE.ipv4).u8(MAC_LENGTH).u8(IPV4_LENGTH).u16(arp.operation);
    writeMac(writer, arp.senderMac);
    writeIpv4(writer, arp.senderIp);
    writeMac(writer, arp.targetMac);
    writeIpv4(writer, arp.targetIp);
  });
}
