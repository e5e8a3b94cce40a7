/** Random OpenFlow messages of every kind, as values. */
import * as fc from 'fast-check';
import {
  controller,
  ctClear,
  group,
  match,
  move,
  output,
  parseFlow,
  resubmit,
  setField,
  sub,
  type Action,
  type Bucket,
  type Flow,
  type Group,
  type Match,
  type Meter,
} from '../../src/openflow/index.ts';
import type { Message, MessageKind, MessageOf, Version } from '../../src/openflow/wire/index.ts';
import { flowLine } from '../differential/flow-generator.ts';

const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffffffff);
const u64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_fffen });
const ip = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });
const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const more = fc.boolean();
const table = fc.nat(254);
const present = fc.boolean();
const orNone = (id: fc.Arbitrary<number>): fc.Arbitrary<number | null> => fc.option(id);

/** Flows as a switch gives them back: nothing is said that is the default. */
const flow = flowLine.map((line): Flow => {
  const { idleTimeout, hardTimeout, flags: words, ...parsed } = parseFlow(line);
  return {
    ...parsed,
    ...(idleTimeout && { idleTimeout }),
    ...(hardTimeout && { hardTimeout }),
    ...(words?.length && { flags: words }),
    match: byName(parsed.match),
  };
});
export const byName = (terms: Match): Match =>
  terms.toSorted((a, b) => a.field.name.localeCompare(b.field.name));

const counted = fc
  .tuple(flow, fc.maxSafeNat(), fc.maxSafeNat(), fc.nat(1e9), fc.nat(999))
  .map(([given, packets, octets, seconds, milliseconds]) => ({
    ...given,
    counters: { packets, bytes: octets, duration: seconds + milliseconds / 1e9 },
  }));

/** What OpenFlow 1.5 says as we do: no load. */
const bucketAction: fc.Arbitrary<Action> = fc.oneof(
  u16.map((port) => output(port)),
  u32.map((id) => group(id)),
  u32.map((value) => setField('reg3', value)),
  fc.tuple(u16, table).map(([inPort, to]) => resubmit({ inPort: inPort % 0xff00, table: to })),
  fc.constantFrom<Action>(
    setField('xxreg0', 0x10n, 0xf0n),
    move(sub('reg0', 3, 7), sub('xxreg1', 90, 7)),
    { kind: 'meter', meter: 7 },
    { kind: 'clone', actions: [ctClear(), output(3)] },
    controller({ userdata: [1, 2] }),
  ),
);

const bucket = (type: Group['type']): fc.Arbitrary<Bucket> =>
  fc
    .tuple(
      u16,
      fc.array(bucketAction, { maxLength: 4 }),
      fc.integer({ min: 2, max: 99 }),
      u16,
      present,
    )
    .map(([id, actions, weight, port, watched]) => ({
      id,
      actions,
      ...(type === 'select' && weight < 50 && { weight }),
      ...(watched && { watchPort: port, watchGroup: port + 1 }),
    }));
const anyGroup = fc
  .tuple(
    u32,
    fc.constantFrom('all', 'select', 'indirect', 'fast_failover'),
    fc.constantFrom('dp_hash', 'hash', null),
  )
  .chain(([id, type, method]) =>
    fc.array(bucket(type), { maxLength: 4 }).map((buckets): Group => ({
      id,
      type,
      ...(type === 'select' && method !== null && { selectionMethod: method }),
      buckets,
    })),
  );
const meter = fc
  .tuple(u32, fc.constantFrom('kbps', 'pktps'), u32, u32, present)
  .map(([id, unit, rate, burst, bursts]): Meter => ({ id, unit, rate, ...(bursts && { burst }) }));
const port = fc.record({
  port: u32,
  address: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffffn }),
  name: fc.stringMatching(/^[a-z0-9-]{1,15}$/),
  down: present,
  linkDown: present,
});
const tuple = fc.record(
  {
    source: ip,
    destination: ip,
    sourcePort: u16,
    destinationPort: u16,
    icmpId: u16,
    icmpType: u8,
    icmpCode: u8,
  },
  { requiredKeys: [] },
);
const metadata = fc
  .tuple(u32, u16)
  .map(([reg, inPort]) => byName(match(null, { reg5: reg, in_port: inPort, tun_id: 7 })));
const flags = { bundle: u32, atomic: present, ordered: present };
const flowMod: fc.Arbitrary<Message> = fc
  .tuple(
    fc.constantFrom('add', 'modify', 'modify_strict', 'delete', 'delete_strict'),
    flow,
    fc.option(u64.filter((mask) => mask !== 0n)),
  )
  .map(([command, given, cookieMask]) => ({
    kind: 'flow_mod',
    command,
    flow: given,
    ...(cookieMask !== null && { cookieMask }),
  }));
const meterMod: fc.Arbitrary<Message> = fc.oneof(
  fc
    .tuple(fc.constantFrom('add', 'modify'), meter)
    .map(([command, given]): Message => ({ kind: 'meter_mod', command, meter: given })),
  u32.map((id): Message => ({ kind: 'meter_mod', command: 'delete', id })),
);

type Samples = {
  readonly [K in MessageKind]: {
    readonly versions: readonly Version[];
    readonly body: fc.Arbitrary<Message> | fc.Arbitrary<Omit<MessageOf<K>, 'kind'>>;
  };
};
const both: readonly Version[] = [14, 15];
const four: readonly Version[] = [14];
const nothing = fc.constant({});

const samples: Samples = {
  hello: {
    versions: both,
    body: fc.subarray([6, 5, 4, 1]).map((versions) => ({ versions })),
  },
  error: {
    versions: both,
    body: fc.oneof(
      fc.record({
        type: fc.nat(0xfffe),
        code: u16,
        experimenter: fc.constant(null),
        data: bytes(80),
      }),
      fc.record({ type: fc.constant(0xffff), code: u16, experimenter: u32, data: bytes(80) }),
    ),
  },
  echo_request: { versions: both, body: fc.record({ data: bytes(40) }) },
  echo_reply: { versions: both, body: fc.record({ data: bytes(40) }) },
  features_request: { versions: both, body: nothing },
  features_reply: {
    versions: both,
    body: fc.record({
      datapathId: u64,
      buffers: u32,
      tables: u8,
      auxiliary: u8,
      capabilities: u32,
    }),
  },
  set_config: { versions: both, body: fc.record({ flags: u16, missSendLength: u16 }) },
  barrier_request: { versions: both, body: nothing },
  barrier_reply: { versions: both, body: nothing },
  flow_mod: { versions: four, body: flowMod },
  group_mod: {
    versions: [15],
    body: fc.oneof(
      fc.record({ command: fc.constantFrom('add', 'modify', 'add_or_modify'), group: anyGroup }),
      fc.record({ command: fc.constant('delete'), id: u32 }),
    ) as fc.Arbitrary<Omit<MessageOf<'group_mod'>, 'kind'>>,
  },
  meter_mod: { versions: both, body: meterMod },
  bundle_control: {
    versions: both,
    body: fc.record({ ...flags, command: fc.constantFrom('open_request', 'commit_reply') }),
  },
  bundle_add: { versions: four, body: fc.record({ ...flags, message: flowMod }) },
  packet_in: {
    versions: both,
    body: fc
      .record({
        frame: bytes(90),
        extra: fc.nat(9),
        table,
        cookie: u64,
        reason: fc.constantFrom('no_match', 'action', 'invalid_ttl', 'packet_out'),
        metadata,
        userdata: bytes(9),
      })
      .map(({ extra, ...packet }) => ({ ...packet, totalLength: packet.frame.length + extra })),
  },
  packet_out: {
    versions: both,
    body: fc.record({
      inPort: u32,
      actions: fc.array(bucketAction.filter(({ kind }) => kind !== 'set_field')),
      data: bytes(90),
    }),
  },
  port_status: {
    versions: both,
    body: fc.record({ reason: fc.constantFrom('added', 'deleted', 'modified'), port }),
  },
  flow_stats_request: {
    versions: four,
    body: fc.oneof(
      fc.record({ table: u8, match: metadata }),
      fc.record({
        table: u8,
        match: metadata,
        cookie: u64,
        cookieMask: u64.filter((mask) => mask !== 0n),
      }),
    ),
  },
  flow_stats_reply: {
    versions: four,
    body: fc.record({ more, flows: fc.array(counted, { maxLength: 5 }) }),
  },
  group_desc_request: { versions: [15], body: fc.record({ group: orNone(fc.nat(99)) }) },
  group_desc_reply: {
    versions: [15],
    body: fc.record({ more, groups: fc.array(anyGroup, { maxLength: 4 }) }),
  },
  meter_config_request: { versions: both, body: fc.record({ meter: orNone(fc.nat(99)) }) },
  meter_config_reply: { versions: both, body: fc.record({ more, meters: fc.array(meter) }) },
  port_desc_request: { versions: both, body: nothing },
  port_desc_reply: { versions: both, body: fc.record({ more, ports: fc.array(port) }) },
  flow_monitor_request: {
    versions: both,
    body: fc.record({
      id: u32,
      table: u8,
      match: metadata,
      initial: present,
      instructions: present,
      own: present,
    }),
  },
  flow_monitor_reply: {
    versions: four,
    body: fc.record({
      more,
      updates: fc.array(
        fc.oneof(
          fc.record({ event: fc.constant('abbreviated' as const), xid: u32 }),
          fc.record({ event: fc.constantFrom('paused' as const, 'resumed' as const) }),
          fc.record({
            event: fc.constantFrom('initial', 'added', 'removed', 'modified'),
            reason: u8,
            flow: flow.filter(({ flags: words }) => words === undefined),
          }),
        ),
        { maxLength: 4 },
      ),
    }),
  },
  set_async: {
    versions: both,
    body: fc.record(
      { packetIn: u32, portStatus: u32, flowRemoved: u32, requestForward: u32 },
      { requiredKeys: [] },
    ),
  },
  request_forward: { versions: both, body: fc.record({ message: meterMod }) },
  set_packet_in_format: {
    versions: both,
    body: fc.record({ format: fc.constantFrom('standard', 'nxt_packet_in', 'nxt_packet_in2') }),
  },
  set_controller_id: { versions: both, body: fc.record({ id: u16 }) },
  ct_flush_zone: { versions: both, body: fc.record({ zone: u16 }) },
  ct_flush: {
    versions: both,
    body: fc.record({ protocol: u8, zone: orNone(u16), original: tuple, reply: tuple }),
  },
  unknown: {
    versions: both,
    body: fc.record({ type: fc.integer({ min: 40, max: 255 }), body: bytes(60) }),
  },
};

export interface DrawnMessages {
  readonly kind: string;
  readonly version: Version;
  /** OpenFlow 1.x. */
  readonly minor: number;
  readonly messages: readonly Message[];
}

/** So many of each kind, in each version that has it. */
export function drawMessages(seed: number, numRuns: number): DrawnMessages[] {
  return Object.entries(samples).flatMap(([kind, { versions, body }]) =>
    versions.map((version) => ({
      kind,
      version,
      minor: version - 10,
      messages: fc
        .sample(body as fc.Arbitrary<object>, { seed, numRuns })
        .map((given) => ({ kind, ...given }) as Message),
    })),
  );
}
