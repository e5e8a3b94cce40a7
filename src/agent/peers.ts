import type { Topology } from '../model/topology.ts';

/** The VTEPs of the other nodes that host a port of a VPC in scope: where flows lead to. */
export function peerVteps(topology: Topology, node: string): Set<string> {
  const hosts = new Set<string>();
  for (const key of topology.keysOf('port.by_vpc_host')) hosts.add(key.slice(key.indexOf(' ') + 1));
  hosts.delete(node);
  const vteps = new Set<string>();
  for (const host of hosts) {
    const vtep = topology.get('node', host)?.vtep;
    if (vtep !== undefined) vteps.add(vtep);
  }
  return vteps;
}

/** Whether what was touched can change `peerVteps`. */
export function touchesPeers(touched: Iterable<string>): boolean {
  for (const key of touched) {
    if (key.startsWith('port.by_vpc_host ') || key.startsWith('node ')) return true;
  }
  return false;
}

/** The VPCs that by what was touched may have come to `node` or left it. */
export function vpcsTouched(touched: Iterable<string>, node: string): string[] {
  const prefix = 'port.by_vpc_host ';
  const suffix = ` ${node}`;
  return [...touched]
    .filter((key) => key.startsWith(prefix) && key.endsWith(suffix))
    .map((key) => key.slice(prefix.length, -suffix.length));
}
