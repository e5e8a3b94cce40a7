export type { Before } from './apply.ts';
export { OpenFlowChannel, type ChannelEvents, type ChannelOptions } from './channel.ts';
export type { Changed } from './changes.ts';
export type { TrackedConnection } from './conntrack.ts';
