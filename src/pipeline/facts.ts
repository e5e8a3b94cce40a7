/** What many units ask about few objects. */
import type { Port, Router } from '../model/objects.ts';
import { vpcsOf } from '../model/vpc.ts';
import type { Fact, View } from './feature.ts';

/** Whether the VPC has a port bound to this node: only then has the node flows for it. */
export const vpcIsHere: Fact<boolean> = {
  name: 'vpcIsHere',
  derive: (vpcId, topology, local) =>
    topology.find('port.by_vpc_host', `${vpcId} ${local.identity.node}`).size > 0,
};

/** By any of its networks: the one that the VPC is named after may have left it. */
export const vniOf: Fact<number | undefined> = {
  name: 'vniOf',
  derive: (vpcId, topology) => {
    for (const id of topology.find('network.by_vpc', vpcId)) {
      const network = topology.get('network', id);
      if (network !== undefined) return vpcsOf(network).find((vpc) => vpc.id === vpcId)?.vni;
    }
    return undefined;
  },
};

/** The VPC that the ports of a network send in. */
const vpcOfNetwork: Fact<string | undefined> = {
  name: 'vpcOfNetwork',
  derive: (networkId, topology) => topology.get('network', networkId)?.vpc.id,
};

const vpcsOfNetwork: Fact<string> = {
  name: 'vpcsOfNetwork',
  derive: (networkId, topology) => {
    const network = topology.get('network', networkId);
    return network === undefined
      ? ''
      : vpcsOf(network)
          .map((vpc) => vpc.id)
          .join(' ');
  },
};

export const vpcSentIn = (networkId: string, view: View): string | undefined =>
  view.fact(vpcOfNetwork, networkId);

/** The VPCs that the ports of a network are reached in: several while it moves. */
export const vpcsAround = (networkId: string, view: View): string[] =>
  view.fact(vpcsOfNetwork, networkId).split(' ').filter(Boolean);

/** Those of them that this node has flows for. */
export const vpcsHere = (networkId: string, view: View): string[] =>
  vpcsAround(networkId, view).filter((vpc) => view.fact(vpcIsHere, vpc));

const networkIsUp: Fact<boolean> = {
  name: 'networkIsUp',
  derive: (networkId, topology) => topology.get('network', networkId)?.admin_state_up ?? false,
};

/** Whether a port may send and receive: a network that is down takes its ports with it. */
export const isUp = (port: Port, view: View): boolean =>
  port.admin_state_up && view.fact(networkIsUp, port.network_id);

export const vtepOf: Fact<string | undefined> = {
  name: 'vtepOf',
  derive: (node, topology) => topology.get('node', node)?.vtep,
};

export const cidrOf: Fact<string | undefined> = {
  name: 'cidrOf',
  derive: (subnetId, topology) => topology.get('subnet', subnetId)?.cidr,
};

/** The routers that join networks in a VPC and are up, the oldest first. */
export function routersIn(vpc: string, view: View): Router[] {
  const ids = new Set(view.find('router.by_vpc', vpc));
  for (const id of view.find('interface.by_vpc', vpc)) {
    const port = view.get('port', id);
    if (port !== undefined) ids.add(port.device_id);
  }
  return [...ids]
    .flatMap((id) => view.get('router', id) ?? [])
    .filter((router) => router.admin_state_up)
    .sort((a, b) => (`${a.created_at} ${a.id}` < `${b.created_at} ${b.id}` ? -1 : 1));
}

/** Whether what other subnets send reaches a network: not when all the routers that join it are down. */
export const isRouted: Fact<boolean> = {
  name: 'isRouted',
  derive: (networkId, topology) => {
    const network = topology.get('network', networkId);
    const routers = [
      ...(network?.router_id ? [network.router_id] : []),
      ...topology.find('router.by_network', networkId),
      ...[...topology.find('interface.by_network', networkId)].flatMap(
        (id) => topology.get('port', id)?.device_id ?? [],
      ),
    ].flatMap((id) => topology.get('router', id) ?? []);
    return routers.length === 0 || routers.some((router) => router.admin_state_up);
  },
};

const groupIsHere: Fact<boolean> = {
  name: 'groupIsHere',
  derive: (groupId, topology, local) =>
    topology.find('port.by_group_host', `${groupId} ${local.identity.node}`).size > 0,
};

export type RemoteUse = `${'egress' | 'ingress'} ${'IPv4' | 'IPv6'}`;

/** The directions and families of those of `rules` that ports of this node have. */
function usesOf(rules: Iterable<string>, topology: View): string {
  const uses = new Set<RemoteUse>();
  for (const ruleId of rules) {
    const rule = topology.get('security_group_rule', ruleId);
    if (rule !== undefined && topology.fact(groupIsHere, rule.security_group_id)) {
      uses.add(`${rule.direction} ${rule.ethertype}`);
    }
  }
  return [...uses].sort().join(',');
}

/**
 * In which directions and families ports of this node are opened to the members of a group, as
 * `RemoteUse`s joined by commas.
 */
export const remoteUses: Fact<string> = {
  name: 'remoteUses',
  derive: (groupId, topology) => usesOf(topology.find('rule.by_remote_group', groupId), topology),
};

/** The same for the prefixes of an address group. */
export const addressGroupUses: Fact<string> = {
  name: 'addressGroupUses',
  derive: (groupId, topology) => usesOf(topology.find('rule.by_address_group', groupId), topology),
};
