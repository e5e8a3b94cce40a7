/** A trace with the commands that would make it say delivered. */
import { excerpt } from './excerpt.ts';
import { findFix } from './fix/fix.ts';
import { imagine } from './imagined.ts';
import type { Subject } from './subject.ts';
import { trace } from './trace.ts';
import type { Reason, Trace } from './types.ts';
import type { Port } from '../model/objects.ts';
import type { Topology } from '../model/topology.ts';

/** The same packet over nodes that hold exactly what `topology` asks for; null: delivered. */
function obstacleIn(topology: Topology, subject: Subject): Reason | null {
  const current = (port: Port): Port => topology.get('port', port.id) ?? port;
  return trace({
    ...subject,
    ...imagine(topology),
    topology,
    from: { ...subject.from, port: current(subject.from.port) },
    to: { ...subject.to, ports: subject.to.ports.map(current) },
  }).reason;
}

/** Traces, and looks for a fix where the packet is dropped. */
export function explain(subject: Subject): Trace {
  const { from, to, probe, topology } = subject;
  const traced = trace(subject);
  const [receiver = null] = to.ports;
  if (traced.reason === null || from.address === null || to.address === null) return traced;
  const fix = findFix({
    names: topology,
    intent: excerpt(topology, [from.port, ...to.ports], [from.address, to.address]),
    from: { port: from.port, address: from.address },
    to: { port: receiver, address: to.address },
    probe,
    reason: traced.reason,
    obstacle: (changed) => obstacleIn(changed, subject),
  });
  return { ...traced, fix };
}
