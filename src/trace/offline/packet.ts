/** The packet to trace: in the words of a match, as bytes in hex, or out of a capture. */
import { Failure } from '../../base/failure.ts';
import { field, type Field, type FlowKey } from '../../openflow/fields.ts';
import { PORT } from '../../openflow/flow.ts';
import { writeField } from '../../openflow/key.ts';
import { parsePacket, type PortOptions } from '../../openflow/text/index.ts';
import { fieldByName } from '../../openflow/text/names.ts';
import { tryParsePort } from '../../openflow/text/ports.ts';
import { decodePcapFile, Malformed } from '../../packet/index.ts';
import { flowKeyOf } from '../../sim/frame.ts';
import type { Keys } from '../../sim/index.ts';
import { AT, ethernetType } from '../../sim/words.ts';

type PortNumbers = ReadonlyMap<string, number>;

const IN_PORT = field('in_port');

/** Digits alone or after 0x, spaces between them as a dump has them. */
const hexForm = /^\s*(?:0x)?([0-9a-f\s]+)$/i;
/** No frame is shorter; `in_port` alone never looks like this. */
const LEAST_DIGITS = 28;

/** The digits of a packet in hex; null where it is given in words. */
function digitsOf(text: string): string | null {
  const digits = hexForm.exec(text)?.[1]?.replaceAll(/\s+/g, '');
  return digits === undefined || digits.length < LEAST_DIGITS ? null : digits;
}

/** Whether a packet is given as bytes. */
export const isFrame = (text: string): boolean => digitsOf(text) !== null;

/** Where a packet comes in when nobody says (OFPP_NONE). */
function entered(key: FlowKey): FlowKey {
  if ((key[AT.inPort] ?? 0) === 0) writeField(key, IN_PORT, BigInt(PORT.any));
  return key;
}

/**
 * A port by number or name.
 * @throws {Failure} `invalid` when it is neither.
 */
export function parseInPort(text: string, ports: PortNumbers): number {
  const port = tryParsePort(text, { ports });
  if (port !== null) return port;
  const known = [...ports.keys()].join(', ');
  const right = known === '' ? '' : ` or a name: ${known}`;
  throw new Failure(
    'invalid',
    'UnknownPort',
    `in-port is "${text}"; it must be a port number${right}`,
    { field: 'in-port', value: text },
  );
}

/** Fields that stand above the Ethernet header need a protocol that they are of. */
function checkLayers(text: string, key: FlowKey): void {
  if (ethernetType(key) !== 0) return;
  for (const [, name = ''] of text.matchAll(/(?:^|[,\s])([^=:(,\s]+)[=:(]/g)) {
    const target = fieldByName(name);
    if (target === undefined || IN_ANY_PACKET.has(target.needs)) continue;
    const message = `packet has ${name}, but no protocol that it is of: write tcp, udp, icmp, arp … too`;
    throw new Failure('invalid', 'InvalidPacket', message, { field: name, value: text });
  }
}

const IN_ANY_PACKET = new Set<Field['needs']>(['none', 'ethernet', 'vlan', 'ct']);

function ofFrame(frame: Uint8Array, inPort: number | null): FlowKey {
  const key = flowKeyOf(frame);
  writeField(key, IN_PORT, BigInt(inPort ?? PORT.any));
  return key;
}

/**
 * A packet as `ofproto/trace` takes it: `in_port=1,tcp,nw_src=…`, or the bytes of a frame in hex.
 * @param inPort For bytes, which do not say where they come in.
 * @param keys Where the key is put; default: it is the caller's.
 * @throws {Failure} `invalid`, with the column in the message.
 */
export function readPacket(
  text: string,
  options: PortOptions,
  inPort: number | null,
  keys?: Keys,
): FlowKey {
  const digits = digitsOf(text);
  if (digits === null) {
    const key = parsePacket(text, options, (read) => keys?.copy(read) ?? read.slice());
    checkLayers(text, key);
    if (inPort !== null) writeField(key, IN_PORT, BigInt(inPort));
    return entered(key);
  }
  if (digits.length % 2 !== 0) {
    const message = `packet has ${digits.length} hex digits; two make a byte`;
    throw new Failure('invalid', 'InvalidPacket', message, { field: 'packet', value: text });
  }
  const bytes = Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return ofFrame(bytes, inPort);
}

/**
 * A frame of a capture file.
 * @param frame Counted from 1, as tcpdump and Wireshark count.
 * @throws {Failure} `invalid` for a file that is no capture of Ethernet, and for a number beyond its frames.
 */
export function packetOfCapture(
  file: { readonly name: string; readonly bytes: Uint8Array },
  frame: number,
  inPort: number | null,
): FlowKey {
  const frames = decodePcapFile(file.bytes);
  if (frames instanceof Malformed) {
    const message = `${file.name} is no capture of Ethernet frames: ${frames.why}`;
    throw new Failure('invalid', 'InvalidCapture', message, { field: 'pcap', value: file.name });
  }
  const found = frames[frame - 1];
  if (found === undefined) {
    const message = `frame is ${frame}; ${file.name} has ${frames.length}, counted from 1`;
    throw new Failure('invalid', 'NoSuchFrame', message, { field: 'frame', value: frame });
  }
  return ofFrame(found.bytes, inPort);
}
