import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTestApi, type Json, type TestApi } from '../../../test/support/api.ts';

let api: TestApi;
let network: Json & { id: string };
beforeEach(async () => {
  api = await openTestApi();
  network = await api.make('networks', {});
});
afterEach(() => api.close());

const tagsOf = async (): Promise<unknown> =>
  (await api.ask('GET', `networks/${network.id}/tags`)).body['tags'];

describe('tags', () => {
  test('are replaced, added, asked for and taken away', async () => {
    const path = `networks/${network.id}/tags`;
    const put = await api.ask('PUT', path, { tags: ['red', 'blue'] });
    expect([put.status, put.body]).toEqual([200, { tags: ['red', 'blue'] }]);
    expect((await api.ask('PUT', `${path}/black.or%20white`)).status).toBe(201);
    expect((await api.ask('PUT', `${path}/red`)).status).toBe(201);
    expect(await tagsOf()).toEqual(['red', 'blue', 'black.or white']);
    expect(await api.ask('GET', `${path}/red`)).toMatchObject({ status: 204, body: {} });
    expect((await api.ask('DELETE', `${path}/red`)).status).toBe(204);
    for (const method of ['GET', 'DELETE'] as const) {
      expect(await api.ask(method, `${path}/red`)).toMatchObject({
        status: 404,
        body: { NeutronError: { type: 'TagNotFound' } },
      });
    }
    expect((await api.ask('DELETE', path)).status).toBe(204);
    expect(await tagsOf()).toEqual([]);
  });

  test('raise the revision of what they are on', async () => {
    await api.ask('PUT', `networks/${network.id}/tags/x`);
    const { body } = await api.ask('GET', `networks/${network.id}`);
    expect(body['network']).toMatchObject({ tags: ['x'], revision_number: 2 });
  });

  test.each([
    [{ tags: ['a', 'a'] }, 400],
    [{ tags: [''] }, 400],
    [{ tags: ['x'.repeat(256)] }, 400],
    [{ tags: 'a' }, 400],
    [{ colours: [] }, 400],
    [{}, 400],
  ])('%j is refused', async (body, status) => {
    expect((await api.ask('PUT', `networks/${network.id}/tags`, body)).status).toBe(status);
    expect(await tagsOf()).toEqual([]);
  });

  test('are not made by POST', async () => {
    const answer = await api.ask('POST', `networks/${network.id}/tags`, { tags: [] });
    expect(answer.status).toBe(405);
  });
});

describe('If-Match', () => {
  const ask = (method: 'PUT' | 'DELETE', match: string) =>
    api.app.inject({
      method,
      url: `/v2.0/networks/${network.id}`,
      headers: { 'if-match': match },
      ...(method === 'PUT' ? { payload: { network: { name: 'x' } } } : {}),
    });

  test('lets through only the revision that was seen', async () => {
    const stale = await ask('PUT', 'revision_number=0');
    expect(stale.statusCode).toBe(412);
    expect(stale.json()).toMatchObject({
      NeutronError: {
        type: 'RevisionNumberConstraintFailed',
        message: expect.stringContaining('Constrained to 0, but current revision is 1'),
      },
    });
    expect((await ask('PUT', 'revision_number=1')).statusCode).toBe(200);
    expect((await ask('DELETE', 'revision_number=1')).statusCode).toBe(412);
    expect((await ask('DELETE', '"revision_number=2"')).statusCode).toBe(204);
  });

  test.each(['revision_number=x', 'revision_number=1, revision_number=2'])(
    '%s is refused',
    async (match) => {
      expect((await ask('PUT', match)).statusCode).toBe(400);
    },
  );

  test.each(['*', '"etag"'])('%s means nothing here', async (match) => {
    expect((await ask('PUT', match)).statusCode).toBe(200);
  });
});
