import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  openZooKeeper,
  type WatchEvent,
  type ZooKeeper,
  type ZooKeeperOptions,
  type ZooKeeperState,
} from '../../src/zookeeper/index.ts';
import { eventually } from '../support/ovsdb-server.ts';
import { requireOrSkip } from '../support/require.ts';
import { TcpRelay } from '../support/tcp-relay.ts';
import { startZooKeeper, zooKeeperAvailable, type ZooKeeperServers } from '../support/zookeeper.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (data: Uint8Array | null): string | null =>
  data === null ? null : new TextDecoder().decode(data);

requireOrSkip('ZooKeeper', zooKeeperAvailable)('requests to a real ZooKeeper', () => {
  let servers: ZooKeeperServers;
  let zk: ZooKeeper;

  const open = (options: Partial<ZooKeeperOptions>) =>
    openZooKeeper({ servers: servers.servers, ...options });

  beforeAll(async () => {
    servers = await startZooKeeper({ properties: { 'znode.container.checkIntervalMs': 100 } });
    zk = await open({});
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

  test('below a chroot the paths are those of the client', async () => {
    await zk.create('/deep', null);
    await zk.create('/deep/root', null);
    const inner = await open({ chroot: '/deep/root' });
    const told: WatchEvent[] = [];
    await inner.watch('/', 'recursive', (event) => told.push(event));
    expect((await inner.create('/a-', null, { mode: 'persistent_sequential' })).path).toBe(
      '/a-0000000000',
    );
    const made = await inner.multi([{ op: 'create', path: '/b', data: null }]);
    expect(made).toMatchObject([{ op: 'create', path: '/b' }]);
    await inner.set('/', Buffer.from('x'));
    expect((await inner.children('/')).children.toSorted()).toEqual(['a-0000000000', 'b']);
    expect(await inner.multiRead([{ op: 'children', path: '/' }])).toHaveLength(1);
    await expect(inner.get('/deep')).rejects.toMatchObject({ code: 'NONODE', path: '/deep' });
    expect((await zk.get('/deep/root')).data).toHaveLength(1);
    expect(told).toEqual([
      { type: 'created', path: '/a-0000000000' },
      { type: 'created', path: '/b' },
      { type: 'changed', path: '/' },
    ]);
    await inner.close();
  });

  test('what a digest protects is kept from others', async () => {
    const owner = await open({ digest: 'tianchi:secret' });
    const stranger = await open({ digest: 'tianchi:guess' });
    const acl = [{ perms: 31, scheme: 'auth', id: '' }];
    await owner.create('/owned', Buffer.from('mine'), { acl });
    const digest = createHash('sha1').update('tianchi:secret').digest('base64');
    expect((await owner.getAcl('/owned')).acl).toEqual([
      { perms: 31, scheme: 'digest', id: `tianchi:${digest}` },
    ]);
    for (const other of [stranger, zk]) {
      await expect(other.get('/owned')).rejects.toMatchObject({ code: 'NOAUTH', path: '/owned' });
      await expect(other.create('/owned/a', null)).rejects.toMatchObject({ code: 'NOAUTH' });
      const multi = other.multi([{ op: 'set', path: '/owned', data: null, version: -1 }]);
      await expect(multi).rejects.toMatchObject({ code: 'NOAUTH', index: 0 });
      expect(await other.multiRead([{ op: 'get', path: '/owned' }])).toEqual([
        { op: 'error', code: 'NOAUTH' },
      ]);
    }
    const world = [{ perms: 1, scheme: 'world', id: 'anyone' }];
    expect((await owner.setAcl('/owned', world, 0)).aversion).toBe(1);
    await expect(owner.setAcl('/owned', world, 0)).rejects.toMatchObject({ code: 'NOAUTH' });
    expect((await zk.get('/owned')).data).toHaveLength(4);
    await Promise.all([owner.close(), stranger.close()]);
  });

  test('what does not fit into a packet is not sent', async () => {
    await zk.create('/large', null);
    const most = 0xfffff - 4 * 5 - '/large'.length;
    expect((await zk.set('/large', new Uint8Array(most))).dataLength).toBe(most);
    await expect(zk.set('/large', new Uint8Array(most + 1))).rejects.toMatchObject({
      code: 'TOOLARGE',
      path: '/large',
      size: 0xfffff + 1,
      limit: 0xfffff,
      sent: false,
    });
    // What ZooKeeper itself does with it: it cuts the connection.
    const careless = await open({ maxPacketBytes: 1 << 24 });
    await expect(careless.set('/large', new Uint8Array(most + 1))).rejects.toMatchObject({
      code: 'CONNECTIONLOSS',
    });
    await careless.close();
    expect((await zk.get('/large')).stat.version).toBe(1);
  });

  test.each([
    'relative',
    '',
    '//',
    '/a/',
    '/a//b',
    '/a/../b',
    '/.',
    '/nul\0',
    '/\u{1f600}',
    '/\ufff0',
  ])('%j is refused as a path before it is sent', async (path) => {
    const requests = [
      zk.get(path),
      zk.create(path, null),
      zk.multi([{ op: 'check', path, version: 0 }]),
      zk.multiRead([{ op: 'get', path }]),
      zk.watch(path, 'recursive', () => {}),
    ];
    for (const request of requests) {
      await expect(request).rejects.toMatchObject({ code: 'BADARGUMENTS', path, sent: false });
    }
  });

  test.each(['/...', '/.a', '/a.', '/a..b', '/ ü', '/a\u00a0'])('%j is a path', async (path) => {
    expect((await zk.create(path, null)).path).toBe(path);
  });

  test('callers wait when much is on its way, and are served in order', async () => {
    const narrow = await open({ maxRequestsInFlight: 3, maxBytesInFlight: 2000 });
    await narrow.create('/order', null);
    const data = new Uint8Array(700);
    const stats = await Promise.all(Array.from({ length: 200 }, () => narrow.set('/order', data)));
    expect(stats.map(({ version }) => version)).toEqual(
      Array.from({ length: 200 }, (_, i) => i + 1),
    );
    await narrow.close();
  });

  test('an ephemeral node goes with its session, and a closed client says so', async () => {
    const owner = await open({});
    await owner.create('/brief', null, { mode: 'ephemeral' });
    await expect(owner.create('/brief/below', null)).rejects.toMatchObject({
      code: 'NOCHILDRENFOREPHEMERALS',
    });
    const under = owner.get('/brief');
    const states: ZooKeeperState[] = [];
    owner.onState((state) => states.push(state));
    await owner.close();
    expect((await under).stat.ephemeralOwner).toBe(owner.session);
    expect(await zk.exists('/brief')).toBeNull();
    expect(states).toEqual(['closed']);
    await expect(owner.get('/brief')).rejects.toMatchObject({ code: 'CLOSED', sent: false });
    await owner.close();
  });

  test('containers go when their last child has gone', async () => {
    await zk.create('/container', null, { mode: 'container' });
    await zk.multi([
      { op: 'create', path: '/container/inner', data: null, mode: 'container' },
      { op: 'create', path: '/container/inner/child', data: null },
      { op: 'delete', path: '/container/inner/child', version: 0 },
    ]);
    await eventually(async () => expect(await zk.exists('/container')).toBeNull());
  });

  test('nobody there is an error that names whom it asked, and why', async () => {
    const port = await closedPort();
    const opening = openZooKeeper({ servers: [{ host: '127.0.0.1', port }], openTimeoutMs: 300 });
    await expect(opening).rejects.toMatchObject({
      code: 'CONNECTIONLOSS',
      message: expect.stringMatching(`127.0.0.1:${port} within 300 ms: .*ECONNREFUSED`),
    });
  });
});

/** A port that nobody listens at any more. */
async function closedPort(): Promise<number> {
  const relay = await TcpRelay.open({ host: '127.0.0.1', port: 1 });
  const { port } = relay.address;
  relay.close();
  return port;
}
