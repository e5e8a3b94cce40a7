/** The port that asks, with what the answers to it depend on. */
import {
  linkLocalFromMac,
  parseIp,
  parseMac,
  parsePrefix,
  prefixContains,
  type Ip,
  type Prefix,
} from '../address/index.ts';
import { Failure } from '../base/failure.ts';
import { domainOf } from '../model/dns-names.ts';
import { namedDhcpOption, type NamedDhcpOption } from '../model/named-dhcp-options.ts';
import type { Port, Subnet } from '../model/objects.ts';
import type { TopologyReader } from '../model/topology.ts';

export interface FixedAddress {
  readonly ip: bigint;
  readonly prefix: Prefix;
  /** null where the subnet has none. */
  readonly gateway: bigint | null;
  readonly subnet: Subnet;
}

/** An address pair: what else the port may send as. */
interface Lent {
  readonly mac: bigint;
  readonly prefix: Prefix;
}

/** Options by code; null: not to be told of at all. */
export type ExtraOptions = ReadonlyMap<number, Uint8Array | null>;

export interface Client {
  readonly mac: bigint;
  /** Whether it must send as itself. */
  readonly secured: boolean;
  /** Uuid of the VPC that its network was made in: a server that it knows stays the same for good. */
  readonly birthVpc: string;
  /** Bytes. */
  readonly mtu: number;
  /** In the port's order. */
  readonly addresses: readonly FixedAddress[];
  /** What its owner named it; empty: after its address. */
  readonly name: string;
  /** That it searches in, without a dot at the end. */
  readonly domain: string;
  /** What its owner wants it told beside, or instead of, what its subnets say. */
  readonly extra: Readonly<Record<4 | 6, ExtraOptions>>;
  readonly lent: readonly Lent[];
}

function prefixOfPair(text: string): Prefix {
  if (text.includes('/')) return parsePrefix(text);
  const ip = parseIp(text);
  return { ...ip, length: ip.version === 4 ? 32 : 128 };
}

function fixedAddresses(port: Port, topology: TopologyReader): FixedAddress[] {
  return port.fixed_ips.flatMap(({ ip_address, subnet_id }) => {
    const subnet = topology.get('subnet', subnet_id);
    if (subnet === undefined) return [];
    const gateway = subnet.gateway_ip === null ? null : parseIp(subnet.gateway_ip).value;
    return { ip: parseIp(ip_address).value, prefix: parsePrefix(subnet.cidr), gateway, subnet };
  });
}

/** null, too, for one that a newer server let in and that is not known here. */
function readOption(version: 4 | 6, name: string, value: string): NamedDhcpOption | null {
  try {
    return namedDhcpOption(version, name, value);
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
}

function extraOptions({ extra_dhcp_opts }: Port, version: 4 | 6): ExtraOptions {
  const options = new Map<number, Uint8Array | null>();
  for (const { opt_name, opt_value, ip_version } of extra_dhcp_opts) {
    if (ip_version !== version) continue;
    const option = readOption(version, opt_name, opt_value);
    if (option !== null) options.set(option.code, option.data);
  }
  return options;
}

/** null for a port whose network or which itself does not exist (any more) or is down. */
export function clientOf(portId: string, topology: TopologyReader): Client | null {
  const port = topology.get('port', portId);
  const network = port && topology.get('network', port.network_id);
  if (!network?.admin_state_up || !port?.admin_state_up) return null;
  return {
    mac: parseMac(port.mac_address),
    secured: port.port_security_enabled,
    birthVpc: network.birth_vpc,
    mtu: network.mtu,
    addresses: fixedAddresses(port, topology),
    name: port.dns_name,
    domain: domainOf(port.dns_domain, network),
    extra: { 4: extraOptions(port, 4), 6: extraOptions(port, 6) },
    lent: port.allowed_address_pairs.map(({ ip_address, mac_address }) => ({
      mac: parseMac(mac_address),
      prefix: prefixOfPair(ip_address),
    })),
  };
}

/** The fixed addresses of a version, in the port's order. */
export const addressesIn = ({ addresses }: Client, version: 4 | 6): readonly FixedAddress[] =>
  addresses.filter(({ prefix }) => prefix.version === version);

/** Whether the port may send from `ip` with `mac`, as table 0 has it; link-local follows the MAC. */
export function maySendAs(client: Client, mac: bigint, ip: Ip): boolean {
  if (!client.secured) return true;
  const { version, value } = ip;
  if (
    client.lent.some((pair) => pair.mac === mac && prefixContains(pair.prefix, ip)) ||
    (mac === client.mac && addressesIn(client, version).some((own) => own.ip === value))
  ) {
    return true;
  }
  return version === 6 && value === linkLocalFromMac(mac) && macs(client).includes(mac);
}

/** Whether the port may send with `mac` at all. */
export const mayUseMac = (client: Client, mac: bigint): boolean =>
  !client.secured || macs(client).includes(mac);

/** Whether it may ask for neighbours and routers: from an address of its own, or from none yet. */
export const mayAsk = (client: Client, mac: bigint, source: bigint): boolean =>
  source === 0n ? mayUseMac(client, mac) : maySendAs(client, mac, { version: 6, value: source });

/** Every MAC of the port. */
export const macs = ({ mac, lent }: Client): bigint[] => [mac, ...lent.map((pair) => pair.mac)];

/** The fixed address whose subnet `ip` counts as: its own, else one around it, else the first. */
export function nearest(client: Client, ip: Ip): FixedAddress | undefined {
  const candidates = addressesIn(client, ip.version);
  return (
    candidates.find((own) => own.ip === ip.value) ??
    candidates.find(({ prefix }) => prefixContains(prefix, ip)) ??
    candidates[0]
  );
}
