/** Which fields a program writes in part, and so under a mask. */
import type { FlowKey } from '../../openflow/fields.ts';
import type { Action, Subfield, Term } from '../../openflow/flow.ts';
import { fieldMask, newKey } from '../../openflow/key.ts';
import { fields, whole } from './looked-fields.ts';

/** An Ethernet header comes and goes without a look at what it holds. */
const ETHERNET = [fields.ethernetSource, fields.ethernetDestination];

/** Whether the header of a packet is taken off or another put around it. */
const rewraps = (actions: readonly Action[]): boolean =>
  actions.some(
    (action) =>
      action.kind === 'encap' ||
      action.kind === 'decap' ||
      (action.kind === 'clone' && rewraps(action.actions)),
  );

function* writes(actions: readonly Action[]): Generator<Subfield | Term> {
  for (const action of actions) {
    switch (action.kind) {
      case 'set_field':
        yield action;
        break;
      case 'load':
      case 'move':
      case 'pop':
      case 'multipath':
      case 'check_pkt_larger':
        yield action.target;
        break;
      case 'bundle':
        if (action.target !== null) yield action.target;
        break;
      case 'clone':
      case 'write_actions':
        yield* writes(action.actions);
        break;
      default:
    }
  }
}

/** Whether a write leaves bits of the field's bytes as they are, as one of the DSCP does. */
function isPartial(write: Subfield | Term): boolean {
  const { field: target } = write;
  const full = 'mask' in write ? write.mask === fieldMask(target) : write.bits === target.bits;
  return !full || target.bits % 8 !== 0;
}

/** Bits of fields that some action writes in part: of all others a write is under no mask. */
export function partlyWritten(lists: Iterable<readonly Action[]>): FlowKey {
  const mask = newKey();
  // Tunnels and queues write parts of it on their own.
  whole(mask, fields.tos);
  for (const actions of lists) {
    for (const write of writes(actions)) if (isPartial(write)) whole(mask, write.field);
    if (rewraps(actions)) for (const target of ETHERNET) whole(mask, target);
  }
  return mask;
}
