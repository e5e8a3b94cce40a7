import { expect, test } from 'vitest';
import { parseNeighbours, parseRoute } from './tunnels.ts';

test('a route on the link, by a router, and none', () => {
  expect(parseRoute('src 10.163.133.43\ngateway ::\ndev br-phy\n')).toEqual({
    device: 'br-phy',
    source: '10.163.133.43',
    gateway: null,
  });
  expect(parseRoute('src 10.163.133.43\ngateway 10.163.133.1\ndev br-phy\n')).toEqual({
    device: 'br-phy',
    source: '10.163.133.43',
    gateway: '10.163.133.1',
  });
  expect(parseRoute('Not found\n')).toBeNull();
});

test('neighbours of one bridge, without those that are stale', () => {
  const text = `IP                                            MAC                 Bridge
==========================================================================
10.163.133.42                                 aa:bb:cc:00:00:01   br-phy
10.163.133.44                                 aa:bb:cc:00:00:02   br-phy STALE
10.163.133.45                                 aa:bb:cc:00:00:03   br-other
fd00:9::7                                     aa:bb:cc:00:00:04   br-phy
`;
  expect([...parseNeighbours(text, 'br-phy')]).toEqual([
    ['10.163.133.42', 'aa:bb:cc:00:00:01'],
    ['fd00:9::7', 'aa:bb:cc:00:00:04'],
  ]);
});
