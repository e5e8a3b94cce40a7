/** Fields of a tunnel's header, and whether a packet has one of its options. */
import { field, PLACES, type Field, type FlowKey } from '../../openflow/fields.ts';

export const TUNNEL = {
  id: field('tun_id'),
  source: field('tun_src'),
  destination: field('tun_dst'),
  source6: field('tun_ipv6_src'),
  destination6: field('tun_ipv6_dst'),
  tos: field('tun_tos'),
  ttl: field('tun_ttl'),
  flags: field('tun_flags'),
  groupId: field('tun_gbp_id'),
  groupFlags: field('tun_gbp_flags'),
  erspanVersion: field('tun_erspan_ver'),
  erspanIndex: field('tun_erspan_idx'),
  erspanDirection: field('tun_erspan_dir'),
  erspanHardware: field('tun_erspan_hwid'),
  gtpuFlags: field('tun_gtpu_flags'),
  gtpuMessage: field('tun_gtpu_msgtype'),
} as const;

/** Whether the packet has the tunnel option. */
export function hasOption(key: FlowKey, option: Field): boolean {
  const at = option.present ?? PLACES.optionsPresent * 32;
  return (((key[at >>> 5] ?? 0) >>> (31 - (at & 31))) & 1) === 1;
}
