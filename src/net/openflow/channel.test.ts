/** The channel against a switch that misbehaves on purpose. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FakeSwitch, type Behaviour } from '../../../test/support/fake-switch.ts';
import { parseFlow } from '../../openflow/text/index.ts';
import { encode, type Message } from '../../openflow/wire/index.ts';
import type { BridgeDelta } from '../../pipeline/feature.ts';
import { OpenFlowChannel, type ChannelEvents, type ChannelOptions } from './index.ts';

const DEADLINE = { timeout: 20_000, interval: 10 };
const EMPTY: BridgeDelta = {
  add: [],
  remove: [],
  addGroups: [],
  removeGroups: [],
  addMeters: [],
  removeMeters: [],
};
const log = pino({ level: 'silent' });

let dir: string;
let socket: string;
const closers: (() => void)[] = [];

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'tianchi-channel-'));
  socket = path.join(dir, 'br0.mgmt');
});
afterEach(() => {
  for (const close of closers.splice(0).toReversed()) close();
  rmSync(dir, { recursive: true });
});

async function fake(behaviour?: Behaviour): Promise<FakeSwitch> {
  const found = await FakeSwitch.listen(socket, behaviour);
  closers.push(() => found.close());
  return found;
}

function open(
  events: Partial<ChannelEvents> = {},
  options: Partial<ChannelOptions> = {},
): OpenFlowChannel {
  const channel = new OpenFlowChannel({ socket, log, events, ...options });
  closers.push(() => channel.close());
  return channel;
}

const flow = (text: string) => parseFlow(text);
const flows = (count: number) =>
  Array.from({ length: count }, (_, index) => flow(`table=1,priority=${index},actions=drop`));

test('waits for a bridge that is not there yet, and is ready when it comes', async () => {
  const up = vi.fn<() => void>();
  const channel = open({ up });
  await vi.waitFor(() => expect(channel.state).toBe('waiting'), DEADLINE);
  await expect(channel.program()).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'SwitchAway',
  });
  await fake();
  await channel.ready();
  expect(channel.state).toBe('ready');
  expect(up).toHaveBeenCalledTimes(1);
});

test('ready gives the reason when it is waited for in vain', async () => {
  const channel = open();
  await expect(channel.ready(AbortSignal.timeout(200))).rejects.toThrow(/ENOENT.*br0\.mgmt/);
});

test('names the versions of a bridge that lacks ours, and gets ready once it has them', async () => {
  let versions = [4, 1];
  await fake((message, xid, peer) => {
    if (message.kind !== 'hello') return false;
    peer.send({ kind: 'hello', versions }, xid);
    return true;
  });
  const channel = open();
  await expect(channel.ready(AbortSignal.timeout(500))).rejects.toThrow(
    /the bridge speaks OpenFlow10, OpenFlow13; its protocols must hold OpenFlow1[45] too/,
  );
  versions = [6, 5, 4];
  await channel.ready();
});

test('is not ready before the switch took the settings, and says which error it has', async () => {
  await fake((message, xid, peer) => {
    if (message.kind !== 'flow_monitor_request') return false;
    peer.send(error(16, 5), xid);
    return true;
  });
  const channel = open();
  await expect(channel.ready(AbortSignal.timeout(500))).rejects.toThrow('OFPMOFC_BAD_FLAGS');
});

test('asks to hear of packets, ports and the changes of others', async () => {
  const peer = await fake();
  await open().ready();
  const kinds = peer.received.map(({ kind }) => kind);
  expect(kinds).toEqual(
    expect.arrayContaining([
      'set_packet_in_format',
      'set_config',
      'set_async',
      'flow_monitor_request',
    ]),
  );
});

test('asks a silent switch for a sign of life, and stays with one that gives it', async () => {
  const down = vi.fn<(reason: string) => void>();
  const peer = await fake();
  const channel = open({ down }, { probeMs: 30 });
  await channel.ready();
  await vi.waitFor(
    () =>
      expect(peer.received.filter(({ kind }) => kind === 'echo_request').length).toBeGreaterThan(5),
    DEADLINE,
  );
  expect(down).not.toHaveBeenCalled();
});

test('leaves a switch that gives no sign of life, and comes back', async () => {
  let silent = false;
  const down = vi.fn<(reason: string) => void>();
  const up = vi.fn<() => void>();
  await fake((message) => silent && message.kind === 'echo_request');
  const channel = open({ down, up }, { probeMs: 30 });
  await channel.ready();
  silent = true;
  await vi.waitFor(
    () => expect(down).toHaveBeenCalledWith('the switch is silent for 60 ms'),
    DEADLINE,
  );
  silent = false;
  await vi.waitFor(() => expect(up.mock.calls.length).toBeGreaterThan(1), DEADLINE);
});

test('answers the probes of the switch', async () => {
  const peer = await fake((message, xid, each) => {
    if (message.kind === 'hello') {
      each.send({ kind: 'hello', versions: [6, 5] }, xid);
      each.send({ kind: 'echo_request', data: Uint8Array.of(1, 2, 3) }, 77);
      return true;
    }
    return false;
  });
  await open().ready();
  await vi.waitFor(() => {
    const data = peer.received.flatMap((each) =>
      each.kind === 'echo_reply' ? Array.from(each.data) : [],
    );
    expect(data.slice(0, 3)).toEqual([1, 2, 3]);
  }, DEADLINE);
});

test('reads messages that come in crumbs', async () => {
  await fake((message, xid, peer) => {
    if (message.kind !== 'port_desc_request') return false;
    const port = { port: 7, address: 0x0a00_0000_0007n, name: 'vhu7', down: false, linkDown: true };
    const parts = [
      encode({ kind: 'port_desc_reply', more: true, ports: [port] }, xid, peer.version),
      encode(
        { kind: 'port_desc_reply', more: false, ports: [{ ...port, port: 8 }] },
        xid,
        peer.version,
      ),
    ];
    for (const byte of Buffer.concat(parts)) peer.raw(Uint8Array.of(byte));
    return true;
  });
  const channel = open();
  await channel.ready();
  const ports = await channel.ports();
  expect(ports.map(({ port }) => port)).toEqual([7, 8]);
});

test('leaves a switch whose message has an impossible length', async () => {
  const down = vi.fn<(reason: string) => void>();
  await fake((message, _xid, peer) => {
    if (message.kind !== 'port_desc_request') return false;
    peer.raw(Uint8Array.of(5, 19, 0, 4, 0, 0, 0, 0));
    return true;
  });
  const channel = open({ down });
  await channel.ready();
  await expect(channel.ports()).rejects.toMatchObject({ code: 'SwitchAway' });
  expect(down).toHaveBeenCalledWith(expect.stringContaining('says that it has 4 bytes'));
});

test('fails the one question whose answer cannot be read, and goes on', async () => {
  let garbage = true;
  await fake((message, xid, peer) => {
    if (message.kind !== 'port_desc_request') return false;
    const reply = encode({ kind: 'port_desc_reply', more: false, ports: [] }, xid, peer.version);
    if (garbage) reply.set([0, reply.length - 3], 2);
    peer.raw(garbage ? reply.subarray(0, -3) : reply);
    return true;
  });
  const channel = open();
  await channel.ready();
  await expect(channel.ports()).rejects.toMatchObject({ code: 'MalformedMessage' });
  garbage = false;
  await expect(channel.ports()).resolves.toEqual([]);
});

test('what is still asked fails when the switch hangs up', async () => {
  const down = vi.fn<(reason: string) => void>();
  const peer = await fake((message) => message.kind === 'port_desc_request');
  const channel = open({ down });
  await channel.ready();
  const asked = channel.ports();
  await vi.waitFor(
    () => expect(peer.received.some(({ kind }) => kind === 'port_desc_request')).toBe(true),
    DEADLINE,
  );
  peer.hangUp();
  await expect(asked).rejects.toMatchObject({ kind: 'unavailable', code: 'SwitchAway' });
  expect(down).toHaveBeenCalledTimes(1);
  await channel.ready();
});

test('closing ends what is asked, and every wait', async () => {
  const peer = await fake((message) => message.kind === 'port_desc_request');
  const channel = open();
  await channel.ready();
  const asked = channel.ports();
  channel.close();
  await expect(asked).rejects.toThrow('the channel is closed');
  await expect(channel.ready()).rejects.toThrow('the channel is closed');
  await vi.waitFor(() => expect(peer.connections).toBe(0), DEADLINE);
  expect(channel.state).toBe('closed');
});

test('a bundle with a message that the switch does not take is never committed', async () => {
  const peer = await fake((message, xid, each) => {
    if (message.kind !== 'bundle_add' || message.message.kind !== 'flow_mod') return false;
    if (message.message.flow.priority === 3) each.send(error(3, 2), xid);
    return true;
  });
  const channel = open();
  await channel.ready();
  await expect(channel.apply({ ...EMPTY, add: flows(5) })).rejects.toMatchObject({
    code: 'SwitchRefused',
    message: 'the switch refuses flow table=1, priority=3 actions=drop: OFPBIC_BAD_TABLE_ID',
  });
  expect(commands(peer.received)).toEqual(['open_request', 'close_request', 'discard_request']);
});

test('names the flow for which a commit fails', async () => {
  const added: number[] = [];
  await fake((message, xid, each) => {
    if (message.kind === 'bundle_add') added.push(xid);
    if (message.kind !== 'bundle_control' || message.command !== 'commit_request') return false;
    each.send(error(2, 9), added[1]);
    each.send(error(17, 13), xid);
    return true;
  });
  const channel = open();
  await channel.ready();
  await expect(channel.apply({ ...EMPTY, remove: flows(2) })).rejects.toMatchObject({
    message: 'the switch refuses flow table=1, priority=1 actions=drop: OFPBAC_BAD_OUT_GROUP',
  });
});

test('puts groups and meters back when the flows are refused', async () => {
  const peer = await fake((message, xid, each) => {
    if (message.kind === 'group_desc_request') {
      const held = { id: 1, type: 'all', buckets: [] } as const;
      each.send(
        { kind: 'group_desc_reply', more: false, groups: message.group === 1 ? [held] : [] },
        xid,
      );
      return true;
    }
    if (message.kind === 'meter_mod' && message.command === 'add' && message.meter.id === 8) {
      each.send(error(12, 1), xid);
    }
    if (each.version === 15) return false;
    if (message.kind !== 'bundle_control' || message.command !== 'commit_request') return false;
    each.send(error(17, 13), xid);
    return true;
  });
  const channel = open();
  await channel.ready();
  const failed = channel.apply({
    ...EMPTY,
    add: flows(1),
    addGroups: [
      { id: 1, type: 'indirect', buckets: [] },
      { id: 2, type: 'all', buckets: [] },
    ],
    addMeters: [
      { id: 8, unit: 'kbps', rate: 10 },
      { id: 9, unit: 'kbps', rate: 10 },
    ],
  });
  await expect(failed).rejects.toThrow('the switch refuses a bundle: OFPBFC_MSG_FAILED');
  const said = peer.received.flatMap((message) => {
    if (message.kind === 'meter_mod') {
      return [
        `${message.command} meter ${message.command === 'delete' ? message.id : message.meter.id}`,
      ];
    }
    if (message.kind === 'group_mod') {
      return message.command === 'delete'
        ? [`delete group ${message.id}`]
        : [`${message.command} group ${message.group.id} ${message.group.type}`];
    }
    return [];
  });
  expect(said.slice(0, 5)).toEqual([
    'add meter 8',
    'add meter 9',
    'add_or_modify group 1 indirect',
    'add_or_modify group 2 all',
    'modify meter 8',
  ]);
  expect(said.slice(5).toSorted()).toEqual([
    'add_or_modify group 1 all',
    'delete group 2',
    'delete meter 9',
  ]);
});

test('changes go in one after the other, and one that fails stops none behind it', async () => {
  const peer = await fake((message, xid, each) => {
    if (message.kind !== 'bundle_add' || message.message.kind !== 'flow_mod') return false;
    if (message.message.command === 'delete_strict') each.send(error(5, 0), xid);
    return true;
  });
  const channel = open();
  await channel.ready();
  const results = await Promise.allSettled([
    channel.apply({ ...EMPTY, add: flows(1) }),
    channel.apply({ ...EMPTY, remove: flows(1) }),
    channel.apply({ ...EMPTY, add: flows(2) }),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(commands(peer.received)).toEqual([
    'open_request',
    'close_request',
    'commit_request',
    'open_request',
    'close_request',
    'discard_request',
    'open_request',
    'close_request',
    'commit_request',
  ]);
});

test('does not run ahead of a switch that does not read', async () => {
  await fake((message, _xid, peer) => {
    if (message.kind === 'bundle_control' && message.command === 'open_request') peer.pause();
    return false;
  });
  const channel = open();
  await channel.ready();
  let taken = 0;
  const add = flows(50_000);
  const counted = new Proxy(add, {
    get(target, key, receiver) {
      if (typeof key === 'string' && /^\d+$/.test(key)) taken += 1;
      return Reflect.get(target, key, receiver);
    },
  });
  const applied = channel.apply({ ...EMPTY, add: counted });
  applied.catch(() => null);
  await vi.waitFor(() => expect(taken).toBeGreaterThan(1000), DEADLINE);
  // It stands still well before the end.
  let before = 0;
  while (taken !== before) {
    before = taken;
    await sleep(500);
  }
  expect(taken).toBeLessThan(add.length / 2);
  channel.close();
  await expect(applied).rejects.toMatchObject({ code: 'SwitchAway' });
});

const error = (type: number, code: number): Message => ({
  kind: 'error',
  type,
  code,
  experimenter: null,
  data: new Uint8Array(),
});

const commands = (messages: readonly Message[]) =>
  messages.flatMap((message) => (message.kind === 'bundle_control' ? [message.command] : []));
