/** The header of the tunnel that a packet came out of, or is to go into. */
import { declareField, LONGEST_OPTION, PLACES, type Field } from './field.ts';

const readOnly = { writable: false } as const;
const fixed = { maskable: false } as const;

/** Options that fields can be given to. */
export const TUNNEL_OPTIONS = 64;

/**
 * The field `tun_metadata<index>` for an option of `bytes` bytes (4 … 124, a multiple of 4) that lies
 * in a key from `word` of its options on. A switch places the options that its TLV map names; where
 * there is no map each has a word to itself.
 */
export function tunnelOption(index: number, bytes = 4, word = index): Field {
  return declareField(`tun_metadata${index}`, PLACES.options + word, bytes * 8, {
    oxm: { NXM_NX: 40 + index },
    nxm: `NXM_NX_TUN_METADATA${index}`,
    format: 'hex',
    bytes,
    namedBits: LONGEST_OPTION * 8,
    present: PLACES.optionsPresent * 32 + TUNNEL_OPTIONS - 1 - index,
  });
}

export const tunnelFields: readonly Field[] = [
  declareField('tun_id', 19, 64, {
    oxm: { NXM_NX: 16, OXM_OF: 38 },
    nxm: 'NXM_NX_TUN_ID',
    format: 'hex',
    aliases: ['tunnel_id', 'OXM_OF_TUNNEL_ID'],
  }),
  declareField('tun_src', 21, 32, {
    oxm: { NXM_NX: 31 },
    nxm: 'NXM_NX_TUN_IPV4_SRC',
    format: 'ipv4',
  }),
  declareField('tun_dst', 22, 32, {
    oxm: { NXM_NX: 32 },
    nxm: 'NXM_NX_TUN_IPV4_DST',
    format: 'ipv4',
  }),
  declareField('tun_ipv6_src', 72, 128, {
    oxm: { NXM_NX: 109 },
    nxm: 'NXM_NX_TUN_IPV6_SRC',
    format: 'ipv6',
  }),
  declareField('tun_ipv6_dst', 76, 128, {
    oxm: { NXM_NX: 110 },
    nxm: 'NXM_NX_TUN_IPV6_DST',
    format: 'ipv6',
  }),
  declareField('tun_flags', 80, 16, {
    oxm: { NXM_NX: 104 },
    nxm: 'NXM_NX_TUN_FLAGS',
    format: 'tun_flags',
    exact: 1n,
    namedBits: 1,
  }),
  declareField('tun_ttl', 80, 8, { oxm: {}, bit: 16, ...readOnly, ...fixed }),
  declareField('tun_tos', 80, 8, { oxm: {}, bit: 24, ...readOnly, ...fixed }),
  declareField('tun_gbp_id', 81, 16, { oxm: { NXM_NX: 38 }, nxm: 'NXM_NX_TUN_GBP_ID' }),
  declareField('tun_gbp_flags', 81, 8, {
    oxm: { NXM_NX: 39 },
    nxm: 'NXM_NX_TUN_GBP_FLAGS',
    format: 'hex',
    bit: 16,
  }),
  declareField('tun_gtpu_flags', 81, 8, {
    oxm: { NXOXM_ET: 15 },
    nxm: 'NXOXM_ET_GTPU_FLAGS',
    match: 'gtpu_flags',
    format: 'hex',
    bit: 24,
    ...readOnly,
  }),
  declareField('tun_gtpu_msgtype', 82, 8, {
    oxm: { NXOXM_ET: 16 },
    nxm: 'NXOXM_ET_GTPU_MSGTYPE',
    match: 'gtpu_msgtype',
    ...readOnly,
  }),
  declareField('tun_erspan_ver', 82, 8, {
    oxm: { NXOXM_ET: 12 },
    nxm: 'NXOXM_ET_ERSPAN_VER',
    bit: 8,
    namedBits: 4,
  }),
  declareField('tun_erspan_dir', 82, 8, {
    oxm: { NXOXM_ET: 13 },
    nxm: 'NXOXM_ET_ERSPAN_DIR',
    bit: 16,
    namedBits: 1,
  }),
  declareField('tun_erspan_hwid', 82, 8, {
    oxm: { NXOXM_ET: 14 },
    nxm: 'NXOXM_ET_ERSPAN_HWID',
    format: 'hex',
    bit: 24,
    namedBits: 6,
  }),
  declareField('tun_erspan_idx', 83, 32, {
    oxm: { NXOXM_ET: 11 },
    nxm: 'NXOXM_ET_ERSPAN_IDX',
    format: 'hex',
    namedBits: 20,
  }),
  ...Array.from({ length: TUNNEL_OPTIONS }, (_, index) => tunnelOption(index)),
];
