import { afterAll, beforeAll, expect, test } from 'vitest';
import { openZooKeeper, type TlsOptions } from '../../src/zookeeper/index.ts';
import { Certificates } from '../support/certificates.ts';
import { requireOrSkip } from '../support/require.ts';
import { startZooKeeper, zooKeeperAvailable, type ZooKeeperServers } from '../support/zookeeper.ts';

requireOrSkip('ZooKeeper', zooKeeperAvailable)('over TLS', () => {
  const pki = new Certificates();
  let zooKeeper: ZooKeeperServers;

  const open = (tls: TlsOptions, openTimeoutMs = 30_000) =>
    openZooKeeper({ servers: zooKeeper.secure, tls, openTimeoutMs });
  const shown = (name: string) => ({
    ca: pki.read('ca.pem'),
    cert: pki.read(`${name}.pem`),
    key: pki.read(`${name}.key`),
  });

  beforeAll(async () => {
    for (const name of ['ca', 'stranger']) pki.authority(name);
    for (const name of ['server', 'client']) pki.issue(name, 'ca');
    pki.issue('intruder', 'stranger');
    const tls = { keyStore: pki.both('server'), trustStore: pki.file('ca.pem') };
    zooKeeper = await startZooKeeper({ tls });
  });

  afterAll(() => {
    zooKeeper?.stop();
    pki.remove();
  });

  test('both sides show certificates, and large packets get through', async () => {
    const zk = await open(shown('client'));
    const data = new Uint8Array(900_000).fill(7);
    await zk.create('/tls', data);
    expect(Buffer.compare((await zk.get('/tls')).data ?? Buffer.of(), data)).toBe(0);
    const x509 = [{ perms: 31, scheme: 'auth', id: '' }];
    await zk.setAcl('/tls', x509);
    expect((await zk.getAcl('/tls')).acl).toEqual([{ perms: 31, scheme: 'x509', id: 'CN=client' }]);
    await zk.close();
  });

  test('neither side believes a certificate of another authority', async () => {
    await Promise.all([
      expect(
        open({ ...shown('client'), ca: pki.read('stranger.pem') }, 3000),
      ).rejects.toMatchObject({
        code: 'CONNECTIONLOSS',
        message: expect.stringMatching(/certificate|issuer/),
      }),
      expect(open(shown('intruder'), 3000)).rejects.toMatchObject({ code: 'CONNECTIONLOSS' }),
    ]);
  });
});
