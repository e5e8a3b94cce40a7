/**
 * Runs a packet through one bridge the way OVS 3.1 translates and executes it: tables, actions,
 * groups, conntrack forks. The order of steps is that in which the datapath meets them: a fork runs
 * where its `ct` stands, before what follows it; with `ctNext` all forks wait for the translation
 * that they came of, as `ofproto/trace` follows them.
 */
import { CT_STATE } from '../openflow/build.ts';
import type { FlowKey } from '../openflow/fields.ts';
import { KeyArena } from './arena.ts';
import type { SimBridge } from './bridge.ts';
import { untracked } from './conntrack.ts';
import { handlers } from './translate/handlers.ts';
import type { ExecuteOptions } from './translate/pass.ts';
import { Walk } from './translate/walk.ts';
import type { Execution } from './types.ts';
import { AT } from './words.ts';

export type { ExecuteOptions } from './translate/pass.ts';

/** Of all executions: most are looked at and let go of before its chunk is full. */
const arena = new KeyArena();

/**
 * Sends one packet into `bridge` at table 0 and tells every step. `key` stays as it is; its in_port
 * says where the packet comes in.
 */
export function execute(bridge: SimBridge, key: FlowKey, options: ExecuteOptions): Execution {
  const walk = new Walk(handlers, options);
  const state = key[AT.ctState] ?? 0;
  const tracking = { ...untracked(), state, zone: (key[AT.ctZone] ?? 0) >>> 16 };
  const { keys = arena } = options;
  const packet = { keys, key: keys.copy(key), tracking, beneath: [], snapshot: null };
  walk.run({
    number: walk.nextNumber(),
    packet,
    bridge,
    table: 0,
    depth: 0,
    recirculations: 0,
    actionSet: [],
    stack: [],
    conntracked: (state & CT_STATE.trk) !== 0,
    remainder: null,
  });
  const { steps, initial, final, failures } = walk;
  return { steps, initial, final, failures };
}
