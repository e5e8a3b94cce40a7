/**
 * Groups and meters as lines, against ovs-ofctl and a switch: the group lines of Open vSwitch's own
 * tests and random ones, each judged by `parse-group`; random meters by a switch that holds them.
 */
import { spawnSync } from 'node:child_process';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatGroup, formatMeter, parseGroups, parseMeters } from '../../src/openflow/index.ts';
import { ovsGroupLines } from '../support/ovs-corpus.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';

const seed = Number(process.env['TIANCHI_SEED'] ?? 20261122);
const cases = Number(process.env['TIANCHI_CASES'] ?? 150);

/** A group as ovs-ofctl prints it in OpenFlow 1.5, null where it or the decoder of a switch refuses it. */
function theirGroup(line: string): string | null {
  const args = ['-O', 'OpenFlow15', '-vconsole:off', 'parse-group', line];
  const { stdout, status } = spawnSync('ovs-ofctl', args, { encoding: 'utf8' });
  const printed = /^ ADD (group_id=.*)$/m.exec(stdout)?.[1];
  return status === 0 && printed !== undefined ? printed : null;
}

function ourGroup(line: string): string | null {
  const { groups, errors, unresolved } = parseGroups(line);
  if (errors.some((error) => error.line !== 1 || error.column < 1)) throw new Error(line);
  const [group] = groups;
  return group === undefined ? null : formatGroup(group, { unresolved });
}

function compare(lines: readonly string[]) {
  const unlike: object[] = [];
  let [taken, refused] = [0, 0];
  for (const line of lines) {
    const theirs = theirGroup(line);
    const ours = ourGroup(line);
    if (theirs === null) refused += 1;
    else taken += 1;
    if (ours !== theirs) unlike.push({ line, ours, theirs });
  }
  return { unlike, taken, refused };
}

const pick = (...values: readonly string[]) => fc.constantFrom(...values);
/** Mostly of the first kind; the second is what is likely to be refused. */
const mostly = (good: fc.Arbitrary<string>, odd: fc.Arbitrary<string>) =>
  fc.oneof({ arbitrary: good, weight: 12 }, { arbitrary: odd, weight: 1 });
const sometimes = (value: fc.Arbitrary<string>) =>
  fc.oneof({ arbitrary: fc.constant(''), weight: 2 }, value);
const number = (max: number) => fc.integer({ min: 0, max }).map(String);

const names =
  'ip_src ip_dst eth_src eth_dst tcp_src tcp_dst udp_dst ipv6_src reg3 xxreg1 metadata in_port tun_id nw_proto vlan_vid ct_mark eth_type ip_src=255.255.0.0 eth_dst=ff:ff:ff:00:00:00 reg3=0xff ipv6_src=ffff::';
const field = mostly(pick(...names.split(' ')), pick('bogus', 'ip_src=0', 'eth_src=5'));
const fields = fc.oneof(
  field.map((name) => `fields=${name}`),
  fc
    .uniqueArray(field, { minLength: 1, maxLength: 4 })
    .map((several) => `fields(${several.join(',')})`),
);
const parameter = number(9).map((value) => `selection_method_param=${value}`);
const selection = mostly(
  fc.oneof(
    pick('', 'selection_method=dp_hash', 'selection_method=hash'),
    fields.map((text) => `selection_method=hash,${text}`),
    fc
      .tuple(parameter, pick('hash', 'dp_hash'))
      .map(([text, by]) => `selection_method=${by},${text}`),
  ),
  fc.oneof(fields, parameter, pick('selection_method=other')),
);
const action = mostly(
  pick(
    'output:1',
    'actions=output:2,set_field:5->reg0',
    'load:0x2d->NXM_NX_REG13[]',
    'resubmit(0,133)',
    'actions=ct(commit,zone=5,nat(src=1.1.1.1-1.1.1.9:5-9,random)),output:1',
    'mod_vlan_vid:101',
    'actions=',
    'clone(set_field:1.2.3.4->ip_src,output:3)',
    'group:5',
  ),
  pick('goto_table:5', 'actions=drop', 'bogus'),
);
const watch = mostly(
  fc.oneof(
    pick('1', '0xfe', '12', 'ANY').map((port) => `watch_port:${port}`),
    pick('7', '4294967040').map((other) => `watch_group=${other}`),
  ),
  pick('watch_port:LOCAL', 'watch_port:65534', 'watch_group:4294967041'),
);
const weight = number(3).map((value) => `weight:${value}`);
const bucket = (type: string) =>
  fc
    .tuple(
      sometimes(number(9).map((value) => `bucket_id:${value}`)),
      mostly(type === 'select' ? sometimes(weight) : fc.constant(''), weight),
      mostly(
        { all: fc.constant(''), indirect: fc.constant(''), select: sometimes(watch) }[type] ??
          watch,
        sometimes(watch),
      ),
      fc.array(action, { minLength: 1, maxLength: 2 }),
      fc.boolean(),
    )
    .map(([id, weighs, watches, actions, first]) => {
      const settings = [id, weighs, watches].filter((part) => part !== '');
      return `bucket=${(first ? [...settings, ...actions] : [...actions, ...settings]).join(',')}`;
    });
const group = mostly(
  pick('all', 'select', 'select', 'indirect', 'ff', 'fast_failover'),
  pick('some', ''),
).chain((type) =>
  fc
    .tuple(
      mostly(pick('1', '0', '4294967040', '0x20'), pick('4294967041', '', 'x')),
      mostly(type === 'select' ? selection : fc.constant(''), selection),
      fc.array(bucket(type), { minLength: 1, maxLength: type === 'indirect' ? 1 : 3 }),
      pick(',', ' ', ', '),
    )
    .map(([id, method, buckets, gap]) =>
      [`group_id=${id}`, `type=${type}`, method, ...buckets]
        .filter((part) => part !== '')
        .join(gap),
    ),
);

const corpus = ovsAvailable ? ovsGroupLines() : null;

requireOrSkip('Open vSwitch and its sources', corpus !== null)('groups', () => {
  test("of Open vSwitch's tests are taken, printed and refused as ovs-ofctl does", () => {
    const { unlike, taken, refused } = compare(corpus ?? []);
    process.stdout.write(
      `group lines of Open vSwitch's tests: ${taken} taken, ${refused} refused\n`,
    );
    expect(unlike.slice(0, 20)).toEqual([]);
    expect(taken).toBeGreaterThan(50);
  });

  test('of every form are taken, printed and refused as ovs-ofctl does', () => {
    const { unlike, taken, refused } = compare(fc.sample(group, { seed, numRuns: cases }));
    process.stdout.write(`random groups: ${taken} taken, ${refused} refused\n`);
    expect(unlike.slice(0, 20)).toEqual([]);
  });
});

requireOrSkip('Open vSwitch', ovsAvailable)('meters', () => {
  let ovs: Sandbox;
  beforeAll(async () => {
    ovs = await startOvs();
    ovs.addBridge('br0');
  });
  afterAll(() => ovs.stop());

  const given = [
    'meter=1 kbps band=type=drop rate=100',
    'meter=2,pktps,burst,stats,bands=type=drop,rate=100,burst_size=5',
    'meter=3,kbps,stats,band=type=drop rate=0x10,type=drop,rate=20',
    'meter=controller pktps bands=type=drop rate=5',
    'meter=slowpath pktps burst bands=type=drop rate=5 burst_size=1',
    'meter=4 kbps bands=type=dscp_remark rate=5 prec_level=1',
  ];

  test('are printed as a switch dumps them', () => {
    // The userspace datapath has no dscp_remark.
    const held = given.filter((line) => !line.includes('dscp_remark'));
    for (const line of held) ovs.ofctl(['-O', 'OpenFlow13', 'add-meter', 'br0', line]);
    const dump = ovs.ofctl(['-O', 'OpenFlow13', 'dump-meters', 'br0']);
    const { meters, errors } = parseMeters(dump);
    expect(errors).toEqual([]);
    expect(`${dump.split('\n')[0]}\n${meters.map(formatMeter).join('\n\n')}\n`).toBe(dump);
    const [byId, ours] = [meters, parseMeters(held.join('\n')).meters].map((list) =>
      list.toSorted((a, b) => a.id - b.id),
    );
    expect(ours).toEqual(byId);
  });

  const bad = [
    'meter=1',
    'meter=0 kbps bands=type=drop rate=1',
    'meter=4294901761 kbps bands=type=drop rate=1',
    'meter=1 kbps pktps bands=type=drop rate=1',
    'meter=1 kbps bands=',
    'meter=1 kbps bands=rate=5',
    'meter=1 kbps bands=type=drop',
    'meter=1 kbps bands=type=some rate=1',
    'meter=1 kbps bands=type=drop rate=1 burst_size=5',
    'meter=1 kbps burst bands=type=drop rate=1',
    'meter=1 kbps bands=type=dscp_remark rate=1',
    'meter=1 kbps bands=type=drop rate=1 prec_level=2',
    'meter=1 kbps bands=type=drop rate',
    'meter=1 kbps other bands=type=drop rate=1',
  ];

  test.each(bad)('are refused as ovs-ofctl refuses them: %s', (line) => {
    expect(parseMeters(line)).toMatchObject({ meters: [], errors: [{ line: 1 }] });
    expect(() => ovs.ofctl(['-O', 'OpenFlow13', 'add-meter', 'br0', line])).toThrow(/ovs-ofctl/);
  });

  test('that mark are read back from what is printed of them', () => {
    const { meters } = parseMeters(given.join('\n'));
    expect(parseMeters(meters.map(formatMeter).join('\n\n'))).toEqual({ meters, errors: [] });
    expect(formatMeter(meters.at(-1)!)).toBe(
      'meter=4 kbps bands=\ntype=dscp_remark rate=5 prec_level=1',
    );
  });
});
