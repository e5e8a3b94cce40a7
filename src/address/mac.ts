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
  const hex = BigInt.asUintN(48, mac).toString(16).padStart(12, '0');
  return `${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4, 6)}:${hex.slice(6, 8)}:${hex.slice(8, 10)}:${hex.slice(10)}`;
}

/** The link-local IPv6 address that a host derives from its MAC (modified EUI-64, RFC 4291 appendix A). */
export function linkLocalFromMac(mac: bigint): bigint {
  const interfaceId = ((mac >> 24n) << 40n) | 0xfffe000000n | (mac & 0xffffffn);
  return (0xfe80n << 112n) | (interfaceId ^ (0x02n << 56n));
}
