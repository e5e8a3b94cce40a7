/** What random requests have found, one by one. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestApi, type TestApi } from '../support/api.ts';

const NOBODY = '00000000-0000-4000-8000-000000000000';

let api: TestApi;
beforeAll(async () => {
  api = await openTestApi({ defaultSecurityGroup: true });
});
afterAll(() => api.close());

test('objects with numbers beyond what JavaScript counts in are sorted by', async () => {
  for (const cidr of ['2001:db8::/64', '2001:db8:1::/64']) {
    const { id } = await api.make('networks', {});
    await api.make('subnets', { network_id: id, cidr });
  }
  const path = 'network-ip-availabilities?sort_key=subnet_ip_availability&sort_dir=asc';
  expect((await api.ask('GET', path)).status).toBe(200);
});

test('a list that is refused makes no default group', async () => {
  const { revision } = api.store;
  const { status } = await api.ask('GET', `security-groups?tenant_id=nobody&marker=${NOBODY}`);
  expect([status, api.store.revision]).toEqual([404, revision]);
});

test('a revision that is not counted is told in words', async () => {
  const { statusCode, body } = await api.app.inject({
    url: '/v2.0/auto-allocated-topology/A',
    headers: { 'if-match': 'revision_number=1' },
  });
  expect(statusCode).toBe(412);
  expect(body).toContain('current revision is none');
});
