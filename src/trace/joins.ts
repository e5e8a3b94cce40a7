/** What routers have to do with a packet that finds no way from network to network. */
import { prefixesOverlap, parsePrefix } from '../address/index.ts';
import type { Network, Port, Router } from '../model/objects.ts';
import type { Topology } from '../model/topology.ts';
import { connectedTo, routersOf } from '../model/vpc-moves.ts';
import { vpcsOf } from '../model/vpc.ts';

/** Made without a VPC and without a router: what it belongs to, routers' interfaces say. */
const isPlain = ({ cidr, router_id }: Network): boolean => cidr === null && router_id === null;

/** The networks of two ports that a router could join, and none does; null: they are one VPC, or two for ever. */
export function networksApart(
  topology: Topology,
  one: Port,
  other: Port,
): readonly [Network, Network] | null {
  const here = topology.get('network', one.network_id);
  const there = topology.get('network', other.network_id);
  if (here === undefined || there === undefined) return null;
  if (!isPlain(here) && !isPlain(there)) return null;
  if (vpcsOf(here).some(({ id }) => vpcsOf(there).some((vpc) => vpc.id === id))) return null;
  const [ours, theirs] = [here, there].map((network) =>
    connectedTo(topology, network, {}).flatMap(({ id }) =>
      [...topology.find('subnet.by_network', id)].flatMap(
        (subnet) => topology.get('subnet', subnet)?.cidr ?? [],
      ),
    ),
  );
  const overlap = ours?.some((cidr) =>
    theirs?.some((against) => prefixesOverlap(parsePrefix(cidr), parsePrefix(against))),
  );
  return overlap === true ? null : [here, there];
}

/** A router of the port's network, where all of them are down. */
export function routerDown(topology: Topology, { network_id }: Port): Router | null {
  const network = topology.get('network', network_id);
  if (network === undefined) return null;
  const routers = [...routersOf(topology, network)].flatMap(
    (id) => topology.get('router', id) ?? [],
  );
  return routers.some((router) => router.admin_state_up) ? null : (routers[0] ?? null);
}

export const networkName = ({ name, id }: Network): string => `network ${name || id}`;
export const routerName = ({ name, id }: Router): string => `router ${name || id}`;
