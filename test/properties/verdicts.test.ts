import { describe, expect, test } from 'vitest';
import { imagine } from '../../src/trace/imagined.ts';
import { check, DELIVERED, NARROWLY_DROPPED, PACKETS } from '../support/verdict-bench.ts';

const TOPOLOGIES = Number(process.env['TIANCHI_TOPOLOGIES'] ?? 2000);
const SEED = Number(process.env['TIANCHI_SEED'] ?? 20230112);

/** What decided verdicts, and how often. */
const decided = new Map<string, number>();
const count = (what: string): void => {
  decided.set(what, (decided.get(what) ?? 0) + 1);
};

const EXPECTED_DECISIONS = [
  'protocol any',
  'protocol tcp',
  'protocol udp',
  'protocol icmp',
  'protocol ipv6-icmp',
  'protocol other',
  'ports',
  'icmp type',
  'icmp type and code',
  'remote any',
  'remote prefix',
  'remote group',
  'remote address group',
  'IPv4',
  'IPv6',
  'ingress',
  'egress',
  'union of groups',
  'port security off',
  'lent address',
  'across nodes',
  'another subnet',
  'isolated address',
  'reply',
  'established',
  'fails: not the address of the sender',
  'fails: no egress rule',
  'fails: nobody has the address',
  'fails: address of another VPC',
  'fails: receiver not on a node',
  'fails: sender not on a node',
  'fails: to itself',
  'fails: no ingress rule',
];

describe('the simulated switch and a page of plain rules', () => {
  test(`agree on ${PACKETS} packets in each of ${TOPOLOGIES} random topologies`, () => {
    const complaints: string[] = [];
    let thin = 0;
    for (let index = 0; index < TOPOLOGIES; index += 1) {
      try {
        const { delivered, narrow, packets } = check(SEED + index, imagine, count);
        if (delivered < DELIVERED || narrow < NARROWLY_DROPPED || packets < PACKETS) thin += 1;
      } catch (error) {
        complaints.push(error instanceof Error ? error.message : String(error));
        if (complaints.length > 20) break;
      }
    }
    expect(complaints).toEqual([]);
    const table = [...decided]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([what, times]) => `${what} ${times}`);
    process.stdout.write(`verdicts decided by: ${table.join(', ')}\n`);
    expect(thin).toBe(0);
  }, 600_000);

  test('every kind of rule decided often enough', () => {
    const least = Math.min(200, TOPOLOGIES / 10);
    const rare = EXPECTED_DECISIONS.filter((what) => (decided.get(what) ?? 0) < least);
    expect(rare.map((what) => `${what}: ${decided.get(what) ?? 0}`)).toEqual([]);
  });
});
