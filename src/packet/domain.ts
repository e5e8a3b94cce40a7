/** Domain names as DHCPv6 and router advertisements carry them: RFC 1035 §3.1, never compressed. */
import type { Reader, Writer } from '../base/bytes.ts';
import { need } from './malformed.ts';

const LONGEST_LABEL = 63;

export function writeDomain(writer: Writer, name: string): Writer {
  for (const label of name.split('.')) {
    need(label.length > 0 && label.length <= LONGEST_LABEL, `"${name}" has a label of no length`);
    writer.u8(label.length).bytes(asciiBytes(label));
  }
  return writer.u8(0);
}

/** Every name up to the end; a name without labels is padding. */
export function readDomains(reader: Reader): string[] {
  const names: string[] = [];
  while (reader.remaining > 0) {
    const labels: string[] = [];
    for (let length = reader.u8(); length > 0; length = reader.u8()) {
      need(length <= LONGEST_LABEL, `label of ${length} bytes`);
      const label = asciiText(reader.bytes(length));
      need(!label.includes('.'), `a dot within the label "${label}"`);
      labels.push(label);
    }
    if (labels.length > 0) names.push(labels.join('.'));
  }
  return names;
}

export function asciiBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}

const asciiText = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
