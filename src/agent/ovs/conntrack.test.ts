import { expect, test } from 'vitest';
import { parseConnections } from './conntrack.ts';

test.each([
  [
    'icmp,orig=(src=10.1.1.1,dst=10.1.1.2,id=7,type=8,code=0),reply=(src=10.1.1.2,dst=10.1.1.1,id=7,type=0,code=0),zone=39',
    {
      zone: 39,
      protocol: 1,
      source: '10.1.1.1',
      destination: '10.1.1.2',
      sourcePort: 7,
      destinationPort: 7,
      icmp: { type: 8, code: 0 },
    },
  ],
  [
    'tcp,orig=(src=10.1.1.1,dst=10.1.1.2,sport=40000,dport=22),reply=(src=10.1.1.2,dst=10.1.1.1,sport=22,dport=40000),zone=65000,protoinfo=(state=ESTABLISHED)',
    {
      zone: 65000,
      protocol: 6,
      source: '10.1.1.1',
      destination: '10.1.1.2',
      sourcePort: 40000,
      destinationPort: 22,
    },
  ],
  [
    'icmpv6,orig=(src=fd00::1,dst=fd00::2,id=0,type=128,code=0),reply=(src=fd00::2,dst=fd00::1,id=0,type=129,code=0),zone=3',
    {
      zone: 3,
      protocol: 58,
      source: 'fd00::1',
      destination: 'fd00::2',
      sourcePort: 0,
      destinationPort: 0,
      icmp: { type: 128, code: 0 },
    },
  ],
  [
    'sctp,orig=(src=10.1.1.1,dst=10.1.1.2,sport=1,dport=2),reply=(src=10.1.1.2,dst=10.1.1.1,sport=2,dport=1)',
    {
      zone: 0,
      protocol: 132,
      source: '10.1.1.1',
      destination: '10.1.1.2',
      sourcePort: 1,
      destinationPort: 2,
    },
  ],
  [
    '47,orig=(src=10.1.1.1,dst=10.1.1.2,sport=0,dport=0),reply=(src=10.1.1.2,dst=10.1.1.1,sport=0,dport=0),zone=5,mark=1',
    {
      zone: 5,
      protocol: 47,
      source: '10.1.1.1',
      destination: '10.1.1.2',
      sourcePort: 0,
      destinationPort: 0,
    },
  ],
])('%s', (line, connection) => {
  expect(parseConnections(`${line}\n`)).toEqual([connection]);
});

test('lines that are no entry are passed over', () => {
  expect(parseConnections('')).toEqual([]);
  expect(parseConnections('ovs-vswitchd: no datapath\nfoo,orig=(src=1),reply=(),zone=1')).toEqual(
    [],
  );
});
