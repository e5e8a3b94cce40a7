/**
 * Matches on tunnel options that a switch's TLV map names: what it takes of random lines it dumps as
 * we print them with the same map, and what it refuses we refuse. `TIANCHI_SEED` replays a run.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Failure } from '../../src/base/failure.ts';
import { formatFlow, mappedOptions, parseFlow } from '../../src/openflow/index.ts';
import { ovsAvailable, startOvs, type Sandbox } from '../support/ovs.ts';
import { requireOrSkip } from '../support/require.ts';
import { drawFrom, often, pick, type Draw } from './match-generator.ts';

const cases = Number(process.env['TIANCHI_CASES'] ?? 200);
const seed = Number(process.env['TIANCHI_SEED'] ?? 20260713);
/** Each is asked by a program of its own. */
const mostRefused = 12;

const map = [
  { index: 0, length: 4 },
  { index: 3, length: 8 },
  { index: 7, length: 12 },
  { index: 63, length: 124 },
];
const tunnelOptions = mappedOptions(map);
/** tun_metadata5 is not in the map. */
const indexes = [...map.map(({ index }) => index), ...map.map(({ index }) => index), 5];

const number = (draw: Draw, bytes: number): string => {
  const digits = 1 + draw(bytes * 2);
  return `0x${Array.from({ length: digits }, () => draw(16).toString(16)).join('')}`;
};

function option(draw: Draw): string {
  const index = pick(draw, indexes);
  const length = map.find((line) => line.index === index)?.length ?? 4;
  const bytes = often(draw, 12) ? length + 1 + draw(6) : length;
  const value = pick(draw, ['', '=0', '=*', ...Array<string>(6).fill(`=${number(draw, bytes)}`)]);
  const mask = value.length > 2 && often(draw, 45) ? `/${number(draw, bytes)}` : '';
  return `tun_metadata${index}${value}${mask}`;
}

const lineOf = (draw: Draw, index: number): string => {
  const options = Array.from({ length: 1 + draw(3) }, () => option(draw));
  return `cookie=${index + 1},${options.join(',')} actions=drop`;
};

const kept = [
  'tun_metadata0',
  'tun_metadata0=0/0',
  'tun_metadata0=0x12/0xffff,tun_metadata3=0x123456789/0xfffffffff',
  'tun_metadata63=1',
  'tun_metadata3=0x1ffffffffffffffff',
];

function ours(line: string): string | null {
  try {
    return formatFlow(parseFlow(line, { tunnelOptions }));
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
}

requireOrSkip('Open vSwitch', ovsAvailable)('matches on mapped tunnel options', () => {
  let ovs: Sandbox;
  beforeAll(async () => {
    ovs = await startOvs();
    ovs.addBridge('br0');
    map.forEach(({ index, length }, type) => {
      ovs.ofctl([
        'add-tlv-map',
        'br0',
        `{class=0x102,type=${type},len=${length}}->tun_metadata${index}`,
      ]);
    });
  });
  afterAll(() => ovs.stop());

  const draw = drawFrom(seed);
  const lines = [
    ...kept.map((match, index) => `cookie=${index + 1},${match} actions=drop`),
    ...Array.from({ length: cases }, (_, index) => lineOf(draw, kept.length + index)),
  ];
  const printed = lines.map((line) => {
    const mine = ours(line);
    return { line, mine, match: mine?.replace(/^\S+ /, '') };
  });

  test('that we take are dumped as we print them', () => {
    const taken = printed.filter(({ mine }) => mine !== null);
    ovs.ofctl(['add-flows', 'br0', '-'], taken.map(({ line }) => line).join('\n'));
    const dump = ovs.ofctl(['-O', 'OpenFlow13', '--no-stats', '--no-names', 'dump-flows', 'br0']);
    const theirs = dump
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line.startsWith('cookie='));
    // Of equal matches the last stays.
    const last = new Map(taken.map(({ mine, match }) => [match, mine]));
    expect(theirs.toSorted()).toEqual([...last.values()].map(String).toSorted());
    expect(theirs.length).toBeGreaterThan(lines.length / 3);
  });

  test('that we refuse are refused', () => {
    const refused = printed.filter(({ mine }) => mine === null).slice(0, mostRefused);
    expect(refused.length).toBeGreaterThan(5);
    for (const { line } of refused) {
      expect(() => ovs.ofctl(['add-flow', 'br0', line]), line).toThrow(/./);
    }
  });
});
