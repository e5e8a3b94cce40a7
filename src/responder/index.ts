export type { Sent, Silence } from './answer.ts';
export { clientOf, type Client } from './client.ts';
export { respond, type PacketToAgent } from './respond.ts';
export { advertisement } from './router.ts';
