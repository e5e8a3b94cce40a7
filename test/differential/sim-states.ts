/** The states in which conntrack finds the forks of a packet, as a trace is told them. */
import type { Tracker } from '../../src/sim/index.ts';
import { AT } from '../../src/sim/words.ts';
import { parseCtState } from '../../src/trace/offline/index.ts';
import type { Random } from './sim-random.ts';

export const STATES = ['trk|new', 'trk|est', 'trk|est|rpl', 'trk|inv', 'trk|rel'] as const;

/** Forks of a packet that are told a state of their own: a trace takes those beyond for new. */
const OWN_STATES = 12;
/** Forks of a packet whose states are alike: OVS would follow more without end. */
const MOST_FORKS = 60;

export const drawStates = (random: Random): string[] =>
  Array.from({ length: OWN_STATES }, () => random.pick(STATES));

export const alike = (state: string): string[] => Array.from({ length: MOST_FORKS }, () => state);

/** As arguments of `ofproto/trace`. */
export const ctNext = (states: readonly string[]): string[] =>
  states.flatMap((state) => ['--ct-next', state.replaceAll('|', ',')]);

/** Finds `state` whatever the packet, and leaves the mark as the action set it, as a trace does. */
export function always(state: string): Tracker {
  const found = parseCtState(state);
  return {
    track(key, tracking, { zone }) {
      Object.assign(tracking, { state: found, zone, mark: key[AT.ctMark] });
    },
  };
}
