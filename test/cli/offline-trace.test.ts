import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodePcap } from '../../src/packet/index.ts';
import { tianchi, type Json } from './cloud.ts';

const FLOWS = `OFPST_FLOW reply (OF1.3) (xid=0x2):
 cookie=0x1, duration=1.5s, table=0, n_packets=0, n_bytes=0, priority=10,icmp,in_port=1 actions=ct(table=1,zone=5)
 cookie=0x2, duration=1.5s, table=0, n_packets=0, n_bytes=0, priority=5,ip,in_port=1 actions=set_field:02:00:00:00:00:09->eth_dst,output:5
 cookie=0x3, duration=1.5s, table=0, n_packets=0, n_bytes=0, priority=1,ip actions=group:7
 cookie=0x4, duration=1.5s, table=1, n_packets=0, n_bytes=0, priority=9,ct_state=+new+trk actions=CONTROLLER:65535
 cookie=0x5, duration=1.5s, table=1, n_packets=0, n_bytes=0, priority=9,ct_state=+est+trk,ip actions=output:2
`;
const GROUPS = `OFPST_GROUP_DESC reply (OF1.5) (xid=0x2):
 group_id=7,type=select,selection_method=dp_hash,bucket=bucket_id:1,actions=output:1,bucket=bucket_id:2,actions=output:2
`;
const PORTS = `dummy@ovs-dummy: hit:0 missed:0
  br0:
    br0 65534/100: (dummy-internal)
    vhu1 1/11: (dummy)
    vhu2 2/12: (dummy)
    vx 5/4789: (vxlan: key=flow, remote_ip=10.9.0.2)
`;
const PING = 'in_port=vhu1,icmp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,icmp_type=8';
/** An ICMP echo request of 10.0.0.1 to 10.0.0.2, checksums left out. */
const FRAME =
  '020000000002 020000000001 0800 4500001c00010000400100000a0000010a000002 0800000000010001'.replaceAll(
    ' ',
    '',
  );

let top = '';
const file = (name: string) => path.join(top, name);
beforeAll(() => {
  top = mkdtempSync(path.join(tmpdir(), 'tianchi-offline-'));
  writeFileSync(file('flows'), FLOWS);
  writeFileSync(file('groups'), GROUPS);
  writeFileSync(file('ports'), PORTS);
  writeFileSync(
    file('bad'),
    `${FLOWS} table=0,priority=3,icmp,in_port=1,nw_dts=10.0.0.2 actions=drop\n`,
  );
  const bytes = Uint8Array.from(FRAME.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  writeFileSync(file('ping.pcap'), encodePcap([new Uint8Array(60), bytes]));
});
afterAll(() => rmSync(top, { recursive: true }));

const dumps = () => [
  '--flows',
  file('flows'),
  '--groups',
  file('groups'),
  '--ports',
  file('ports'),
];

async function json(...args: readonly string[]): Promise<Json> {
  const { status, out, err } = await tianchi(['trace', ...args, '--json']);
  expect({ status, err }).toEqual({ status: 0, err: '' });
  return JSON.parse(out) as Json;
}

test('tells path, outcome, final flow, datapath actions and recirculations', async () => {
  const answer = await json(...dumps(), '--packet', PING);
  expect(answer).toMatchObject({
    path: [
      {
        table: 0,
        priority: 10,
        cookie: '0x1',
        match: 'icmp,in_port=1',
        actions: 'ct(table=1,zone=5)',
      },
    ],
    outcome: 'controller',
    finalFlow: 'unchanged',
    datapathActions: 'ct(zone=5),recirc(0x1)',
    recirculations: [{ path: [{ table: 1, priority: 9, cookie: '0x4' }], outcome: 'controller' }],
  });
  expect(Object.keys(answer)).toEqual([
    'path',
    'outcome',
    'finalFlow',
    'datapathActions',
    'recirculations',
  ]);
});

test('follows the states that --ct-next gives', async () => {
  const answer = await json(...dumps(), '--packet', PING, '--ct-next', 'trk|est');
  expect(answer).toMatchObject({
    outcome: 'output',
    recirculations: [{ datapathActions: '12', path: [{ cookie: '0x5' }] }],
  });
});

test('writes a tunnel header, and says so of a hash that only the switch knows', async () => {
  const tunnelled = await json(...dumps(), '--packet', 'in_port=1,udp,nw_dst=10.0.0.2,tun_id=0x17');
  expect(tunnelled['datapathActions']).toBe(
    'set(tunnel(tun_id=0x17,dst=10.9.0.2,ttl=64,tp_dst=4789,flags(df|key))),set(eth(dst=02:00:00:00:00:09)),4789',
  );
  const hashed = await json(...dumps(), '--packet', 'in_port=2,udp,nw_dst=10.0.0.2');
  expect(hashed).toMatchObject({ outcome: 'recirc', datapathActions: 'hash(l4(0)),recirc(0x1)' });
  const known = await json(...dumps(), '--packet', 'in_port=LOCAL,udp,nw_dst=10.0.0.2,dp_hash=1');
  expect(known['outcome']).toBe('output');
});

test('takes a packet from bytes and from a capture', async () => {
  const expected = await json(...dumps(), '--packet', PING);
  const inHex = await json(...dumps(), '--packet', FRAME, '--in-port', 'vhu1');
  expect(inHex).toMatchObject({ path: expected['path'], outcome: expected['outcome'] });
  // Given bytes, ofproto/trace has a packet to send to the controller.
  expect(expected['recirculations']).toMatchObject([
    { datapathActions: expect.stringContaining('dont_send=1') },
  ]);
  expect(inHex['recirculations']).toMatchObject([
    { datapathActions: expect.stringContaining('dont_send=0') },
  ]);
  const capture = ['--pcap', file('ping.pcap'), '--frame', '2', '--in-port', '1'];
  expect(await json(...dumps(), ...capture)).toEqual(inHex);
});

test('a table without a match is a step of its own', async () => {
  const answer = await json('--flows', file('flows'), '--packet', 'in_port=1,arp');
  expect(answer).toEqual({
    path: [{ table: 0, priority: null, cookie: null, match: null, actions: null }],
    outcome: 'drop',
    finalFlow: 'unchanged',
    datapathActions: 'drop',
    recirculations: [],
  });
});

test('explains itself without --json', async () => {
  const { status, out } = await tianchi(['trace', ...dumps(), '--packet', PING]);
  expect(status).toBe(0);
  for (const words of [
    '0. icmp,in_port=1, priority 10, cookie 0x1',
    'conntrack zone 5',
    'back from conntrack',
    'sent to the controller',
    'Outcome: sent to the controller only.',
  ]) {
    expect(out).toContain(words);
  }
  const missed = await tianchi(['trace', '--flows', file('flows'), '--packet', 'in_port=1,arp']);
  expect(missed.out).toContain('no flow of table 0 matches');
  expect(missed.out).toContain('Which ports there are is not known');
});

test.each([
  [['--packet', 'in_port=9,tcp,nw_dts=1.2.3.4'], 'nw_dts'],
  [['--packet', 'in_port=1,tp_dst=80'], 'tp_dst'],
  [['--packet', `${FRAME}0`], 'hex digits'],
  [['--packet', PING, '--ct-next', 'trk|fresh'], '"fresh" is no flag'],
  [['--packet', FRAME, '--in-port', 'vhu9'], 'vhu1, vhu2'],
  [[], 'no packet'],
] as const)('%j is refused', async (args, words) => {
  const { status, out, err } = await tianchi(['trace', ...dumps(), ...args, '--json']);
  expect(status).toBeGreaterThan(0);
  expect(out).toBe('');
  expect(err).toContain(words);
});

test('a bad flow is an error with its place, unless it is to be left out', async () => {
  const args = ['trace', '--flows', file('bad'), '--packet', 'in_port=1,icmp,nw_dst=10.0.0.2'];
  const { status, err } = await tianchi(args);
  expect(status).toBe(1);
  expect(err).toContain(`${file('bad')}:7:`);
  expect(err).toContain('nw_dts');
  const skipped = await tianchi([...args, '--skip-bad']);
  expect(skipped.status).toBe(0);
  expect(skipped.out).toContain('1 line was left out');
});

test('--batch answers requests over dumps in order, and goes on after a bad one', async () => {
  const paths = { flows: file('flows'), groups: file('groups'), ports: file('ports') };
  const requests = [
    { id: 1, ...paths, packet: PING },
    { id: 2, ...paths, packet: PING, ctNext: ['trk|est'] },
    { id: 3, ...paths, packet: 'in_port=1,nonsense=1' },
    { id: 4, ...paths, flows: 17 },
    { id: 5, ...paths, flows: file('bad'), packet: PING },
    { id: 6, ...paths, packet: FRAME, inPort: 1 },
    { id: 7, flows: file('flows') },
    { id: 8, ...paths, pcap: file('ping.pcap'), frame: 3 },
  ];
  const stdin = requests.map((request) => JSON.stringify(request)).join('\n');
  const { status, out } = await tianchi(['trace', '--batch'], { stdin });
  expect(status).toBe(0);
  const answers = out.split('\n').map((line) => JSON.parse(line) as Json);
  const words = (text: string) => expect.stringContaining(text) as unknown;
  expect(answers).toEqual([
    { id: 1, ...(await json(...dumps(), '--packet', PING)) },
    { id: 2, ...(await json(...dumps(), '--packet', PING, '--ct-next', 'trk|est')) },
    { id: 3, error: words('nonsense') },
    { id: 4, error: words('flows is 17') },
    { id: 5, error: words(`${file('bad')}:7:`) },
    expect.objectContaining({ id: 6, outcome: 'controller' }),
    { id: 7, error: words('no packet') },
    { id: 8, error: words('frame is 3') },
  ]);
});
