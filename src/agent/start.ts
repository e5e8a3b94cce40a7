/** Starts an agent: which node it is for, what the switch has kept, and which servers there are. */
import { formatIp, parseIp } from '../address/index.ts';
import { Failure } from '../base/failure.ts';
import { nodeName } from '../model/nodes.ts';
import { Agent, type AgentOptions, type RunningAgent } from './agent.ts';
import { pipelineFingerprint } from './fingerprint.ts';
import { NodeNumbers, chooseEpoch } from './numbers.ts';
import { type Reachable, reach } from './stream.ts';

/**
 * Starts an agent; resolves once the switch holds the first snapshot.
 * @throws {Failure} of the server when it refuses the node; of the datapath when it can't be opened;
 *   `Aborted` by the signal.
 */
export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const { datapath, pipeline = pipelineFingerprint() } = options;
  const node = nodeName(options.node, 'node');
  const servers = reachable(options.server);
  const opened = await Promise.race([datapath.open(), aborted(options.signal)]);
  const kept = await datapath.kept();
  const now = Math.floor(Date.now() / 1000);
  const epoch = chooseEpoch(kept, pipeline, now, options.newEpoch ?? false);
  const vtep = formatIp(parseIp(options.vtep, 'vtep'));
  const identity = { ...opened, node, vtep, epoch };
  const agent = new Agent(options, new NodeNumbers(identity, pipeline, kept), servers);
  try {
    await Promise.race([agent.started, aborted(options.signal)]);
  } catch (error) {
    await agent.close();
    throw error;
  }
  return agent;
}

function reachable(server: AgentOptions['server']): readonly Reachable[] {
  if (typeof server === 'string') return reach([server]);
  return typeof server === 'function' ? [{ name: 'in process', connect: server }] : server;
}

const aborted = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_resolve, reject) => {
    const stop = () =>
      reject(new Failure('unavailable', 'Aborted', 'stopped before the switch held its flows'));
    if (signal?.aborted === true) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
