import { expect, test } from 'vitest';
import { nextState, waitAfter, type ChannelInput, type ChannelState } from './states.ts';

function run(from: ChannelState, ...inputs: readonly ChannelInput[]): ChannelState | null {
  return inputs.reduce<ChannelState | null>(
    (state, input) => (state === null ? null : nextState(state, input)),
    from,
  );
}

test('a channel gets ready, loses its switch and tries again', () => {
  expect(run('connecting', 'connected', 'agreed')).toBe('ready');
  expect(run('ready', 'lost', 'due')).toBe('connecting');
  expect(run('negotiating', 'lost')).toBe('waiting');
});

test('a closed channel stays closed', () => {
  for (const state of ['connecting', 'negotiating', 'ready', 'waiting'] as const) {
    expect(run(state, 'close')).toBe('closed');
  }
  for (const input of ['connected', 'agreed', 'lost', 'due', 'close'] as const) {
    expect(nextState('closed', input)).toBeNull();
  }
});

test('what comes too late means nothing', () => {
  expect(nextState('waiting', 'lost')).toBeNull();
  expect(nextState('waiting', 'agreed')).toBeNull();
  expect(nextState('connecting', 'agreed')).toBeNull();
});

test('waits double from 50 ms to 2 s', () => {
  expect([1, 2, 3, 6, 7, 50].map(waitAfter)).toEqual([50, 100, 200, 1600, 2000, 2000]);
});
