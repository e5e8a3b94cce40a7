/**
 * Nova's API as far as it takes events of others
 * (https://docs.openstack.org/api-ref/compute/, "Create External Events").
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { Failure } from '../../base/failure.ts';
import type { NovaEvent } from '../../model/nova-events.ts';

/** Where Nova is and by whose token it is told. */
export interface NovaService {
  /** Of its API, such as `http://nova:8774/v2.1`. */
  endpoint(): Promise<string>;
  /** null: none is needed. @param refused The one that Nova did not take: another is wanted. */
  token(refused?: string): Promise<string | null>;
}

/** What became of an event that Nova was sent: 200, or why it is not for Nova. */
export type Codes = readonly number[];

/** ms that Nova may take for one answer. */
const PATIENCE = 10_000;

const answerBody = Compile(
  Type.Object({
    events: Type.Array(
      Type.Object({
        server_uuid: Type.String(),
        name: Type.String(),
        tag: Type.Optional(Type.Union([Type.String(), Type.Null()])),
        code: Type.Optional(Type.Integer()),
      }),
    ),
  }),
);

/** Answers to a request that would be the same however often it is made. */
const REFUSED: ReadonlySet<number> = new Set([400, 404]);

/**
 * Tells Nova of `events`.
 * @returns a code for each.
 * @throws {Failure} `unavailable` when Nova did not take them and may later.
 */
export async function tellNova(nova: NovaService, events: readonly NovaEvent[]): Promise<Codes> {
  const url = `${(await nova.endpoint()).replace(/\/+$/, '')}/os-server-external-events`;
  const token = await nova.token();
  let answer = await post(url, token, events);
  if (answer.status === 401 && token !== null) {
    answer = await post(url, await nova.token(token), events);
  }
  const { status, body } = answer;
  if (REFUSED.has(status)) return events.map(() => status);
  if (status === 200 || status === 207) return codesOf(events, body);
  throw unavailable(url, `answered ${status}`);
}

/** Nova says of each event what became of it; those that it does not name were taken. */
function codesOf(events: readonly NovaEvent[], body: unknown): Codes {
  const said = answerBody.Check(body) ? body.events : [];
  return events.map(
    ({ server_uuid, name, tag }) =>
      said.find(
        (each) => each.server_uuid === server_uuid && each.name === name && each.tag === tag,
      )?.code ?? 200,
  );
}

async function post(
  url: string,
  token: string | null,
  events: readonly NovaEvent[],
): Promise<{ status: number; body: unknown }> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(token === null ? {} : { 'x-auth-token': token }),
      },
      body: JSON.stringify({ events }),
      redirect: 'error',
      signal: AbortSignal.timeout(PATIENCE),
    });
    const text = await response.text();
    return { status: response.status, body: parsed(text) };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw unavailable(url, cause instanceof Error ? cause.message : String(cause));
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const unavailable = (url: string, why: string): Failure =>
  new Failure('unavailable', 'NovaUnavailable', `Nova does not take events (${why})`, {
    field: 'nova.endpoint',
    value: url,
  });
