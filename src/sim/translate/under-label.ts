/** Which actions ask for what lies under a label that was just popped. */
import { isOutput, type Operation } from '../operations.ts';

/** Actions that do without (recirc_for_mpls() in OVS). */
const ABOVE_LABEL: ReadonlySet<Operation['kind']> = new Set([
  'output',
  'output_subfield',
  'set_queue',
  'group',
]);

/** Whether an action looks beneath the label, or may. */
export function looksUnderLabel(operation: Operation): boolean {
  if (operation.kind === 'set') return operation.looksUnderLabel;
  if (operation.kind === 'controller') return !isOutput(operation);
  return !ABOVE_LABEL.has(operation.kind);
}
