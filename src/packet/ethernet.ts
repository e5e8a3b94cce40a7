import { assemble } from './assemble.ts';
import { readMac, writeMac } from './addresses.ts';
import { reading, type Decoded } from './malformed.ts';

export const ETHER_TYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;

/** Customer and service tags (IEEE 802.1Q). */
const TAGS: ReadonlySet<number> = new Set([0x8100, 0x88a8]);

export interface VlanTag {
  readonly tpid: number;
  /** Priority (3 bits), drop eligible (1), VLAN (12). */
  readonly tci: number;
}

/** Ethernet II, without preamble and frame check sequence. */
export interface EthernetFrame {
  readonly destination: bigint;
  readonly source: bigint;
  /** Outermost first. */
  readonly tags: readonly VlanTag[];
  /** Below 0x600 it is the length of an 802.3 frame. */
  readonly type: number;
  /** With the padding of short frames. */
  readonly payload: Uint8Array;
}

export const decodeEthernet = (bytes: Uint8Array): Decoded<EthernetFrame> =>
  reading('ethernet', bytes, (reader) => {
    const destination = readMac(reader);
    const source = readMac(reader);
    const tags: VlanTag[] = [];
    let type = reader.u16();
    while (TAGS.has(type)) {
      tags.push({ tpid: type, tci: reader.u16() });
      type = reader.u16();
    }
    return { destination, source, tags, type, payload: reader.rest() };
  });

/** Not padded: what carries it does that. */
export function encodeEthernet(frame: EthernetFrame): Uint8Array {
  return assemble((writer) => {
    writeMac(writer, frame.destination);
    writeMac(writer, frame.source);
    for (const { tpid, tci } of frame.tags) writer.u16(tpid).u16(tci);
    writer.u16(frame.type).bytes(frame.payload);
  });
}
