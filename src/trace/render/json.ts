import type { Hop, Leg, Reason, Trace } from '../types.ts';

type HopJson = Omit<Hop, 'group' | 'changes'> & {
  readonly group?: { readonly id: number; readonly bucket: number | null };
};

export interface TraceJson {
  readonly verdict: Trace['verdict'];
  readonly reason: Reason | null;
  readonly fix: readonly string[];
  readonly legs: readonly {
    readonly direction: Leg['direction'];
    readonly connection: Leg['connection'];
    readonly verdict: Leg['verdict'];
    readonly hops: readonly HopJson[];
  }[];
}

function hopJson({ group, changes: _changes, ...hop }: Hop): HopJson {
  return group === undefined ? hop : { ...hop, group: { id: group.id, bucket: group.bucket } };
}

/** The form that scripts rely on: verdict, reason, fix and the hops of each leg. */
export function renderJson(trace: Trace): TraceJson {
  const { verdict, reason, fix, legs } = trace;
  return {
    verdict,
    reason,
    fix,
    legs: legs.map((leg) => ({
      direction: leg.direction,
      connection: leg.connection,
      verdict: leg.verdict,
      hops: leg.hops.map(hopJson),
    })),
  };
}
