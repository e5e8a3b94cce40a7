import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestApi, type Json, type TestApi } from '../../../test/support/api.ts';
import { RESOURCES } from '../resources/index.ts';
import { collectionKey } from '../rest/resource.ts';
import { type Document, openApiDocument, type Operation } from './document.ts';

const document = openApiDocument(RESOURCES);

const operations: readonly (readonly [string, string, Operation])[] = Object.entries(
  document.paths,
).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => [method, path, operation] as const),
);

/** Every object within a value. */
function* objectsIn(value: unknown): Iterable<Json> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield value as Json;
  for (const inner of Object.values(value)) yield* objectsIn(inner);
}

function resolved(reference: unknown): Json {
  const steps = String(reference).slice(2).split('/');
  return steps.reduce<unknown>((at, step) => (at as Json)[step], document) as Json;
}

/** What OpenAPI 3.1 wants of a document like this, as far as it is not JSON Schema. */
const text = Type.String({ minLength: 1 });
const media = Type.Object({ 'application/json': Type.Object({ schema: Type.Object({}) }) });
const reference = Type.Object({ $ref: text }, { additionalProperties: false });
const parameter = Type.Object({
  name: text,
  in: Type.Union([Type.Literal('query'), Type.Literal('path'), Type.Literal('header')]),
  schema: Type.Object({}),
});
const response = Type.Object({ description: text, content: Type.Optional(media) });
const SHAPE = Compile(
  Type.Object({
    openapi: Type.Literal('3.1.0'),
    info: Type.Object({ title: text, version: text }),
    paths: Type.Record(
      Type.String({ pattern: '^/' }),
      Type.Record(
        Type.String({ pattern: '^(get|put|post|delete)$' }),
        Type.Object({
          operationId: text,
          parameters: Type.Array(Type.Union([reference, parameter])),
          requestBody: Type.Optional(Type.Object({ content: media })),
          responses: Type.Record(
            Type.String({ pattern: '^[2-5][0-9][0-9]$' }),
            Type.Union([reference, response]),
          ),
        }),
      ),
    ),
    components: Type.Object({
      schemas: Type.Record(Type.String(), Type.Object({})),
      parameters: Type.Record(Type.String(), parameter),
      responses: Type.Record(Type.String(), response),
    }),
  }),
);

describe('the document', () => {
  test('has the form of OpenAPI 3.1', () => {
    expect(SHAPE.Errors(document).slice(0, 3)).toEqual([]);
    const broken = { ...document, paths: { ...document.paths, '/x': { get: {} } } };
    expect(SHAPE.Check(broken)).toBe(false);
  });

  test('refers only to what it has', () => {
    const references = [...objectsIn(document)].flatMap(({ $ref }) => ($ref ? [$ref] : []));
    expect(references.length).toBeGreaterThan(100);
    for (const each of references)
      expect([each, resolved(each) !== undefined]).toEqual([each, true]);
  });

  test('names each operation once', () => {
    const ids = operations.map(([, , { operationId }]) => operationId);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  });

  test.each(operations)('%s %s declares what is in its path', (_method, path, operation) => {
    const declared = operation.parameters.map((each) =>
      '$ref' in each ? resolved(each['$ref']) : each,
    );
    const names = declared.map((each) => `${String(each['in'])} ${String(each['name'])}`);
    expect(new Set(names).size).toBe(names.length);
    const inPath = declared.filter((each) => each['in'] === 'path').map((each) => each['name']);
    expect(inPath).toEqual(Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => name));
  });

  test('has types that can be checked', () => {
    for (const schema of Object.values(document.components.schemas)) {
      expect(() => Compile(schema)).not.toThrow();
    }
  });
});

describe('the API', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await openTestApi();
  });
  afterAll(() => api.close());

  test('serves it, and a page made of it', async () => {
    const served = await api.app.inject('/openapi.json');
    expect(served.json<Document>()).toEqual(JSON.parse(JSON.stringify(document)));
    const page = await api.app.inject('/docs');
    expect(page.headers['content-type']).toContain('text/html');
    for (const [method, path] of operations) {
      expect(page.body).toContain(`${method.toUpperCase()} ${path}`);
    }
  });

  test('takes every request of it, and no other method', async () => {
    for (const path of Object.keys(document.paths)) {
      const url = path.replaceAll(/\{\w+\}/g, '00000000-0000-4000-8000-000000000000');
      for (const method of ['GET', 'POST', 'PUT', 'DELETE'] as const) {
        const { statusCode, body } = await api.app.inject({ method, url });
        const known = statusCode !== 405 && !body.includes('The resource');
        expect([method, path, known]).toEqual([
          method,
          path,
          method.toLowerCase() in (document.paths[path] ?? {}),
        ]);
      }
    }
  });

  test('answers in the types that it has', async () => {
    const outside = await api.make('networks', { 'router:external': true });
    await api.make('subnets', { network_id: outside.id, cidr: '100.0.0.0/24' });
    const network = await api.make('networks', { cidr: '10.0.0.0/8' });
    await api.make('subnets', { network_id: network.id, cidr: '10.0.0.0/24' });
    const group = await api.make('security-groups', { name: 'x' });
    const rule = { security_group_id: group.id, direction: 'ingress', protocol: 'tcp' };
    await api.make('security-group-rules', rule);
    await api.make('ports', { network_id: network.id, security_groups: [group.id] });
    const external_gateway_info = { network_id: outside.id };
    await api.make('routers', { network_id: network.id, external_gateway_info });
    await api.make('floatingips', { floating_network_id: outside.id });
    await api.make('subnetpools', { name: 'x', prefixes: ['10.9.0.0/16'] });
    await api.make('address-scopes', { ip_version: 4 });
    await api.make('address-groups', { addresses: ['10.0.0.0/8'] });
    await api.make('nodes', { name: 'node1', vtep: '192.0.2.1' });
    for (const of of RESOURCES) {
      if (of.unlisted) continue;
      const { body } = await api.ask('GET', of.collection);
      const name = of.member.replaceAll(/(^|_)(.)/g, (_all, _start, letter: string) =>
        letter.toUpperCase(),
      );
      const schema = Compile(document.components.schemas[name] ?? {});
      for (const object of body[collectionKey(of)] as readonly Json[]) {
        expect([of.collection, schema.Errors(object)]).toEqual([of.collection, []]);
        const properties = (document.components.schemas[name]?.['properties'] ?? {}) as Json;
        expect(Object.keys(object).filter((key) => !(key in properties))).toEqual([]);
      }
    }
  });
});
