/**
 * What a packet is, its Ethernet header, VLAN tags, MPLS labels and Network Service Header. Of two
 * VLAN tags and three MPLS labels only the outermost have fields of their own.
 */
import { declareField, PLACES, type Field } from './field.ts';

const fixed = { maskable: false } as const;
const readOnly = { writable: false } as const;

const mpls = { needs: 'mpls', maskable: false } as const;
const nsh = { needs: 'nsh' } as const;

export const linkFields: readonly Field[] = [
  declareField('packet_type', 95, 32, {
    oxm: { OXM_OF: 44 },
    nxm: 'OXM_OF_PACKET_TYPE',
    format: 'packet_type',
    ...fixed,
    ...readOnly,
  }),
  declareField('eth_src', 34, 48, {
    oxm: { NXM_OF: 2, OXM_OF: 4 },
    match: 'dl_src',
    nxm: 'NXM_OF_ETH_SRC',
    needs: 'ethernet',
    format: 'mac',
    bit: 16,
    aliases: ['OXM_OF_ETH_SRC'],
  }),
  declareField('eth_dst', 36, 48, {
    oxm: { NXM_OF: 1, OXM_OF: 3 },
    match: 'dl_dst',
    nxm: 'NXM_OF_ETH_DST',
    needs: 'ethernet',
    format: 'mac',
    bit: 16,
    aliases: ['OXM_OF_ETH_DST'],
  }),
  declareField('eth_type', 38, 16, {
    oxm: { NXM_OF: 3, OXM_OF: 5 },
    match: 'dl_type',
    nxm: 'NXM_OF_ETH_TYPE',
    needs: 'ethernet',
    format: 'hex',
    aliases: ['OXM_OF_ETH_TYPE'],
    ...fixed,
    ...readOnly,
  }),
  declareField('vlan_tci', 38, 16, {
    oxm: { NXM_OF: 4 },
    nxm: 'NXM_OF_VLAN_TCI',
    needs: 'ethernet',
    format: 'vlan_tci',
    bit: 16,
  }),
  declareField('vlan_pcp', 38, 3, {
    oxm: { OXM_OF: 7 },
    match: 'dl_vlan_pcp',
    nxm: 'OXM_OF_VLAN_PCP',
    bit: 16,
    needs: 'vlan',
    ...fixed,
  }),
  declareField('vlan_vid', 38, 13, {
    namedBits: 12,
    oxm: { OXM_OF: 6 },
    match: 'dl_vlan',
    nxm: 'OXM_OF_VLAN_VID',
    needs: 'ethernet',
    bit: 19,
  }),
  // The names of OpenFlow 1.0 for the two.
  declareField('dl_vlan', 38, 12, { oxm: {}, bit: 20, needs: 'ethernet', ...fixed }),
  declareField('dl_vlan_pcp', 38, 3, { oxm: {}, bit: 16, needs: 'ethernet', ...fixed }),
  declareField('mpls_label', PLACES.mpls, 20, {
    oxm: { OXM_OF: 34 },
    nxm: 'OXM_OF_MPLS_LABEL',
    ...mpls,
  }),
  declareField('mpls_tc', PLACES.mpls, 3, {
    oxm: { OXM_OF: 35 },
    nxm: 'OXM_OF_MPLS_TC',
    bit: 20,
    ...mpls,
  }),
  declareField('mpls_bos', PLACES.mpls, 1, {
    oxm: { OXM_OF: 36 },
    nxm: 'OXM_OF_MPLS_BOS',
    bit: 23,
    ...mpls,
    ...readOnly,
  }),
  declareField('mpls_ttl', PLACES.mpls, 8, {
    oxm: { NXM_NX: 30 },
    nxm: 'NXM_NX_MPLS_TTL',
    bit: 24,
    ...mpls,
  }),
  declareField('nsh_flags', 89, 8, { oxm: { NXOXM_NSH: 1 }, nxm: 'NXOXM_NSH_FLAGS', ...nsh }),
  declareField('nsh_ttl', 89, 8, {
    oxm: { NXOXM_NSH: 10 },
    nxm: 'NXOXM_NSH_TTL',
    bit: 8,
    ...nsh,
    ...fixed,
  }),
  declareField('nsh_mdtype', 89, 8, {
    oxm: { NXOXM_NSH: 2 },
    nxm: 'NXOXM_NSH_MDTYPE',
    bit: 16,
    ...nsh,
    ...fixed,
    ...readOnly,
  }),
  declareField('nsh_np', 89, 8, {
    oxm: { NXOXM_NSH: 3 },
    nxm: 'NXOXM_NSH_NP',
    bit: 24,
    ...nsh,
    ...fixed,
    ...readOnly,
  }),
  declareField('nsh_spi', 90, 24, {
    oxm: { NXOXM_NSH: 4 },
    nxm: 'NXOXM_NSH_SPI',
    format: 'hex',
    aliases: ['nsp'],
    bytes: 4,
    ...nsh,
    ...fixed,
  }),
  declareField('nsh_si', 90, 8, {
    oxm: { NXOXM_NSH: 5 },
    nxm: 'NXOXM_NSH_SI',
    bit: 24,
    aliases: ['nsi'],
    ...nsh,
    ...fixed,
  }),
  ...[1, 2, 3, 4].map((index) =>
    declareField(`nsh_c${index}`, 90 + index, 32, {
      oxm: { NXOXM_NSH: 5 + index },
      nxm: `NXOXM_NSH_C${index}`,
      format: 'hex',
      aliases: [`nshc${index}`],
      ...nsh,
    }),
  ),
];
