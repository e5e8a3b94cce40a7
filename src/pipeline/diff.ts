/** The difference between two programs of a bridge. */
import type { BridgeProgram } from '../openflow/flow.ts';
import { flowKey, sameContent, sameGroup } from '../openflow/identity.ts';
import type { Flow, Group, Meter } from '../openflow/flow.ts';
import type { BridgeDelta } from './feature.ts';

function sameMeter(a: Meter, b: Meter): boolean {
  return a.unit === b.unit && a.rate === b.rate && a.burst === b.burst;
}

interface Difference<T> {
  readonly add: T[];
  readonly remove: T[];
}

/** `add` holds what is new or other than before, `remove` what no successor replaces. */
function difference<K, T>(
  have: ReadonlyMap<K, T>,
  want: ReadonlyMap<K, T>,
  same: (a: T, b: T) => boolean,
): Difference<T> {
  const add: T[] = [];
  for (const [key, wanted] of want) {
    const held = have.get(key);
    if (held === undefined || (held !== wanted && !same(held, wanted))) add.push(wanted);
  }
  const remove: T[] = [];
  for (const [key, held] of have) if (!want.has(key)) remove.push(held);
  return { add, remove };
}

export interface Keyed {
  readonly flows: ReadonlyMap<string, Flow>;
  readonly groups: ReadonlyMap<number, Group>;
  readonly meters: ReadonlyMap<number, Meter>;
}

/** As `diff`, of programs by key. */
export function diffKeyed(have: Keyed, want: Keyed): BridgeDelta {
  const flows = difference(have.flows, want.flows, sameContent);
  const groups = difference(have.groups, want.groups, sameGroup);
  const meters = difference(have.meters, want.meters, sameMeter);
  return {
    add: flows.add,
    remove: flows.remove,
    addGroups: groups.add,
    removeGroups: groups.remove,
    addMeters: meters.add,
    removeMeters: meters.remove,
  };
}

/** A program by what a switch tells its parts apart by. */
export function keyed(program: BridgeProgram): Keyed {
  return {
    flows: new Map(program.flows.map((flow) => [flowKey(flow), flow])),
    groups: new Map(program.groups.map((group) => [group.id, group])),
    meters: new Map(program.meters.map((meter) => [meter.id, meter])),
  };
}

/**
 * What turns `have` into `want`. What differs only in cookie or actions is added, which replaces
 * it on a switch.
 */
export function diff(have: BridgeProgram, want: BridgeProgram): BridgeDelta {
  return diffKeyed(keyed(have), keyed(want));
}
