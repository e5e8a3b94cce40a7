import { expect, test } from 'vitest';
import { Random } from '../../test/support/random.ts';
import { Rounds } from './rounds.ts';

const chance = (seed: number) => {
  const random = new Random(seed);
  return () => random.next();
};

test('goes round all servers, and stays where it is taken', () => {
  const rounds = new Rounds(['a', 'b', 'c'], chance(1));
  const tried: (string | undefined)[] = [];
  for (let at = 0; at < 6; at += 1) {
    tried.push(rounds.current);
    rounds.next();
  }
  expect(new Set(tried.slice(0, 3))).toEqual(new Set(['a', 'b', 'c']));
  expect(tried.slice(3)).toEqual(tried.slice(0, 3));
  rounds.succeed();
  expect(rounds.current).toBe(tried[0]);
});

test('agents begin at all servers, and part over all others when one dies', () => {
  const random = chance(2);
  const moves = new Map<string, number>();
  for (let agent = 0; agent < 3000; agent += 1) {
    const rounds = new Rounds(['a', 'b', 'c'], random);
    const from = rounds.current;
    rounds.next();
    const move = `${from} ${rounds.current}`;
    moves.set(move, (moves.get(move) ?? 0) + 1);
  }
  expect([...moves.keys()].toSorted()).toEqual(['a b', 'a c', 'b a', 'b c', 'c a', 'c b']);
  for (const count of moves.values()) expect(count).toBeGreaterThan(400);
});

test('waits for any time at all, and at most for longer with each round, up to 2 s', () => {
  const longest = new Rounds(['a', 'b'], () => 0.999_999);
  const waits = Array.from({ length: 8 }, () => Math.ceil(longest.next()));
  expect(waits).toEqual([500, 500, 1000, 1000, 2000, 2000, 2000, 2000]);
  longest.succeed();
  expect(Math.ceil(longest.next())).toBe(500);
  expect(new Rounds(['a'], () => 0).next()).toBe(0);
});

test('waits for half of what it must at least', () => {
  expect(new Rounds(['a'], () => 0).next(10_000)).toBe(5_000);
  expect(Math.ceil(new Rounds(['a'], () => 0.999_999).next(10_000))).toBe(10_000);
});
