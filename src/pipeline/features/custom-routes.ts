/**
 * Routers' own routes. 110 decides for one by its prefix, 130 hands the packet to the port that has
 * the next hop: here, or by tunnel, with the source MAC that sends it to 130 there. Both tables hold
 * the same prefixes, so what 110 chose 130 finds again. Of routes to one prefix the first whose next
 * hop lives serves; to a next hop that is a router's own address in the VPC nothing is sent, for
 * the VPC's other routes are that router's.
 */
import { parseIp, parsePrefix, prefixContains, type Prefix } from '../../address/index.ts';
import type { Port, Router } from '../../model/objects.ts';
import { INTERFACE_OWNER } from '../../model/topology.ts';
import { decTtl, gotoTable, group, match, setField } from '../../openflow/build.ts';
import type { Action } from '../../openflow/flow.ts';
import { groupId } from '../cookies.ts';
import { routersIn, vniOf, vpcIsHere } from '../facts.ts';
import type { Feature, View } from '../feature.ts';
import type { LocalReader } from '../local.ts';
import { customRoutePriority } from '../priorities.ts';
import {
  inVpc,
  MARKED_SOURCE,
  METADATA,
  metadataClear,
  setMetadata,
  setSubnet,
} from '../registers.ts';
import { deliveryTo, intoTunnel, type Delivery } from './forwarding.ts';
import { cookie, familyOf, prefixValue, subnetFor } from './shared.ts';

const ROUTE = 110;
const TRANSLATE = 115;
const DIRECT = 130;

type Hop =
  | { readonly by: 'port'; readonly delivery: Delivery; readonly subnet: string }
  | { readonly by: 'gateway' }
  | { readonly by: 'router' }
  /** Nobody has the address. */
  | { readonly by: 'nobody' };

function holderOf(vpc: string, address: string, view: View): Port | undefined {
  for (const id of view.find('port.by_address', `${vpc} ${address}`)) {
    const port = view.get('port', id);
    if (port?.fixed_ips.some((fixed) => fixed.ip_address === address)) return port;
  }
  return undefined;
}

/** Whether an address lies beyond the router's external gateway. */
function isOutside(router: Router, address: string, view: View): boolean {
  const network = router.external_gateway_info?.network_id;
  if (network === undefined) return false;
  return [...view.find('subnet.by_network', network)].some((id) => {
    const cidr = view.get('subnet', id)?.cidr;
    return cidr !== undefined && prefixContains(parsePrefix(cidr), parseIp(address));
  });
}

function hopTo(vpc: string, router: Router, address: string, view: View, local: LocalReader): Hop {
  const port = holderOf(vpc, address, view);
  if (port === undefined) return { by: isOutside(router, address, view) ? 'gateway' : 'nobody' };
  if (port.device_owner === INTERFACE_OWNER) return { by: 'router' };
  const subnet = subnetFor(port, parseIp(address), view);
  if (subnet === undefined) return { by: 'nobody' };
  return { by: 'port', delivery: deliveryTo(port, view, local), subnet };
}

const lives = (hop: Hop): boolean =>
  hop.by === 'port' ? hop.delivery.to !== 'nowhere' : hop.by !== 'nobody';

/** Every destination of the VPC's routers with the hop that serves it. */
function hopsOf(vpc: string, view: View, local: LocalReader): Map<string, Hop> {
  const hops = new Map<string, Hop>();
  for (const router of routersIn(vpc, view)) {
    for (const { destination, nexthop } of router.routes) {
      const serving = hops.get(destination);
      if (serving !== undefined && lives(serving)) continue;
      const hop = hopTo(vpc, router, nexthop, view, local);
      if (serving === undefined || lives(hop)) hops.set(destination, hop);
    }
  }
  return hops;
}

export const customRoutes: Feature = {
  name: 'customRoutes',
  bridge: 'br-int',
  over: { index: 'network.by_vpc' },
  compile(vpc, view, local, emit) {
    if (!view.fact(vpcIsHere, vpc)) return;
    for (const [destination, hop] of hopsOf(vpc, view, local)) {
      if (hop.by === 'router') continue;
      const prefix = parsePrefix(destination);
      const routing = cookie(local, 'routing', { vpc });
      const row = (table: number, actions: readonly Action[], values = {}) =>
        emit.flow({
          table,
          priority: customRoutePriority(prefix.length),
          cookie: routing,
          match: match(familyOf(prefix.version).ip, { ...toPrefix(vpc, prefix), ...values }),
          actions,
        });
      if (hop.by === 'gateway') {
        row(ROUTE, [setMetadata(METADATA.external), gotoTable(TRANSLATE)]);
        continue;
      }
      row(ROUTE, [decTtl(), gotoTable(DIRECT)]);
      if (hop.by === 'nobody') continue;
      const { delivery, subnet } = hop;
      if (delivery.to === 'here') {
        row(DIRECT, [setSubnet(subnet), group(groupId(local.networkId(vpc), delivery.vid))]);
      } else if (delivery.to === 'tunnel') {
        const vni = view.fact(vniOf, vpc);
        if (vni === undefined) continue;
        const mark = setField('eth_src', MARKED_SOURCE.direct.value);
        // What came from a tunnel never goes back into one.
        const metadata = metadataClear(METADATA.fromRemote);
        row(DIRECT, [mark, ...intoTunnel(delivery.vtep, vni, local)], { metadata });
      }
    }
  },
};

const toPrefix = (vpc: string, prefix: Prefix) => ({
  ...inVpc(vpc),
  [familyOf(prefix.version).destination]: prefixValue(prefix),
});
