/** The addresses, ports and protocol that a packet's connection began with (ct_nw_src and its like). */
import { ETH_TYPE } from '../../openflow/build.ts';
import type { FlowKey } from '../../openflow/fields.ts';
import { AT, ethernetType } from '../words.ts';

/**
 * Exchanges the packet's addresses, ports and protocol with those that its connection began with.
 * @param v4 Whether the addresses are of IPv4. Default: as the packet is.
 */
export function swapTuple(key: FlowKey, v4 = ethernetType(key) === ETH_TYPE.ip): void {
  const header = key[AT.ipHeader] ?? 0;
  const zone = key[AT.ctZone] ?? 0;
  key[AT.ipHeader] = ((zone & 0xff00) << 16) | (header & 0x00ffffff);
  key[AT.ctZone] = (zone & 0xffff00ff) | ((header >>> 24) << 8);
  const pairs = v4
    ? [[AT.ipSource, AT.ctTuple] as const, [AT.ipDestination, AT.ctTuple + 1] as const]
    : [0, 1, 2, 3, 4, 5, 6, 7].map((i) => [AT.ipv6Source + i, AT.ctIpv6Source + i] as const);
  for (const [a, b] of [...pairs, [AT.ports, AT.ctPorts] as const]) {
    const word = key[a] ?? 0;
    key[a] = key[b] ?? 0;
    key[b] = word;
  }
}
