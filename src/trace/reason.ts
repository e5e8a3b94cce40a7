/** From an ending to the sentence that names the objects. */
import type { Port } from '../model/objects.ts';
import type { TopologyReader } from '../model/topology.ts';
import type { Ending } from './ending.ts';
import { groupNames, portName, vpcName, vpcOfPort } from './names.ts';
import { formatProbe } from './probe.ts';
import { REASONS, type Facts, type ReasonCode } from './reasons.ts';
import type { Probe, Reason } from './types.ts';

/** A packet by its ends; addresses are '' where there is none of the family. */
export interface Ends {
  readonly sender: Port;
  readonly source: string;
  readonly receiver: Port | null;
  readonly destination: string;
}

/** Codes that blame one end or the other. */
export type Blamed = 'sender' | 'receiver';

function factsOf(
  topology: TopologyReader,
  probe: Probe,
  ends: Ends,
  ending: Omit<Ending, 'code'>,
  blamed: Blamed,
): Facts {
  const { sender, receiver, source, destination } = ends;
  const senderName = portName(sender);
  const receiverName = receiver === null ? `address ${destination}` : portName(receiver);
  return {
    packet: `${formatProbe(probe)} from ${source} to ${destination}`,
    sender: senderName,
    receiver: receiverName,
    subject: blamed === 'sender' ? senderName : receiverName,
    subjectAddress: blamed === 'sender' ? source : destination,
    senderGroups: groupNames(topology, sender),
    receiverGroups: receiver === null ? 'no security group' : groupNames(topology, receiver),
    source,
    destination,
    vpc: vpcName(topology, vpcOfPort(topology, sender) ?? ''),
    node: ending.node,
    receiverNode: receiver?.['binding:host_id'] ?? '',
    place: ending.place,
    detail: ending.detail,
  };
}

/** The reason in words for these ends. */
export function reasonFor(
  topology: TopologyReader,
  probe: Probe,
  ends: Ends,
  ending: Ending & { readonly code: ReasonCode },
  blamed: Blamed = 'receiver',
): Reason {
  const facts = factsOf(topology, probe, ends, ending, blamed);
  const spec = REASONS[ending.code];
  const message = spec.message(facts);
  return {
    code: ending.code,
    message: `${message.charAt(0).toUpperCase()}${message.slice(1)}.`,
    table: ending.table,
    node: ending.node,
    object: spec.object(facts),
    cure: spec.cure(facts),
  };
}
