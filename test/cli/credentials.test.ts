/** The two halves of a credential, by command. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { tianchi } from './cloud.ts';

const dir = mkdtempSync(join(tmpdir(), 'tianchi-credential-'));
afterAll(() => rmSync(dir, { recursive: true }));
const list = join(dir, 'agents');
const issue = (node: string, out: string) =>
  tianchi(['agent-credential', node, '--agent-credentials', list, '--out', join(dir, out)]);

test('agent-credential writes both, and prints no secret', async () => {
  const { status, out, err } = await issue('node1', 'one');
  expect({ status, out }).toEqual({ status: 0, out: '' });
  const [, secret = 'none'] = readFileSync(join(dir, 'one'), 'utf8').trim().split(':');
  expect(err).not.toContain(secret);
  expect(statSync(join(dir, 'one')).mode & 0o777).toBe(0o600);
  expect(readFileSync(list, 'utf8')).toMatch(/^node1 [0-9a-f]{64}\n$/);
});

test('agent-credential overwrites no secret, and takes no name that is none', async () => {
  expect(await issue('node1', 'one')).toMatchObject({
    status: 1,
    err: expect.stringContaining('remove it, or give another path'),
  });
  expect((await issue('node one', 'two')).status).toBe(1);
});

test('a server that other machines reach does not start without the list', async () => {
  const store = ['--store', join(dir, 'store')];
  const { status, err } = await tianchi([
    'server',
    '--listen',
    '0.0.0.0:0',
    '--allow-remote',
    ...store,
  ]);
  expect(status).toBe(1);
  expect(err).toContain('give --agent-credentials FILE');
});
