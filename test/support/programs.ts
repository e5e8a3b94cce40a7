/** A node of a test, plugged with what is bound to it. */
import type { Topology } from '../../src/model/topology.ts';
import { LocalState } from '../../src/pipeline/local-state.ts';

/** A node's numbers as an agent on a fresh switch has them; br-int's port 1 is its tunnel. */
export function freshNode(node: string, vtep = '10.163.133.43'): LocalState {
  return new LocalState({
    node,
    vtep,
    tunnel: { ofport: 1, name: 'vf-10.163.133.4' },
    uplinks: [
      { ofport: 1, name: 'dpdk_phy0' },
      { ofport: 2, name: 'dpdk_phy1' },
    ],
    vlan: 101,
    epoch: 0x63bfd884,
  });
}

/** Plugs every port bound to the node, ofports from 10 on. */
export function plugged(topology: Topology, node: string): LocalState {
  const local = freshNode(node, topology.get('node', node)?.vtep);
  let ofport = 10;
  for (const id of topology.find('port.by_host', node)) {
    local.attach(id, { ofport, interface: `vhu${id.slice(0, 11)}` });
    ofport += 1;
  }
  return local;
}
