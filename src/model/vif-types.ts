import type { Node, Port, VifType } from './objects.ts';
import type { TopologyReader } from './topology.ts';
import { invalid } from './values.ts';

/** Characters of a profile as JSON: Neutron's limit. */
const PROFILE_LENGTH = 4095;

/**
 * What Nova keeps with a binding; null is nothing.
 * @throws {Failure} `invalid` for one that is too long.
 */
export function profileOf(
  given: Port['binding:profile'] | null | undefined,
  field: string,
): Port['binding:profile'] | undefined {
  if (given === undefined) return undefined;
  const { length } = JSON.stringify(given);
  if (length > PROFILE_LENGTH) {
    const remedy = `give ${PROFILE_LENGTH} characters of JSON at most`;
    throw invalid(field, given, 'is too long', remedy);
  }
  return given ?? {};
}

/** Whether ports of the node are sockets that QEMU serves: a userspace datapath with DPDK. */
const takesSockets = ({ datapath }: Node): boolean =>
  datapath?.type === 'netdev' && datapath.vhostuser_socket_dir !== null;

/**
 * How a port is plugged on `host`. A node whose agent is known to be gone for long, or that nobody
 * has heard of, cannot take it: Nova then looks for another one at once instead of waiting.
 */
export function vifTypeOn(topology: TopologyReader, host: string): VifType {
  if (host === '') return 'unbound';
  const node = topology.get('node', host);
  if (node === undefined || node.agent_alive === false) return 'binding_failed';
  return takesSockets(node) ? 'vhostuser' : 'ovs';
}
