export { PeerServers } from './servers.ts';
