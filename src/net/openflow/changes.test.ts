import { expect, test } from 'vitest';
import { parseFlow } from '../../openflow/text/index.ts';
import type { FlowUpdate, Message } from '../../openflow/wire/index.ts';
import { ChangeWatch } from './changes.ts';

const EVICTION = 5;
const flow = parseFlow('table=3,priority=7,tcp,actions=drop');
const reply = (...updates: FlowUpdate[]): Message => ({
  kind: 'flow_monitor_reply',
  more: false,
  updates,
});
const removed = (reason: number): FlowUpdate => ({ event: 'removed', reason, flow });
const added: FlowUpdate = { event: 'added', reason: 0, flow };

test('our own changes and expired flows are passed over', () => {
  const watch = new ChangeWatch();
  expect(watch.of(reply({ event: 'abbreviated', xid: 5 }, removed(0), removed(1)))).toBeNull();
  expect(watch.of(reply(removed(EVICTION)))).toEqual({
    what: 'flows',
    detail: 'removed table=3,priority=7,tcp',
  });
});

test('of many the first is named', () => {
  expect(new ChangeWatch().of(reply(added, removed(2), added))).toEqual({
    what: 'flows',
    detail: 'added table=3,priority=7,tcp and 2 more',
  });
});

test('a flow that cannot be read is a change too', () => {
  expect(new ChangeWatch().of(reply({ event: 'added', reason: 0, flow: null }))).toEqual({
    what: 'flows',
    detail: 'added a flow unlike any of ours',
  });
});

test('while updates are dropped nothing tells whose they are: the end of it is the change', () => {
  const watch = new ChangeWatch();
  expect(watch.of(reply({ event: 'paused' }))).toBeNull();
  expect(watch.of(reply(removed(2), added))).toBeNull();
  expect(watch.of(reply({ event: 'resumed' }))).toEqual({
    what: 'flows',
    detail: 'more changes at once than the switch could report',
  });
  expect(watch.of(reply(added))).not.toBeNull();
});
