/** Fields that more than one part of a translation looks at, and those that it looks at together. */
import { ETH_TYPE, IP_PROTO } from '../../openflow/build.ts';
import { field, type Field, type FlowKey } from '../../openflow/fields.ts';
import { fieldMask, writeField } from '../../openflow/key.ts';
import { ethernetType, fragment, ipProtocol } from '../words.ts';

export const fields = {
  ethernetSource: field('eth_src'),
  ethernetDestination: field('eth_dst'),
  ipSource: field('ip_src'),
  ipDestination: field('ip_dst'),
  ipv6Source: field('ipv6_src'),
  ipv6Destination: field('ipv6_dst'),
  ttl: field('nw_ttl'),
  tos: field('nw_tos'),
  ecn: field('nw_ecn'),
  source: field('tcp_src'),
  destination: field('tcp_dst'),
  priority: field('skb_priority'),
  nshTtl: field('nsh_ttl'),
  dscp: field('ip_dscp'),
  protocol: field('ip_proto'),
  ndOption: field('nd_options_type'),
} as const;

export function whole(mask: FlowKey, target: Field): void {
  const all = fieldMask(target);
  writeField(mask, target, all, all);
}

export const isIpv4 = (key: FlowKey): boolean => ethernetType(key) === ETH_TYPE.ip;
export const isIp = (key: FlowKey): boolean => isIpv4(key) || ethernetType(key) === ETH_TYPE.ipv6;

/** What a hash over addresses and ports looks at (flow_mask_hash_fields() in lib/flow.c). */
export function hashed(mask: FlowKey, key: FlowKey, kind: string): void {
  const type = ethernetType(key);
  const addresses = (source: boolean, destination: boolean) => {
    if (type === ETH_TYPE.ip) {
      if (source) whole(mask, fields.ipSource);
      if (destination) whole(mask, fields.ipDestination);
    } else if (type === ETH_TYPE.ipv6) {
      if (source) whole(mask, fields.ipv6Source);
      if (destination) whole(mask, fields.ipv6Destination);
    }
  };
  const ports = () => {
    whole(mask, fields.source);
    whole(mask, fields.destination);
  };
  const portsOf = (protocols: readonly number[]) => {
    if (isIp(key) && fragment(key) === 0 && protocols.includes(ipProtocol(key))) ports();
  };
  const { tcp, udp, sctp } = IP_PROTO;
  switch (kind) {
    case 'eth_src':
      whole(mask, fields.ethernetSource);
      return;
    case 'symmetric_l4':
      whole(mask, fields.ethernetSource);
      whole(mask, fields.ethernetDestination);
      addresses(true, true);
      // Of fragments, and of protocols without ports, too.
      if (isIp(key) && ipProtocol(key) !== udp) ports();
      return;
    case 'symmetric_l3l4':
      addresses(true, true);
      portsOf([tcp, sctp]);
      return;
    case 'symmetric_l3l4+udp':
      addresses(true, true);
      portsOf([tcp, udp, sctp]);
      return;
    case 'symmetric_l3':
      addresses(true, true);
      return;
    default:
      addresses(kind === 'nw_src', kind === 'nw_dst');
  }
}
