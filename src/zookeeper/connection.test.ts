import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { Connection, type ConnectionEnd, type Limits } from './connection.ts';
import { JuteReader, JuteWriter } from './jute.ts';
import { connectRequest, connectResponse, replyHeader } from './messages.ts';
import { FrameSplitter } from './frames.ts';

/** A server that answers when it is told to. */
class Server extends Duplex {
  /** Xids of the requests that came. */
  readonly asked: number[] = [];
  /** How many writes they came in. */
  writes = 0;
  readonly #splitter = new FrameSplitter((frame) => {
    if (this.#greeted) this.asked.push(new JuteReader(frame).int());
    else this.#greeted = connectRequest.read(new JuteReader(frame)).timeoutMs > 0;
  });
  #greeted = false;

  override _read(): void {}

  override _write(chunk: Uint8Array, _encoding: unknown, done: () => void): void {
    this.writes += 1;
    this.#splitter.push(chunk);
    done();
  }

  say(...packets: readonly ((to: JuteWriter) => void)[]): void {
    const writer = new JuteWriter();
    for (const packet of packets) writer.packet(packet);
    this.emit('data', writer.take());
  }

  answer(...xids: readonly number[]): void {
    this.say(
      ...xids.map((xid) => (to: JuteWriter) => replyHeader.write(to, { xid, zxid: 1n, err: 0 })),
    );
  }
}

const open: Connection[] = [];

afterEach(() => {
  for (const connection of open.splice(0)) connection.destroy('the test is over');
});

/** A connection whose session stands. */
function connected(limits: Partial<Limits> = {}) {
  const server = new Server();
  const ends: ConnectionEnd[] = [];
  const connection = new Connection(server, {
    limits: { packetBytes: 1000, requestsInFlight: 100, bytesInFlight: 1e6, ...limits },
    key: null,
    sessionTimeoutMs: 60_000,
    connectTimeoutMs: 60_000,
    lastZxid: 0n,
    digest: null,
    onReady: () => {},
    onEvent: () => {},
    onEnd: (end) => ends.push(end),
  });
  open.push(connection);
  server.say((to) =>
    connectResponse.write(to, {
      protocolVersion: 0,
      timeoutMs: 60_000,
      session: 1n,
      password: null,
    }),
  );
  const settled: string[] = [];
  const send = (name: string, bytes = 10) =>
    connection.send({
      path: '/',
      type: 0,
      write: (to) => to.buffer(new Uint8Array(bytes)),
      settle: () => settled.push(name),
      fail: ({ code, sent }) => settled.push(`${name} ${code}${sent ? ' sent' : ''}`),
    });
  return { server, connection, send, settled, ends };
}

test('requests of one turn are one write', async () => {
  const { server, send } = connected();
  for (const name of ['a', 'b', 'c']) send(name);
  const before = server.writes;
  await turn();
  expect(server.asked).toEqual([1, 2, 3]);
  expect(server.writes).toBe(before + 1);
});

test('no more requests are on their way than allowed', async () => {
  const { server, send, settled } = connected({ requestsInFlight: 2 });
  for (const name of ['a', 'b', 'c', 'd', 'e']) send(name);
  await turn();
  expect(server.asked).toEqual([1, 2]);
  server.answer(1);
  await turn();
  expect(server.asked).toEqual([1, 2, 3]);
  server.answer(2, 3);
  await turn();
  expect(server.asked).toEqual([1, 2, 3, 4, 5]);
  expect(settled).toEqual(['a', 'b', 'c']);
});

test('no more bytes are on their way than allowed, but for the last packet', async () => {
  const { server, send } = connected({ bytesInFlight: 1000 });
  for (const name of ['a', 'b', 'c', 'd']) send(name, 600);
  await turn();
  expect(server.asked).toEqual([1, 2]);
  server.answer(1);
  await turn();
  expect(server.asked).toEqual([1, 2, 3]);
});

test('at the end all are told whether they were sent', async () => {
  const { connection, send, settled, ends } = connected({ requestsInFlight: 1 });
  send('a');
  send('b');
  await turn();
  connection.destroy('the line was cut');
  send('c');
  expect(settled).toEqual(['a CONNECTIONLOSS sent', 'b CONNECTIONLOSS', 'c CONNECTIONLOSS']);
  expect(ends).toEqual([{ kind: 'lost', reason: 'the line was cut' }]);
});

test('an answer out of turn ends the connection', async () => {
  const { server, send, settled, ends } = connected();
  send('a');
  send('b');
  await turn();
  server.answer(2);
  expect(settled).toEqual(['a CONNECTIONLOSS sent', 'b CONNECTIONLOSS sent']);
  expect(ends).toMatchObject([{ kind: 'lost', reason: expect.stringContaining('answer to 2') }]);
});

test('a packet that is too large leaves no trace', async () => {
  const { server, send, settled } = connected();
  send('a');
  send('b', 2000);
  send('c');
  await turn();
  server.answer(...server.asked);
  expect(settled).toEqual(['b TOOLARGE', 'a', 'c']);
});

test('a packet that comes in pieces is put together, however long it says to be', () => {
  const found: Uint8Array[] = [];
  const splitter = new FrameSplitter((frame) => found.push(frame));
  const lengths = [0, 5, 1024 * 1024, 5 * 1024 * 1024 + 3];
  for (const piece of [300_000, 1024 * 1024 + 7, 3_000_000]) {
    found.length = 0;
    const packets = lengths.map((length, n) => new Uint8Array(length).fill(n + 1));
    const stream = Buffer.concat(
      packets.flatMap((packet) => {
        const length = Buffer.alloc(4);
        length.writeInt32BE(packet.length);
        return [length, packet];
      }),
    );
    for (let at = 0; at < stream.length; at += piece)
      splitter.push(stream.subarray(at, at + piece));
    expect(
      found.map((frame) =>
        Buffer.from(frame).equals(packets[found.indexOf(frame)] ?? Buffer.alloc(1)),
      ),
    ).toEqual(lengths.map(() => true));
  }
});
