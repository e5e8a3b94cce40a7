import { describe, expect, test } from 'vitest';
import { isZooKeeperUrl, parseZooKeeperUrl } from './url.ts';

describe('the URL of a tree in ZooKeeper', () => {
  test.each([
    ['zk://h:2182/a/b', [['h', 2182]], '/a/b'],
    ['zk://h', [['h', 2181]], '/'],
    ['zk://h/', [['h', 2181]], '/'],
    ['zk://h/a/', [['h', 2181]], '/a'],
    [
      'zk://10.0.0.1:1,zk-2.example:65535,[2001:db8::1]:3,[::1]/x',
      [
        ['10.0.0.1', 1],
        ['zk-2.example', 65_535],
        ['2001:db8::1', 3],
        ['::1', 2181],
      ],
      '/x',
    ],
  ])('%s', (text, servers, chroot) => {
    expect(isZooKeeperUrl(text)).toBe(true);
    const parsed = parseZooKeeperUrl(text);
    expect(parsed.servers.map(({ host, port }) => [host, port])).toEqual(servers);
    expect(parsed.chroot).toBe(chroot);
  });

  test.each([
    'zk://',
    'zk:///a',
    'zk://h:0/a',
    'zk://h:70000',
    'zk://h:x',
    'zk://h,,i',
    'zk://::1/a',
    'zk://user@h/a',
    'zk://h/a//b',
    'zk://h/a/../b',
    'zk://h/a?b',
    'http://h/a',
  ])('%s is none', (text) => {
    const refused = {
      kind: 'invalid',
      code: 'StoreUrlInvalid',
      details: expect.objectContaining({ value: text }),
    };
    expect(() => parseZooKeeperUrl(text)).toThrow(expect.objectContaining(refused));
  });

  test('a directory is none', () => {
    expect(isZooKeeperUrl('/var/lib/tianchi')).toBe(false);
    expect(isZooKeeperUrl('zk')).toBe(false);
  });
});
