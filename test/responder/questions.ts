/** Frames as VMs send them to their network. */
import { linkLocalFromMac, parseIp, parseMac } from '../../src/address/index.ts';
import {
  encodeDhcpv4,
  encodeDhcpv6,
  encodeEthernet,
  encodeIcmpv6,
  encodeIpv4,
  encodeIpv6,
  encodeNd,
  encodeUdp,
  type Dhcpv4,
  type Dhcpv6Option,
  type Ipv4,
  type NdMessage,
} from '../../src/packet/index.ts';
import type { PacketToAgent } from '../../src/responder/index.ts';
import { PURPOSE } from '../../src/pipeline/registers.ts';
import { MAC } from './network.ts';

export const ip = (text: string): bigint => parseIp(text).value;
export const mac = parseMac(MAC);
export const OWN_LINK_LOCAL = linkLocalFromMac(mac);
export const BROADCAST = ip('255.255.255.255');

export const asks = (purpose: keyof typeof PURPOSE, frame: Uint8Array): PacketToAgent => ({
  reason: 'action',
  userdata: Uint8Array.of(PURPOSE[purpose]),
  frame,
});

export const expired = (frame: Uint8Array): PacketToAgent => ({
  reason: 'invalid_ttl',
  userdata: new Uint8Array(),
  frame,
});

export const PLAIN: Omit<Ipv4, 'source' | 'destination' | 'protocol' | 'payload'> = {
  ttl: 64,
  tos: 0,
  id: 7,
  dontFragment: false,
  moreFragments: false,
  fragmentOffset: 0,
  options: new Uint8Array(),
};

export const ethernet = (type: number, payload: Uint8Array, source = mac): Uint8Array =>
  encodeEthernet({ destination: 0xfeff_ffff_ffffn, source, tags: [], type, payload });

export const ipv4 = (
  of: Partial<Ipv4> & Pick<Ipv4, 'source' | 'destination' | 'protocol' | 'payload'>,
  source = mac,
): Uint8Array => ethernet(0x0800, encodeIpv4({ ...PLAIN, ...of }), source);

const NO_DHCP: Omit<Dhcpv4, 'options'> = {
  op: 1,
  hops: 0,
  xid: 0x3903f326,
  secs: 0,
  broadcast: false,
  clientAddress: 0n,
  yourAddress: 0n,
  serverAddress: 0n,
  relayAddress: 0n,
  clientMac: mac,
};

export interface DhcpQuestion extends Partial<Dhcpv4> {
  readonly source?: bigint;
  readonly destination?: bigint;
  readonly frameSource?: bigint;
}

export function dhcp(
  type: number,
  options: readonly (readonly [number, readonly number[]])[] = [],
  { source = 0n, destination = BROADCAST, frameSource = mac, ...fields }: DhcpQuestion = {},
): PacketToAgent {
  const ends = { version: 4, source, destination } as const;
  const all = [[53, [type]] as const, ...options];
  const message = encodeDhcpv4({
    ...NO_DHCP,
    options: new Map(all.map(([code, data]) => [code, Uint8Array.from(data)])),
    ...fields,
  });
  const payload = encodeUdp({ sourcePort: 68, destinationPort: 67, payload: message }, ends);
  return asks('dhcp', ipv4({ ...ends, protocol: 17, payload }, frameSource));
}

export function ipv6(
  ends: { readonly source: bigint; readonly destination: bigint },
  protocol: number,
  payload: Uint8Array,
  hopLimit = 64,
): Uint8Array {
  const header = { ...ends, trafficClass: 0, flowLabel: 0, hopLimit, protocol, payload };
  return ethernet(0x86dd, encodeIpv6(header));
}

export function nd(
  message: NdMessage,
  source: bigint,
  destination: bigint,
  hopLimit = 255,
): PacketToAgent {
  const ends = { version: 6, source, destination } as const;
  const frame = ipv6(ends, 58, encodeIcmpv6(encodeNd(message), ends), hopLimit);
  const purpose =
    message.kind === 'router_solicitation' ? 'routerSolicitation' : 'neighbourSolicitation';
  return asks(purpose, frame);
}

export const ALL_SERVERS = ip('ff02::1:2');

export function dhcpv6(
  type: number,
  options: readonly Dhcpv6Option[],
  destination = ALL_SERVERS,
  source = OWN_LINK_LOCAL,
): PacketToAgent {
  const ends = { version: 6, source, destination } as const;
  const payload = encodeDhcpv6({ type, xid: 0xabcdef, options });
  const udp = encodeUdp({ sourcePort: 546, destinationPort: 547, payload }, ends);
  return asks('dhcpv6', ipv6(ends, 17, udp));
}
