/**
 * OpenFlow messages of every kind come back from their bytes as they went in, and bytes that are no
 * message are refused in one way. `TIANCHI_SEED` replays a run.
 */
import { expect, test } from 'vitest';
import { Failure } from '../../src/base/failure.ts';
import {
  field,
  load,
  output,
  parseActions,
  parseFlow,
  setField,
  type Group,
  type Match,
} from '../../src/openflow/index.ts';
import { decode, encode, type MessageOf, type Version } from '../../src/openflow/wire/index.ts';
import { byName, drawMessages } from '../support/openflow-messages.ts';

const seed = Number(process.env['TIANCHI_SEED'] ?? 20261122);
const rounds = 60;

const drawn = drawMessages(seed, rounds);

/** Matches in one order, wherever they stand. */
function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) {
    return value.length > 0 && value.every(isTerm)
      ? byName(value).map((term) => [term.field.name, term.value, term.mask])
      : value.map(comparable);
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, comparable(part)]));
}

const isTerm = (value: unknown): value is Match[number] =>
  typeof value === 'object' && value !== null && !('kind' in value) && 'mask' in value;

test.each(drawn)(
  '$kind over OpenFlow 1.$minor comes back as it went in',
  ({ version, messages }) => {
    for (const message of messages) {
      const back = decode(encode(message, 7, version));
      expect(back.xid).toBe(7);
      expect(back.version).toBe(version - 9);
      expect(comparable(back.message)).toEqual(comparable(message));
    }
  },
);

test('bytes that are no message are refused as malformed, and nothing else happens', () => {
  let refused = 0;
  const attempt = (given: Uint8Array) => {
    try {
      decode(given);
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'MalformedMessage') throw error;
      refused += 1;
    }
  };
  for (const { version, messages } of drawn) {
    for (const message of messages.slice(0, 6)) {
      const whole = encode(message, 7, version);
      for (let end = 0; end < whole.length; end += 1) {
        const cut = whole.slice(0, end);
        attempt(cut);
        // The header says what is there, so that the end is missing further in.
        if (end >= 8) attempt(withLength(cut));
      }
      for (let at = 2; at < whole.length; at += 1) {
        for (const wrong of [0, 0xff, (whole[at] ?? 0) ^ 0x80, (whole[at] ?? 0) + 1]) {
          const bad = whole.slice();
          bad[at] = wrong;
          attempt(bad);
        }
      }
    }
  }
  expect(refused).toBeGreaterThan(10_000);
});

function withLength(given: Uint8Array): Uint8Array {
  const changed = given.slice();
  new DataView(changed.buffer).setUint16(2, given.length);
  return changed;
}

test('what is not known here is named where it can be', () => {
  const known = parseFlow('table=3,priority=5,cookie=0x7,ip,actions=output:1');
  const counters = { packets: 1, bytes: 2, duration: 0 };
  const whole = encode(
    { kind: 'flow_stats_reply', more: false, flows: [{ ...known, counters }] },
    1,
  );
  const withHeader = (header: number) => {
    const changed = whole.slice();
    // Header of the message, of the part and of the entry, then the match begins.
    new DataView(changed.buffer).setUint32(16 + 48 + 4, header);
    return decode(changed).message;
  };
  expect(withHeader(0x80000a02)).toMatchObject({ flows: [{ table: 3, priority: 5 }] });
  // OXM_OF_PBB_ISID as long as eth_type.
  expect(withHeader(0x80004a02)).toEqual({
    kind: 'flow_stats_reply',
    more: false,
    flows: [],
    unreadable: [{ table: 3, priority: 5, cookie: 7n, why: 'a field that is not known here' }],
  });
});

test.each([0, 2 ** 53 - 1, 2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n])(
  'a count of %s is exact',
  (packets) => {
    const counters = { packets, bytes: 2, duration: 0 };
    const flows = [{ ...parseFlow('ip,actions=drop'), counters }];
    const { message } = decode(encode({ kind: 'flow_stats_reply', more: false, flows }, 1));
    expect(message).toMatchObject({ flows: [{ counters }] });
  },
);

test.each<[string, Group['hashedFields'], string]>([
  ['the fields that a group hashes by', [{ field: field('ip_src'), mask: 0xffffffffn }], 'drop'],
  [
    'a sample with the bits of a field',
    undefined,
    'sample(probability=1,collector_set_id=1,obs_domain_id=NXM_NX_REG0[],obs_point_id=1)',
  ],
])('%s are for text alone', (what, hashedFields, actions) => {
  const bucket = { id: 0, actions: parseActions(actions) };
  const base = { id: 1, type: 'select', selectionMethod: 'hash', buckets: [bucket] } as const;
  const group: Group = { ...base, ...(hashedFields && { hashedFields }) };
  expect(() => encode({ kind: 'group_mod', command: 'add', group }, 1, 15)).toThrow(
    expect.objectContaining({
      kind: 'unsupported',
      code: 'NotInMessages',
      message: expect.stringContaining(what),
    }),
  );
});

test('the in_port of OpenFlow keeps its own number in actions', () => {
  const actions = parseActions('load:0x5->OXM_OF_IN_PORT[],load:0x5->NXM_OF_IN_PORT[]');
  const bytes = encode({ kind: 'packet_out', inPort: 1, actions, data: new Uint8Array() }, 1);
  expect(decode(bytes).message).toMatchObject({ actions });
});

test('a load is one in OpenFlow 1.4 and a masked set_field in 1.5', () => {
  const actions = [load(5, 'reg3', 4, 8), load(9, 'reg4'), setField('reg5', 0x10, 0xf0)];
  const sent: MessageOf<'packet_out'> = {
    kind: 'packet_out',
    inPort: 1,
    actions,
    data: new Uint8Array(),
  };
  const back = (version: Version) => {
    const { message } = decode(encode(sent, 1, version));
    return message.kind === 'packet_out' ? message.actions : [];
  };
  expect(back(14)).toEqual([actions[0], actions[1], load(1, 'reg5', 4, 4)]);
  expect(back(15)).toEqual([setField('reg3', 0x50, 0xff0), setField('reg4', 9), actions[2]]);
  expect(() => encode({ kind: 'group_mod', command: 'add', group: wide }, 1)).toThrow(RangeError);
  expect(() => encode({ kind: 'group_mod', command: 'add', group: wide }, 1, 15)).toThrow(
    expect.objectContaining({ code: 'MessageTooLong' }),
  );
});

const wide: Group = {
  id: 1,
  type: 'all',
  buckets: Array.from({ length: 5000 }, (_, id) => ({ id, actions: [output(1)] })),
};
