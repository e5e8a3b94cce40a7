import { Failure } from '../base/failure.ts';

export interface Ip {
  readonly version: 4 | 6;
  readonly value: bigint;
}

const [DOT, ZERO, NINE] = [0x2e, 0x30, 0x39];
const groupForm = /^[0-9a-f]{1,4}$/i;

/** Width of an address in bits. */
export function addressBits(version: 4 | 6): 32 | 128 {
  return version === 4 ? 32 : 128;
}

/** Character by character: every compiled flow and every request reads some. */
function readQuad(text: string): bigint | null {
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === DOT) {
      if (octet === -1) return null;
      value = value * 256 + octet;
      octet = -1;
      dots += 1;
      continue;
    }
    // A zero stands alone, and three digits must not pass 255.
    if (code < ZERO || code > NINE || octet === 0) return null;
    octet = Math.max(octet, 0) * 10 + code - ZERO;
    if (octet > 255) return null;
  }
  return dots === 3 && octet !== -1 ? BigInt(value * 256 + octet) : null;
}

/** Up to eight 16-bit groups; a dotted quad may stand for the last two. */
function readGroups(text: string): number[] | null {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (groupForm.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const quad = index === parts.length - 1 ? readQuad(part) : null;
    if (quad === null) return null;
    groups.push(Number(quad >> 16n), Number(quad & 0xffffn));
  }
  return groups;
}

function readIpv6(text: string): bigint | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = readGroups(halves[0] ?? '');
  const tail = halves.length === 2 ? readGroups(halves[1] ?? '') : [];
  if (head === null || tail === null) return null;
  // A quad ends an address, so none may stand before "::".
  if (halves.length === 2 && halves[0]?.includes('.')) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...tail];
  return BigInt(`0x${groups.map((group) => group.toString(16).padStart(4, '0')).join('')}`);
}

/** As {@link parseIp}, null instead of an error. */
export function tryParseIp(text: string): Ip | null {
  const version = text.includes(':') ? 6 : 4;
  const value = version === 6 ? readIpv6(text) : readQuad(text);
  return value === null ? null : { version, value };
}

/**
 * An IPv4 address as a strict dotted quad (no leading zeros, four parts) or an IPv6 address
 * (RFC 4291 §2.2, without zone).
 * @param field Name of the attribute, for the message.
 * @throws {Failure} `invalid`.
 */
export function parseIp(text: string, field = 'ip_address'): Ip {
  const ip = tryParseIp(text);
  if (ip === null) {
    throw new Failure('invalid', 'InvalidInput', `${field} "${text}" is no IP address`, {
      field,
      value: text,
      remedy: 'write four numbers such as 178.1.3.2, or an IPv6 address such as 2001:db8::1',
    });
  }
  return ip;
}

export function formatIpv4(value: bigint): string {
  const bits = Number(value);
  return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
}

/** RFC 5952: lower case, the first longest run of two or more zero groups cut, v4-mapped with a quad. */
export function formatIpv6(value: bigint): string {
  if (value >> 32n === 0xffffn) return `::ffff:${formatIpv4(value & 0xffffffffn)}`;
  const hex = value.toString(16).padStart(32, '0');
  const groups = Array.from({ length: 8 }, (_, index) =>
    Number.parseInt(hex.slice(index * 4, index * 4 + 4), 16),
  );
  let cut = { start: 0, length: 1 };
  for (let start = 0; start < 8; start += 1) {
    let length = 0;
    while (groups[start + length] === 0) length += 1;
    if (length > cut.length) cut = { start, length };
  }
  const join = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (cut.length < 2) return join(groups);
  return `${join(groups.slice(0, cut.start))}::${join(groups.slice(cut.start + cut.length))}`;
}

/** Dotted quad, or RFC 5952. */
export function formatIp(ip: Ip): string {
  return ip.version === 4 ? formatIpv4(ip.value) : formatIpv6(ip.value);
}
