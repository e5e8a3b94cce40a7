/** A node of a test, plugged with what is bound to it, and what two of its programs differ in. */
import type { Topology } from '../../src/model/topology.ts';
import type { BridgeProgram, Flow, Group, Meter } from '../../src/openflow/flow.ts';
import { flowKey, sameContent, sameGroup } from '../../src/openflow/identity.ts';
import { formatFlow, formatGroup, formatMeter } from '../../src/openflow/text/index.ts';
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

interface Form<T> {
  readonly key: (item: T) => string | number;
  readonly same: (a: T, b: T) => boolean;
  readonly text: (item: T) => string;
}

const FLOW: Form<Flow> = {
  key: flowKey,
  same: sameContent,
  text: (flow) => formatFlow(flow),
};
const GROUP: Form<Group> = {
  key: ({ id }) => id,
  same: sameGroup,
  text: (group) => formatGroup(group),
};
const METER: Form<Meter> = {
  key: ({ id }) => id,
  same: (a, b) => a.unit === b.unit && a.rate === b.rate && a.burst === b.burst,
  text: formatMeter,
};

function unlike<T>(held: readonly T[], wanted: readonly T[], { key, same, text }: Form<T>) {
  const found: string[] = [];
  const left = new Map(held.map((item) => [key(item), item]));
  if (left.size < held.length) found.push('- something held twice');
  for (const item of wanted) {
    const id = key(item);
    const present = left.get(id);
    left.delete(id);
    if (present === item || (present !== undefined && same(present, item))) continue;
    if (present !== undefined) found.push(`- ${text(present)}`);
    found.push(`+ ${text(item)}`);
  }
  for (const item of left.values()) found.push(`- ${text(item)}`);
  return found;
}

/**
 * What a bridge's program differs in from the one wanted, as text: `-` for what is too much, `+` for
 * what is missing. Empty when a switch could not tell them apart.
 */
export function differences(held: BridgeProgram, wanted: BridgeProgram): string[] {
  return [
    ...unlike(held.flows, wanted.flows, FLOW),
    ...unlike(held.groups, wanted.groups, GROUP),
    ...unlike(held.meters, wanted.meters, METER),
  ];
}
