/** A bridge that others programmed, traced by its switch and by us from its dumps. */
import type { Unixctl } from '../../src/net/unixctl.ts';
import {
  parseCtState,
  readPacket,
  traceOffline,
  type LoadedBridge,
  type Section,
} from '../../src/trace/offline/index.ts';
import type { Sandbox } from '../support/ovs.ts';
import { flatten, outcomeOf, readSections, type RealSection } from './offline-peer.ts';
import { ctNext } from './sim-states.ts';

export interface Comparison {
  readonly theirs: readonly RealSection[];
  readonly ours: readonly RealSection[];
  readonly outcome: Section['outcome'];
  /** The packet and what the switch said of it. */
  readonly label: string;
}

/** Of the flow that drops all in a bridge at the other end of a patch port. */
const PEER_COOKIE = '0xfeed';

/** Has a bridge, one that packets come to by a patch port, drop them: its dumps are not given to us. */
export function dropAll(ovs: Sandbox, peer: string): void {
  ovs.ofctl(['add-flow', peer, `cookie=${PEER_COOKIE},priority=0,actions=drop`]);
}

const withoutPeers = (section: RealSection): RealSection => ({
  ...section,
  path: section.path.filter(({ cookie }) => cookie !== PEER_COOKIE),
});

/** Traces a packet both ways. */
export async function compareTraces(
  unixctl: Unixctl,
  name: string,
  bridge: LoadedBridge,
  packet: string,
  states: readonly string[],
): Promise<Comparison> {
  const next = ctNext(states);
  const text = await unixctl.call('ofproto/trace', name, packet, ...next);
  const theirs = readSections(text).map(withoutPeers);
  const key = readPacket(packet, bridge.textOptions, null);
  const { section } = traceOffline(bridge, key, states.map(parseCtState));
  return {
    theirs,
    ours: flatten(section),
    outcome: outcomeOf(theirs),
    label: `${packet} ${next.join(' ')}\n${text}`,
  };
}
