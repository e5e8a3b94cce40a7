export { AgentHub } from './hub.ts';
export { acceptSocket } from './link.ts';
export type { Accept, Connect, Link, Receiver } from './link.ts';
