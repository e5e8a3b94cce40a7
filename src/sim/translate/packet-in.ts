/** Packets that go to a controller. */
import { snapshot } from '../packet.ts';
import type { StepEvent } from '../types.ts';
import { keptOf, type Frame } from './pass.ts';

/** How a packet goes to a controller. */
export interface Sending {
  readonly userdata?: readonly number[] | undefined;
  readonly reason?: string;
  readonly maxLength?: number;
  readonly controllerId?: number;
  readonly meterId?: number | undefined;
}

/** `max_len` of a packet that goes to a controller uncut. */
const WHOLE_PACKET = 0xffff;

/** The step of a packet that goes to a controller. */
export function controllerStep(frame: Frame, how: Sending): StepEvent {
  const { packet, pass, flow, bucket } = frame;
  return {
    kind: 'controller',
    key: snapshot(packet),
    flow,
    userdata: how.userdata ?? [],
    reason: how.reason ?? 'action',
    context: bucket ? 'group' : pass.inActionSet ? 'action_set' : 'flow',
    maxLength: how.maxLength ?? WHOLE_PACKET,
    controllerId: how.controllerId ?? 0,
    meterId: how.meterId ?? null,
    kept: keptOf(frame, false),
  };
}
