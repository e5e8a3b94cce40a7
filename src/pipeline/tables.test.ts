import { describe, expect, it } from 'vitest';
import { ct, gotoTable, match, output, resubmit } from '../openflow/build.ts';
import type { Action } from '../openflow/flow.ts';
import { DROPS } from './drops.ts';
import { Emission } from './emission.ts';
import { TABLES, tableName, tableOf } from './tables.ts';

const flow = (table: number, actions: readonly Action[], priority = 1) => ({
  table,
  priority,
  cookie: 0n,
  match: match('ip'),
  actions,
});

describe('the tables', () => {
  it('are in order, have names of their own, and lead to tables that exist', () => {
    const numbers = TABLES.map((table) => table.number);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(new Set(TABLES.map((table) => table.name)).size).toBe(TABLES.length);
    for (const table of TABLES) {
      for (const next of table.next) expect(numbers).toContain(next);
    }
    expect(tableName(120)).toBe('VPC_FORWARD');
    expect(tableName(121)).toBe('121');
    expect(tableName(0, 'br-phy')).toBe('UPLINK');
  });

  it('declare each reason to drop once per table and priority', () => {
    const places = DROPS.map((d) => `${d.bridge} ${d.table} ${d.priority}`);
    expect(new Set(places).size).toBe(places.length);
    for (const d of DROPS) expect(tableOf(d.table, d.bridge), d.code).toBeDefined();
  });
});

describe('emitting', () => {
  it.each([
    ['goto', [gotoTable(150)]],
    ['resubmit', [resubmit({ inPort: 0, table: 180 })]],
    ['conntrack', [ct({ zone: 1, table: 151 })]],
    ['a clone', [{ kind: 'clone', actions: [gotoTable(150)] }] satisfies Action[]],
  ])('refuses a way that is not declared, by %s', (_, actions) => {
    const emission = new Emission('br-int');
    expect(() => emission.flow(flow(60, actions))).toThrow(/60 EGRESS_QOS_BAND may not lead to/);
    expect(emission.flows.size).toBe(0);
  });

  it('refuses a table that is not, a drop without a reason, and two flows for one match', () => {
    const emission = new Emission('br-int');
    expect(() => emission.flow(flow(61, [gotoTable(65)]))).toThrow(/no table 61/);
    expect(() => emission.flow(flow(60, []))).toThrow(/no drop is declared for table 60/);
    emission.flow(flow(180, [output(1)]));
    emission.flow(flow(180, [output(1)]));
    expect(emission.flows.size).toBe(1);
    expect(() => emission.flow(flow(180, [output(2)]))).toThrow(/two flows/);
  });
});
