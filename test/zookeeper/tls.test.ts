import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openZooKeeper, type TlsOptions } from '../../src/zookeeper/index.ts';
import { requireOrSkip } from '../support/require.ts';
import {
  freePorts,
  startZooKeeper,
  zooKeeperAvailable,
  type ZooKeeperServers,
} from '../support/zookeeper.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'tianchi-pki-'));
const file = (name: string) => path.join(dir, name);
const read = (name: string) => readFileSync(file(name), 'utf8');

/** A key, and a certificate for 127.0.0.1 that the authority signs. */
function issue(name: string, authority: string): void {
  const openssl = (command: string) =>
    execFileSync('openssl', command.split(' '), { cwd: dir, stdio: 'pipe' });
  const fresh = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';
  if (name === authority) {
    openssl(`req -x509 ${fresh} -subj /CN=${name} -days 2 -keyout ${name}.key -out ${name}.pem`);
    return;
  }
  openssl(
    `req ${fresh} -subj /CN=${name} -addext subjectAltName=IP:127.0.0.1 -keyout ${name}.key -out ${name}.csr`,
  );
  openssl(
    `x509 -req -in ${name}.csr -CA ${authority}.pem -CAkey ${authority}.key -CAcreateserial -copy_extensions copy -days 2 -out ${name}.pem`,
  );
}

requireOrSkip('ZooKeeper', zooKeeperAvailable)('over TLS', () => {
  let servers: ZooKeeperServers;
  let port: number;

  const open = (tls: TlsOptions) =>
    openZooKeeper({ servers: [{ host: '127.0.0.1', port }], tls, openTimeoutMs: 3000 });
  const client = () => ({ ca: read('ca.pem'), cert: read('client.pem'), key: read('client.key') });

  beforeAll(async () => {
    for (const name of ['ca', 'stranger']) issue(name, name);
    for (const name of ['server', 'client']) issue(name, 'ca');
    issue('intruder', 'stranger');
    // Java wants the key first.
    writeFileSync(file('both.pem'), read('server.key') + read('server.pem'));
    [port = 0] = await freePorts(1);
    servers = await startZooKeeper({
      settings: {
        secureClientPort: port,
        secureClientPortAddress: '127.0.0.1',
        serverCnxnFactory: 'org.apache.zookeeper.server.NettyServerCnxnFactory',
        'ssl.keyStore.location': file('both.pem'),
        'ssl.keyStore.type': 'PEM',
        'ssl.trustStore.location': file('ca.pem'),
        'ssl.trustStore.type': 'PEM',
        'ssl.hostnameVerification': 'false',
      },
    });
  });

  afterAll(() => {
    servers?.stop();
    rmSync(dir, { recursive: true });
  });

  test('both sides show certificates, and large packets get through', async () => {
    const zk = await open(client());
    const data = new Uint8Array(900_000).fill(7);
    await zk.create('/tls', data);
    expect(Buffer.compare((await zk.get('/tls')).data ?? Buffer.of(), data)).toBe(0);
    const x509 = [{ perms: 31, scheme: 'auth', id: '' }];
    await zk.setAcl('/tls', x509);
    expect((await zk.getAcl('/tls')).acl).toEqual([{ perms: 31, scheme: 'x509', id: 'CN=client' }]);
    await zk.close();
  });

  test('neither side believes a certificate of another authority', async () => {
    const intruder = { ca: read('ca.pem'), cert: read('intruder.pem'), key: read('intruder.key') };
    await Promise.all([
      expect(open({ ...client(), ca: read('stranger.pem') })).rejects.toMatchObject({
        code: 'CONNECTIONLOSS',
        message: expect.stringMatching(/certificate|issuer/),
      }),
      expect(open(intruder)).rejects.toMatchObject({ code: 'CONNECTIONLOSS' }),
    ]);
  });
});
