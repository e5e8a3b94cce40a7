import type { Plan, PlanContext } from './draft.ts';
import type { Change } from './objects.ts';
import type { Topology } from './topology.ts';
import { decodeEntry } from './tree.ts';

type Step = (topology: Topology, context: PlanContext) => Plan<unknown>;

/**
 * Several plans as one, each seeing what those before it are going to do. The topology is as it was
 * when it returns.
 */
export function inSteps(topology: Topology, context: PlanContext, steps: readonly Step[]) {
  const versions = new Map<string, number | undefined>();
  const version = (path: string): number | undefined =>
    versions.has(path) ? versions.get(path) : context.version(path);
  const undo: Change[] = [];
  try {
    return steps.flatMap((step) => {
      const { ops } = step(topology, { ...context, version });
      for (const op of ops) {
        if (op.op === 'check') continue;
        const value = op.op === 'delete' ? null : op.value;
        const before = version(op.path);
        versions.set(op.path, value === null ? undefined : before === undefined ? 0 : before + 1);
        const change = decodeEntry(op.path, value);
        if (change === null) continue;
        const object = topology.get(change.kind, change.id) ?? null;
        undo.push({ kind: change.kind, id: change.id, object } as Change);
        topology.apply(change);
      }
      return ops;
    });
  } finally {
    for (const change of undo.toReversed()) topology.apply(change);
  }
}
