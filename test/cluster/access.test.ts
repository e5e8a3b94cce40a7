/** A server that gets into ZooKeeper by TLS and a password, both of its configuration file. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../src/cli/program.ts';
import { openZooKeeper, type ZooKeeper } from '../../src/zookeeper/index.ts';
import { tianchi } from '../cli/cloud.ts';
import { Certificates } from '../support/certificates.ts';
import { requireOrSkip } from '../support/require.ts';
import { startZooKeeper, zooKeeperAvailable, type ZooKeeperServers } from '../support/zookeeper.ts';

const PASSWORD = 'a password of its own';

/** All below a path, the path first. */
async function below(zk: ZooKeeper, path: string): Promise<string[]> {
  const { children } = await zk.children(path);
  const names = children.map((name) => `${path === '/' ? '' : path}/${name}`);
  const deeper = await Promise.all(names.map((each) => below(zk, each)));
  return [path, ...deeper.flat()];
}

requireOrSkip('ZooKeeper', zooKeeperAvailable)('an ensemble that asks who is there', () => {
  const pki = new Certificates();
  const dir = mkdtempSync(join(tmpdir(), 'tianchi-access-'));
  const config = join(dir, 'server.toml');
  const ending: (() => Promise<void>)[] = [];
  let zooKeeper: ZooKeeperServers;
  let store = '';

  beforeAll(async () => {
    pki.authority('ca');
    for (const name of ['zookeeper', 'server']) pki.issue(name, 'ca');
    const tls = { keyStore: pki.both('zookeeper'), trustStore: pki.file('ca.pem') };
    zooKeeper = await startZooKeeper({ count: 3, tls });
    store = `zk://${zooKeeper.secure.map(({ host, port }) => `${host}:${port}`).join()}/cloud`;
    writeFileSync(join(dir, 'password'), `${PASSWORD}\n`);
    writeFileSync(
      config,
      `[zookeeper]
user = "tianchi"
password_file = "${join(dir, 'password')}"
ca_file = "${pki.file('ca.pem')}"
cert_file = "${pki.file('server.pem')}"
key_file = "${pki.file('server.key')}"
`,
    );
  });

  afterAll(async () => {
    for (const end of ending.toReversed()) await end();
    zooKeeper?.stop();
    pki.remove();
    rmSync(dir, { recursive: true });
  });

  /** `tianchi server`, until the test is over. */
  async function serve(): Promise<string> {
    let stop = (): void => undefined;
    const stopped = new Promise<void>((resolve) => (stop = resolve));
    const words = `server --listen 127.0.0.1:0 --store ${store} --config ${config}`;
    let ended: Promise<number> = Promise.resolve(0);
    const ready = await new Promise<string>((resolve, reject) => {
      ended = run(words.split(' '), {
        out: resolve,
        err: (text) => reject(new Error(text)),
        async *stdin() {},
        env: {},
        color: false,
        columns: 100,
        stopped: () => stopped,
      });
    });
    ending.push(async () => {
      stop();
      await ended;
    });
    return ready.replace('ready ', '');
  }

  const create = async (url: string, name: string): Promise<number> => {
    const body = JSON.stringify({ network: { name } });
    const headers = { 'content-type': 'application/json' };
    return (await fetch(`${url}/v2.0/networks`, { method: 'POST', headers, body })).status;
  };

  test('lets servers in, and nobody else at what they make', { timeout: 120_000 }, async () => {
    const [one, other] = [await serve(), await serve()];
    expect(await create(one, 'first')).toBe(201);
    await zooKeeper.kill(await zooKeeper.leader());
    for (;;) {
      // Until the others have agreed on a leader.
      const status = await create(other, 'second');
      if (status === 201) break;
      expect([503, 504]).toContain(status);
    }
    const listed = await fetch(`${other}/v2.0/networks?fields=name`);
    const { networks } = (await listed.json()) as { networks: readonly { name: string }[] };
    expect(new Set(networks.map(({ name }) => name))).toEqual(new Set(['first', 'second']));

    const digest = `tianchi:${PASSWORD}`;
    const servers = zooKeeper.servers;
    const known = await openZooKeeper({ servers, digest });
    ending.push(() => known.close());
    const stranger = await openZooKeeper({ servers });
    ending.push(() => stranger.close());
    const paths = await below(known, '/cloud');

    expect(paths.length).toBeGreaterThan(10);
    const may = new Set<string>();
    const look = async (path: string): Promise<void> => {
      const { acl } = await known.getAcl(path);
      for (const { perms, scheme, id } of acl) may.add(`${perms} ${scheme} ${id.split(':')[0]}`);
      await expect(stranger.get(path)).rejects.toMatchObject({ code: 'NOAUTH' });
      await expect(stranger.children(path)).rejects.toMatchObject({ code: 'NOAUTH' });
    };
    await Promise.all(paths.map(look));
    expect(may).toEqual(new Set(['31 digest tianchi', '31 x509 CN=server']));

    expect(await tianchi(['store', 'check', store, '--config', config])).toMatchObject({
      status: 0,
    });
    const past = `zk://${zooKeeper.connectString}/cloud`;
    const refused = await tianchi(['store', 'check', past]);
    expect(refused.err).toContain('NOAUTH');
    expect(refused.status).toBe(1);
  });
});
