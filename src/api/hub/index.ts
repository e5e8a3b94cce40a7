export { CredentialFile, issueCredential, readCredential } from './credential-file.ts';
export { authorization } from './credentials.ts';
export { AgentHub, type NodeReport } from './hub.ts';
export type { NodeState } from './peers.ts';
export type { Accept, Connect, Link, Receiver } from './link.ts';
