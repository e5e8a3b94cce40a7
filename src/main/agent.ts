import { pino, type Level } from 'pino';
import { startAgent } from '../agent/index.ts';
import type { Datapath } from '../agent/datapath.ts';
import type { OvsOptions } from '../agent/ovs/index.ts';
import { simulatedDatapath } from '../agent/simulated.ts';
import type { SimulatedOptions } from '../agent/simulated.ts';
import { reach } from '../agent/stream.ts';

export interface RunAgentOptions {
  readonly node: string;
  readonly vtep: string;
  /** URLs of servers of one store, at least one. */
  readonly servers: readonly string[];
  /** File that proves to the server which node this is. */
  readonly credential?: string;
  /** `unix:PATH` of an Open vSwitch's database; null: a simulated switch in this process. */
  readonly ovsdb: string | null;
  /** Names of br-phy's uplinks. */
  readonly uplinks?: readonly string[];
  /** VLAN of the underlay. */
  readonly vlan?: number;
  /** Writes all flows anew, under a new epoch. */
  readonly newEpoch?: boolean;
  /** Gives up a start that still waits for its server. */
  readonly signal?: AbortSignal;
  /** Least level to log; `info` when left out. */
  readonly logLevel?: Level;
}

/** Loads the client of a real switch only where there is one. */
async function openDatapath(
  ovsdb: string | null,
  options: SimulatedOptions & Pick<OvsOptions, 'log'>,
): Promise<Datapath> {
  if (ovsdb === null) return simulatedDatapath(options);
  const { ovsDatapath } = await import('../agent/ovs/index.ts');
  return ovsDatapath({ ...options, ovsdb });
}

/** An agent, once its switch holds the node's flows; logs go to stderr. */
export async function runAgent({
  node,
  vtep,
  servers,
  credential,
  ovsdb,
  newEpoch = false,
  signal,
  logLevel = 'info',
  ...physical
}: RunAgentOptions): Promise<{ close(): Promise<void> }> {
  const log = pino({ level: logLevel }, pino.destination({ fd: 2, sync: true })).child({ node });
  const server = reach(servers, credential === undefined ? undefined : { node, credential });
  const datapath = await openDatapath(ovsdb, { node, vtep, log, ...physical });
  const options = { node, vtep, server, datapath, log, newEpoch };
  try {
    const agent = await startAgent(signal === undefined ? options : { ...options, signal });
    return {
      close: async () => {
        await agent.close();
        await datapath.close();
      },
    };
  } catch (error) {
    await datapath.close();
    throw error;
  }
}
