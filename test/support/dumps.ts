/** What the agent of a simulated switch answers when it is asked for a dump. */
import type { AgentQuery } from '../../src/model/stream.ts';
import type { SimBridge } from '../../src/sim/bridge.ts';
import { dumpFlows, dumpGroups, dumpPorts } from '../../src/sim/dump.ts';

const nothing = (): string => '';

const DUMPS: Readonly<Record<AgentQuery['what'], (bridge: SimBridge, now: number) => string>> = {
  flows: dumpFlows,
  groups: dumpGroups,
  ports: dumpPorts,
  conntrack: nothing,
  neighbours: nothing,
};

export const dumpOf = (what: AgentQuery['what'], bridge: SimBridge): string =>
  DUMPS[what](bridge, 0);
