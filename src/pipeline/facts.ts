/** What many units ask about few objects. */
import type { Port } from '../model/objects.ts';
import type { Fact, View } from './feature.ts';

/** Whether the VPC has a port bound to this node: only then has the node flows for it. */
export const vpcIsHere: Fact<boolean> = {
  name: 'vpcIsHere',
  derive: (vpcId, topology, local) =>
    topology.find('port.by_vpc_host', `${vpcId} ${local.identity.node}`).size > 0,
};

export const vniOf: Fact<number | undefined> = {
  name: 'vniOf',
  derive: (vpcId, topology) => topology.get('network', vpcId)?.vpc.vni,
};

/** The VPC that a network belongs to. */
export const vpcOfNetwork: Fact<string | undefined> = {
  name: 'vpcOfNetwork',
  derive: (networkId, topology) => topology.get('network', networkId)?.vpc.id,
};

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

const groupIsHere: Fact<boolean> = {
  name: 'groupIsHere',
  derive: (groupId, topology, local) =>
    topology.find('port.by_group_host', `${groupId} ${local.identity.node}`).size > 0,
};

export type RemoteUse = `${'egress' | 'ingress'} ${'IPv4' | 'IPv6'}`;

/**
 * In which directions and families ports of this node are opened to the members of a group, as
 * `RemoteUse`s joined by commas.
 */
export const remoteUses: Fact<string> = {
  name: 'remoteUses',
  derive: (groupId, topology) => {
    const uses = new Set<RemoteUse>();
    for (const ruleId of topology.find('rule.by_remote_group', groupId)) {
      const rule = topology.get('security_group_rule', ruleId);
      if (rule !== undefined && topology.fact(groupIsHere, rule.security_group_id)) {
        uses.add(`${rule.direction} ${rule.ethertype}`);
      }
    }
    return [...uses].sort().join(',');
  },
};
