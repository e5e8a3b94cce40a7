import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conjunction, match, output } from '../openflow/build.ts';
import { field, type FlowKey } from '../openflow/fields.ts';
import type { Flow } from '../openflow/flow.ts';
import { flowKey } from '../openflow/identity.ts';
import { compileMatch, matches, newKey, writeField } from '../openflow/key.ts';
import { FlowTable } from './classifier.ts';

const SEED = 20230112;

/** Few values, so that flows and packets meet; masks that cut through them. */
const masked = (values: readonly number[], masks: readonly number[]) =>
  fc.option(fc.record({ value: fc.constantFrom(...values), mask: fc.constantFrom(...masks) }), {
    nil: undefined,
  });

const anyMatch = fc
  .record({
    reg0: masked([0, 1, 2, 0x80000001], [0xffffffff, 1, 0x80000000]),
    reg12: masked([1, 2, 3], [0xffffffff, 3, 2]),
    ip_dst: masked([0x0a000001, 0x0a000002, 0x0a010001], [0xffffffff, 0xffffff00, 0xffff0000]),
    tcp_dst: masked([80, 81], [0xffff, 0xfffe]),
  })
  .map((values) =>
    match(
      'tcp',
      Object.fromEntries(
        Object.entries(values).flatMap(([name, it]) =>
          it === undefined ? [] : [[name, it] as const],
        ),
      ),
    ),
  );

const anyFlow: fc.Arbitrary<Flow> = fc
  .record({
    priority: fc.integer({ min: 0, max: 6 }),
    match: anyMatch,
    cookie: fc.bigInt({ min: 0n, max: 999n }),
  })
  .map(({ priority, match, cookie }) => ({
    table: 0,
    priority,
    cookie,
    match,
    actions: [output(1)],
  }));

const anyKey: fc.Arbitrary<FlowKey> = fc
  .record({
    reg0: fc.constantFrom(0n, 1n, 2n, 0x80000001n),
    reg12: fc.constantFrom(1n, 2n, 3n),
    ip_dst: fc.constantFrom(0x0a000001n, 0x0a000002n, 0x0a010001n),
    tcp_dst: fc.constantFrom(80n, 81n, 22n),
  })
  .map((values) => {
    const key = newKey();
    for (const { field: name, value } of match('tcp')) writeField(key, name, value);
    for (const [name, value] of Object.entries(values)) writeField(key, field(name), value);
    return key;
  });

const covers = (flow: Flow, key: FlowKey) => matches(key, compileMatch(flow.match));

describe('the classifier', () => {
  it('finds a flow of the highest priority that matches, whatever came and went', () => {
    const change = fc.record({ flow: anyFlow, remove: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 40 }),
        fc.array(anyKey, { maxLength: 8 }),
        (changes, keys) => {
          const table = new FlowTable();
          const held = new Map<string, Flow>();
          for (const { flow, remove } of changes) {
            if (remove) {
              expect(table.remove(flow)).toBe(held.delete(flowKey(flow)));
            } else {
              table.add(flow, 0);
              held.set(flowKey(flow), flow);
            }
          }
          expect([...table].length).toBe(held.size);
          for (const key of keys) {
            const fitting = [...held.values()].filter((flow) => covers(flow, key));
            const best = Math.max(-1, ...fitting.map(({ priority }) => priority));
            const found = table.lookup(key);
            expect(found?.flow.priority ?? -1).toBe(best);
            if (found !== null) expect(fitting).toContain(found.flow);
          }
        },
      ),
      { seed: SEED, numRuns: 500 },
    );
  });

  describe('takes, of flows with one priority, the same as Open vSwitch:', () => {
    const flow = (name: string, priority: number, cookie: bigint): Flow => ({
      table: 0,
      priority,
      cookie,
      match: match('tcp', { [name]: 1 }),
      actions: [output(1)],
    });
    const both = newKey();
    for (const term of match('tcp', { reg0: 1, reg1: 1, reg2: 1 })) {
      writeField(both, term.field, term.value);
    }
    const winner = (...flows: readonly Flow[]) => {
      const table = new FlowTable();
      for (const one of flows) table.add(one, 0);
      return { table, cookie: () => table.lookup(both)?.flow.cookie };
    };

    it('the one whose mask came first', () => {
      expect(winner(flow('reg0', 5, 1n), flow('reg1', 5, 2n)).cookie()).toBe(1n);
      expect(winner(flow('reg1', 5, 2n), flow('reg0', 5, 1n)).cookie()).toBe(2n);
    });

    it('not the one whose mask rose to the priority later', () => {
      const flows = [flow('reg0', 4, 1n), flow('reg1', 5, 2n), flow('reg0', 5, 3n)];
      expect(winner(...flows).cookie()).toBe(2n);
    });

    it('the one whose mask took the place of one that went', () => {
      const gone = flow('reg0', 5, 1n);
      const { table, cookie } = winner(gone, flow('reg1', 5, 2n), flow('reg2', 5, 3n));
      table.remove(gone);
      expect(cookie()).toBe(3n);
    });
  });

  it('keeps the counters and the age of a flow that it replaces', () => {
    const table = new FlowTable();
    const flow: Flow = { table: 0, priority: 1, cookie: 1n, match: [], actions: [output(1)] };
    table.add(flow, 1000);
    const rule = table.lookup(newKey());
    if (rule !== null) rule.packets = 7;
    table.add({ ...flow, cookie: 2n }, 2000);
    expect(table.lookup(newKey())).toMatchObject({ packets: 7, since: 1000, flow: { cookie: 2n } });
  });

  it('does not leave conj_id behind in the key', () => {
    const table = new FlowTable();
    const add = (cookie: bigint, matching: Flow['match'], actions: Flow['actions']) =>
      table.add({ table: 0, priority: 5, cookie, match: matching, actions }, 0);
    add(1n, match('tcp', { reg0: 1 }), [conjunction(9, 1, 2)]);
    add(2n, match('tcp', { tcp_dst: 80 }), [conjunction(9, 2, 2)]);
    add(3n, match('tcp', { conj_id: 9 }), [output(2)]);
    const key = newKey();
    for (const { field: name, value } of match('tcp', { reg0: 1, tcp_dst: 80 }))
      writeField(key, name, value);
    const before = key.slice();
    expect(table.lookup(key)?.flow.cookie).toBe(3n);
    expect(key).toEqual(before);
  });
});
