/**
 * How an agent proves which node it speaks for. Its credential is `NODE:SECRET`; the server keeps
 * lines of `NODE HASH`. A secret is 256 random bits and no password, so it cannot be guessed, with
 * or without its hash, and one SHA-256 is enough: a slow hash would add nothing but seconds to the
 * return of a thousand agents. The node's name is hashed along, so equal secrets do not show.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Failure } from '../../base/failure.ts';
import { nodeName } from '../../model/nodes.ts';

const SECRET_BYTES = 32;
/** 256 bits in base64url. */
const SECRET = /^[A-Za-z0-9_-]{43}$/;
/** SHA-256 in hexadecimal. */
const HASH = /^[0-9a-f]{64}$/;

export interface Credential {
  readonly node: string;
  readonly secret: string;
}

/** What a link has proven: it stands as long as the server's list holds the pair. */
export interface Proof {
  readonly node: string;
  readonly hash: string;
}

/** By node its hashes: two while one replaces the other. */
export type CredentialList = ReadonlyMap<string, ReadonlySet<string>>;

export function newCredential(node: string): Credential {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  return { node: nodeName(node, 'node'), secret };
}

export const formatCredential = ({ node, secret }: Credential): string => `${node}:${secret}`;

/** The server's half of a credential. */
export function proofOf({ node, secret }: Credential): Proof {
  const hash = createHash('sha256').update(`${node}:${secret}`).digest('hex');
  return { node, hash };
}

export const formatProof = ({ node, hash }: Proof): string => `${node} ${hash}`;

function invalid(field: string, message: string, remedy: string): Failure {
  return new Failure('invalid', 'CredentialInvalid', message, { field, remedy });
}

/**
 * Reads an agent's file. Its content stays out of the message.
 * @param file Its name, for the message.
 * @throws {Failure} invalid for anything but one line NODE:SECRET.
 */
export function parseCredential(text: string, file: string): Credential {
  const [node = '', secret = '', ...rest] = text.trim().split(':');
  if (rest.length > 0 || !SECRET.test(secret)) {
    const message = `the credential file ${file} does not hold one line NODE:SECRET`;
    throw invalid('credential', message, 'make one with tianchi agent-credential');
  }
  return { node: nodeName(node, 'credential'), secret };
}

/**
 * Reads the server's file: a line `NODE HASH` each, empty lines and those that begin with # aside.
 * @throws {Failure} invalid, naming the line.
 */
export function parseCredentialList(text: string, file: string): CredentialList {
  const list = new Map<string, Set<string>>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [node = '', hash = '', ...rest] = line.trim().split(/\s+/);
    if (rest.length > 0 || !HASH.test(hash)) {
      const message = `line ${index + 1} of ${file} is no line NODE HASH`;
      throw invalid('agent-credentials', message, 'make one with tianchi agent-credential');
    }
    const name = nodeName(node, `line ${index + 1} of ${file}`);
    const hashes = list.get(name);
    if (hashes === undefined) list.set(name, new Set([hash]));
    else hashes.add(hash);
  }
  return list;
}

/** The value of the header Authorization, RFC 7617. */
export const authorization = (credential: Credential): string =>
  `Basic ${Buffer.from(formatCredential(credential)).toString('base64')}`;

/** @returns undefined for a header that bears no credential. */
function presented(header: string | undefined): Credential | undefined {
  const encoded = /^basic +([A-Za-z0-9+/=]+) *$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const [node = '', secret = '', ...rest] = Buffer.from(encoded, 'base64').toString().split(':');
  return rest.length === 0 && SECRET.test(secret) ? { node, secret } : undefined;
}

const NOBODY: ReadonlySet<string> = new Set(['0'.repeat(64)]);

/**
 * What the header Authorization proves. How long that takes tells nothing of the list.
 * @throws {Failure} forbidden: no credential, or none that the list holds.
 */
export function prove(header: string | undefined, list: CredentialList): Proof {
  const credential = presented(header);
  if (credential === undefined) {
    throw refusal('The agent presents no credential', 'start it with --credential FILE');
  }
  const proof = proofOf(credential);
  const digest = Buffer.from(proof.hash, 'hex');
  let held = false;
  for (const hash of list.get(proof.node) ?? NOBODY) {
    held = timingSafeEqual(digest, Buffer.from(hash, 'hex')) || held;
  }
  if (held) return proof;
  const message = `The credential presented for node ${JSON.stringify(proof.node)} is not on the server's list`;
  throw refusal(message, 'make a new one with tianchi agent-credential');
}

export const refusal = (message: string, remedy: string): Failure =>
  new Failure('forbidden', 'AgentNotProven', message, { field: 'credential', remedy });

/** Whether the list still holds what a link has proven. */
export const stands = ({ node, hash }: Proof, list: CredentialList): boolean =>
  list.get(node)?.has(hash) ?? false;
