export { CredentialFile, issueCredential, readCredential } from './credential-file.ts';
export { authorization } from './credentials.ts';
export { AgentHub } from './hub.ts';
export type { Accept, Connect, Link, Receiver } from './link.ts';
