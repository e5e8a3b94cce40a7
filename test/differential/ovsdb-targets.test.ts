/** Our OVSDB client over TCP and TLS, and the control sockets of real daemons. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { OvsdbClient } from '../../src/net/ovsdb/index.ts';
import type { SslFiles } from '../../src/net/ovsdb/index.ts';
import { Unixctl, controlSocket } from '../../src/net/unixctl.ts';
import { OvsdbServer, eventually } from '../support/ovsdb-server.ts';
import type { ServerOptions } from '../support/ovsdb-server.ts';
import { ovsAvailable, startOvs } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';

const suite = requireOrSkip('Open vSwitch', ovsAvailable);
const log = pino({ level: 'silent' });

async function server(options: ServerOptions): Promise<OvsdbServer> {
  const started = await OvsdbServer.start(options);
  onTestFinished(() => started.stop());
  return started;
}

/** Of its first remote with port 0. */
const portOf = (ovsdb: OvsdbServer) => /listening on port (\d+)/.exec(ovsdb.log())?.[1] ?? '';

function client(target: string, ssl?: SslFiles): OvsdbClient {
  const connected = OvsdbClient.connect({
    target,
    database: 'Open_vSwitch',
    tables: { Bridge: ['name'] },
    log,
    ...(ssl !== undefined && { ssl }),
  });
  onTestFinished(() => connected.close());
  return connected;
}

const names = (of: OvsdbClient) => Array.from(of.table('Bridge').values(), ({ name }) => name);

async function follows(of: OvsdbClient, ovsdb: OvsdbServer): Promise<void> {
  await of.ready();
  ovsdb.vsctl('--may-exist', 'add-br', 'br7');
  await eventually(() => expect(names(of)).toEqual(['br7']));
}

suite('a client', () => {
  test.each(['127.0.0.1', '[::1]'])('follows over tcp to %s', async (host) => {
    const ovsdb = await server({ args: [`--remote=ptcp:0:${host}`] });
    const port = portOf(ovsdb);
    await follows(client(`tcp:${host}:${port}`), ovsdb);
  });

  describe('over ssl', () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'tianchi-pki-'));
    const file = (name: string) => path.join(dir, name);
    const openssl = (command: string) =>
      execFileSync('openssl', command.split(' '), { cwd: dir, stdio: 'pipe' });
    const fresh = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';
    const authority = (name: string) =>
      openssl(`req -x509 ${fresh} -subj /CN=${name} -days 2 -keyout ${name}.key -out ${name}.pem`);
    const certificate = (name: string, by: string) => {
      openssl(`req ${fresh} -subj /CN=${name} -keyout ${name}.key -out ${name}.csr`);
      const signer = `-CA ${by}.pem -CAkey ${by}.key -CAcreateserial`;
      openssl(`x509 -req -in ${name}.csr ${signer} -days 2 -out ${name}.pem`);
    };
    const files = (name: string, ca: string): SslFiles => ({
      privateKey: file(`${name}.key`),
      certificate: file(`${name}.pem`),
      caCert: file(`${ca}.pem`),
    });
    const remote = [
      '--remote=pssl:0:127.0.0.1',
      `--private-key=${file('server.key')}`,
      `--certificate=${file('server.pem')}`,
      `--ca-cert=${file('ca.pem')}`,
    ];

    beforeAll(() => {
      authority('ca');
      authority('stranger');
      certificate('server', 'ca');
      certificate('agent', 'ca');
      certificate('intruder', 'stranger');
    });
    afterAll(() => rmSync(dir, { recursive: true }));

    test('follows a server of its CA', async () => {
      const ovsdb = await server({ args: remote });
      await follows(client(`ssl:127.0.0.1:${portOf(ovsdb)}`, files('agent', 'ca')), ovsdb);
    });

    test.each([
      ['a server of another CA', files('agent', 'stranger')],
      ['a server that does not know it', files('intruder', 'ca')],
      ['without its files', { ...files('agent', 'ca'), certificate: file('none.pem') }],
    ])('does not get to %s', async (_what, ssl) => {
      const ovsdb = await server({ args: remote });
      const connected = client(`ssl:127.0.0.1:${portOf(ovsdb)}`, ssl);
      const reason = await new Promise<string | null>((resolve) => {
        connected.onState((state, why) => {
          if (state === 'waiting' || state === 'ready') resolve(why);
        });
      });
      expect(reason).toMatch(/certificate|alert|no such file|connection is lost/i);
      expect(connected.table('Bridge').size).toBe(0);
    });
  });
});

suite('a control socket', () => {
  test('of ovs-vswitchd runs commands, many at a time', async () => {
    const ovs = await startOvs();
    onTestFinished(() => ovs.stop());
    ovs.addBridge('br0');
    ovs.addPort('br0', 'p1', 1);
    const control = new Unixctl(() => controlSocket(ovs.dir));
    onTestFinished(() => control.close());
    expect(await control.call('dpif/show')).toBe(ovs.appctl('dpif/show'));
    const traces = Array.from({ length: 50 }, (_, index) => `in_port=1,tcp,tp_dst=${index + 1}`);
    const answers = await Promise.all(
      traces.map((flow) => control.call('ofproto/trace', 'br0', flow)),
    );
    for (const [index, answer] of answers.entries()) {
      expect(answer).toContain(`tp_dst=${index + 1},`);
    }
  });

  test('are not kept open when nobody calls, and are opened again', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'tianchi-ctl-'));
    const open = new Set<Socket>();
    let joined = 0;
    const daemon = createServer((socket) => {
      joined += 1;
      open.add(socket);
      socket.on('close', () => open.delete(socket));
      socket.on('data', (text) => {
        const { id } = JSON.parse(String(text)) as { readonly id: number };
        socket.write(JSON.stringify({ id, result: 'done', error: null }));
      });
    }).listen(path.join(dir, 's'));
    onTestFinished(() => {
      daemon.close();
      rmSync(dir, { recursive: true });
    });
    const control = new Unixctl(path.join(dir, 's'));
    onTestFinished(() => control.close());
    for (let call = 0; call < 5; call += 1) expect(await control.call('version')).toBe('done');
    const forCallsInARow = joined;
    await eventually(() => expect(open.size).toBe(0));
    expect(await control.call('version')).toBe('done');
    expect(joined).toBe(forCallsInARow + 1);
  });

  test('says what the daemon has against a command', async () => {
    const ovsdb = await server({});
    const control = new Unixctl(controlSocket(ovsdb.dir, 'ovsdb-server'));
    onTestFinished(() => control.close());
    await expect(control.call('nonsense')).rejects.toMatchObject({
      kind: 'invalid',
      code: 'UnixctlRefused',
      message: expect.stringContaining('nonsense: "nonsense" is not a valid command'),
    });
    await expect(control.call('version', 'x')).rejects.toThrow('takes at most 0 arguments');
    expect(await control.call('version')).toContain('ovsdb-server');
    control.close();
    await expect(control.call('version')).rejects.toMatchObject({ kind: 'unavailable' });
  });

  test('is found again by the pid file of a daemon that was killed and started', async () => {
    const ovsdb = await server({ daemon: true });
    const control = new Unixctl(() => controlSocket(ovsdb.dir, 'ovsdb-server'));
    onTestFinished(() => control.close());
    const before = controlSocket(ovsdb.dir, 'ovsdb-server');
    expect(before).toMatch(/ovsdb-server\.\d+\.ctl$/);
    expect(await control.call('version')).toContain('ovsdb-server');
    await ovsdb.kill();
    await eventually(() =>
      expect(control.call('version')).rejects.toMatchObject({ kind: 'unavailable' }),
    );
    await ovsdb.start();
    await eventually(async () => {
      expect(await control.call('version')).toContain('ovsdb-server');
    });
    expect(controlSocket(ovsdb.dir, 'ovsdb-server')).not.toBe(before);
  });

  test('that does not answer in time is left', async () => {
    const dir = mkdtempSync(path.join(tmpdir(), 'tianchi-silent-'));
    const joined: Socket[] = [];
    const silent = createServer((socket) => joined.push(socket)).listen(path.join(dir, 's'));
    onTestFinished(() => {
      for (const socket of joined) socket.destroy();
      silent.close();
      rmSync(dir, { recursive: true });
    });
    const control = new Unixctl(path.join(dir, 's'), { deadlineMs: 50 });
    const late = { kind: 'unavailable', message: expect.stringContaining('within 50 ms') };
    await expect(control.call('version')).rejects.toMatchObject(late);
    await expect(control.call('version')).rejects.toMatchObject(late);
    expect(joined.length).toBe(2);
  });
});

test('without a pid file, or with a stale one, the fixed name counts', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'tianchi-rundir-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const fixed = path.join(dir, 'ovs-vswitchd.ctl');
  expect(controlSocket(dir)).toBe(fixed);
  writeFileSync(path.join(dir, 'ovs-vswitchd.pid'), '4194305\n');
  expect(controlSocket(dir)).toBe(fixed);
  const own = path.join(dir, 'ovs-vswitchd.4194305.ctl');
  writeFileSync(own, '');
  expect(controlSocket(dir)).toBe(own);
});
