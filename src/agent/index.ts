export { PIPELINE_VERSION, startAgent } from './agent.ts';
export type { AgentOptions, RunningAgent } from './agent.ts';
export type { Datapath } from './datapath.ts';
