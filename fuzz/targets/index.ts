import type { Target } from '../target.ts';
import { captureTargets } from './captures.ts';
import { openflowTextTargets } from './openflow-text.ts';
import { openflowWireTargets } from './openflow-wire.ts';
import { ovsdbTargets } from './ovsdb.ts';
import { packetTargets } from './packets.ts';
import { zooKeeperTargets } from './zookeeper.ts';

/** Everything that reads what others wrote or sent. */
export const TARGETS: readonly Target[] = [
  ...openflowTextTargets,
  ...openflowWireTargets,
  ...ovsdbTargets,
  ...packetTargets,
  ...captureTargets,
  ...zooKeeperTargets,
];
