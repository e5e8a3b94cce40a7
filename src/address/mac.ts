import { Failure } from '../base/failure.ts';

const macForm = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

/**
 * The 48 bits of a MAC address in colon form.
 * @param field Name of the attribute, for the message.
 * @throws {Failure} `invalid`.
 */
export function parseMac(text: string, field = 'mac_address'): bigint {
  if (!macForm.test(text)) {
    throw new Failure('invalid', 'InvalidInput', `${field} "${text}" is no MAC address`, {
      field,
      value: text,
      remedy: 'write six pairs of hex digits such as fa:16:3e:98:90:e7',
    });
  }
  return BigInt(`0x${text.replaceAll(':', '')}`);
}

/** The lower-case colon form of the low 48 bits of `mac`. */
export function formatMac(mac: bigint): string {
  const low = Number(mac & 0xffffffn);
  const high = Number((mac >> 24n) & 0xffffffn);
  return `${threeBytes(high)}:${threeBytes(low)}`;
}

const BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function threeBytes(bits: number): string {
  return `${BYTES[bits >>> 16]}:${BYTES[(bits >>> 8) & 255]}:${BYTES[bits & 255]}`;
}

/** The link-local IPv6 address that a host derives from its MAC (modified EUI-64, RFC 4291 appendix A). */
export function linkLocalFromMac(mac: bigint): bigint {
  const interfaceId = ((mac >> 24n) << 40n) | 0xfffe000000n | (mac & 0xffffffn);
  return (0xfe80n << 112n) | (interfaceId ^ (0x02n << 56n));
}
