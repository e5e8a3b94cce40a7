/** The agent on a real Open vSwitch: what it holds, what it survives, what it mends. */
import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RunningAgent } from '../../src/agent/index.ts';
import type { Server } from '../../src/api/server.ts';
import type { Objects } from '../../src/model/objects.ts';
import { openMemoryStore } from '../../src/store/index.ts';
import type { Store } from '../../src/store/index.ts';
import { echo, ethernet, hex, ipv4 } from '../support/frames.ts';
import { ovsAvailable, startOvs } from '../support/ovs.ts';
import type { Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { PluggedDatapath, differencesOf, giveAddress, interfaceName } from './ovs-world.ts';
import { Writer, serve, startNode } from './world.ts';

const NODE = 'node1';
const VTEP = '10.163.133.43';
const DEADLINE = { timeout: 20_000, interval: 20 };

let ovs: Sandbox;
let store: Store;
let server: Server;
let api: Writer;
let network: Objects['network'];
let group: Objects['security_group'];
let datapath: PluggedDatapath;
let agent: RunningAgent;

async function startAgent(more = {}): Promise<void> {
  datapath = new PluggedDatapath(ovs, NODE, VTEP);
  agent = await startNode(NODE, VTEP, server.url, datapath, more);
}

async function stopAgent(): Promise<void> {
  await agent.close();
  await datapath.close();
}

const port = (host = NODE): Promise<Objects['port']> =>
  api.create('port', {
    network_id: network.id,
    'binding:host_id': host,
    device_owner: 'compute:nova',
    security_groups: [group.id],
  });

const status = (id: string) => server.runtime.topology.get('port', id)?.status;
const active = (id: string) => expect.poll(() => status(id), DEADLINE).toBe('ACTIVE');
const differences = () => differencesOf(ovs, server.runtime.topology, agent);
const flows = (bridge = 'br-int', filter: string[] = []): string[] =>
  ovs
    .ofctl(['-O', 'OpenFlow13', '--no-names', 'dump-flows', bridge, ...filter])
    .split('\n')
    .filter((line) => line.includes('actions='));
/** Seconds since each flow was added: a flow that is written again begins anew. */
const ages = (): number[] =>
  flows().map((line) => Number(/duration=([\d.]+)s/.exec(line)?.[1] ?? 'NaN'));
const vid = (id: string): string =>
  ovs.vsctl('get', 'interface', interfaceName(id), 'external_ids:tianchi-vid').trim();

async function settled(): Promise<void> {
  await server.hub.settled();
  await expect.poll(differences, DEADLINE).toEqual([]);
}

requireOrSkip('Open vSwitch', ovsAvailable)('an agent on Open vSwitch', { timeout: 90_000 }, () => {
  beforeEach(async () => {
    ovs = await startOvs();
    store = openMemoryStore();
    server = await serve(store);
    api = new Writer(server.runtime);
    network = await api.create('network', { name: 'vpc', cidr: '178.1.0.0/16' });
    await api.create('subnet', { network_id: network.id, cidr: '178.1.3.0/24' });
    await api.create('subnet', { network_id: network.id, cidr: 'fd00:3::/64' });
    group = await api.create('security_group', { name: 'web' });
    for (const direction of ['ingress', 'egress'] as const) {
      await api.create('security_group_rule', {
        security_group_id: group.id,
        direction,
        protocol: 'icmp',
        ...(direction === 'ingress' ? { remote_group_id: group.id } : {}),
      });
    }
    await startAgent();
    giveAddress(ovs, VTEP);
  });

  afterEach(async () => {
    await stopAgent();
    await server.close();
    await store.close();
    ovs.stop();
  });

  test('makes a bound port ACTIVE with exactly the compiled flows, groups and meters', async () => {
    const [mine, other] = [await port(), await port()];
    await port('node2');
    await active(mine.id);
    await active(other.id);
    await settled();
    expect(flows().length).toBeGreaterThan(100);
    await api.update('port', mine.id, { 'binding:host_id': null });
    await settled();
    await api.delete('port', other.id);
    await settled();
  });

  test('a restart writes nothing and keeps every number', async () => {
    const ports = [await port(), await port(), await port()];
    await port('node2');
    await settled();
    const plugged = () => [...(server.hub.plugged(NODE) ?? [])].sort((a, b) => a.vid - b.vid);
    const before = { vids: ports.map(({ id }) => vid(id)), plugged: plugged() };
    const log = ovs.run('ovsdb-tool', ['show-log', `${ovs.dir}/conf.db`]);
    const count = flows().length;
    await stopAgent();
    const [youngest, since] = [Math.min(...ages()), Date.now()];
    await startAgent();
    await settled();
    const passed = (Date.now() - since) / 1000;
    expect(datapath.applied).toBe(0);
    expect(flows().length).toBe(count);
    // None began anew meanwhile; half of the time passed leaves room for the clocks.
    expect(Math.min(...ages())).toBeGreaterThan(youngest + passed / 2);
    expect(ports.map(({ id }) => vid(id))).toEqual(before.vids);
    expect(plugged()).toEqual(before.plugged);
    expect(ovs.run('ovsdb-tool', ['show-log', `${ovs.dir}/conf.db`])).toBe(log);
  });

  test('under a new epoch every flow is written anew', async () => {
    const mine = await port();
    await settled();
    const old = agent.local.identity.epoch;
    await stopAgent();
    await startAgent({ newEpoch: true });
    await settled();
    const { epoch } = agent.local.identity;
    expect(epoch).toBeGreaterThan(old);
    const bearing = `cookie=0x${epoch.toString(16)}`;
    expect(flows().filter((line) => !line.includes(bearing))).toEqual([]);
    expect(status(mine.id)).toBe('ACTIVE');
  });

  test('an agent without its server touches nothing', async () => {
    await port();
    await settled();
    const count = flows().length;
    await stopAgent();
    const given = new AbortController();
    datapath = new PluggedDatapath(ovs, NODE, VTEP);
    const nowhere = startNode(NODE, VTEP, () => Promise.reject(new Error('away')), datapath, {
      signal: given.signal,
    });
    await new Promise((resolve) => setTimeout(resolve, 500));
    given.abort();
    await expect(nowhere).rejects.toThrow(/stopped before/);
    expect(flows().length).toBe(count);
    expect(Math.min(...ages())).toBeGreaterThan(0.5);
    await datapath.close();
    await startAgent();
    await settled();
  });

  test('writes everything again after ovs-vswitchd was killed, under the same numbers', async () => {
    const [mine, other] = [await port(), await port()];
    await settled();
    const vids = [vid(mine.id), vid(other.id)];
    await ovs.killSwitch();
    await ovs.startSwitch();
    const since = Date.now();
    await expect.poll(differences, { timeout: 5000, interval: 20 }).toEqual([]);
    expect(Date.now() - since).toBeLessThan(5000);
    expect([vid(mine.id), vid(other.id)]).toEqual(vids);
    const late = await port();
    await active(late.id);
    await settled();
  });

  test('goes on after ovsdb-server was killed, and touches no flow', async () => {
    const mine = await port();
    await settled();
    await ovs.killDatabase();
    await ovs.startDatabase();
    const late = await port();
    await active(late.id);
    await settled();
    expect(Math.max(...ages())).toBeGreaterThan(0.1);
    expect(vid(mine.id)).toBe('"1"');
    expect(vid(late.id)).toBe('"2"');
  });

  test('makes a deleted bridge again, and takes back the ports that are plugged into it', async () => {
    const mine = await port();
    await settled();
    ovs.vsctl('del-br', 'br-int');
    await expect.poll(() => ovs.vsctl('list-br'), DEADLINE).toContain('br-int');
    await active(mine.id);
    await settled();
    ovs.vsctl('del-br', 'br-phy');
    await expect.poll(() => ovs.vsctl('list-ports', 'br-phy'), DEADLINE).toBe('p0\np1\n');
    await settled();
  });

  test('makes a deleted tunnel port and uplink again, and follows their ofports', async () => {
    const mine = await port();
    await settled();
    const { tunnel } = agent.local.identity;
    ovs.vsctl('del-port', 'br-int', tunnel.name);
    await expect.poll(() => ovs.vsctl('list-ports', 'br-int'), DEADLINE).toContain(tunnel.name);
    ovs.vsctl('set', 'interface', 'p1', 'ofport_request=77');
    await expect.poll(() => agent.local.identity.uplinks[1]?.ofport, DEADLINE).toBe(77);
    await settled();
    expect(status(mine.id)).toBe('ACTIVE');
  });

  test.each([
    ['all flows deleted', () => ovs.ofctl(['del-flows', 'br-int'])],
    ['the flows of a table deleted', () => ovs.ofctl(['del-flows', 'br-int', 'table=120'])],
    ['the groups deleted', () => ovs.ofctl(['-O', 'OpenFlow15', 'del-groups', 'br-int'])],
    ['the meters deleted', () => ovs.ofctl(['-O', 'OpenFlow15', 'del-meters', 'br-int'])],
    ['the underlay deleted', () => ovs.ofctl(['del-flows', 'br-phy'])],
    [
      'a flow added',
      () => ovs.ofctl(['add-flow', 'br-int', 'table=0,priority=65000,icmp,actions=drop']),
    ],
    [
      'a flow unlike any of ours',
      () => ovs.ofctl(['add-flow', 'br-int', 'table=0,priority=65000,actions=learn(table=1)']),
    ],
    ['flows changed', () => ovs.ofctl(['mod-flows', 'br-int', 'table=72,actions=drop'])],
    [
      'a group changed',
      () =>
        ovs.ofctl([
          '-O',
          'OpenFlow15',
          'mod-group',
          'br-phy',
          'group_id=0,type=all,bucket=bucket_id=1,actions=drop',
        ]),
    ],
  ])('mends within two seconds: %s', async (_what, harm) => {
    await port();
    await settled();
    harm();
    expect(differences()).not.toEqual([]);
    await expect.poll(differences, { timeout: 2000, interval: 20 }).toEqual([]);
  });

  test('says of each repair whose flow it was, and counts beyond twenty', async () => {
    await stopAgent();
    const lines: Record<string, unknown>[] = [];
    const write = (line: string): void => {
      lines.push(JSON.parse(line) as Record<string, unknown>);
    };
    await startAgent({ log: pino({ level: 'warn' }, { write }) });
    const mine = await port();
    await api.update('port', mine.id, { name: 'web1' });
    await settled();
    const drifts = () => lines.filter(({ alarm }) => alarm === 'drift');
    const mended = () =>
      expect.poll(() => [drifts().length > 0, differences()], DEADLINE).toEqual([true, []]);
    expect(drifts()).toEqual([]);
    const ofPort = flows('br-int', ['table=0']).find((line) => line.includes('priority=30,ip,'));
    const match = /priority=30,(\S+)/.exec(ofPort ?? '')?.[1] ?? '';
    ovs.ofctl(['--strict', 'del-flows', 'br-int', `table=0,priority=30,${match}`]);
    await mended();
    expect(drifts()).toMatchObject([
      {
        bridge: 'br-int',
        what: 'missing',
        flow: expect.stringContaining(match),
        module: 'port',
        port: `web1 (${mine.id})`,
        vpc: `vpc (${network.id})`,
      },
    ]);
    lines.length = 0;
    ovs.ofctl(['add-flow', 'br-int', 'table=0,priority=65000,icmp,actions=drop']);
    await mended();
    expect(drifts()).toMatchObject([
      { what: 'added', flow: 'priority=65000,icmp actions=drop', bridge: 'br-int' },
    ]);
    lines.length = 0;
    const count = flows().length;
    ovs.ofctl(['del-flows', 'br-int']);
    await mended();
    expect(drifts().length).toBe(21);
    expect(drifts()[20]).toMatchObject({ bridge: 'br-int', more: count - 20 });
  });

  test('waits for a switch that is not there yet', async () => {
    await stopAgent();
    await ovs.killSwitch();
    await ovs.killDatabase();
    const started = startAgent();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await ovs.startDatabase();
    await ovs.startSwitch();
    await started;
    await settled();
  });

  test('reads, forgets and flushes connections, one zone at a time', async () => {
    const [mine, other] = [await port(), await port()];
    await settled();
    const [from, to] = [mine, other].map((it) => it.fixed_ips[0]?.ip_address ?? '');
    const ping = (id: number): void => {
      const packet = ipv4(from ?? '', to ?? '', echo(4, id));
      const frame = ethernet(mine.mac_address, 'fe:ff:ff:ff:ff:ff', packet);
      ovs.appctl('netdev-dummy/receive', interfaceName(mine.id), hex(frame));
    };
    ping(7);
    ping(9);
    const found = async (zone: number) =>
      (await datapath.connections([zone]))
        .map(({ sourcePort }) => sourcePort)
        .sort((a, b) => a - b);
    await expect.poll(() => found(1), DEADLINE).toEqual([7, 9]);
    expect(await found(2)).toEqual([7, 9]);
    expect(await datapath.connections([1, 2])).toContainEqual({
      zone: 1,
      protocol: 1,
      source: from,
      destination: to,
      sourcePort: 7,
      destinationPort: 7,
      icmp: { type: 8, code: 0 },
    });
    const all = await datapath.connections([1]);
    await datapath.forget(all.filter(({ sourcePort }) => sourcePort === 7));
    await expect.poll(() => found(1), DEADLINE).toEqual([9]);
    expect(await found(2)).toEqual([7, 9]);
    await datapath.flush([2]);
    await expect.poll(() => found(2), DEADLINE).toEqual([]);
    expect(await found(1)).toEqual([9]);
  });

  test('keeps the VTEPs of other nodes resolved', async () => {
    await port();
    const peer = '10.163.133.42';
    await api.create('node', { name: 'node2', vtep: peer });
    for (const name of ['p0', 'p1']) {
      ovs.vsctl('set', 'interface', name, `options:tx_pcap=${ovs.dir}/${name}.pcap`);
    }
    await port('node2');
    await settled();
    const mac = ovs.vsctl('get', 'interface', 'br-phy', 'mac_in_use').trim().replaceAll('"', '');
    const digits = (address: string) =>
      address
        .split('.')
        .map((part) => Number(part).toString(16).padStart(2, '0'))
        .join('');
    const self = mac.replaceAll(':', '');
    const question = `ffffffffffff${self}8100006508060001080006040001${self}${digits(VTEP)}`;
    const sent = () =>
      ['p0', 'p1'].some((name) =>
        readFileSync(`${ovs.dir}/${name}.pcap`).toString('hex').includes(question),
      );
    await expect.poll(sent, DEADLINE).toBe(true);
    const theirs = '0a0000000042';
    const answer = `${self}${theirs}8100006508060001080006040002${theirs}${digits(peer)}${self}${digits(VTEP)}`;
    ovs.appctl('netdev-dummy/receive', 'p0', answer);
    const shown = () => ovs.appctl('tnl/neigh/show');
    await expect.poll(shown, DEADLINE).toContain('0a:00:00:00:00:42');
    const dump = () => datapath.dump({ what: 'neighbours', bridge: 'br-phy' });
    await expect.poll(dump, DEADLINE).toMatchObject({ text: `${peer} 0a:00:00:00:00:42\n` });
    ovs.appctl('tnl/neigh/flush');
    await expect.poll(shown, DEADLINE).toContain('0a:00:00:00:00:42');
  });

  test('dumps as ovs-ofctl does, and says when nothing changed', async () => {
    await port();
    await settled();
    const bare = (text: string) =>
      text
        .replaceAll(/duration=[\d.]+s/g, '')
        .replaceAll(/ \(xid=0x\w+\)/g, '')
        .split('\n')
        .sort();
    const dumped = async (what: 'flows' | 'groups') => {
      const dump = await datapath.dump({ what, bridge: 'br-int' });
      return 'text' in dump ? dump.text : '';
    };
    const no = '--no-names';
    expect(bare(await dumped('flows'))).toEqual(
      bare(ovs.ofctl(['-O', 'OpenFlow13', no, 'dump-flows', 'br-int'])),
    );
    expect(bare(await dumped('groups'))).toEqual(
      bare(ovs.ofctl(['-O', 'OpenFlow15', no, 'dump-groups', 'br-int'])),
    );
    const { generation } = await datapath.dump({ what: 'flows', bridge: 'br-int' });
    const again = { what: 'flows', bridge: 'br-int', generation } as const;
    expect(await datapath.dump(again)).toEqual({ generation, unchanged: true });
    await port();
    await settled();
    expect(await datapath.dump(again)).toHaveProperty('text');
  });
});
