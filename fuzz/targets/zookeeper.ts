/** What ZooKeeper answers, as one connection takes it. */
import { Duplex } from 'node:stream';
import { Connection } from '../../src/zookeeper/connection.ts';
import { JuteWriter } from '../../src/zookeeper/jute.ts';
import {
  connectResponse,
  created,
  dataAndStat,
  OPERATIONS,
  replyHeader,
  watcherEvent,
  withStat,
} from '../../src/zookeeper/messages.ts';
import { multi, multiRead } from '../../src/zookeeper/multi.ts';
import type { Stat } from '../../src/zookeeper/types.ts';
import { byteTarget, type Verdict } from '../target.ts';
import { shown } from '../verdict.ts';

/** The request that waits for an answer when the bytes come: the first of them says which. */
const ASKED = [
  OPERATIONS.get,
  OPERATIONS.children,
  OPERATIONS.create,
  OPERATIONS.getAcl,
  OPERATIONS.set,
  multi,
  multiRead,
] as const;

const stat: Stat = {
  czxid: 0x1_0000_0001n,
  mzxid: 0x1_0000_0002n,
  pzxid: 0x1_0000_0003n,
  ctime: 1_700_000_000_123,
  mtime: 1_700_000_001_456,
  version: 1,
  cversion: 2,
  aversion: 0,
  ephemeralOwner: -1n,
  dataLength: 3,
  numChildren: 2,
};
const bytes = Uint8Array.of(1, 2, 3);

/** One packet after another. */
function packets(...writes: readonly ((to: JuteWriter) => void)[]): Uint8Array {
  const writer = new JuteWriter();
  for (const write of writes) writer.packet(write);
  return writer.take();
}

const answer =
  (body: (to: JuteWriter) => void, err = 0) =>
  (to: JuteWriter): void => {
    replyHeader.write(to, { xid: 1, zxid: 0x1_0000_0004n, err });
    if (err === 0) body(to);
  };
const event = (to: JuteWriter): void => {
  replyHeader.write(to, { xid: -1, zxid: -1n, err: 0 });
  watcherEvent.write(to, { type: 3, state: 3, path: '/a/ü' });
};

type Write = (to: JuteWriter) => void;

const texts =
  (...values: readonly string[]): Write =>
  (to) => {
    to.int(values.length);
    for (const value of values) to.text(value);
  };
const withText =
  (value: string): Write =>
  (to) =>
    to.text(value);
const withError =
  (err: number): Write =>
  (to) =>
    to.int(err);
const withData =
  (data: Uint8Array | null): Write =>
  (to) =>
    dataAndStat.write(to, { data, stat });
const statAlone: Write = (to) => withStat.write(to, { stat });

/** The parts of an answer to a multi, each with its number. */
const parts =
  (...each: readonly (readonly [number, Write])[]): Write =>
  (to) => {
    for (const [type, write] of each) {
      to.int(type);
      to.bool(false);
      to.int(0);
      write(to);
    }
    to.int(-1);
    to.bool(true);
    to.int(-1);
  };

/** A legal answer to each of {@link ASKED}. */
const BODIES: readonly Write[] = [
  withData(bytes),
  (to) => {
    texts('a', 'ü', 'a longer name')(to);
    statAlone(to);
  },
  (to) => created.write(to, { path: '/a/b', stat }),
  (to) => {
    to.int(1);
    to.int(31);
    to.text('world');
    to.text('anyone');
    statAlone(to);
  },
  statAlone,
  parts([1, withText('/a')], [5, statAlone], [2, () => {}], [-1, withError(-101)]),
  parts([4, withData(null)], [8, texts('a', 'b')], [-1, withError(-101)]),
];

const welcome = packets((to) =>
  connectResponse.write(to, {
    protocolVersion: 0,
    timeoutMs: 10_000,
    session: 7n,
    password: bytes,
  }),
);

/** Leaves nothing to a later turn: between inputs there is none, and what waits would be kept. */
class Wire extends Duplex {
  override _read(): void {}
  override resume(): this {
    return this;
  }
  override write(): boolean {
    return true;
  }
  override destroy(): this {
    return this;
  }
}

/** What becomes of one request when its connection gets these chunks, and of the connection. */
function told(
  kind: number,
  chunks: readonly Uint8Array[],
): { readonly ended: boolean; readonly text: string } {
  const found: unknown[] = [];
  const wire = new Wire();
  const connection = new Connection(wire, {
    limits: { packetBytes: 0xfffff, requestsInFlight: 10, bytesInFlight: 0xfffff },
    key: null,
    sessionTimeoutMs: 10_000,
    connectTimeoutMs: 10_000,
    lastZxid: 0n,
    digest: null,
    onReady: () => {},
    onEvent: (type, path) => found.push(['event', type, path]),
    onEnd: (ending) => found.push(['end', ending.kind]),
  });
  wire.emit('data', welcome);
  const asked = ASKED[kind % ASKED.length] ?? OPERATIONS.get;
  connection.send({
    path: '/a',
    type: asked.type,
    write: () => {},
    settle: (from) => found.push(['answer', asked.read(from)]),
    fail: ({ code }) => found.push(['error', code]),
  });
  for (const chunk of chunks) wire.emit('data', chunk);
  const ended = found.some((what) => Array.isArray(what) && what[0] === 'end');
  connection.destroy('enough');
  return { ended, text: shown(found) };
}

/** How often the request was settled, by what was found. */
const settlements = (text: string) => text.match(/\["(?:answer|error)",/g)?.length ?? 0;

export const zooKeeperTargets = [
  byteTarget({
    name: 'answers of ZooKeeper',
    share: 5,
    samples: () =>
      BODIES.flatMap((body, kind) =>
        [packets(answer(body)), packets(event, answer(body)), packets(answer(body, -110))].map(
          (frames) => Uint8Array.of(kind, ...frames),
        ),
      ),
    judge: (input): Verdict => {
      const [kind = 0] = input;
      const stream = input.subarray(1);
      const middle = (stream.length * 5) >> 3;
      const whole = told(kind, [stream]);
      const halves = told(kind, [stream.subarray(0, middle), stream.subarray(middle)]);
      if (whole.text !== halves.text) {
        return { fault: `two chunks are taken otherwise: ${whole.text} then ${halves.text}` };
      }
      if (settlements(whole.text) !== 1) {
        return { fault: `the request is not settled once: ${whole.text}` };
      }
      return whole.ended ? 'refused' : 'taken';
    },
  }),
];
