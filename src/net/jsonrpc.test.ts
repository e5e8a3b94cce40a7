import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Failure } from '../base/failure.ts';
import { MessageSplitter } from './jsonrpc-splitter.ts';
import { JsonRpcPeer } from './jsonrpc.ts';
import type { JsonRpcOptions } from './jsonrpc.ts';

const LIMITS = { bytes: 1 << 20, depth: 20 };
const bytes = (text: string) => new TextEncoder().encode(text);

function split(text: Uint8Array, cuts: readonly number[], limits = LIMITS): unknown[] {
  const splitter = new MessageSplitter(limits);
  const ends = [...cuts.map((cut) => cut % (text.length + 1)), text.length].sort((a, b) => a - b);
  return ends.flatMap((end, index) =>
    Array.from(splitter.push(text.subarray(ends[index - 1] ?? 0, end))),
  );
}

describe('the splitter', () => {
  test('finds the same messages however the stream is cut', () => {
    const message = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 4 }));
    const blank = fc.constantFrom('', ' ', '\n\r\t');
    const stream = fc.array(fc.tuple(message, blank, fc.boolean()));
    fc.assert(
      fc.property(stream, fc.array(fc.nat()), (parts, cuts) => {
        const written = parts.map(
          ([value, gap, pretty]) => JSON.stringify(value, null, pretty ? 2 : 0) + gap,
        );
        const wanted: unknown[] = parts.map(([value]) => JSON.parse(JSON.stringify(value)));
        expect(split(bytes(written.join('')), cuts)).toEqual(wanted);
      }),
      { seed: 7047, numRuns: 500 },
    );
  });

  test('looks at each byte once: one message in many small chunks is no more work', () => {
    const text = bytes(JSON.stringify({ big: 'x'.repeat(8 << 20) }));
    const splitter = new MessageSplitter({ bytes: 16 << 20, depth: 5 });
    let found = 0;
    for (let at = 0; at < text.length; at += 64) {
      found += [...splitter.push(text.subarray(at, at + 64))].length;
    }
    expect(found).toBe(1);
  });

  test.each([
    ['garbage', 'HTTP/1.1 400 Bad Request', /byte \d+ begins no object/],
    ['an array', '[1]', /byte \d+ begins no object/],
    ['what follows a message', '{} x', /byte 120 begins no object/],
    ['brackets that balance only in number', '{"a":[}]', /no JSON-RPC/],
    ['no JSON between brackets', '{nonsense}', /no JSON-RPC/],
    ['a control character in a text', '{"a":"\n"}', /no JSON-RPC/],
    ['too many brackets', '{"a":'.repeat(30), /more than 20 brackets/],
    ['too long a message', `{"a":"${'x'.repeat(2 << 20)}`, /more than 1048576 bytes/],
  ])('refuses %s', (_what, text, message) => {
    expect(() => split(bytes(text), [3, 5])).toThrow(
      expect.objectContaining({ kind: 'invalid', message: expect.stringMatching(message) }),
    );
  });

  test('refuses what is no UTF-8', () => {
    const text = Uint8Array.from([...bytes('{"a":"'), 0xc3, 0x28, ...bytes('"}')]);
    expect(() => split(text, [])).toThrow(/no JSON-RPC/);
    expect(() => split(text, [7])).toThrow(/no JSON-RPC/);
  });

  test('holds each message against the limits, not the stream', () => {
    const text = bytes('{"a":[[]]} '.repeat(100));
    expect(split(text, [7, 500], { bytes: 10, depth: 3 })).toHaveLength(100);
  });

  test('yields what came before the garbage', () => {
    const found: unknown[] = [];
    expect(() => {
      for (const message of new MessageSplitter(LIMITS).push(bytes('{"a":1}{"b":2}x'))) {
        found.push(message);
      }
    }).toThrow();
    expect(found).toEqual([{ a: 1 }, { b: 2 }]);
  });
});

interface Bench {
  readonly peer: JsonRpcPeer;
  readonly far: Duplex;
  /** Resolves with the next message that the peer writes. */
  readonly next: () => Promise<unknown>;
  readonly ended: Promise<Failure>;
}

function bench(options: Omit<JsonRpcOptions, 'onClose'> = {}): Bench {
  const [near, far] = duplexPair();
  let onClose: (reason: Failure) => void = () => {};
  const ended = new Promise<Failure>((resolve) => {
    onClose = resolve;
  });
  const peer = new JsonRpcPeer(near, { ...options, onClose });
  onTestFinished(() => peer.close());
  const splitter = new MessageSplitter({ bytes: Infinity, depth: 1000 });
  const next = async () => {
    for (;;) {
      const chunk: unknown = far.read();
      const [message] = chunk instanceof Uint8Array ? splitter.push(chunk) : [];
      if (message !== undefined) return message;
      await new Promise((resolve) => {
        far.once('readable', resolve);
      });
    }
  };
  return { peer, far, next, ended };
}

describe('the peer', () => {
  test('asks, and gets the answers in any order', async () => {
    const { peer, far, next } = bench();
    const first = peer.request('a', [1]);
    expect(await next()).toEqual({ method: 'a', params: [1], id: 0 });
    const second = peer.request('b', []);
    expect(await next()).toEqual({ method: 'b', params: [], id: 1 });
    far.write('{"id":1,"result":null,"error":{"error":"no"}}{"id":0,"result":[2],"error":null}');
    expect(await first).toEqual({ ok: true, result: [2] });
    expect(await second).toEqual({ ok: false, error: { error: 'no' } });
  });

  test('answers echo, and no other request', async () => {
    const { far, next } = bench();
    far.write('{"method":"echo","params":["x",{"y":1}],"id":"e"}');
    expect(await next()).toEqual({ result: ['x', { y: 1 }], error: null, id: 'e' });
    far.write('{"method":"steal","params":[],"id":7}');
    expect(await next()).toEqual({ result: null, error: 'unknown method', id: 7 });
  });

  test('hands notifications on in their order, and ends when one can not be taken', async () => {
    const heard: unknown[] = [];
    const { far, ended } = bench({
      onNotification: (method, params) => {
        heard.push([method, ...params]);
        if (method === 'bad') throw new Error('cannot take it');
      },
    });
    far.write('{"method":"n","params":[1],"id":null}{"method":"n","params":[2]}');
    far.write('{"method":"bad","params":[]}{"method":"n","params":[3]}');
    expect((await ended).message).toContain('cannot take it');
    expect(heard).toEqual([['n', 1], ['n', 2], ['bad']]);
  });

  test.each([
    ['garbage', 'garbage'],
    ['an answer that nobody waits for', '{"id":99,"result":1,"error":null}'],
    ['an answer without an id', '{"result":1,"error":null}'],
    ['a huge number for an id', '{"id":1e999,"result":1,"error":null}'],
    ['a request without parameters', '{"method":"echo","id":1}'],
    ['a method that is no text', '{"method":7,"params":[],"id":1}'],
  ])('ends over %s, and fails what waits', async (_what, text) => {
    const { peer, far, ended } = bench();
    const waiting = peer.request('a', []);
    const lost = { kind: 'unavailable', code: 'ConnectionLost' };
    const failed = expect(waiting).rejects.toMatchObject(lost);
    far.write(text);
    expect(await ended).toMatchObject({ kind: 'invalid' });
    await failed;
    await expect(peer.request('b', [])).rejects.toMatchObject(lost);
  });

  test('fails what waits when the other end goes', async () => {
    const { peer, far } = bench();
    const waiting = peer.request('a', []);
    far.end();
    await expect(waiting).rejects.toMatchObject({ kind: 'unavailable', code: 'ConnectionLost' });
  });

  test('gives up on silence, half a message included, after a probe', async () => {
    const { far, next, ended } = bench({ probeMs: 20 });
    far.write('{"id":0,"result":[1,2');
    expect(await next()).toMatchObject({ method: 'echo', params: [] });
    expect(await ended).toMatchObject({ kind: 'unavailable' });
  });

  test('lives on while its probes are answered', async () => {
    const { peer, far, next, ended } = bench({ probeMs: 20 });
    for (let round = 0; round < 4; round += 1) {
      expect(await next()).toEqual({ method: 'echo', params: [], id: round });
      far.write(`{"id":${round},"result":[],"error":null}`);
    }
    peer.close();
    expect((await ended).message).toContain('this end closed it');
  });

  test('ends when the other end asks without reading the answers', async () => {
    const { far, ended } = bench({ maxPendingBytes: 1 << 20 });
    const ask = `{"method":"echo","params":["${'x'.repeat(1 << 16)}"],"id":1}`;
    for (let round = 0; round < 40; round += 1) far.write(ask);
    expect((await ended).message).toContain('left more than 1048576 bytes unread');
  });

  test('ends over a message that is too long', async () => {
    const { far, ended } = bench({ maxMessageBytes: 1000 });
    far.write(`{"method":"n","params":["${'x'.repeat(1000)}"]}`);
    expect((await ended).message).toContain('more than 1000 bytes');
  });
});
