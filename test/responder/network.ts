/** One VM's network, and the questions that table 0 would send to the agent. */
import type { Client, PacketToAgent } from '../../src/responder/index.ts';
import { clientOf } from '../../src/responder/index.ts';
import type { Network, Port, Subnet } from '../../src/model/objects.ts';
import { Topology } from '../../src/model/topology.ts';
import { PURPOSE } from '../../src/pipeline/registers.ts';
import { network, port, put, subnet } from '../support/objects.ts';

export const VPC = '31d5ba5e-8cf5-4d4c-a4a1-6ec4d1d2a401';
const V4 = '6bb31c20-6a69-4b4f-9d0b-2d8a2c5f7a01';
const V6 = '6bb31c20-6a69-4b4f-9d0b-2d8a2c5f7a02';
export const PORT = '7c0d7b11-43ee-4e6c-8c10-2a6d1b4b0001';
export const MAC = 'fa:16:3e:98:90:e7';

export interface Setting {
  readonly network?: Partial<Network>;
  readonly v4?: Partial<Subnet>;
  readonly v6?: Partial<Subnet>;
  readonly port?: Partial<Port>;
  readonly more?: readonly Subnet[];
}

/** A VM with 178.1.3.2 and 2001:db8:3::2, its gateways at .1 and ::1. */
export function topologyOf(setting: Setting = {}): Topology {
  const topology = new Topology();
  const vpc = { id: VPC, vni: 5 };
  topology.apply(put('network', network({ id: VPC, vpc, ...setting.network })));
  const subnets = [
    subnet({
      id: V4,
      network_id: VPC,
      cidr: '178.1.3.0/24',
      gateway_ip: '178.1.3.1',
      dns_nameservers: ['178.1.3.53', '9.9.9.9'],
      ...setting.v4,
    }),
    subnet({
      id: V6,
      network_id: VPC,
      cidr: '2001:db8:3::/64',
      gateway_ip: '2001:db8:3::1',
      dns_nameservers: ['2001:db8::53'],
      ipv6_ra_mode: 'dhcpv6-stateful',
      ipv6_address_mode: 'dhcpv6-stateful',
      ...setting.v6,
    }),
    ...(setting.more ?? []),
  ];
  for (const each of subnets) topology.apply(put('subnet', each));
  const fixed_ips = [
    { subnet_id: V4, ip_address: '178.1.3.2' },
    { subnet_id: V6, ip_address: '2001:db8:3::2' },
  ];
  const vm = port({ id: PORT, network_id: VPC, mac_address: MAC, fixed_ips, ...setting.port });
  topology.apply(put('port', vm));
  return topology;
}

export function clientWith(setting: Setting = {}): Client {
  const client = clientOf(PORT, topologyOf(setting));
  if (client === null) throw new Error('the port is not there');
  return client;
}

const at = (frame: Uint8Array, offset: number): number => frame[offset] ?? 0;

/** What table 0 or 110 would make of an untagged frame without options: null, no question. */
export function questionIn(frame: Uint8Array): PacketToAgent | null {
  const type = at(frame, 12) * 256 + at(frame, 13);
  const ask = (purpose: number): PacketToAgent => ({
    reason: 'action',
    userdata: Uint8Array.of(purpose),
    frame,
  });
  const expired: PacketToAgent = { reason: 'invalid_ttl', userdata: new Uint8Array(), frame };
  if (type === 0x0800) {
    if (at(frame, 23) === 17 && at(frame, 35) === 68 && at(frame, 37) === 67) {
      return ask(PURPOSE.dhcp);
    }
    return at(frame, 22) === 1 ? expired : null;
  }
  if (type !== 0x86dd) return null;
  if (at(frame, 20) === 58 && at(frame, 54) === 133) return ask(PURPOSE.routerSolicitation);
  if (at(frame, 20) === 58 && at(frame, 54) === 135) return ask(PURPOSE.neighbourSolicitation);
  const toServer = at(frame, 56) * 256 + at(frame, 57) === 547;
  if (at(frame, 20) === 17 && toServer) return ask(PURPOSE.dhcpv6);
  return at(frame, 21) === 1 ? expired : null;
}
