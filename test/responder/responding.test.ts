/** The agent's end: who asked, where the answer goes, and how much of it. */
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import type { PacketIn } from '../../src/agent/datapath.ts';
import { NodeNumbers } from '../../src/agent/numbers.ts';
import { NOTHING_KEPT } from '../../src/agent/datapath.ts';
import { Responding } from '../../src/agent/responding.ts';
import { match } from '../../src/openflow/build.ts';
import { encodeCookie, MODULE } from '../../src/pipeline/cookies.ts';
import { port, put, remove } from '../support/objects.ts';
import { PORT, topologyOf } from './network.ts';
import { dhcp, expired, ip, ipv4, nd, OWN_LINK_LOCAL } from './questions.ts';

const OFPORT = 7;
const IDENTITY = {
  node: 'node1',
  vtep: '172.16.0.1',
  tunnel: { ofport: 1, name: 'vf-172.16.0.1' },
  uplinks: [],
  vlan: null,
  epoch: 5,
};

let responding: Responding | null = null;
afterEach(() => responding?.close());

function bench() {
  const topology = topologyOf();
  const local = new NodeNumbers(IDENTITY, '1', NOTHING_KEPT);
  const { vid } = local.attach(PORT, { ofport: OFPORT, interface: 'vhu1' });
  const sent: { ofport: number; frame: Uint8Array }[] = [];
  const warnings: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(line) });
  let listener: ((packet: PacketIn) => void) | null = null;
  let now = 0;
  responding = new Responding({
    topology,
    local,
    log,
    now: () => now,
    datapath: {
      packets: (given) => {
        listener = given;
        return () => (listener = null);
      },
      send: (_bridge, ofport, frame) => void sent.push({ ofport, frame }),
    },
  });
  const cookie = encodeCookie({ epoch: 5, vid, module: MODULE.port, networkId: 1 });
  const arrive = (
    packet: Pick<PacketIn, 'reason' | 'userdata' | 'frame'>,
    from: Partial<PacketIn> = {},
  ) => {
    const metadata = match(null, { reg12: vid });
    const place = { bridge: 'br-int', inPort: OFPORT, table: 0, cookie, metadata } as const;
    listener?.({ ...place, ...packet, ...from });
  };
  const pass = (milliseconds: number) => (now += milliseconds);
  return { topology, local, sent, warnings, arrive, pass, responding, vid };
}

test('an answer leaves by the port that asked', () => {
  const { arrive, sent, responding } = bench();
  arrive(dhcp(1));
  arrive(nd({ kind: 'router_solicitation', options: [] }, OWN_LINK_LOCAL, ip('ff02::2')));
  expect(sent.map(({ ofport }) => ofport)).toEqual([OFPORT, OFPORT]);
  expect(responding.counts).toEqual({ dhcp_offer: 1, router_advertisement: 1 });
});

test('an expired packet is its sender’s by the register, whatever flow it met', () => {
  const { arrive, sent, responding, vid } = bench();
  const frame = ipv4({
    source: ip('178.1.3.2'),
    destination: ip('10.5.5.5'),
    protocol: 17,
    ttl: 1,
    payload: new Uint8Array(8),
  });
  const cookie = encodeCookie({ epoch: 5, vid: 0, module: MODULE.routing, networkId: 1 });
  arrive(expired(frame), { cookie });
  expect(sent).toHaveLength(1);
  arrive(expired(frame), { cookie, metadata: match(null, { reg12: vid + 1 }) });
  arrive(expired(frame), { cookie, metadata: [] });
  expect(responding.counts).toEqual({ time_exceeded: 1, unknown_port: 2 });
});

test('nobody is answered who is not there', () => {
  const { arrive, sent, responding, topology, local, vid } = bench();
  arrive(dhcp(1), { inPort: OFPORT + 1 });
  arrive(dhcp(1), { bridge: 'br-phy' });
  const other = encodeCookie({ epoch: 5, vid: vid + 1, module: MODULE.port, networkId: 1 });
  arrive(dhcp(1), { cookie: other });
  const down = topology.get('port', PORT);
  if (down === undefined) throw new Error('no port');
  topology.apply(put('port', { ...down, admin_state_up: false }));
  arrive(dhcp(1));
  topology.apply(remove('port', PORT));
  arrive(dhcp(1));
  local.detach(PORT);
  arrive(dhcp(1));
  expect(sent).toEqual([]);
  expect(responding.counts).toEqual({ unknown_port: 6 });
});

test('a port that is plugged anew is known by its new ofport at once', () => {
  const { arrive, sent, local, vid } = bench();
  arrive(dhcp(1));
  local.attach(PORT, { ofport: 9, interface: 'vhu1', vid });
  arrive(dhcp(1), { inPort: 9 });
  expect(sent.map(({ ofport }) => ofport)).toEqual([OFPORT, 9]);
});

test('a flood is answered at its rate, and takes nothing from others', () => {
  const { arrive, sent, responding, pass, topology, local, warnings } = bench();
  const id = '7c0d7b11-43ee-4e6c-8c10-2a6d1b4b0002';
  const first = topology.get('port', PORT);
  if (first === undefined) throw new Error('no port');
  topology.apply(put('port', port({ ...first, id, mac_address: 'fa:16:3e:00:00:09' })));
  const second = local.attach(id, { ofport: 8, interface: 'vhu2' });
  for (let count = 0; count < 5000; count += 1) arrive(dhcp(1));
  expect(sent).toHaveLength(200);
  const mac = 0xfa16_3e00_0009n;
  const cookie = encodeCookie({ epoch: 5, vid: second.vid, module: MODULE.port, networkId: 1 });
  arrive(dhcp(1, [], { frameSource: mac, clientMac: mac }), { inPort: 8, cookie });
  expect(sent.at(-1)?.ofport).toBe(8);
  pass(100);
  // Plugging another port does not fill the bucket up.
  local.detach(id);
  for (let count = 0; count < 5000; count += 1) arrive(dhcp(1));
  expect(sent).toHaveLength(221);
  expect(responding.counts.limited).toBe(10_000 - 220);
  for (let tick = 0; tick < 60; tick += 1) responding.tick();
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain('"limited":9780');
  for (let tick = 0; tick < 60; tick += 1) responding.tick();
  expect(warnings).toHaveLength(1);
});

test('every port hears of its router once in a round', () => {
  const { responding, sent, local } = bench();
  local.attach('7c0d7b11-43ee-4e6c-8c10-2a6d1b4bffff', { ofport: 8, interface: 'vhu2' });
  for (let tick = 0; tick < 600; tick += 1) responding.tick();
  expect(sent.map(({ ofport }) => ofport)).toEqual([OFPORT]);
  expect(sent[0]?.frame.subarray(0, 6)).toEqual(Uint8Array.of(0x33, 0x33, 0, 0, 0, 1));
  for (let tick = 0; tick < 600; tick += 1) responding.tick();
  expect(sent).toHaveLength(2);
});

test('a closed one is silent', () => {
  const { responding, arrive, sent } = bench();
  responding.close();
  arrive(dhcp(1));
  expect(sent).toEqual([]);
});
