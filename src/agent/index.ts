export { startAgent } from './start.ts';
export type { AgentOptions, RunningAgent } from './agent.ts';
