/** What steps look at that no operation alone does: groups, tunnels, congestion on the way. */
import type { FlowKey } from '../../openflow/fields.ts';
import { writeField } from '../../openflow/key.ts';
import { hashesHeaders } from '../group.ts';
import { prerequisiteOf } from '../prerequisites.ts';
import type { Step } from '../types.ts';
import { AT } from '../words.ts';
import { fields, hashed, isIp, whole } from './looked-fields.ts';
import type { TunnelPort } from './tunnel.ts';

type GroupStep = Extract<Step, { kind: 'group' }>;

/** Only a hash of the translation's own looks at the packet. */
export function hashedByGroup(mask: FlowKey, { group, key }: GroupStep): void {
  if (typeof group === 'number') return;
  if (hashesHeaders(group)) hashed(mask, key, 'symmetric_l4');
  for (const { field: target, mask: under } of group.hashedFields ?? []) {
    if (prerequisiteOf(target)?.(key) !== false) writeField(mask, target, under, under);
  }
}

/** An output that is put into a tunnel's header, also where the tunnel then leads back. */
export const reachesPort = (step: Step): step is Extract<Step, { kind: 'output' | 'suppressed' }> =>
  step.kind === 'output' || (step.kind === 'suppressed' && step.why === 'tunnel');

/** What a tunnel takes over of an IP packet (tnl_port_send()). */
export function inherited(mask: FlowKey, tunnel: TunnelPort | null): void {
  if (tunnel === null) return;
  whole(mask, fields.ecn);
  if (tunnel.tos === 'inherit') whole(mask, fields.dscp);
  if (tunnel.ttl === 'inherit') whole(mask, fields.ttl);
}

/** Whether the packet came out of a tunnel that met congestion (RFC 6040). */
export const toldOfCongestion = (key: FlowKey): boolean =>
  ((key[AT.tunnelFlags] ?? 0) & 3) === 3 && key[AT.tunnelDestination] !== 0 && isIp(key);
