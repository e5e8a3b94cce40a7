import type { Failure } from '../../base/failure.ts';
import { invalid } from '../../model/values.ts';
import type { AnyAction } from './actions.ts';
import type { AnyResource, Attribute } from './resource.ts';
import { attributeOf, collectionKey } from './resource.ts';
import { badRequest, checkAttribute, shorten } from './check.ts';

export type Json = Readonly<Record<string, unknown>>;

export interface Body {
  readonly items: readonly Json[];
  /** Asked for with the collection's key: answered with it, too. */
  readonly bulk: boolean;
}

type Purpose = 'post' | 'put';

/** Objects that one request makes: they are one write, which a store must be able to take. */
export const BULK_LIMIT = 500;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Takes the attributes out of a body, with aliases resolved.
 * @throws {Failure} HTTPBadRequest for anything that the resource does not declare.
 */
export function parseBody(of: AnyResource, purpose: Purpose, body: unknown): Body {
  const keys = purpose === 'post' ? [of.member, collectionKey(of)] : [of.member];
  const [key, content] = contentOf(body, keys);
  if (key === of.member) return { items: [attributesOf(of, purpose, content, key)], bulk: false };
  if (!Array.isArray(content) || content.length === 0) {
    throw badRequest(
      `Invalid input for ${key}. Reason: ${shorten(content)} is not a list of objects`,
      {
        field: key,
        value: shorten(content),
      },
    );
  }
  if (content.length > BULK_LIMIT) {
    throw badRequest(`${key} has ${content.length} objects, more than one request can make`, {
      field: key,
      value: content.length,
      remedy: `send ${BULK_LIMIT} at most`,
    });
  }
  return {
    items: content.map((item, at) =>
      attributesOf(of, purpose, unwrapped(of, item), `${key}[${at}]`),
    ),
    bulk: true,
  };
}

/** Some clients put each object of many under its member's key once more. */
function unwrapped(of: AnyResource, item: unknown): unknown {
  const alone = isObject(item) && Object.keys(item).length === 1;
  return alone && isObject(item[of.member]) && !(of.member in of.attributes)
    ? item[of.member]
    : item;
}

/**
 * What the body of an action holds; undefined where it reads none.
 * @throws {Failure} HTTPBadRequest for another type than the action declares.
 */
export function parseActionBody({ body: schema, key }: AnyAction, body: unknown): unknown {
  if (schema === undefined) return undefined;
  const [name, content] = key === undefined ? ['body', body ?? {}] : contentOf(body, [key]);
  checkAttribute(name, schema, content);
  return content;
}

/** The one of `keys` that the body has, and what it holds. */
function contentOf(body: unknown, keys: readonly string[]): [key: string, content: unknown] {
  const example = `{"${keys[0]}": {…}}`;
  if (!isObject(body)) {
    const found = body === undefined || body === null ? 'nothing' : shorten(body);
    throw badRequest(`The body holds ${found}`, {
      field: 'body',
      value: found,
      remedy: `send a JSON object such as ${example}`,
    });
  }
  const given = Object.keys(body);
  const key = keys.find((name) => name in body);
  if (key === undefined || given.length !== 1) {
    throw badRequest(`The body has the keys ${shorten(given)}`, {
      field: 'body',
      value: shorten(given),
      remedy: `send one object with the one key '${keys.join("' or '")}', such as ${example}`,
    });
  }
  return [key, body[key]];
}

function attributesOf(of: AnyResource, purpose: Purpose, content: unknown, field: string): Json {
  if (!isObject(content)) {
    throw badRequest(`Invalid input for ${field}. Reason: ${shorten(content)} is not an object`, {
      field,
      value: shorten(content),
      remedy: `send the attributes of one ${of.member}, such as {"name": "…"}`,
    });
  }
  refuseUnknown(of, content);
  refuseReadOnly(of, purpose, content);
  if (purpose === 'post') refuseMissing(of, content);
  const attributes: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(content)) {
    const { alias, schema, convert } = declared(of, name);
    checkAttribute(name, schema, given);
    const value = convert === undefined ? given : convert(given);
    const target = alias ?? name;
    if (target in attributes && attributes[target] !== value) throw notAlike(of, target, value);
    attributes[target] = value;
  }
  return attributes;
}

/**
 * What the model is told of the attributes that a caller gave, who may give them.
 * @throws {Failure} InvalidInput for a constant that is to be something else.
 */
export function withoutConstants(of: AnyResource, attributes: Json): Json {
  const isConstant = (name: string) => declared(of, name).constant !== undefined;
  if (!Object.keys(attributes).some(isConstant)) return attributes;
  const kept: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(attributes)) {
    const { constant } = declared(of, name);
    if (constant === undefined) kept[name] = given;
    else if (given !== constant.value) {
      const remedy = `leave it out: it is ${shorten(constant.value)}`;
      throw invalid(name, given, 'is not supported', remedy);
    }
  }
  return kept;
}

/** An attribute was given by two of its names, differently. */
function notAlike(of: AnyResource, target: string, value: unknown): Failure {
  const aliases = Object.entries(of.attributes).filter(([, { alias }]) => alias === target);
  const names = [target, ...aliases.map(([name]) => name)].map((name) => `'${name}'`);
  return badRequest(`${names.join(' and ')} do not match`, {
    field: target,
    value: shorten(value),
    verbatim: true,
  });
}

function declared(of: AnyResource, name: string): Attribute<never> {
  const attribute = attributeOf(of, name);
  if (attribute === undefined) throw new Error(`${of.collection} has no attribute ${name}`);
  return attribute;
}

function refuseUnknown(of: AnyResource, content: Json): void {
  const unknown = Object.keys(content).filter((name) => attributeOf(of, name) === undefined);
  if (unknown.length === 0) return;
  const names = unknown.map((name) => (name.length > 64 ? `${name.slice(0, 64)}…` : name));
  const known = Object.entries(of.attributes)
    .filter(([, attribute]) => attribute.post || attribute.put)
    .map(([name]) => name);
  throw badRequest(`Unrecognized attribute(s) '${names.slice(0, 8).join(', ')}'`, {
    field: names.join(', '),
    value: shorten(content[unknown[0] ?? '']),
    remedy: `a ${of.member} takes ${known.join(', ')}`,
  });
}

function refuseReadOnly(of: AnyResource, purpose: Purpose, content: Json): void {
  const name = Object.keys(content).find((name) => !declared(of, name)[purpose]);
  if (name === undefined) return;
  const verdict =
    purpose === 'post'
      ? `Attribute '${name}' not allowed in POST`
      : `Cannot update read-only attribute ${name}`;
  throw badRequest(`${verdict} (it was ${shorten(content[name])})`, {
    field: name,
    value: shorten(content[name]),
    remedy: declared(of, name).post ? 'it is given when the object is made' : 'leave it out',
  });
}

function refuseMissing(of: AnyResource, content: Json): void {
  const missing = Object.keys(of.attributes).filter(
    (name) => declared(of, name).required && !(name in content),
  );
  if (missing.length === 0) return;
  throw badRequest(
    `Failed to parse request. Required attribute '${missing.join("', '")}' not specified`,
    { field: missing.join(', '), remedy: `a ${of.member} cannot be made without` },
  );
}
