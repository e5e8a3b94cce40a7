import { pino, type Level } from 'pino';
import { startAgent } from '../agent/index.ts';
import { connectTo } from '../agent/stream.ts';
import { simulatedDatapath } from '../agent/simulated.ts';

export interface RunAgentOptions {
  readonly node: string;
  readonly vtep: string;
  /** The server's URL. */
  readonly server: string;
  /** File that proves to the server which node this is. */
  readonly credential?: string;
  /** Names of br-phy's uplinks. */
  readonly uplinks?: readonly string[];
  /** VLAN of the underlay. */
  readonly vlan?: number;
  /** Gives up a start that still waits for its server. */
  readonly signal?: AbortSignal;
  /** Least level to log; `info` when left out. */
  readonly logLevel?: Level;
}

/** An agent on a simulated switch of its own, once that holds the node's flows; logs go to stderr. */
export async function runAgent({
  node,
  vtep,
  server,
  credential,
  signal,
  logLevel = 'info',
  ...physical
}: RunAgentOptions): Promise<{ close(): Promise<void> }> {
  const log = pino({ level: logLevel }, pino.destination({ fd: 2, sync: true })).child({ node });
  const datapath = simulatedDatapath({ node, vtep, ...physical });
  const cancel = signal === undefined ? {} : { signal };
  const connect = connectTo(server, credential === undefined ? undefined : { node, credential });
  const agent = await startAgent({ node, vtep, server: connect, datapath, log, ...cancel });
  return {
    close: async () => {
      await agent.close();
      await datapath.close();
    },
  };
}
