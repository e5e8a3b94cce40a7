import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { issueCredential, readCredential } from './credential-file.ts';
import {
  authorization,
  formatProof,
  newCredential,
  parseCredential,
  parseCredentialList,
  proofOf,
  prove,
  stands,
} from './credentials.ts';

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

describe('a credential', () => {
  const one = newCredential('node1');
  const other = newCredential('node2');
  const list = parseCredentialList(
    `# agents\n\n${formatProof(proofOf(one))}\n${formatProof(proofOf(other))}\n`,
    'agents',
  );

  test('proves its node and no other', () => {
    expect(prove(authorization(one), list)).toEqual(proofOf(one));
    expect(prove(authorization(other), list).node).toBe('node2');
    expect(() => prove(authorization({ ...one, node: 'node2' }), list)).toThrow(/node "node2"/);
  });

  test.each([
    ['no header', undefined],
    ['another scheme', `Bearer ${one.secret}`],
    ['no colon', basic(one.secret)],
    ['no base64', 'Basic *'],
    ['an empty secret', basic('node1:')],
    ['more than a secret', basic(`node1:${one.secret}:`)],
  ])('that is none: %s', (_name, header) => {
    expect(() => prove(header, list)).toThrow(/no credential/);
  });

  test.each([
    [
      'one bit off',
      { node: 'node1', secret: one.secret.replace(/^./, (c) => (c === 'A' ? 'B' : 'A')) },
    ],
    ["another node's secret", { node: 'node1', secret: other.secret }],
    ['of a node that is not listed', newCredential('node3')],
    ['the hash itself', { node: 'node1', secret: proofOf(one).hash.slice(0, 43) }],
  ])('that is not on the list: %s', (_name, credential) => {
    expect(() => prove(authorization(credential), list)).toThrow(/not on the server's list/);
  });

  test('of the same secret has another hash on another node', () => {
    expect(proofOf({ ...one, node: 'node2' }).hash).not.toBe(proofOf(one).hash);
  });

  test('stands as long as its line does, beside another of its node', () => {
    const second = newCredential('node1');
    const both = [one, second].map((it) => formatProof(proofOf(it))).join('\n');
    expect(stands(proofOf(one), parseCredentialList(both, 'agents'))).toBe(true);
    const later = parseCredentialList(formatProof(proofOf(second)), 'agents');
    expect(stands(proofOf(one), later)).toBe(false);
    expect(prove(authorization(second), parseCredentialList(both, 'agents')).node).toBe('node1');
  });
});

describe('a file', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tianchi-credentials-'));
  });
  afterEach(() => rm(folder, { recursive: true }));
  const path = (name: string): string => join(folder, name);

  test.each(['', 'node1', 'node1:short', `node 1:${'x'.repeat(43)}`, `node1:${'x'.repeat(44)}`])(
    'that holds no credential: "%s"',
    (text) => {
      expect(() => parseCredential(text, 'F')).toThrow();
    },
  );

  test('with a bad line is refused with its number, and without its content', () => {
    const text = `${formatProof(proofOf(newCredential('node1')))}\nnode2 hunter2\n`;
    expect(() => parseCredentialList(text, 'agents')).toThrow(/^line 2 of agents/);
    expect(() => parseCredentialList(text, 'agents')).not.toThrow(/hunter2/);
  });

  test('pair is made: the secret for its owner alone, the hash beside those of other nodes', async () => {
    await writeFile(path('agents'), '# by hand\n');
    await issueCredential('node1', path('agents'), path('one'));
    await issueCredential('node2', path('agents'), path('two'));
    expect((await stat(path('one'))).mode & 0o777).toBe(0o600);
    const text = await readFile(path('agents'), 'utf8');
    expect(text).toMatch(/^# by hand\nnode1 [0-9a-f]{64}\nnode2 [0-9a-f]{64}\n$/);
    const credential = await readCredential(path('one'), 'node1');
    expect(prove(authorization(credential), parseCredentialList(text, 'agents')).node).toBe(
      'node1',
    );
    expect(text).not.toContain(credential.secret);
    await expect(readCredential(path('one'), 'node2')).rejects.toThrow(/node node1's and not/);
    await expect(readCredential(path('none'), 'node1')).rejects.toMatchObject({
      code: 'FileNotReadable',
    });
  });

  test('that exists is not overwritten, and a new one ends the old', async () => {
    await issueCredential('node1', path('agents'), path('one'));
    const before = await readFile(path('agents'), 'utf8');
    await expect(issueCredential('node1', path('agents'), path('one'))).rejects.toMatchObject({
      code: 'FileExists',
    });
    expect(await readFile(path('agents'), 'utf8')).toBe(before);
    await issueCredential('node1', path('agents'), path('again'));
    const list = parseCredentialList(await readFile(path('agents'), 'utf8'), 'agents');
    const old = await readCredential(path('one'), 'node1');
    expect(() => prove(authorization(old), list)).toThrow(/not on the server's list/);
    expect(list.get('node1')?.size).toBe(1);
  });
});
