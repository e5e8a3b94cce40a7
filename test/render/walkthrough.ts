/** The record's three traces as the pipeline itself makes them, over imagined nodes. */
import { parseIp } from '../../src/address/index.ts';
import type { Topology } from '../../src/model/topology.ts';
import { explain } from '../../src/trace/explain.ts';
import { imagine } from '../../src/trace/imagined.ts';
import { parseProbe } from '../../src/trace/probe.ts';
import type { Trace } from '../../src/trace/types.ts';
import { walkthroughTopology, VMS } from '../support/walkthrough.ts';

type Vm = (typeof VMS)[number];

function traced(topology: Topology, from: Vm, to: Vm): Trace {
  const [sender, receiver] = [from, to].map((vm) => topology.get('port', vm.port));
  if (sender === undefined || receiver === undefined) throw new Error('no such port');
  return explain({
    ...imagine(topology),
    topology,
    from: { asked: from.device, port: sender, address: parseIp(from.ip) },
    to: { asked: to.device, exact: true, ports: [receiver], address: parseIp(to.ip) },
    probe: parseProbe({}, 4),
    source: 'intent',
  });
}

/** Chapter 5: the same VMs before the security group is bound. */
function withoutGroups(): Topology {
  const topology = walkthroughTopology();
  for (const { port: id } of VMS) {
    const port = topology.get('port', id);
    if (port === undefined) throw new Error(`no port ${id}`);
    topology.apply({ kind: 'port', id, object: { ...port, security_groups: [] } });
  }
  return topology;
}

export function walkthroughTraces(): Readonly<Record<string, Trace>> {
  const topology = walkthroughTopology();
  const [vm1, vm2, vm3] = VMS;
  return {
    'the record, same node': traced(topology, vm1, vm2),
    'the record, across nodes': traced(topology, vm1, vm3),
    'the record, no security group': traced(withoutGroups(), vm1, vm3),
  };
}
