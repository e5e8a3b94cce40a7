import { afterAll, beforeAll, expect, test } from 'vitest';
import { openZooKeeper, type WatchEvent, type ZooKeeper } from '../../src/zookeeper/index.ts';
import { requireOrSkip } from '../support/require.ts';
import { startZooKeeper, zooKeeperAvailable, type ZooKeeperServers } from '../support/zookeeper.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (data: Uint8Array | null): string | null =>
  data === null ? null : new TextDecoder().decode(data);

requireOrSkip('ZooKeeper', zooKeeperAvailable)('requests to a real ZooKeeper', () => {
  let servers: ZooKeeperServers;
  let zk: ZooKeeper;

  beforeAll(async () => {
    servers = await startZooKeeper();
    zk = await openZooKeeper({ servers: servers.servers });
  });

  afterAll(async () => {
    await zk.close();
    servers.stop();
  });

  test('a node is made, read, set, listed and taken away', async () => {
    const { path, stat } = await zk.create('/node', bytes('first'));
    expect({ path, version: stat.version, length: stat.dataLength }).toEqual({
      path: '/node',
      version: 0,
      length: 5,
    });
    expect(textOf((await zk.get('/node')).data)).toBe('first');
    expect((await zk.set('/node', bytes('second'), 0)).version).toBe(1);
    await expect(zk.set('/node', bytes('third'), 0)).rejects.toMatchObject({
      code: 'BADVERSION',
      path: '/node',
    });
    await zk.create('/node/child', null);
    expect((await zk.children('/node')).children).toEqual(['child']);
    await expect(zk.delete('/node')).rejects.toMatchObject({ code: 'NOTEMPTY' });
    await zk.delete('/node/child', 0);
    await zk.delete('/node', 1);
    expect(await zk.exists('/node')).toBeNull();
    await expect(zk.get('/node')).rejects.toMatchObject({ code: 'NONODE', path: '/node' });
  });

  test('no data and empty data are different', async () => {
    await zk.create('/none', null);
    await zk.create('/empty', new Uint8Array(0));
    expect((await zk.get('/none')).data).toBeNull();
    expect((await zk.get('/empty')).data).toHaveLength(0);
    await zk.set('/none', new Uint8Array(0));
    await zk.set('/empty', null);
    expect((await zk.get('/none')).data).toHaveLength(0);
    expect((await zk.get('/empty')).data).toBeNull();
  });

  test('a multi happens whole or not at all', async () => {
    const results = await zk.multi([
      { op: 'create', path: '/m', data: null },
      { op: 'create', path: '/m/s-', data: bytes('x'), mode: 'persistent_sequential' },
      { op: 'set', path: '/m', data: bytes('y'), version: 0 },
      { op: 'check', path: '/m', version: 1 },
      { op: 'delete', path: '/m/s-0000000000', version: 0 },
    ]);
    expect(results).toMatchObject([
      { op: 'create', path: '/m' },
      { op: 'create', path: '/m/s-0000000000' },
      { op: 'set', stat: { version: 1 } },
      { op: 'check' },
      { op: 'delete' },
    ]);
    const failed = zk.multi([
      { op: 'create', path: '/m/n', data: null },
      { op: 'delete', path: '/m/missing', version: -1 },
      { op: 'create', path: '/m/o', data: null },
    ]);
    await expect(failed).rejects.toMatchObject({ index: 1, code: 'NONODE', path: '/m/missing' });
    expect((await zk.children('/m')).children).toEqual([]);
  });

  test('many reads in one packet are answered each', async () => {
    await zk.create('/r', bytes('r'));
    await zk.create('/r/a', null);
    const results = await zk.multiRead([
      { op: 'get', path: '/r' },
      { op: 'get', path: '/r/missing' },
      { op: 'children', path: '/r' },
      { op: 'get', path: '/r/a' },
    ]);
    expect(results).toMatchObject([
      { op: 'get', data: bytes('r'), stat: { numChildren: 1 } },
      { op: 'error', code: 'NONODE' },
      { op: 'children', children: ['a'] },
      { op: 'get', data: null, stat: { version: 0 } },
    ]);
  });

  test('watches tell of a node, and of all below it', async () => {
    await zk.create('/w', null);
    const one: WatchEvent[] = [];
    const all: WatchEvent[] = [];
    const stopOne = await zk.watch('/w', 'persistent', (event) => one.push(event));
    const stopAll = await zk.watch('/', 'recursive', (event) => all.push(event));
    await zk.create('/w/a', null);
    await zk.create('/w/a/b', null);
    await zk.set('/w', bytes('x'));
    await zk.delete('/w/a/b');
    await stopOne();
    await zk.delete('/w/a');
    await stopAll();
    await zk.delete('/w');
    expect(one).toEqual([
      { type: 'children', path: '/w' },
      { type: 'changed', path: '/w' },
    ]);
    expect(all).toEqual([
      { type: 'created', path: '/w/a' },
      { type: 'created', path: '/w/a/b' },
      { type: 'changed', path: '/w' },
      { type: 'deleted', path: '/w/a/b' },
      { type: 'deleted', path: '/w/a' },
    ]);
    await expect(
      Promise.all([zk.watch('/w', 'persistent', () => {}), zk.watch('/w', 'recursive', () => {})]),
    ).rejects.toMatchObject({ code: 'BADARGUMENTS' });
  });
});
