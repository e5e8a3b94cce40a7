export { AgentHub } from './hub.ts';
export type { Accept, Connect, Link, Receiver } from './link.ts';
