/** What features have in common: cookies, families, local ports, drop rows. */
import {
  parseIp,
  parsePrefix,
  parsePrefixAround,
  prefixContains,
  prefixMask,
  type Ip,
  type Prefix,
} from '../../address/index.ts';
import type { Port } from '../../model/objects.ts';
import { hostsOf } from '../../model/topology.ts';
import type { MaskedValue, Protocol } from '../../openflow/build.ts';
import type { Flow, Match } from '../../openflow/flow.ts';
import { encodeCookie, MODULE, type ModuleName } from '../cookies.ts';
import { dropIn, type DropCode } from '../drops.ts';
import { cidrOf, isUp, vniOf, vpcsAround, vpcSentIn } from '../facts.ts';
import type { View } from '../feature.ts';
import type { Attachment, LocalReader } from '../local.ts';

export interface Family {
  readonly version: 4 | 6;
  readonly ethertype: 'IPv4' | 'IPv6';
  readonly ip: Protocol;
  readonly icmp: Protocol;
  readonly tcp: Protocol;
  readonly udp: Protocol;
  readonly sctp: Protocol;
  readonly source: 'ip_src' | 'ipv6_src';
  readonly destination: 'ip_dst' | 'ipv6_dst';
  readonly icmpType: 'icmp_type' | 'icmpv6_type';
  readonly icmpCode: 'icmp_code' | 'icmpv6_code';
  readonly bits: 32 | 128;
}

export const V4: Family = {
  version: 4,
  ethertype: 'IPv4',
  ip: 'ip',
  icmp: 'icmp',
  tcp: 'tcp',
  udp: 'udp',
  sctp: 'sctp',
  source: 'ip_src',
  destination: 'ip_dst',
  icmpType: 'icmp_type',
  icmpCode: 'icmp_code',
  bits: 32,
};

export const V6: Family = {
  version: 6,
  ethertype: 'IPv6',
  ip: 'ipv6',
  icmp: 'icmp6',
  tcp: 'tcp6',
  udp: 'udp6',
  sctp: 'sctp6',
  source: 'ipv6_src',
  destination: 'ipv6_dst',
  icmpType: 'icmpv6_type',
  icmpCode: 'icmpv6_code',
  bits: 128,
};

export const FAMILIES: readonly Family[] = [V4, V6];
export const familyOf = (version: 4 | 6): Family => (version === 4 ? V4 : V6);

/** What conntrack follows. */
export const TRACKED: readonly Protocol[] = FAMILIES.flatMap(({ icmp, tcp, udp, sctp }) => [
  icmp,
  tcp,
  udp,
  sctp,
]);

/** The cookie of a flow of this node; what is left out is 0. */
export function cookie(
  local: LocalReader,
  module: ModuleName,
  of: { readonly vpc?: string; readonly vid?: number } = {},
): bigint {
  return encodeCookie({
    epoch: local.identity.epoch,
    module: MODULE[module],
    vid: of.vid ?? 0,
    networkId: of.vpc === undefined ? 0 : local.networkId(of.vpc),
  });
}

/** The row that drops for `code` in `table`. */
export function dropFlow(table: number, code: DropCode, cookie: bigint, match: Match): Flow {
  return { table, priority: dropIn(table, code).priority, cookie, match, actions: [] };
}

/** An address, or a prefix with its `/`. */
export function parseAddressOrPrefix(text: string): Prefix {
  if (text.includes('/')) return parsePrefixAround(text);
  const ip = parseIp(text);
  return { ...ip, length: ip.version === 4 ? 32 : 128 };
}

export const isSingle = (prefix: Prefix): boolean =>
  prefix.length === (prefix.version === 4 ? 32 : 128);

/** The match value of a prefix; of no bits at all for the prefix of length 0. */
export function prefixValue({ version, value, length }: Prefix): MaskedValue {
  return { value, mask: prefixMask(version, length) };
}

/**
 * A port that is bound to this node or prepared on it, plugged and up, as its network is: the one
 * kind that packets go in and out of. What is sent to a prepared one still goes to where it is.
 */
export interface LocalPort extends Attachment {
  readonly port: Port;
  /** What it sends in. */
  readonly vpc: string;
  readonly vni: number;
  /** What it is reached in. */
  readonly vpcs: readonly string[];
}

export function localPort(portId: string, view: View, local: LocalReader): LocalPort | null {
  const attachment = local.attachment(portId);
  const port = view.get('port', portId);
  if (attachment === undefined || port === undefined) return null;
  if (!hostsOf(port).includes(local.identity.node) || !isUp(port, view)) return null;
  const vpc = vpcSentIn(port.network_id, view);
  const vni = vpc === undefined ? undefined : view.fact(vniOf, vpc);
  if (vpc === undefined || vni === undefined) return null;
  return { ...attachment, port, vpc, vni, vpcs: vpcsAround(port.network_id, view) };
}

/** The port's subnets of a family, by their ids, in the order of its addresses. */
export function subnetsOf(port: Port, version: 4 | 6): string[] {
  const ids = port.fixed_ips
    .filter((fixed) => parseIp(fixed.ip_address).version === version)
    .map((fixed) => fixed.subnet_id);
  return [...new Set(ids)];
}

/**
 * The subnet that an address of the port counts as: the one it is fixed in, else the one of the
 * port's that contains it, else the first of its family; undefined when the port has none.
 */
export function subnetFor(port: Port, address: Ip, view: View): string | undefined {
  const fixed = port.fixed_ips.find(({ ip_address }) => {
    const ip = parseIp(ip_address);
    return ip.version === address.version && ip.value === address.value;
  });
  if (fixed !== undefined) return fixed.subnet_id;
  const subnets = subnetsOf(port, address.version);
  const around = subnets.find((id) => {
    const cidr = view.fact(cidrOf, id);
    return cidr !== undefined && prefixContains(parsePrefix(cidr), address);
  });
  return around ?? subnets[0];
}
