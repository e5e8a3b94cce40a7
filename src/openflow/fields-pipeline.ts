/** Registers, ports and what else travels with a packet through a switch without being in it; conntrack. */
import { declareField, type Field } from './field.ts';

function registers(): Field[] {
  const range = (count: number) => Array.from({ length: count }, (_, index) => index);
  return [
    ...range(16).map((i) =>
      declareField(`reg${i}`, i, 32, { nxm: `NXM_NX_REG${i}`, oxm: { NXM_NX: i }, format: 'hex' }),
    ),
    ...range(8).map((i) =>
      declareField(`xreg${i}`, i * 2, 64, {
        nxm: `OXM_OF_PKT_REG${i}`,
        oxm: { PACKET_REGS: i },
        format: 'hex',
      }),
    ),
    ...range(4).map((i) =>
      declareField(`xxreg${i}`, i * 4, 128, {
        nxm: `NXM_NX_XXREG${i}`,
        oxm: { NXM_NX: 111 + i },
        format: 'hex',
      }),
    ),
  ];
}

const fixed = { maskable: false } as const;
const readOnly = { writable: false } as const;

export const pipelineFields: readonly Field[] = [
  ...registers(),
  declareField('metadata', 16, 64, { oxm: { OXM_OF: 2 }, nxm: 'OXM_OF_METADATA', format: 'hex' }),
  declareField('in_port', 18, 32, {
    namedBits: 16,
    oxm: { NXM_OF: 0, OXM_OF: 0 },
    nxm: 'NXM_OF_IN_PORT',
    format: 'port',
    ...fixed,
  }),
  declareField('in_port_oxm', 18, 32, {
    nxm: 'OXM_OF_IN_PORT',
    oxm: {},
    format: 'port',
    ...fixed,
  }),
  declareField('actset_output', 96, 32, {
    nxm: 'ONFOXM_ET_ACTSET_OUTPUT',
    oxm: { ONFOXM_ET: 43, OXM_OF: 43 },
    format: 'port',
    ...readOnly,
    ...fixed,
  }),
  declareField('skb_priority', 97, 32, { oxm: {}, format: 'hex', ...readOnly, ...fixed }),
  declareField('pkt_mark', 33, 32, { oxm: { NXM_NX: 33 }, nxm: 'NXM_NX_PKT_MARK', format: 'hex' }),
  declareField('conj_id', 30, 32, {
    oxm: { NXM_NX: 37 },
    nxm: 'NXM_NX_CONJ_ID',
    ...readOnly,
    ...fixed,
  }),
  declareField('dp_hash', 31, 32, {
    oxm: { NXM_NX: 35, NXOXM_ET: 0 },
    nxm: 'NXM_NX_DP_HASH',
    format: 'hex',
    ...readOnly,
  }),
  declareField('recirc_id', 32, 32, {
    oxm: { NXM_NX: 36 },
    nxm: 'NXM_NX_RECIRC_ID',
    format: 'hex',
    ...readOnly,
    ...fixed,
  }),
  declareField('ct_state', 23, 32, {
    oxm: { NXM_NX: 105 },
    nxm: 'NXM_NX_CT_STATE',
    format: 'ct_state',
    exact: 0xffn,
    ...readOnly,
  }),
  declareField('ct_zone', 24, 16, {
    oxm: { NXM_NX: 106 },
    nxm: 'NXM_NX_CT_ZONE',
    ...readOnly,
    ...fixed,
  }),
  declareField('ct_mark', 25, 32, { oxm: { NXM_NX: 107 }, nxm: 'NXM_NX_CT_MARK', format: 'hex' }),
  declareField('ct_label', 26, 128, {
    oxm: { NXM_NX: 108 },
    nxm: 'NXM_NX_CT_LABEL',
    format: 'hex',
  }),
  declareField('ct_nw_proto', 24, 8, {
    oxm: { NXM_NX: 119 },
    nxm: 'NXM_NX_CT_NW_PROTO',
    bit: 16,
    needs: 'ct',
    ...readOnly,
    ...fixed,
  }),
  declareField('ct_nw_src', 61, 32, {
    oxm: { NXM_NX: 120 },
    nxm: 'NXM_NX_CT_NW_SRC',
    format: 'ipv4',
    needs: 'ct4',
    ...readOnly,
  }),
  declareField('ct_nw_dst', 62, 32, {
    oxm: { NXM_NX: 121 },
    nxm: 'NXM_NX_CT_NW_DST',
    format: 'ipv4',
    needs: 'ct4',
    ...readOnly,
  }),
  declareField('ct_tp_src', 63, 16, {
    oxm: { NXM_NX: 124 },
    nxm: 'NXM_NX_CT_TP_SRC',
    needs: 'ct',
    ...readOnly,
  }),
  declareField('ct_tp_dst', 63, 16, {
    oxm: { NXM_NX: 125 },
    nxm: 'NXM_NX_CT_TP_DST',
    bit: 16,
    needs: 'ct',
    ...readOnly,
  }),
  declareField('ct_ipv6_src', 64, 128, {
    oxm: { NXM_NX: 122 },
    nxm: 'NXM_NX_CT_IPV6_SRC',
    format: 'ipv6',
    needs: 'ct6',
    ...readOnly,
  }),
  declareField('ct_ipv6_dst', 68, 128, {
    oxm: { NXM_NX: 123 },
    nxm: 'NXM_NX_CT_IPV6_DST',
    format: 'ipv6',
    needs: 'ct6',
    ...readOnly,
  }),
];
