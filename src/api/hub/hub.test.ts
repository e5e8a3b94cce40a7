import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Puppet } from '../../../test/support/puppet.ts';
import { Failure } from '../../base/failure.ts';
import type { Inputs } from '../../model/inputs.ts';
import type { Kind, Objects } from '../../model/objects.ts';
import { PLANNERS } from '../../model/plan.ts';
import { openMemoryStore } from '../../store/index.ts';
import { openRuntime } from '../runtime.ts';
import type { OpenRuntime } from '../runtime.ts';
import { AgentHub } from './hub.ts';

const log = pino({ level: 'silent' });

let runtime: OpenRuntime;
let hub: AgentHub;

/** Lets everything run that waits for no timer. */
const quiet = () => vi.advanceTimersByTimeAsync(0);

const create = <K extends Kind>(kind: K, input: Inputs[K]['create']): Promise<Objects[K]> =>
  runtime.execute<Objects[K]>((topology, context) =>
    PLANNERS[kind].create(topology, input, context),
  );
const update = <K extends Kind>(kind: K, id: string, patch: Inputs[K]['update']) =>
  runtime.execute<Objects[K]>((topology, context) =>
    PLANNERS[kind].update(topology, id, patch, context),
  );
const status = (id: string) => runtime.topology.get('port', id)?.status;

async function vpc(cidr: string): Promise<Objects['network']> {
  const network = await create('network', { name: cidr, cidr });
  await create('subnet', { network_id: network.id, cidr });
  return network;
}

async function puppet(node: string, vtep: string): Promise<Puppet> {
  const it = new Puppet(hub.connect);
  it.hello(node, vtep);
  await quiet();
  return it;
}

beforeEach(async () => {
  vi.useFakeTimers();
  runtime = await openRuntime({
    store: openMemoryStore(),
    defaultSecurityGroup: false,
    underlayMtu: 1500,
    onListenerError: (error) => {
      throw error;
    },
  });
  hub = new AgentHub(runtime, log);
});

afterEach(() => {
  hub.close();
  runtime.close();
  vi.useRealTimers();
});

describe('hello', () => {
  test('registers the node and brings a snapshot', async () => {
    const a = await puppet('a', '192.0.2.1');
    expect(runtime.topology.get('node', 'a')?.vtep).toBe('192.0.2.1');
    expect(a.types).toEqual(['welcome', 'snapshot']);
    expect(hub.connected()).toEqual(['a']);
    await puppet('a2', '192.0.2.2');
    expect(a.types).toEqual(['welcome', 'snapshot', 'delta']);
  });

  test('follows a node to its new address', async () => {
    (await puppet('a', '192.0.2.1')).close();
    await quiet();
    await puppet('a', '192.0.2.9');
    expect(runtime.topology.get('node', 'a')?.vtep).toBe('192.0.2.9');
  });

  test('is refused where the address is taken', async () => {
    await puppet('a', '192.0.2.1');
    const b = await puppet('b', '192.0.2.1');
    expect(b.types).toEqual(['refused']);
    expect(b.got[0]).toHaveProperty('reason', expect.stringMatching(/192\.0\.2\.1.*node a/));
    expect(b.ended?.code).toBe(4403);
    const liar = await puppet('a', '192.0.2.7');
    expect(liar.types).toEqual(['refused']);
    expect(hub.connected()).toEqual(['a']);
  });

  test('of the same node again replaces the first', async () => {
    const first = await puppet('a', '192.0.2.1');
    const second = await puppet('a', '192.0.2.1');
    expect(first.ended?.code).toBe(4409);
    expect(second.types).toEqual(['welcome', 'snapshot']);
    expect(hub.connected()).toEqual(['a']);
  });

  test('with a revision that is held brings only what was missed', async () => {
    const network = await vpc('10.0.0.0/24');
    const other = await vpc('10.0.0.0/24');
    const first = await puppet('a', '192.0.2.1');
    const mine = await create('port', { network_id: network.id, 'binding:host_id': 'a' });
    const { revision } = runtime;
    first.close();
    await create('port', { network_id: other.id });
    await update('port', mine.id, { name: 'x' });
    const again = new Puppet(hub.connect);
    again.hello('a', '192.0.2.1', { revision, store: runtime.storeId });
    await quiet();
    expect(again.types).toEqual(['welcome', 'delta']);
    expect(again.got[1]).toMatchObject({
      revision: runtime.revision,
      changes: [{ kind: 'port', id: mine.id, object: { name: 'x' } }],
    });
    const stranger = new Puppet(hub.connect);
    stranger.hello('a', '192.0.2.1', { revision, store: 'another store' });
    await quiet();
    expect(stranger.types).toEqual(['welcome', 'snapshot']);
  });
});

test("a VPC's changes reach the nodes that have it, and no others", async () => {
  const network = await vpc('10.0.0.0/24');
  const other = await vpc('10.0.0.0/24');
  const a = await puppet('a', '192.0.2.1');
  const b = await puppet('b', '192.0.2.2');
  await create('port', { network_id: network.id, 'binding:host_id': 'a' });
  await create('port', { network_id: other.id, 'binding:host_id': 'b' });
  await quiet();
  const before = [a.got.length, b.got.length];
  await create('port', { network_id: network.id });
  await quiet();
  expect([a.got.length, b.got.length]).toEqual([(before[0] ?? 0) + 1, before[1]]);
  expect(a.got.at(-1)).toMatchObject({ type: 'delta', revision: runtime.revision });
});

test('hundreds of agents that come at once are let in one by one', async () => {
  vi.useRealTimers();
  let turn = 0;
  let loop: NodeJS.Immediate;
  const count = () => {
    turn += 1;
    loop = setImmediate(count);
  };
  loop = setImmediate(count);
  const welcomed: number[] = [];
  const puppets = Array.from({ length: 200 }, (_, at) => {
    const it = new Puppet((accept) =>
      hub.connect((link) => {
        const receiver = accept(link);
        return {
          ...receiver,
          message: (text) => {
            receiver.message(text);
            if (text.includes('"snapshot"')) welcomed.push(turn);
          },
        };
      }),
    );
    it.hello(`n${at}`, `192.0.2.${at}`);
    return it;
  });
  await vi.waitFor(() => expect(welcomed).toHaveLength(puppets.length), 10_000);
  clearImmediate(loop);
  expect(new Set(welcomed).size).toBe(puppets.length);
  expect(hub.connected()).toHaveLength(puppets.length);
});

describe('the status of a port', () => {
  let network: Objects['network'];
  let a: Puppet;
  let b: Puppet;
  let mine: Objects['port'];

  beforeEach(async () => {
    network = await vpc('10.0.0.0/24');
    a = await puppet('a', '192.0.2.1');
    b = await puppet('b', '192.0.2.2');
    await create('port', { network_id: network.id, 'binding:host_id': 'b' });
    mine = await create('port', { network_id: network.id });
  });

  test('is ACTIVE once its node and all others of the VPC hold it', async () => {
    await update('port', mine.id, { 'binding:host_id': 'a' });
    const { revision } = runtime;
    await quiet();
    a.applied(revision - 1, [mine.id]);
    b.applied(revision);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(status(mine.id)).toBe('DOWN');
    a.applied(revision);
    await quiet();
    expect(status(mine.id)).toBe('ACTIVE');
  });

  test('waits 1 s at most for another node', async () => {
    await update('port', mine.id, { 'binding:host_id': 'a' });
    await quiet();
    a.applied(a.told, [mine.id]);
    await vi.advanceTimersByTimeAsync(999);
    expect(status(mine.id)).toBe('DOWN');
    await vi.advanceTimersByTimeAsync(1);
    expect(status(mine.id)).toBe('ACTIVE');
  });

  test('does not wait for a node that goes away, nor for one without the VPC', async () => {
    await puppet('c', '192.0.2.3');
    await update('port', mine.id, { 'binding:host_id': 'a' });
    await quiet();
    a.applied(a.told, [mine.id]);
    await quiet();
    expect(status(mine.id)).toBe('DOWN');
    b.close();
    await quiet();
    expect(status(mine.id)).toBe('ACTIVE');
  });

  test('is DOWN when unplugged or unbound, and stays when the agent dies', async () => {
    b.close();
    await update('port', mine.id, { 'binding:host_id': 'a' });
    await quiet();
    a.applied(a.told, [mine.id]);
    await quiet();
    expect(status(mine.id)).toBe('ACTIVE');
    a.applied(a.told, [], [mine.id]);
    await quiet();
    expect(status(mine.id)).toBe('DOWN');
    a.applied(a.told, [mine.id]);
    await quiet();
    expect(status(mine.id)).toBe('ACTIVE');
    a.close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(status(mine.id)).toBe('ACTIVE');
    await update('port', mine.id, { 'binding:host_id': null });
    await quiet();
    expect(status(mine.id)).toBe('DOWN');
  });

  test('is made right by the first report of an agent that comes back', async () => {
    b.close();
    await update('port', mine.id, { 'binding:host_id': 'a' });
    await quiet();
    a.applied(a.told, [mine.id]);
    await quiet();
    a.close();
    await quiet();
    const again = await puppet('a', '192.0.2.1');
    again.applied(again.told, []);
    await quiet();
    expect(status(mine.id)).toBe('DOWN');
  });

  test('is no news to a node', async () => {
    await update('port', mine.id, { 'binding:host_id': 'a' });
    await quiet();
    const { told } = a;
    for (const it of [a, b]) it.applied(told, it === a ? [mine.id] : undefined);
    await quiet();
    expect(status(mine.id)).toBe('ACTIVE');
    expect([a.told, b.told]).toEqual([told, told]);
    expect(runtime.revision).toBeGreaterThan(told);
  });

  test('of many ports is one write, in which one that fails holds up no other', async () => {
    b.close();
    const more = await Promise.all(
      [1, 2, 3].map(() => create('port', { network_id: network.id, 'binding:host_id': 'a' })),
    );
    await quiet();
    const before = runtime.revision;
    a.applied(
      a.told,
      more.map(({ id }) => id),
    );
    await quiet();
    expect(more.map(({ id }) => status(id))).toEqual(['ACTIVE', 'ACTIVE', 'ACTIVE']);
    expect(runtime.revision).toBe(before + 1);

    const [unwilling] = more;
    const usual = PLANNERS.port.update.bind(PLANNERS.port);
    vi.spyOn(PLANNERS.port, 'update').mockImplementation((topology, id, patch, context) => {
      if (id === unwilling?.id) throw new RangeError('not this one');
      return usual(topology, id, patch, context);
    });
    a.applied(
      a.told,
      [],
      more.map(({ id }) => id),
    );
    await quiet();
    expect(more.map(({ id }) => status(id))).toEqual(['ACTIVE', 'DOWN', 'DOWN']);
  });

  test('of a port bound before its agent came', async () => {
    await update('port', mine.id, { 'binding:host_id': 'c' });
    const c = await puppet('c', '192.0.2.3');
    await quiet();
    for (const it of [a, b, c]) it.applied(it.told, it === c ? [mine.id] : undefined);
    await quiet();
    expect(status(mine.id)).toBe('ACTIVE');
  });
});

describe('a bad agent', () => {
  test.each([
    ['no JSON', '{', /not JSON/],
    ['an unknown type', '{"type":"flood"}', /type/],
    ['a wrong field', '{"type":"applied","revision":"1","epoch":1}', /applied\/revision/],
    [
      'a field too many',
      '{"type":"applied","revision":0,"epoch":1,"x":1}',
      /applied\/x is not expected/,
    ],
    ['a report of what it was not sent', '{"type":"applied","revision":9999,"epoch":1}', /9999/],
    [
      'a second hello',
      '{"type":"hello","node":"x","vtep":"192.0.2.8","revision":null,"store":null}',
      /already/,
    ],
  ])('that sends %s is put out, the others stay', async (_what, text, reason) => {
    const a = await puppet('a', '192.0.2.1');
    const b = await puppet('b', '192.0.2.2');
    b.raw(text);
    await quiet();
    expect(b.ended?.code).toBe(4400);
    expect(b.ended?.reason).toMatch(reason);
    expect(hub.connected()).toEqual(['a']);
    expect(a.ended).toBeNull();
  });

  test('that says nothing is put out', async () => {
    const silent = new Puppet(hub.connect);
    await vi.advanceTimersByTimeAsync(9_999);
    expect(silent.ended).toBeNull();
    await vi.advanceTimersByTimeAsync(1);
    expect(silent.ended?.code).toBe(4403);
  });

  test('that never reads is dropped', async () => {
    const network = await vpc('10.0.0.0/24');
    let closed: number | null = null;
    const receiver = hub.accept(null)({
      buffered: 64 * 1024 * 1024,
      send: () => undefined,
      close: (code) => (closed = code),
    });
    const hello = { type: 'hello', node: 'a', vtep: '192.0.2.1', revision: null, store: null };
    receiver.message(JSON.stringify(hello));
    await quiet();
    await create('port', { network_id: network.id, 'binding:host_id': 'a' });
    expect(closed).toBe(4408);
    expect(hub.connected()).toEqual([]);
  });
});

describe('queries', () => {
  test('are answered with the dump, or with what the agent says is wrong', async () => {
    const a = await puppet('a', '192.0.2.1');
    const dump = hub.query('a', { what: 'flows', bridge: 'br-int' });
    const bad = hub.query('a', { what: 'flows', bridge: 'nope' });
    const odd = hub.query('a', { what: 'flows', bridge: 'br-int' });
    await quiet();
    const ids = a.got.flatMap((message) => (message.type === 'query' ? [message.id] : []));
    a.say({ type: 'answer', id: ids[0] ?? -1, result: { generation: 3, text: 'x' } });
    a.say({ type: 'answer', id: ids[1] ?? -1, error: 'no such bridge' });
    a.say({ type: 'answer', id: ids[2] ?? -1, result: 5 });
    await expect(dump).resolves.toEqual({ generation: 3, text: 'x' });
    await expect(bad).rejects.toThrow(/no such bridge/);
    await expect(odd).rejects.toThrow(/no dump/);
  });

  test('fail for nodes that are unknown, not connected, silent or gone', async () => {
    await expect(hub.query('a', { what: 'flows', bridge: 'br-int' })).rejects.toMatchObject({
      kind: 'not_found',
    });
    const a = await puppet('a', '192.0.2.1');
    const failures: unknown[] = [];
    const ask = () =>
      hub.query('a', { what: 'flows', bridge: 'br-int' }).catch((error) => failures.push(error));
    void ask();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(failures).toHaveLength(1);
    void ask();
    a.close();
    await quiet();
    void ask();
    await quiet();
    expect(failures).toHaveLength(3);
    for (const error of failures) {
      expect(error).toBeInstanceOf(Failure);
      expect(error).toMatchObject({ kind: 'unavailable' });
    }
  });
});
