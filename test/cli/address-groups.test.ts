/** An address group's way from the API to the flows of a node, over the real link. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cloud } from './cloud.ts';

let cloud: Cloud;
let group = '';
beforeAll(async () => {
  cloud = await Cloud.open();
  await cloud.ok('net-create', 'net');
  await cloud.ok('subnet-create', 'net', '10.0.1.0/24');
  await cloud.ok('security-group-create', 'named');
  const made = await cloud.rest('POST', 'address-groups', {
    address_group: { name: 'friends', addresses: ['192.0.2.0/25'] },
  });
  group = made.id;
  await cloud.boot('net', 'node1', '--name', 'vm', '--security-group', 'named');
  await cloud.boot('net', 'node2', '--name', 'other', '--security-group', 'named');
});
afterAll(() => cloud.close());

/** Whether flows of node1 let in what comes from this prefix. */
const lets = async (prefix: string): Promise<boolean> =>
  (await cloud.ok('flows', 'dump', '--node', 'node1')).includes(`nw_src=${prefix}`);
const becomes = (prefix: string, there: boolean) =>
  expect.poll(() => lets(prefix), { timeout: 20_000, interval: 20 }).toBe(there);

test('reaches them when it is named, changed, named no more, and gone', async () => {
  const rule = await cloud.rest('POST', 'security-group-rules', {
    security_group_rule: {
      security_group_id: (await cloud.list('security-group-list')).find(
        ({ name }) => name === 'named',
      )?.['id'],
      direction: 'ingress',
      protocol: 'tcp',
      remote_address_group_id: group,
    },
  });
  await becomes('192.0.2.0/25', true);
  await cloud.rest('PUT', `address-groups/${group}/add_addresses`, {
    addresses: ['198.51.100.0/26'],
  });
  await becomes('198.51.100.0/26', true);
  await cloud.rest('PUT', `address-groups/${group}/remove_addresses`, {
    addresses: ['192.0.2.0/25'],
  });
  await becomes('192.0.2.0/25', false);
  expect(await lets('198.51.100.0/26')).toBe(true);
  await cloud.ok('security-group-rule-delete', rule.id);
  await becomes('198.51.100.0/26', false);
  const gone = await fetch(`${cloud.url}/v2.0/address-groups/${group}`, { method: 'DELETE' });
  expect(gone.status).toBe(204);
  // The agents that were told of it go on.
  await cloud.boot('net', 'node1', '--name', 'late', '--security-group', 'named');
  expect((await cloud.trace('late', 'other')).legs.length).toBeGreaterThan(0);
});
