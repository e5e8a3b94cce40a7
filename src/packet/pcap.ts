/**
 * Captures of Ethernet frames: pcap in both byte orders, with times to the micro- or nanosecond
 * (draft-ietf-opsawg-pcap), and the blocks of pcapng that hold frames (draft-ietf-opsawg-pcapng).
 */
import { Writer } from '../base/bytes.ts';
import { Malformed, need, type Decoded } from './malformed.ts';

export interface Captured {
  /** The frame, as far as it was captured. */
  readonly bytes: Uint8Array;
  /** Bytes that it had on the wire. */
  readonly length: number;
}

const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;
const PCAP_HEADER = 24;
const PCAP_RECORD = 16;
/** LINKTYPE_ETHERNET. */
const ETHERNET = 1;
/** Link type in its lower 16 bits: the rest says how long a frame check sequence is. */
const LINK_TYPE = 0xffff;
/** No frame is longer; more is a sign of another format. */
const LONGEST = 0x40000;

/** Blocks of pcapng. */
const SECTION = 0x0a0d0d0a;
const BYTE_ORDER = 0x1a2b3c4d;
const INTERFACE = 1;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
/** Type and length before, length after. */
const BLOCK = 12;

function decodePcap(view: DataView, little: boolean): Captured[] {
  const link = view.getUint32(20, little) & LINK_TYPE;
  need(link === ETHERNET, `link type is ${link}, Ethernet is ${ETHERNET}`);
  const frames: Captured[] = [];
  for (let at = PCAP_HEADER; at < view.byteLength;) {
    const captured = view.getUint32(at + 8, little);
    const length = view.getUint32(at + 12, little);
    frames.push({ bytes: cut(view, at + PCAP_RECORD, captured), length });
    at += PCAP_RECORD + captured;
  }
  return frames;
}

function cut(view: DataView, at: number, length: number): Uint8Array {
  need(length <= LONGEST, `a frame of ${length} bytes`);
  need(at + length <= view.byteLength, `the file ends within a frame of ${length} bytes`);
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}

/** What a block of a section says; interfaces are numbered anew in each section. */
function decodeBlock(view: DataView, little: boolean, links: number[], frames: Captured[]): void {
  const u32 = (at: number): number => view.getUint32(at, little);
  const ethernet = (id: number): boolean => links[id] === ETHERNET;
  switch (u32(0)) {
    case INTERFACE:
      links.push(view.getUint16(8, little));
      return;
    case ENHANCED_PACKET:
      need(ethernet(u32(8)), `link type is ${links[u32(8)] ?? 'unknown'}, Ethernet is ${ETHERNET}`);
      frames.push({ bytes: cut(view, 28, u32(20)), length: u32(24) });
      return;
    case SIMPLE_PACKET: {
      need(ethernet(0), `link type is ${links[0] ?? 'unknown'}, Ethernet is ${ETHERNET}`);
      const captured = Math.min(u32(8), view.byteLength - BLOCK - 4);
      frames.push({ bytes: cut(view, 12, captured), length: u32(8) });
      return;
    }
    default:
  }
}

function decodePcapng(view: DataView): Captured[] {
  const frames: Captured[] = [];
  let links: number[] = [];
  let little = false;
  for (let at = 0; at < view.byteLength;) {
    if (view.getUint32(at) === SECTION) {
      little = view.getUint32(at + 8, true) === BYTE_ORDER;
      need(little || view.getUint32(at + 8) === BYTE_ORDER, 'no byte order in a section');
      links = [];
    }
    const length = view.getUint32(at + 4, little);
    need(length >= BLOCK && length % 4 === 0, `a block of ${length} bytes`);
    need(at + length <= view.byteLength, `the file ends within a block of ${length} bytes`);
    const block = new DataView(view.buffer, view.byteOffset + at, length);
    decodeBlock(block, little, links, frames);
    at += length;
  }
  return frames;
}

/** The frames of a capture file, in order. */
export function decodePcapFile(bytes: Uint8Array): Decoded<Captured[]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (view.getUint32(0) === SECTION) return decodePcapng(view);
    for (const little of [true, false]) {
      const magic = view.getUint32(0, little);
      if (magic === MICROSECONDS || magic === NANOSECONDS) return decodePcap(view, little);
    }
    return new Malformed('pcap', 'neither the magic of pcap nor that of pcapng');
  } catch (error) {
    if (error instanceof RangeError) return new Malformed('pcap', error.message);
    throw error;
  }
}

/** A pcap file of whole Ethernet frames; the n-th was seen at second n. */
export function encodePcap(frames: readonly Uint8Array[]): Uint8Array {
  const writer = new Writer();
  writer.u32(MICROSECONDS).u16(2).u16(4).u32(0).u32(0).u32(LONGEST).u32(ETHERNET);
  for (const [second, frame] of frames.entries()) {
    writer.u32(second).u32(0).u32(frame.length).u32(frame.length).bytes(frame);
  }
  return writer.finish();
}
