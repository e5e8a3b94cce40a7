/**
 * Which objects a node must hold, as a small graph of topics without cycles. Objects are published
 * under topics; some also *pull*: as long as a bound port exists, whoever follows `node N` follows
 * `present <network>` too. A node's scope is what is published under the topics that can be reached
 * from its two roots:
 *
 *     node N → present <network> → vpc V → network <id> → router <id> → external <network>
 *            → rules <group> → group <remote group>, addresses <address group>
 *     nodes
 *
 * Topics and pulls are declared a kind at a time and are read off the object alone (a floating ip
 * looks its port up), so a change of one object moves at most its own edges.
 */
import type { Kind, Objects } from '../../model/objects.ts';
import { hostsOf, type Topology } from '../../model/topology.ts';
import { vpcsOf } from '../../model/vpc.ts';

export type Topic = string;
type Pull = readonly [from: Topic, to: Topic];

/** The topics an object is published under, and the edges that hold while it exists. */
export interface Publication {
  readonly topics: readonly Topic[];
  readonly pulls: readonly Pull[];
}

export const NODES: Topic = 'nodes';
export const nodeTopic = (name: string): Topic => `node ${name}`;
const present = (network: string): Topic => `present ${network}`;
const vpc = (id: string): Topic => `vpc ${id}`;
/** A network of a VPC, with its subnets, ports and floating ips. */
export const networkTopic = (id: string): Topic => `network ${id}`;
const router = (id: string): Topic => `router ${id}`;
/** A network outside: itself and its subnets. */
const external = (network: string): Topic => `external ${network}`;
/** A group and its rules, for a node with a member. */
const rules = (group: string): Topic => `rules ${group}`;
/** The prefixes that rules name together. */
const addressGroup = (id: string): Topic => `addresses ${id}`;
/** The group alone: its members are told by ports. */
const group = (id: string): Topic => `group ${id}`;

const NOTHING: Publication = { topics: [], pulls: [] };

const PUBLISH: { [K in Kind]: (object: Objects[K], topology: Topology) => Publication } = {
  rbac_policy: () => NOTHING,
  node: () => ({ topics: [NODES], pulls: [] }),
  network: (it) => ({
    topics: [networkTopic(it.id), external(it.id)],
    pulls: [
      ...vpcsOf(it).flatMap(({ id }): Pull[] => [
        [present(it.id), vpc(id)],
        [vpc(id), networkTopic(it.id)],
      ]),
      ...pull(networkTopic(it.id), router, it.router_id),
    ],
  }),
  subnet: (it) => ({
    topics: [networkTopic(it.network_id), external(it.network_id)],
    pulls: [],
  }),
  router: (it) => ({
    topics: [router(it.id)],
    pulls: [
      ...(it.network_id === null ? [] : [[networkTopic(it.network_id), router(it.id)] as const]),
      ...pull(router(it.id), external, it.external_gateway_info?.network_id),
    ],
  }),
  port: (it) => {
    const hosts = hostsOf(it).map(nodeTopic);
    const groups = [...new Set(it.security_groups)];
    return {
      topics: [networkTopic(it.network_id)],
      pulls: [
        ...hosts.map((host): Pull => [host, present(it.network_id)]),
        ...hosts.flatMap((host) => groups.map((id): Pull => [host, rules(id)])),
        ...(it.device_owner.startsWith('network:router')
          ? pull(networkTopic(it.network_id), router, it.device_id)
          : []),
      ],
    };
  },
  security_group: (it) => ({ topics: [group(it.id), rules(it.id)], pulls: [] }),
  security_group_rule: (it) => ({
    topics: [rules(it.security_group_id)],
    pulls: [
      ...pull(rules(it.security_group_id), group, it.remote_group_id),
      ...pull(rules(it.security_group_id), addressGroup, it.remote_address_group_id),
    ],
  }),
  address_group: (it) => ({ topics: [addressGroup(it.id)], pulls: [] }),
  address_scope: () => NOTHING,
  subnetpool: () => NOTHING,
  quota: () => NOTHING,
  floatingip: (it, topology) => {
    const port = it.port_id === null ? undefined : topology.get('port', it.port_id);
    if (port === undefined) return NOTHING;
    const inside = networkTopic(port.network_id);
    return { topics: [inside], pulls: [[inside, external(it.floating_network_id)]] };
  },
};

function pull(from: Topic, to: (id: string) => Topic, id: string | null | undefined): Pull[] {
  return id ? [[from, to(id)]] : [];
}

/** What an object publishes. */
export function publicationOf<K extends Kind>(
  topology: Topology,
  kind: K,
  object: Objects[K],
): Publication {
  return PUBLISH[kind](object, topology);
}
