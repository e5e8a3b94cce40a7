import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RESOURCES } from '../../src/api/resources/index.ts';
import {
  CALLERS,
  GIVEN,
  HIDDEN,
  OBJECTS,
  OTHERS,
  UNSEEN,
  type CallerName,
  type GivenRow,
  type ObjectRow,
} from './matrix.ts';
import { World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(() => world.close());

/** What each caller meets, for one comparison of all. */
async function met<T>(of: (caller: CallerName) => Promise<T> | T): Promise<Record<string, T>> {
  const all: Record<string, T> = {};
  for (const caller of CALLERS) all[caller] = await of(caller);
  return all;
}

const answered = (row: Pick<ObjectRow, 'see'>, may: readonly string[], caller: CallerName) =>
  may.includes(caller) ? 'done' : row.see.includes(caller) ? 403 : 404;

const doneOr = ({ status }: { readonly status: number }) => (status < 300 ? 'done' : status);

/** A change that every caller with the right could make. */
const changeOf = (collection: string) =>
  collection === 'rbac-policies' ? { target_tenant: 'E' } : described(collection);

const described = (collection: string) =>
  collection === 'address-scopes' ? { name: 'x' } : { description: 'x' };

describe('objects', () => {
  test.each(OBJECTS.map((row) => [row.collection, row.state, row] as const))(
    '%s, %s',
    async (collection, state, row) => {
      const actual = await met(async (caller) => {
        const id = await world.make(collection, state);
        const path = `${collection}/${id}`;
        const list = await world.ask(caller, 'GET', `${collection}?fields=id`);
        const actions = [];
        for (const [name, body] of row.actions ?? []) {
          actions.push([name, doneOr(await world.ask(caller, 'PUT', `${path}/${name}`, body))]);
        }
        const ids = Object.values(list.body).flat() as { readonly id: string }[];
        return {
          listed: ids.some((each) => each.id === id),
          get: doneOr(await world.ask(caller, 'GET', path)),
          update: doneOr(await world.give(caller, 'PUT', path, changeOf(collection))),
          actions,
          delete: doneOr(await world.ask(caller, 'DELETE', path)),
        };
      });
      const expected = await met((caller) => ({
        listed: row.see.includes(caller),
        get: row.see.includes(caller) ? 'done' : 404,
        update: answered({ see: row.seeToUpdate ?? row.see }, row.update, caller),
        actions: (row.actions ?? []).map(([name, , may]) => [name, answered(row, may, caller)]),
        delete: answered(row, row.delete, caller),
      }));
      expect(actual).toEqual(expected);
    },
  );

  test('not to be seen are as if not there, to the letter', async () => {
    const id = await world.make('networks', 'private');
    const none = id.replace(/^.{8}/, '00000000');
    for (const method of ['GET', 'PUT', 'DELETE'] as const) {
      const body = method === 'PUT' ? { network: { name: 'x' } } : undefined;
      const [hidden, missing] = await Promise.all(
        [id, none].map((each) => world.ask('B member', method, `networks/${each}`, body)),
      );
      expect(JSON.stringify(hidden).replaceAll(id, none)).toBe(JSON.stringify(missing));
    }
  });

  test('of every resource with objects of projects are in the matrix', () => {
    const kinds = RESOURCES.filter(({ kind }) => kind !== null && kind !== 'node');
    const known = new Set(OBJECTS.map(({ collection }) => collection));
    expect(kinds.map(({ collection }) => collection).filter((each) => !known.has(each))).toEqual(
      [],
    );
  });
});

describe('other requests', () => {
  test.each(OTHERS.map((row) => [row.method, row.path, row] as const))(
    '%s %s',
    async (method, path, { body, may, refused = [] }) => {
      const outcome = async (caller: CallerName) => {
        // Each meets all as it was made, and what is there of the rows above.
        for (const collection of ['ports', 'routers', 'subnetpools']) {
          await world.make(collection, 'private');
        }
        await world.ask('admin', 'PUT', 'networks/NETWORK/tags/y');
        if (path.includes('remove_router_interface')) {
          const added = path.replace('remove', 'add');
          await world.ask('admin', 'PUT', added, { subnet_id: 'SUBNET' });
        }
        if (path.includes('/node9')) {
          const node = { name: 'node9', vtep: '192.0.2.9' };
          await world.ask('admin', 'POST', 'nodes', { node });
        }
        if (path === 'quotas/A') {
          await world.ask('admin', 'PUT', path, { quota: { router: -1 } });
        }
        return world.ask(caller, method, path, body);
      };
      const actual = await met(async (caller) => {
        const { status } = await outcome(caller);
        return status === 403 || status === 404 ? status : 'let through';
      });
      const expected = await met((caller) =>
        may.includes(caller) ? 'let through' : refused.includes(caller) ? 403 : 404,
      );
      expect(actual).toEqual(expected);
    },
  );

  test('are of every resource whose objects follow from others', () => {
    const views = RESOURCES.filter(({ kind }) => kind === null);
    const asked = new Set(OTHERS.map(({ path }) => path.split(/[/?]/, 1)[0]));
    // Agents are the nodes once more, under ids that nobody can foresee.
    const missing = views.map(({ collection }) => collection).filter((it) => !asked.has(it));
    expect(missing).toEqual(['agents']);
  });
});

describe('attributes', () => {
  const rowOf = ({ collection, state }: GivenRow): Pick<ObjectRow, 'see'> =>
    OBJECTS.find((row) => row.collection === collection && row.state === state) ?? { see: CALLERS };

  test.each(
    GIVEN.map((row) => [row.method, row.collection, row.attributes, row.state, row] as const),
  )('%s %s %j on what is %s', async (method, collection, attributes, state, row) => {
    const onNetwork = ['subnets', 'ports'].includes(collection);
    const actual = await met(async (caller) => {
      const id = await world.make(collection, state);
      if (method === 'PUT') {
        return doneOr(await world.give(caller, 'PUT', `${collection}/${id}`, attributes));
      }
      const body = onNetwork ? { network_id: 'NETWORK', ...attributes } : attributes;
      return doneOr(await world.give(caller, 'POST', collection, body));
    });
    const seen = method === 'PUT' ? rowOf(row) : { see: CALLERS };
    expect(actual).toEqual(await met((caller) => answered(seen, row.may, caller)));
  });

  test.each(Object.entries(HIDDEN))(
    'of %s: some are for administrators alone',
    async (collection, names) => {
      const id = await world.make(collection, 'private');
      const [member = ''] = Object.keys(
        (await world.ask('admin', 'GET', `${collection}/${id}`)).body,
      );
      for (const name of names) {
        for (const caller of ['admin', 'A member'] as const) {
          const admin = caller === 'admin';
          const { body } = await world.ask(caller, 'GET', `${collection}/${id}`);
          expect(name in (body[member] as object), name).toBe(admin);
          const sorted = `${collection}?sort_key=${name}&sort_dir=asc`;
          expect((await world.ask(caller, 'GET', sorted)).status, name).toBe(admin ? 200 : 400);
          const fields = await world.ask(caller, 'GET', `${collection}?fields=${name}`);
          expect(JSON.stringify(fields.body).includes(name)).toBe(admin);
          if (!admin) {
            expect((await world.ask(caller, 'GET', `${collection}?${name}=x`)).status).toBe(400);
          }
        }
      }
    },
  );

  test('name only what the caller sees', async () => {
    for (const collection of ['networks', 'subnets', 'ports', 'routers', 'security-groups']) {
      await world.make(collection, 'private');
    }
    await world.make('address-scopes', 'private');
    for (const [collection, attributes, type] of UNSEEN) {
      const { status, body } = await world.give('B member', 'POST', collection, attributes);
      expect([collection, status, body['NeutronError']]).toMatchObject([collection, 404, { type }]);
    }
  });

  test('make nothing for other projects', async () => {
    const give = (caller: CallerName) =>
      world.give(caller, 'POST', 'networks', { tenant_id: 'C', name: 'x' });
    expect(await give('A member')).toMatchObject({
      status: 400,
      body: { NeutronError: { type: 'HTTPBadRequest' } },
    });
    expect(await give('admin')).toMatchObject({
      status: 201,
      body: { network: { project_id: 'C', tenant_id: 'C' } },
    });
  });
});
