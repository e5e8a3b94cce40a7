/**
 * One bridge brought to what it should hold, in two steps: everything new goes in, on all bridges,
 * before anything stale goes out, so that traffic always finds either the old flows or the new.
 */
import type { BridgeProgram } from '../openflow/flow.ts';
import type { BridgeName } from '../pipeline/compiler.ts';
import { isHold } from '../pipeline/cookies.ts';
import { diffKeyed, keyed } from '../pipeline/diff.ts';
import type { Keyed } from '../pipeline/diff.ts';
import type { BridgeDelta } from '../pipeline/feature.ts';
import type { Datapath } from './datapath.ts';

export interface Levelled {
  readonly bridge: BridgeName;
  /** All that the bridge held. */
  readonly found: BridgeProgram;
  /** What the bridge held, without the rows that hold connections back. */
  readonly held: BridgeProgram;
  /** All that turns it into what it should hold; the removals are not done yet. */
  readonly delta: BridgeDelta;
}

export const isEmpty = (delta: BridgeDelta): boolean =>
  Object.values(delta).every((list: readonly unknown[]) => list.length === 0);

/** Puts in what the bridge lacks. */
export async function putMissing(
  datapath: Datapath,
  bridge: BridgeName,
  wanted: Keyed,
): Promise<Levelled> {
  const found = await datapath.program(bridge);
  const held = { ...found, flows: found.flows.filter(({ cookie }) => !isHold(cookie)) };
  const delta = diffKeyed(keyed(held), wanted);
  const puts = { ...delta, remove: [], removeGroups: [], removeMeters: [] };
  if (!isEmpty(puts)) await datapath.apply(bridge, puts);
  return { bridge, found, held, delta };
}

/** Takes out what the bridge should not hold. */
export async function sweepStale(datapath: Datapath, { bridge, delta }: Levelled): Promise<void> {
  const sweep = { ...delta, add: [], addGroups: [], addMeters: [] };
  if (!isEmpty(sweep)) await datapath.apply(bridge, sweep);
}
