import { Failure } from '../base/failure.ts';
import { addressBits, formatIp, tryParseIp, type Ip } from './ip.ts';

export interface Prefix {
  readonly version: 4 | 6;
  /** The network address: no bit set beyond `length`. */
  readonly value: bigint;
  readonly length: number;
}

const lengthForm = /^(0|[1-9][0-9]{0,2})$/;

/** The network mask of a prefix length, 0 … 32 or 128. */
export function prefixMask(version: 4 | 6, length: number): bigint {
  const bits = addressBits(version);
  return ((1n << BigInt(length)) - 1n) << BigInt(bits - length);
}

function invalid(text: string, field: string, why: string, remedy: string): Failure {
  return new Failure('invalid', 'InvalidInput', `${field} "${text}" ${why}`, {
    field,
    value: text,
    remedy,
  });
}

/** An address and the length behind its slash, which is required. */
function parseCidr(text: string, field: string): Ip & { readonly length: number } {
  const slash = text.indexOf('/');
  const ip = slash < 0 ? null : tryParseIp(text.slice(0, slash));
  const lengthText = text.slice(slash + 1);
  const bits = ip === null ? 0 : addressBits(ip.version);
  if (ip === null || !lengthForm.test(lengthText) || Number(lengthText) > bits) {
    throw invalid(text, field, 'is no CIDR', 'write ADDRESS/LENGTH such as 178.1.3.0/24');
  }
  return { ...ip, length: Number(lengthText) };
}

/**
 * A prefix in CIDR form; the length is required.
 * @param field Name of the attribute, for the message.
 * @throws {Failure} `invalid` when malformed, the length is out of range, or host bits are set.
 */
export function parsePrefix(text: string, field = 'cidr'): Prefix {
  const cidr = parseCidr(text, field);
  const prefix = prefixOf(cidr, cidr.length);
  if (prefix.value !== cidr.value) {
    throw invalid(text, field, 'has host bits set', `write ${formatPrefix(prefix)}`);
  }
  return prefix;
}

/**
 * As {@link parsePrefix}, with host bits cut off: the prefix that 192.168.0.10/24 lies in.
 * @throws {Failure} `invalid` when malformed or the length is out of range.
 */
export function parsePrefixAround(text: string, field = 'cidr'): Prefix {
  const cidr = parseCidr(text, field);
  return prefixOf(cidr, cidr.length);
}

/** The prefix of `length` bits that `ip` lies in. */
export function prefixOf(ip: Ip, length: number): Prefix {
  return { version: ip.version, value: ip.value & prefixMask(ip.version, length), length };
}

/** CIDR form, the length always written. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatIp(prefix)}/${prefix.length}`;
}

export function prefixContains(prefix: Prefix, ip: Ip): boolean {
  return (
    prefix.version === ip.version &&
    (ip.value & prefixMask(prefix.version, prefix.length)) === prefix.value
  );
}

export function prefixesOverlap(a: Prefix, b: Prefix): boolean {
  return a.length <= b.length ? prefixContains(a, b) : prefixContains(b, a);
}

/** The lowest and highest address of a prefix, network and broadcast address included. */
export function prefixRange(prefix: Prefix): { first: bigint; last: bigint } {
  const hosts = (1n << BigInt(addressBits(prefix.version) - prefix.length)) - 1n;
  return { first: prefix.value, last: prefix.value | hosts };
}
