/** The bridges and what is kept in the database, on a real Open vSwitch. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { pino } from 'pino';
import { pluggedInterfaces } from '../../src/agent/ovs/interfaces.ts';
import { keptWrites, readKept } from '../../src/agent/ovs/kept.ts';
import { MONITORED, SwitchTables } from '../../src/agent/ovs/tables.ts';
import { Wiring } from '../../src/agent/ovs/wiring.ts';
import { NOTHING_KEPT } from '../../src/agent/datapath.ts';
import type { KeptState } from '../../src/agent/datapath.ts';
import { OvsdbClient } from '../../src/net/ovsdb/index.ts';
import { Relay } from '../support/jsonrpc-relay.ts';
import { ovsAvailable, startOvs } from '../support/ovs.ts';
import type { Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';

const VTEP = '10.163.133.43';
const PORT = '458ec446-9e78-40ab-a386-f2c29ee0a53b';
const log = pino({ level: 'silent' });

let ovs: Sandbox;
let relay: Relay;
let ovsdb: OvsdbClient;
let tables: SwitchTables;

function wiring(more: Partial<ConstructorParameters<typeof Wiring>[2]> = {}): Wiring {
  return new Wiring(ovsdb, tables, {
    vtep: VTEP,
    uplinks: ['p0', 'p1'],
    datapathType: 'dummy',
    log,
    ...more,
  });
}

/** Transactions that changed the database so far. */
const transactions = (): number => {
  const shown = ovs.run('ovsdb-tool', ['show-log', `${ovs.dir}/conf.db`]);
  return shown.split('\n').filter((line) => line.startsWith('record ')).length;
};

const column = (table: string, row: string, name: string): string =>
  ovs.vsctl('get', table, row, name).trim();

function plug(name: string, port = PORT, ofport?: number): void {
  const request = ofport === undefined ? [] : [`ofport_request=${ofport}`];
  ovs.vsctl(
    'add-port',
    'br-int',
    name,
    '--',
    'set',
    'interface',
    name,
    'type=dummy',
    `external_ids:iface-id=${port}`,
    ...request,
  );
}

const keep = (state: KeptState): Promise<void> =>
  wiring().transact(() => {
    const bridge = tables.bridge('br-int');
    if (bridge === null) throw new Error('no br-int');
    return keptWrites(tables, bridge, state, null);
  });

requireOrSkip('Open vSwitch', ovsAvailable)('the wiring of a node', { timeout: 60_000 }, () => {
  beforeEach(async () => {
    ovs = await startOvs();
    const socket = `${ovs.dir}/relay.sock`;
    relay = await Relay.open(socket, `${ovs.dir}/db.sock`);
    ovsdb = OvsdbClient.connect({
      target: `unix:${socket}`,
      database: 'Open_vSwitch',
      tables: MONITORED,
      log,
    });
    tables = new SwitchTables(ovsdb);
    await ovsdb.ready();
  });

  afterEach(() => {
    ovsdb.close();
    relay.close();
    ovs.stop();
  });

  test('is made where nothing is, and nothing is done where it fits', async () => {
    const wired = await wiring().open(true);
    expect(wired).toEqual({
      tunnel: { name: 'vf-10.163.133.4', ofport: 1 },
      uplinks: [
        { name: 'p0', ofport: 1 },
        { name: 'p1', ofport: 2 },
      ],
    });
    for (const bridge of ['br-int', 'br-phy']) {
      expect(column('bridge', bridge, 'fail_mode')).toBe('secure');
      expect(column('bridge', bridge, 'datapath_type')).toBe('dummy');
      expect(column('bridge', bridge, 'protocols')).toBe(
        '[OpenFlow10, OpenFlow13, OpenFlow14, OpenFlow15]',
      );
    }
    const options = ovs.vsctl('get', 'interface', wired.tunnel.name, 'options').trim();
    expect(options).toBe(`{key=flow, local_ip="${VTEP}", remote_ip=flow}`);
    const before = transactions();
    const print = wiring().fingerprint();
    expect(await wiring().open(true)).toEqual(wired);
    expect(transactions()).toBe(before);
    expect(wiring().fingerprint()).toBe(print);
  });

  test('keeps its ofports over a restart of the switch, whatever else was plugged', async () => {
    plugEarly();
    const wired = await wiring().open(true);
    await ovs.killSwitch();
    await ovs.startSwitch();
    expect(await wiring().open(true)).toEqual(wired);
    // Its control socket is there before those of its bridges.
    await expect
      .poll(() => ovs.ofctl(['show', 'br-int']))
      .toContain(` ${wired.tunnel.ofport}(vf-10.163.133.4)`);
  });

  function plugEarly(): void {
    ovs.addBridge('br-int');
    plug('vhu1');
    ovs.addBridge('br-phy');
    ovs.addPort('br-phy', 'p1', 7);
  }

  test('takes over what others made, and mends only what would break the pipeline', async () => {
    plugEarly();
    ovs.vsctl('set', 'bridge', 'br-int', 'fail_mode=standalone', 'protocols=OpenFlow13');
    ovs.vsctl('set', 'bridge', 'br-phy', 'other_config:mac-table-size=99');
    const wired = await wiring().open(true);
    expect(wired.uplinks).toEqual([
      { name: 'p0', ofport: 1 },
      { name: 'p1', ofport: 7 },
    ]);
    expect(column('bridge', 'br-int', 'fail_mode')).toBe('secure');
    expect(column('bridge', 'br-int', 'protocols')).toContain('OpenFlow15');
    expect(column('bridge', 'br-phy', 'other_config')).toBe('{mac-table-size="99"}');
    expect(ovs.vsctl('list-ports', 'br-int').split('\n')).toContain('vhu1');
  });

  test('without names takes the uplinks that br-phy has', async () => {
    ovs.addBridge('br-phy');
    ovs.addPort('br-phy', 'bond0', 4);
    const { uplinks: _, ...unnamed } = { uplinks: [], vtep: VTEP, datapathType: 'dummy' as const };
    const found = await new Wiring(ovsdb, tables, { ...unnamed, log }).open(true);
    expect(found.uplinks).toEqual([{ name: 'bond0', ofport: 4 }]);
  });

  test('gives a second tunnel whose name is taken another', async () => {
    const first = await wiring().open(true);
    const second = await wiring({ vtep: '10.163.133.42' }).open(true);
    expect(second.tunnel.name).toMatch(/^vf-[0-9a-f]{8}$/);
    expect(second.tunnel.ofport).not.toBe(first.tunnel.ofport);
    expect((await wiring().open(true)).tunnel).toEqual(first.tunnel);
    expect((await wiring({ vtep: '10.163.133.42' }).open(true)).tunnel).toEqual(second.tunnel);
  });

  test('names the interface that cannot be opened, and goes on without it later', async () => {
    const missing = wiring({ uplinks: ['p0', 'no-such-nic'] });
    ovs.addBridge('br-phy');
    ovs.addPort('br-phy', 'no-such-nic', 3, 'system');
    await expect(missing.open(true)).rejects.toThrow(
      /interface no-such-nic of br-phy is not open: could not open network device/,
    );
    expect((await missing.open(false)).uplinks).toEqual([{ name: 'p0', ofport: 1 }]);
  });

  test('refuses an uplink that another bridge has', async () => {
    ovs.addBridge('br-other');
    ovs.addPort('br-other', 'p1', 1);
    await expect(wiring().open(true)).rejects.toThrow(/p1 is a port of br-other/);
  });

  test('says when the switch is away', async () => {
    await ovs.killSwitch();
    await expect(wiring().open(true)).rejects.toThrow(/ovs-vswitchd has given it no ofport/);
  });

  test.each([
    ['a bridge removed', () => ovs.vsctl('del-br', 'br-int')],
    ['an uplink removed', () => ovs.vsctl('del-port', 'br-phy', 'p1')],
    ['the tunnel removed', () => ovs.vsctl('del-port', 'br-int', 'vf-10.163.133.4')],
    ['secure mode gone', () => ovs.vsctl('set-fail-mode', 'br-int', 'standalone')],
    ['the tunnel turned', () => ovs.vsctl('set', 'interface', 'vf-10.163.133.4', 'options:key=1')],
  ])('shows %s in its fingerprint, and makes it good', async (_what, harm) => {
    const wired = await wiring().open(true);
    const print = wiring().fingerprint();
    harm();
    await expect.poll(() => wiring().fingerprint(), { timeout: 10_000 }).not.toBe(print);
    const again = await wiring().open(false);
    expect(again.tunnel.name).toBe(wired.tunnel.name);
    expect(again.uplinks.map(({ name }) => name)).toEqual(['p0', 'p1']);
    expect(ovs.ofctl(['show', 'br-int'])).toContain(`(vf-10.163.133.4)`);
  });

  test('finds interfaces by the port that they name, whatever they are called', async () => {
    await wiring().open(true);
    plug('tap-of-a-vm', PORT, 5);
    plug('other', 'not-a-uuid');
    plug('gone', '6c0a14df-895b-4e38-9a0a-be99c923505e');
    ovs.vsctl('set', 'interface', 'gone', 'type=system');
    await expect
      .poll(() => [...pluggedInterfaces(tables).interfaces.values()])
      .toEqual([
        { uuid: expect.any(String), port_id: PORT, name: 'tap-of-a-vm', ofport: 5, vid: null },
      ]);
  });

  test('of two interfaces for one port the one in service stays', async () => {
    await wiring().open(true);
    plug('second', PORT, 9);
    await expect.poll(() => pluggedInterfaces(tables).interfaces.size).toBe(1);
    await keep({ ...NOTHING_KEPT, epoch: 1, vids: { [PORT]: 3 } });
    plug('first', PORT, 5);
    await expect.poll(() => pluggedInterfaces(tables).rivals.length).toBe(1);
    const { interfaces, rivals } = pluggedInterfaces(tables);
    expect(interfaces.get(PORT)).toMatchObject({ name: 'second', vid: 3 });
    expect(rivals).toMatchObject([{ name: 'first' }]);
  });

  test('keeps them with the bridge that is there once the database is back', async () => {
    await wiring().open(true);
    const lost = new Promise<void>((resolve) => {
      ovsdb.onState((state) => state === 'waiting' && resolve());
    });
    relay.cut();
    await lost;
    const kept = keep({ ...NOTHING_KEPT, epoch: 7 });
    ovs.vsctl('--no-wait', 'del-br', 'br-int', '--', 'add-br', 'br-int');
    relay.restore();
    await kept;
    expect(column('bridge', 'br-int', 'external_ids:tianchi-epoch')).toBe('"7"');
  });

  test('keeps numbers with bridge and interface, and writes only what changed', async () => {
    await wiring().open(true);
    plug('vhu1', PORT, 5);
    await expect.poll(() => pluggedInterfaces(tables).interfaces.size).toBe(1);
    ovs.vsctl('set', 'bridge', 'br-int', 'external_ids:somebody=else');
    const state: KeptState = {
      epoch: 1673488516,
      pipeline: 'abc',
      networkIds: { 'fa177aca-f909-4a77-9d7b-10551d105cb3': 0x60c },
      vids: { [PORT]: 39 },
      conjunctions: ['b', 'a'],
    };
    await keep(state);
    expect(readKept(tables)).toEqual(state);
    expect(column('interface', 'vhu1', 'external_ids:tianchi-vid')).toBe('"39"');
    expect(column('bridge', 'br-int', 'external_ids:tianchi-epoch')).toBe('"1673488516"');
    const before = transactions();
    await keep(state);
    expect(transactions()).toBe(before);
    const later = { ...state, epoch: 1673488517, networkIds: {}, vids: {} };
    await keep(later);
    expect(readKept(tables)).toEqual(later);
    expect(transactions()).toBe(before + 1);
    expect(column('bridge', 'br-int', 'external_ids:somebody')).toBe('else');
  });
});
