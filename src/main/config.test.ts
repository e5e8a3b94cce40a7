import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readConfig } from './config.ts';
import { authOf } from './serve.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tianchi-config-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function file(text: string): Promise<string> {
  const path = join(folder, 'server.toml');
  await writeFile(path, text);
  return path;
}

test('what is not set is as it comes', async () => {
  const config = {
    keystone: { url: null, publicUrl: null, credentials: null, recheck: 60_000, patience: 5_000 },
    nova: null,
    zookeeper: {},
    rate: { perSecond: 2_000, burst: 4_000 },
    metricsSecret: null,
  };
  expect(await readConfig(undefined)).toMatchObject(config);
  expect(await readConfig(await file(''))).toMatchObject(config);
});

test('a password is enough for the service user that every cloud has', async () => {
  await writeFile(join(folder, 'password'), 'secret\n');
  for (const line of ['password = "secret"', `password_file = "${join(folder, 'password')}"`]) {
    const { keystone } = await readConfig(await file(`[keystone]\n${line}`));
    expect(keystone.credentials).toEqual({
      username: 'neutron',
      password: 'secret',
      project: 'service',
      userDomain: 'Default',
      projectDomain: 'Default',
    });
  }
});

test('into ZooKeeper one gets by a user, by certificates, or by both', async () => {
  const path = (name: string) => join(folder, name);
  for (const name of ['password', 'ca', 'cert', 'key']) await writeFile(path(name), `${name}\n`);
  const { zookeeper } = await readConfig(
    await file(`[zookeeper]
user = "tianchi"
password_file = "${path('password')}"
ca_file = "${path('ca')}"
cert_file = "${path('cert')}"
key_file = "${path('key')}"
session_timeout_seconds = 12.5`),
  );
  expect(zookeeper).toEqual({
    digest: 'tianchi:password',
    tls: { ca: 'ca\n', cert: 'cert\n', key: 'key\n' },
    sessionTimeoutMs: 12_500,
  });
  expect((await readConfig(await file('[zookeeper]\ntls = true'))).zookeeper).toEqual({ tls: {} });
});

test.each([
  ['[zookeeper]\nuser = "a"', 'user and zookeeper.password belong together'],
  ['[zookeeper]\npassword = "a"', 'user and zookeeper.password belong together'],
  ['[zookeeper]\nuser = "a:b"\npassword = "c"', 'zookeeper.user has a colon'],
  ['[zookeeper]\ncert_file = "/dev/null"', 'cert_file and zookeeper.key_file belong together'],
  ['[zookeeper]\nsession_timeout_seconds = 0.5', 'zookeeper.session_timeout_seconds must be >= 1'],
  ['[keystone]\nurl = 5', 'keystone.url must be string'],
  ['[keystone]\ncolour = "red"', 'keystone.colour is no setting'],
  ['[colours]', 'colours is no setting'],
  ['[keystone]\nrecheck_seconds = -1', 'keystone.recheck_seconds must be >= 0'],
  ['[limits]\nburst = 0', 'limits.burst must be >= 1'],
  ['[keystone\nurl = 5', 'line 1, column'],
  ['[keystone]\npassword = "a"\npassword = "b"', 'line 3, column'],
])('%j is wrong, and the message says where', async (text, says) => {
  await expect(readConfig(await file(text))).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringContaining(says) as string,
  });
});

test.each(['none.toml', '.'])('the file %j cannot be read', async (name) => {
  await expect(readConfig(join(folder, name))).rejects.toMatchObject({ code: 'FileNotReadable' });
});

test('Keystone is where the option says, else where the file does', async () => {
  const path = await file('[keystone]\nurl = "http://file:5000/v3"');
  expect(await authOf('keystone', undefined, path)).toMatchObject({ url: 'http://file:5000/v3' });
  expect(await authOf('keystone', 'http://option:5000', path)).toMatchObject({
    url: 'http://option:5000',
  });
  await expect(authOf('keystone')).rejects.toMatchObject({ code: 'Usage' });
  expect(await authOf('none', undefined, path)).toBe('none');
});
