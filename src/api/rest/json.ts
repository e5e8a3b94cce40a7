import type { FastifyInstance } from 'fastify';
import { badRequest, shorten } from './check.ts';

/** Lists and objects within each other; what walks through them recurses once for each. */
const DEPTH_LIMIT = 32;

/** Takes every body for JSON whatever its content type says, as Neutron does. */
export function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, parseBodyText(body.toString()));
    } catch (error) {
      done(error as Error);
    }
  });
}

/** Stands before a number that is written as text for the moment; no text of a caller's has it. */
const EXACT = /"\\u0000(\d+)"/g;

/** As the framework says it of its own answers. */
export const JSON_TYPE = 'application/json; charset=utf-8';

/** An answer whose JSON is there already. */
export class Written {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** An answer as JSON; numbers beyond what JavaScript counts in are written out in full. */
export function writeJson(answer: unknown): string {
  if (answer instanceof Written) return answer.text;
  try {
    return JSON.stringify(answer);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const text = JSON.stringify(answer, (_name, value: unknown) =>
      typeof value === 'bigint' ? `\u0000${value}` : value,
    );
    return text.replaceAll(EXACT, '$1');
  }
}

/**
 * The value that a body holds, undefined for an empty one.
 * @throws {Failure} HTTPBadRequest for what is not JSON, or deeper than anything that is asked for.
 */
function parseBodyText(text: string): unknown {
  if (text.trim() === '') return undefined;
  const value = parse(text);
  if (fits(value, DEPTH_LIMIT)) return value;
  throw badRequest(`The body has more than ${DEPTH_LIMIT} lists and objects within each other`, {
    field: 'body',
    value: start(text),
    remedy: `nest at most ${DEPTH_LIMIT}`,
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(`The body is not JSON (${why})`, {
      field: 'body',
      value: start(text),
      remedy: 'send one complete JSON object such as {"network": {…}}',
    });
  }
}

const start = (text: string): string => shorten(text.slice(0, 64));

function fits(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth === 0) return false;
  return Object.values(value).every((inner) => fits(inner, depth - 1));
}
