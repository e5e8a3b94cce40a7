/** What one unit emitted. */
import type { Flow, Group, Meter } from '../openflow/flow.ts';
import { flowKey, sameActions } from '../openflow/identity.ts';
import { dropOf } from './drops.ts';
import type { Emit } from './feature.ts';
import { checkFlow } from './tables.ts';

export class Emission implements Emit {
  /** By `flowKey`. */
  readonly flows = new Map<string, Flow>();
  readonly groups = new Map<number, Group>();
  readonly meters = new Map<number, Meter>();
  readonly #bridge: 'br-int' | 'br-phy';

  constructor(bridge: 'br-int' | 'br-phy') {
    this.#bridge = bridge;
  }

  flow(flow: Flow): void {
    checkFlow(flow, this.#bridge);
    if (flow.actions.length === 0 && dropOf(flow, this.#bridge) === null) {
      throw new RangeError(
        `no drop is declared for table ${flow.table}, priority ${flow.priority}`,
      );
    }
    const key = flowKey(flow);
    const before = this.flows.get(key);
    if (before !== undefined && !sameActions(before.actions, flow.actions)) {
      throw new RangeError(`one unit emits two flows for ${key}`);
    }
    this.flows.set(key, flow);
  }

  group(group: Group): void {
    this.groups.set(group.id, group);
  }

  meter(meter: Meter): void {
    this.meters.set(meter.id, meter);
  }
}
