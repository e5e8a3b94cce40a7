/** The API as an OpenAPI 3.1 document, from the declarations of its resources alone. */
import type { TSchema } from 'typebox';
import { namesOf, type Rule } from '../auth/rules.ts';
import { BULK_LIMIT } from '../rest/body.ts';
import type { AnyAction } from '../rest/actions.ts';
import { type AnyResource, type Attribute, collectionKey } from '../rest/resource.ts';
import { record } from '../rest/schemas.ts';
import { ERROR_RESPONSES, errorsOf } from './errors.ts';

type Json = Readonly<Record<string, unknown>>;

const VERSION = '2.0';

export interface Document {
  readonly openapi: '3.1.0';
  readonly info: Json;
  readonly security: readonly Json[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Json>>;
    readonly parameters: Readonly<Record<string, Json>>;
    readonly responses: Readonly<Record<string, Json>>;
    readonly securitySchemes: Json;
  };
}

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly parameters: readonly Json[];
  readonly requestBody?: Json;
  readonly responses: Json;
}

const ref = (kind: 'schemas' | 'parameters' | 'responses', name: string): Json => ({
  $ref: `#/components/${kind}/${name}`,
});

/** Limits of what may be given, to which what the system itself makes is not held. */
const LIMITS: ReadonlySet<string> = new Set(['pattern', 'maxItems', 'uniqueItems']);
const NONE: ReadonlySet<string> = new Set();

/** A type as plain JSON Schema, with what an id names under a keyword of our own. */
function plain(schema: TSchema, without = NONE): Json {
  const rename = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(rename);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).filter(([key]) => !without.has(key));
    return Object.fromEntries(
      entries.map(([key, inner]) => [key === 'references' ? 'x-references' : key, rename(inner)]),
    );
  };
  return rename(schema) as Json;
}

/** As in a sentence: `security group`. */
const words = (of: AnyResource): string => of.member.replaceAll('_', ' ');

const componentOf = (of: AnyResource): string =>
  of.member.replace(/(^|_)(.)/g, (_match, _start, letter: string) => letter.toUpperCase());

const who = (rule: Rule): string => `For ${[...new Set(['admin', ...namesOf(rule)])].join(', ')}.`;

type Declared = readonly [name: string, attribute: Attribute<never>];

const attributesOf = (of: AnyResource): readonly Declared[] => Object.entries(of.attributes);

function objectOf(attributes: readonly Declared[], more: Json = {}): Json {
  const properties = attributes.map(([name, { schema }]) => [name, plain(schema)]);
  return { type: 'object', properties: Object.fromEntries(properties), ...more };
}

function shownObject(of: AnyResource): Json {
  const shown = attributesOf(of).filter(([, attribute]) => !attribute.hidden);
  const properties = shown.map(([name, { schema, post, put }]) => [
    name,
    {
      ...plain(schema, LIMITS),
      ...(post || put ? {} : { readOnly: true }),
      ...(of.access.hidden?.includes(name) ? { 'x-shown-to': 'admin' } : {}),
    },
  ]);
  return { type: 'object', properties: Object.fromEntries(properties) };
}

function givenObject(of: AnyResource, purpose: 'post' | 'put'): Json {
  const given = attributesOf(of).filter(([, attribute]) => attribute[purpose]);
  const required = given.filter(([, attribute]) => purpose === 'post' && attribute.required);
  return objectOf(given, {
    additionalProperties: false,
    ...(required.length === 0 ? {} : { required: required.map(([name]) => name) }),
  });
}

const wrapped = (key: string, schema: Json): Json => ({
  type: 'object',
  properties: { [key]: schema },
  required: [key],
  additionalProperties: false,
});

const content = (schema: Json): Json => ({ 'application/json': { schema } });

/** What a list of a resource is asked for by. */
function listParameters(of: AnyResource): readonly Json[] {
  const filters = attributesOf(of)
    .filter(([, { filter }]) => filter !== false)
    .map(([name, { schema }]) => ({
      name,
      in: 'query',
      description: `Only those with this ${name}; given several times: with any of them.`,
      schema: { type: 'array', items: { type: typeOf(schema) } },
    }));
  const keys = attributesOf(of).map(([name]) => name);
  const sort_key = {
    name: 'sort_key',
    in: 'query',
    description: 'What to sort by, with one `sort_dir` each.',
    schema: { type: 'array', items: { type: 'string', enum: keys } },
  };
  const common = ['sort_dir', 'limit', 'marker', 'page_reverse', 'fields'];
  const tags = 'tags' in of.attributes ? ['tags-any', 'not-tags', 'not-tags-any'] : [];
  return [...filters, sort_key, ...[...common, ...tags].map((name) => ref('parameters', name))];
}

/** In a query all is text, but some of it reads as something else. */
function typeOf(schema: TSchema): string {
  const { type } = schema as { readonly type?: unknown };
  return type === 'boolean' || type === 'integer' ? type : 'string';
}

const query = (name: string, description: string, schema: Json): Json => ({
  name,
  in: 'query',
  description,
  schema,
});

const TEXTS = { type: 'array', items: { type: 'string' } };
const PARAMETERS: Readonly<Record<string, Json>> = {
  fields: query('fields', 'The attributes to show; none: all.', TEXTS),
  sort_dir: query('sort_dir', 'The direction of each `sort_key`.', {
    type: 'array',
    items: { type: 'string', enum: ['asc', 'desc'] },
  }),
  limit: query('limit', 'How many objects a page has; 0: all are on one.', {
    type: 'integer',
    minimum: 0,
  }),
  marker: query('marker', 'The id of the object before the page.', { type: 'string' }),
  page_reverse: query('page_reverse', 'The page before the marker, not after it.', {
    type: 'boolean',
  }),
  'tags-any': query('tags-any', 'Objects with one of these tags, by commas.', { type: 'string' }),
  'not-tags': query('not-tags', 'Objects without all of these tags.', { type: 'string' }),
  'not-tags-any': query('not-tags-any', 'Objects without any of these tags.', { type: 'string' }),
  'If-Match': {
    name: 'If-Match',
    in: 'header',
    description: '`revision_number=N`: only if the object is of that revision.',
    schema: { type: 'string', pattern: '^revision_number=[0-9]+$' },
  },
};

const pathParameter = (name: string, description: string): Json => ({
  name,
  in: 'path',
  required: true,
  description,
  schema: { type: 'string', minLength: 1, maxLength: 255 },
});

/** A resource at its place: by itself, or below the objects of another. */
interface Place {
  readonly of: AnyResource;
  readonly path: string;
  readonly parameters: readonly Json[];
  /** Whether the resource's name alone says which it is. */
  readonly prefix: string;
}

const idName = (of: AnyResource): string => `${of.member}_${of.idAttribute}`;

function* placesOf(resources: readonly AnyResource[]): Iterable<Place> {
  for (const of of resources) {
    yield { of, path: `/v2.0/${of.collection}`, parameters: [], prefix: '' };
    for (const child of of.children) {
      yield {
        of: child,
        path: `/v2.0/${of.collection}/{${idName(of)}}/${child.collection}`,
        parameters: [pathParameter(idName(of), `The ${words(of)}.`)],
        prefix: `${of.member}_`,
      };
    }
  }
}

type Placed = readonly [path: string, method: string, operation: Omit<Operation, 'tags'>];

const MATCH = ref('parameters', 'If-Match');

const shown = (status: number, what: Json, description: string): Json => ({
  [status]: { description, content: content(what) },
});

const schemaOf = (of: AnyResource): Json => ref('schemas', componentOf(of));

const pageOf = (of: AnyResource): Json => ({
  [collectionKey(of)]: { type: 'array', items: schemaOf(of) },
});

function* collectionOperations({ of, path, parameters, prefix }: Place): Iterable<Placed> {
  const many = collectionKey(of);
  const { create } = of.plans;
  if (!of.unlisted) {
    const links = { [`${many}_links`]: { type: 'array', items: { type: 'object' } } };
    const page = { type: 'object', properties: { ...pageOf(of), ...links } };
    const operation = {
      operationId: `list_${prefix}${many}`,
      summary: `List ${many.replaceAll('_', ' ')}`,
      description: who(of.access.get),
      parameters: [...parameters, ...listParameters(of)],
      responses: { ...shown(200, page, 'The page asked for.'), ...errorsOf('list') },
    };
    yield [path, 'GET', operation];
  }
  if (create === undefined) return;
  const given = ref('schemas', `${componentOf(of)}Create`);
  const bulk = { type: 'array', items: given, minItems: 1, maxItems: BULK_LIMIT };
  const body = { oneOf: [wrapped(of.member, given), wrapped(many, bulk)] };
  const made = {
    oneOf: [
      wrapped(of.member, schemaOf(of)),
      { type: 'object', properties: pageOf(of), required: [many] },
    ],
  };
  const operation = {
    operationId: `create_${prefix}${of.member}`,
    summary: 'Create one or several: all or none',
    description: who(of.access.create),
    parameters,
    requestBody: { required: true, content: content(body) },
    responses: { ...shown(201, made, 'What was created.'), ...errorsOf('create') },
  };
  yield [path, 'POST', operation];
}

const memberPath = ({ of, path }: Place): string => `${path}/{${idName(of)}}`;

const memberParameters = ({ of, parameters }: Place): readonly Json[] => [
  ...parameters,
  pathParameter(idName(of), `The ${words(of)}.`),
];

function* memberOperations(place: Place): Iterable<Placed> {
  const { of, prefix } = place;
  const path = memberPath(place);
  const parameters = memberParameters(place);
  const whole = wrapped(of.member, schemaOf(of));
  const show = {
    operationId: `show_${prefix}${of.member}`,
    summary: 'Show one',
    description: who(of.access.get),
    parameters: [...parameters, ref('parameters', 'fields')],
    responses: { ...shown(200, whole, 'As it is.'), ...errorsOf('show') },
  };
  yield [path, 'GET', show];
  if (of.plans.update !== undefined) {
    const body = wrapped(of.member, ref('schemas', `${componentOf(of)}Update`));
    const update = {
      operationId: `update_${prefix}${of.member}`,
      summary: 'Change the attributes given',
      description: who(of.access.update),
      parameters: [...parameters, MATCH],
      requestBody: { required: true, content: content(body) },
      responses: { ...shown(200, whole, 'As it is now.'), ...errorsOf('change') },
    };
    yield [path, 'PUT', update];
  }
  if (of.plans.delete !== undefined) {
    const remove = {
      operationId: `delete_${prefix}${of.member}`,
      summary: 'Delete one',
      description: who(of.access.delete),
      parameters: [...parameters, MATCH],
      responses: { 204: { description: 'It is gone.' }, ...errorsOf('change') },
    };
    yield [path, 'DELETE', remove];
  }
}

function* actionOperations(place: Place): Iterable<Placed> {
  const { of, prefix } = place;
  for (const action of of.actions) {
    const { method, name, status = 200, plan } = action;
    const [path, more] = actionPath(memberPath(place), action);
    const id = [method.toLowerCase(), prefix + of.member, name].join('_');
    const done = { 204: { description: 'Done.' } };
    const operation = {
      operationId: id.replaceAll(/\W+/g, '_').replace(/_$/, ''),
      summary: name === '' ? 'Show one' : name.replaceAll(/[_/:]+/g, ' '),
      description: who(action.access),
      parameters: [...memberParameters(place), ...more, ...(plan === undefined ? [] : [MATCH])],
      ...bodyOf(action),
      responses: {
        ...(status === 204 ? done : shown(status, answerOf(of, action), 'Done.')),
        ...errorsOf(method === 'GET' ? 'show' : 'change'),
      },
    };
    yield [path, method, operation];
  }
}

function pathsOf(places: readonly Place[]): Document['paths'] {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const place of places) {
    const tags = [place.of.collection];
    for (const operations of [collectionOperations, memberOperations, actionOperations]) {
      for (const [path, method, operation] of operations(place)) {
        paths[path] = { ...paths[path], [method.toLowerCase()]: { tags, ...operation } };
      }
    }
  }
  return paths;
}

/** `tags/:tag` as a template and its parameters. */
function actionPath(member: string, { name }: AnyAction): [path: string, parameters: Json[]] {
  if (name === '') return [member, []];
  const parameters = [...name.matchAll(/:(\w+)/g)].map(([, part = '']) =>
    pathParameter(part, `The ${part}.`),
  );
  return [`${member}/${name.replaceAll(/:(\w+)/g, '{$1}')}`, parameters];
}

function bodyOf({ body, key }: AnyAction): { requestBody?: Json } {
  if (body === undefined) return {};
  const schema = key === undefined ? plain(body) : plain(record({ [key]: body }));
  return { requestBody: { required: true, content: content(schema) } };
}

const answerOf = (of: AnyResource, { answer }: AnyAction): Json =>
  answer === undefined ? wrapped(of.member, ref('schemas', componentOf(of))) : {};

/** @returns a new document, as JSON. */
export function openApiDocument(resources: readonly AnyResource[]): Document {
  const schemas: Record<string, Json> = {};
  const places = [...placesOf(resources)];
  for (const { of } of places) {
    const name = componentOf(of);
    schemas[name] = shownObject(of);
    if (of.plans.create !== undefined) schemas[`${name}Create`] = givenObject(of, 'post');
    if (of.plans.update !== undefined) schemas[`${name}Update`] = givenObject(of, 'put');
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tianchi',
      version: VERSION,
      description: "Networks, ports and routers for VMs, by OpenStack Neutron's API.",
    },
    security: [{ token: [] }, {}],
    tags: places.map(({ of }) => ({
      name: of.collection,
      description: `All ${collectionKey(of).replaceAll('_', ' ')}.`,
    })),
    paths: pathsOf(places),
    components: {
      schemas: { ...schemas, Error: ERROR },
      parameters: PARAMETERS,
      responses: ERROR_RESPONSES,
      securitySchemes: {
        token: {
          type: 'apiKey',
          in: 'header',
          name: 'X-Auth-Token',
          description: "Keystone's token; none is needed where the server does not ask Keystone.",
        },
      },
    },
  };
}

const ERROR: Json = {
  type: 'object',
  properties: {
    NeutronError: {
      type: 'object',
      properties: {
        type: { type: 'string', description: "Neutron's name for what is wrong" },
        message: { type: 'string', description: 'a sentence for a person' },
        detail: { type: 'string' },
      },
      required: ['type', 'message', 'detail'],
    },
  },
  required: ['NeutronError'],
};
