/** The VPC's router in IPv6: what it advertises, to who asks and from time to time unasked. */
import { parseIp } from '../address/index.ts';
import type { Ipv6Mode } from '../model/objects.ts';
import { encodeNd, Malformed, type NdOption } from '../packet/index.ts';
import { MAC } from '../pipeline/registers.ts';
import { malformed, reply, silence, type Answer } from './answer.ts';
import { addressesIn, mayAsk, type Client, type FixedAddress } from './client.ts';
import {
  ALL_NODES,
  GATEWAY_LINK_LOCAL,
  LINK_HOP_LIMIT,
  openNd,
  sealIcmpv6,
  UNSPECIFIED,
  type Route,
} from './envelope.ts';

/**
 * Seconds for which hosts keep router and name servers without hearing of them again: the most
 * that 16 bits hold (RFC 8319 §4), so that an agent may be away for 18 hours. Hosts do not ask
 * again, so it has to be renewed by {@link advertisement}.
 */
const ROUTER_LIFETIME = 65_535;
/** RFC 4861 §6.2.1: 30 days and 7. */
const PREFIX_VALID = 2_592_000;
const PREFIX_PREFERRED = 604_800;
const HOP_LIMIT = 64;
/** IPv6 has no smaller links; hosts do not believe in one. */
const SMALLEST_MTU = 1280;

/** Whether hosts make addresses in a prefix themselves. */
const AUTONOMOUS: Readonly<Record<Ipv6Mode, boolean>> = {
  slaac: true,
  'dhcpv6-stateless': true,
  'dhcpv6-stateful': false,
};

function prefixOption(address: FixedAddress, mode: Ipv6Mode): NdOption {
  return {
    kind: 'prefix',
    prefix: address.prefix.value,
    length: address.prefix.length,
    onLink: true,
    autonomous: AUTONOMOUS[mode],
    valid: PREFIX_VALID,
    preferred: PREFIX_PREFERRED,
  };
}

interface Advertised {
  readonly address: FixedAddress;
  readonly mode: Ipv6Mode;
}

/** One of each subnet that the port is in and that has a router advertised, as Neutron does. */
function advertised(client: Client): Advertised[] {
  const subnets = new Map<string, Advertised>();
  for (const address of addressesIn(client, 6)) {
    const { id, ipv6_ra_mode: mode } = address.subnet;
    if (mode !== null && !subnets.has(id)) subnets.set(id, { address, mode });
  }
  return [...subnets.values()];
}

function optionsOf(client: Client, subnets: readonly Advertised[]): NdOption[] {
  const servers = new Set(subnets.flatMap(({ address }) => address.subnet.dns_nameservers));
  return [
    { kind: 'source_mac', mac: MAC.vpc },
    ...(client.mtu >= SMALLEST_MTU ? [{ kind: 'mtu', mtu: client.mtu } as const] : []),
    ...subnets.map(({ address, mode }) => prefixOption(address, mode)),
    ...(servers.size === 0
      ? []
      : [
          {
            kind: 'dns_servers',
            lifetime: ROUTER_LIFETIME,
            servers: [...servers].map((text) => parseIp(text).value),
          } as const,
        ]),
    { kind: 'dns_search', lifetime: ROUTER_LIFETIME, domains: [client.domain] },
  ];
}

function advertisementTo(route: Route, client: Client): Uint8Array | null {
  const subnets = advertised(client);
  if (subnets.length === 0) return null;
  const has = (wanted: Ipv6Mode) => subnets.some(({ mode }) => mode === wanted);
  // Without a gateway the hosts learn their prefixes, and no way out.
  const leadsOut = subnets.some(({ address }) => address.gateway !== null);
  const message = encodeNd({
    kind: 'router_advertisement',
    hopLimit: HOP_LIMIT,
    managed: has('dhcpv6-stateful'),
    other: has('dhcpv6-stateless'),
    lifetime: leadsOut ? ROUTER_LIFETIME : 0,
    options: optionsOf(client, subnets),
  });
  return sealIcmpv6(route, message, LINK_HOP_LIMIT);
}

const toAllNodes: Route = {
  mac: ALL_NODES.mac,
  source: GATEWAY_LINK_LOCAL,
  destination: ALL_NODES.ip,
};

/** The frame that tells a port unasked of its router; null for a port without one. */
export const advertisement = (client: Client): Uint8Array | null =>
  advertisementTo(toAllNodes, client);

/** Answers a router solicitation (RFC 4861 §6.1.1, §6.2.6). */
export function answerRouterSolicitation(bytes: Uint8Array, client: Client): Answer {
  const opened = openNd(bytes);
  if (opened instanceof Malformed) return malformed(opened);
  const { frame, ip, message } = opened;
  const nameless = ip.source === UNSPECIFIED;
  if (
    message.kind !== 'router_solicitation' ||
    (nameless && message.options.some(({ kind }) => kind === 'source_mac'))
  ) {
    return silence('malformed', 'nd: no proper router solicitation');
  }
  if (!mayAsk(client, frame.source, ip.source)) return silence('not_its_own');
  const toAsker = { mac: frame.source, source: GATEWAY_LINK_LOCAL, destination: ip.source };
  const answer = advertisementTo(nameless ? toAllNodes : toAsker, client);
  return answer === null ? silence('not_served') : reply('router_advertisement', answer);
}
