/** Requests to a server that may die, and the collections that they are about. */

export type Json = Record<string, unknown>;

export interface Answer {
  readonly status: number;
  /** Empty where the answer has none. */
  readonly body: Json;
}

/** What one of a collection is called. */
export const MEMBERS = {
  networks: 'network',
  subnets: 'subnet',
  routers: 'router',
  ports: 'port',
  'security-groups': 'security_group',
  'security-group-rules': 'security_group_rule',
  'address-groups': 'address_group',
  nodes: 'node',
} as const;
export type Collection = keyof typeof MEMBERS;

export interface Asked {
  readonly body?: Json;
  /** The revision that the object must have. */
  readonly match?: number | undefined;
  /** ms after which an answer is no longer waited for. */
  readonly patience?: number;
}

/** The answer; null when none came, so that nobody knows whether it was done. */
export async function ask(
  url: string,
  method: string,
  path: string,
  { body, match, patience }: Asked = {},
): Promise<Answer | null> {
  try {
    const answer = await fetch(`${url}/v2.0/${path}`, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(match === undefined ? {} : { 'if-match': `revision_number=${match}` }),
      },
      ...(patience === undefined ? {} : { signal: AbortSignal.timeout(patience) }),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? {} : (JSON.parse(text) as Json) };
  } catch {
    return null;
  }
}
