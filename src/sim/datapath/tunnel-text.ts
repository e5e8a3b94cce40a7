/** Of a packet with a tunnel all of its header, else its number alone (format_flow_tunnel() in lib/match.c). */
import { formatIpv4 } from '../../address/index.ts';
import type { Field, FlowKey } from '../../openflow/fields.ts';
import { readField, touches } from '../../openflow/key.ts';
import { formatV6 } from '../../openflow/text/values.ts';
import { hexOfBig } from './digits.ts';
import { hasOption, TUNNEL } from './tunnel-fields.ts';

const KEY_FLAG = 8n;
const TUNNEL_FLAGS = ['oam', 'df', 'csum', 'key'] as const;
const tunnelFlags = (flags: bigint): string =>
  TUNNEL_FLAGS.filter((_name, bit) => (flags >> BigInt(bit)) & 1n).join('|') || '0';

/**
 * The fields of the tunnel that a packet came out of, or is to go into; '' for none, else a comma
 * before each.
 */
export function tunnelText(key: FlowKey, options: readonly Field[]): string {
  const id = touches(key, TUNNEL.id) ? readField(key, TUNNEL.id) : 0n;
  if (!touches(key, TUNNEL.destination) && !touches(key, TUNNEL.destination6)) {
    return id === 0n ? '' : `,tun_id=${hexOfBig(id)}`;
  }
  const read = (target: Field) => readField(key, target);
  const version = read(TUNNEL.erspanVersion);
  const into: string[] = [];
  // Text sets no flag that says there is a key, so a switch prints none.
  if (read(TUNNEL.flags) & KEY_FLAG) into.push(`tun_id=${hexOfBig(id)}`);
  into.push(
    `tun_src=${formatIpv4(read(TUNNEL.source))}`,
    `tun_dst=${formatIpv4(read(TUNNEL.destination))}`,
    `tun_ipv6_src=${formatV6(read(TUNNEL.source6))}`,
    `tun_ipv6_dst=${formatV6(read(TUNNEL.destination6))}`,
    `tun_gbp_id=${read(TUNNEL.groupId)}`,
    `tun_gbp_flags=${hexOfBig(read(TUNNEL.groupFlags))}`,
    `tun_tos=${read(TUNNEL.tos).toString(16)}`,
    `tun_ttl=${read(TUNNEL.ttl)}`,
    `tun_erspan_ver=${version}`,
  );
  if (version === 1n) into.push(`tun_erspan_idx=${hexOfBig(read(TUNNEL.erspanIndex))}`);
  if (version === 2n) {
    into.push(`tun_erspan_dir=${read(TUNNEL.erspanDirection)}`);
    into.push(`tun_erspan_hwid=${hexOfBig(read(TUNNEL.erspanHardware))}`);
  }
  into.push(
    `gtpu_flags=${hexOfBig(read(TUNNEL.gtpuFlags))}`,
    `gtpu_msgtype=${read(TUNNEL.gtpuMessage)}`,
    `tun_flags=${tunnelFlags(read(TUNNEL.flags))}`,
  );
  for (const option of options) {
    if (hasOption(key, option)) into.push(`${option.name}=${hexOfBig(readField(key, option))}`);
  }
  return `,${into.join(',')}`;
}
