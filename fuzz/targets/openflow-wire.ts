/** OpenFlow messages of every kind, and the match by itself. */
import { Reader, Writer } from '../../src/base/bytes.ts';
import { Failure } from '../../src/base/failure.ts';
import { parseMatch, type Match } from '../../src/openflow/index.ts';
import { decode, encode, type Version } from '../../src/openflow/wire/index.ts';
import { readMatch, writeMatch } from '../../src/openflow/wire/match.ts';
import { UnknownPart } from '../../src/openflow/wire/malformed.ts';
import { Framer } from '../../src/net/openflow/framing.ts';
import { drawMatches } from '../../test/differential/match-generator.ts';
import { drawMessages } from '../../test/support/openflow-messages.ts';
import { byteTarget } from '../target.ts';
import { difference, readOrRefused, shown } from '../verdict.ts';

const seed = 20_261_122;
const EACH = 40;
const hex = (digits: string): Uint8Array => withLength(Uint8Array.from(Buffer.from(digits, 'hex')));
const LENGTH_AT = 2;
const HEADER = 8;

/** The header says how long the message is. */
function withLength(bytes: Uint8Array): Uint8Array {
  if (bytes.length < HEADER || bytes.length > 0xffff) return bytes;
  const mended = bytes.slice();
  new DataView(mended.buffer).setUint16(LENGTH_AT, mended.length);
  return mended;
}

const drawn = drawMessages(seed, EACH);
/** The kinds that we send or expect in a version; others are read, but not written. */
const CARRIED = new Set(drawn.map(({ kind, version }) => `${kind} ${version}`));

const messages = (): Uint8Array[] =>
  drawn.flatMap(({ version, messages: some }) =>
    some.map((message) => encode(message, 7, version)),
  );

function taken(text: string): Match[] {
  try {
    return [parseMatch(text)];
  } catch (error) {
    if (error instanceof Failure) return [];
    throw error;
  }
}

function bytesOf(match: Match): Uint8Array {
  const writer = new Writer();
  writeMatch(writer, match);
  return writer.finish();
}

/**
 * What leaves us in another form than it came: a tunnel option that is loaded or set, as it does with
 * Open vSwitch, and what is named without being known.
 */
const NOT_WRITTEN_ALIKE =
  /"unreadable":|"field":\["tun_metadata[^}]*"kind":"(?:load|set_field)"|"kind":"load","target":\{[^}]*"tun_metadata/;

const VERSIONS: Readonly<Record<number, Version>> = { 5: 14, 6: 15 };

export const openflowWireTargets = [
  byteTarget({
    name: 'OpenFlow messages',
    share: 10,
    samples: messages,
    mend: withLength,
    kept: {
      'a load of more bits than its target has': hex(
        '050d003000000007ffffffff000000010018000000000000ffff0018000023200007010700010604' +
          '0000000000000105',
      ),
      'a weight of 0 in a group that has none': hex(
        '060f005000000007000002000000000a00380000ffffffff0020001800000000ffff001000002320' +
          '000e16893e00000000160008bd85e5ac001800000000a4dd000000080000ffff0002000800010000',
      ),
      'flags that a flow has not': hex(
        '050e0078000000077fffffffffffffed467aa880b64b7fa3ad04000000008000ffffffffffffffff' +
          'ffffffffff0000000001002b80000a020800800014012f00010f0800000000000000060001100400' +
          '000000000112040000000e000000000000040018000000fc00000010fffffffe0000000000000000',
      ),
      'a message of another version within one': hex(
        '05200028000000070613002000000007000700000000000000100200fffffff00000000000000000',
      ),
      'a lifetime whose end nobody is told of': hex(
        '050e005000000007000000000000000000000000000000000000000000008000ffffffffffffffff' +
          'ffffffff0000000000010004000000000004001800000000ffff0010000023200015000000000000',
      ),
      'a field named by a header of another length': hex(
        '050e005800000007000000000000000000000000000000000000000000008000ffffffffffffffff' +
          'ffffffff0000000000010004000000000004002000000000ffff0018000023200006002000000000' +
          '0000000400011c04',
      ),
      'userdata of no bytes': hex(
        '050e005800000007000000000000000000000000000000000000000000008000ffffffffffffffff' +
          'ffffffff0000000000010004000000000004002000000000ffff0018000023200025000000000000' +
          '0003000400000000',
      ),
      'nat to ports of no address': hex(
        '050e007000000007000000000000000000000000000000000000000000008000ffffffffffffffff' +
          'ffffffff0000000000010004000000000004003800000000ffff0030000023200023000100000000' +
          '0000ff0000000000ffff00180000232000240000000100100000000000000000',
      ),
      'a port to come in by that OpenFlow 1.0 has not': hex(
        '050e005000000007000000000000000000000000000000000000000000008000ffffffffffffffff' +
          'ffffffff0000000000010004000000000004001800000000001900108000000416bb000000000000',
      ),
      'a port under a mask': hex(
        '0604006800000007000023200000001e0000000833d5c128000100080000000d000300057a000000' +
          '00040010000000003ab6b670d0bbe03d000500050100000000060020800000040000ffff80004c08' +
          '00000000000000070000010400000001000700083f496cfa',
      ),
    },
    judge: (bytes) =>
      readOrRefused(() => {
        const { message, version: byte, xid } = decode(bytes);
        const version = VERSIONS[byte];
        if (version === undefined || !CARRIED.has(`${message.kind} ${version}`)) return 'taken';
        const again = encode(message, xid, version);
        const back = decode(again);
        const [one, other] = [shown(message), shown(back.message)];
        if (one === other || NOT_WRITTEN_ALIKE.test(one)) return 'taken';
        return { fault: `${message.kind} comes back otherwise: ${difference(one, other)}` };
      }),
  }),
  byteTarget({
    name: 'OpenFlow matches',
    share: 6,
    kept: {
      'more flags of a tunnel than there are': hex('0001000c0001d104ffffffff00000000'),
    },
    samples: () => drawMatches(3000, seed).flatMap(({ text }) => taken(text).map(bytesOf)),
    judge: (bytes) => {
      let match: Match;
      try {
        match = readMatch(new Reader(bytes));
      } catch (error) {
        if (error instanceof RangeError || error instanceof UnknownPart) return 'refused';
        if (error instanceof Failure && error.code === 'MalformedMessage') return 'refused';
        throw error;
      }
      const again = bytesOf(match);
      const back = bytesOf(readMatch(new Reader(again)));
      return shown(back) === shown(again)
        ? 'taken'
        : {
            fault: `a match is written otherwise the second time: ${shown(again)} then ${shown(back)}`,
          };
    },
  }),
  byteTarget({
    name: 'OpenFlow streams',
    share: 3,
    samples: () => messages().filter((_, index) => index % 20 === 0),
    judge: (bytes) =>
      readOrRefused(() => {
        const cut = bytes[0] ?? 0;
        const read = (chunks: readonly Uint8Array[]): string => {
          const framer = new Framer();
          const found: string[] = [];
          try {
            for (const chunk of chunks) framer.push(chunk, (message) => found.push(shown(message)));
          } catch (error) {
            if (!(error instanceof Failure)) throw error;
            found.push(error.code);
          }
          return found.join();
        };
        const whole = read([bytes]);
        const parts = read([bytes.subarray(0, cut), bytes.subarray(cut)]);
        return whole === parts ? 'taken' : { fault: 'a stream in two chunks holds other messages' };
      }),
  }),
];
