import { beforeEach, expect, test } from 'vitest';
import type { Identity } from './keystone.ts';
import { Tokens } from './tokens.ts';

const RECHECK = 60_000;
const HOUR = 3_600_000;

let now = 0;
let asked: string[] = [];
let answer: (token: string) => Promise<Identity | null>;
let tokens: Tokens;

const identity = (expires = HOUR): Identity => ({
  userId: 'u',
  projectId: 'p',
  system: false,
  roles: new Set(['member']),
  expires,
});

beforeEach(() => {
  now = 0;
  asked = [];
  answer = () => Promise.resolve(identity());
  tokens = new Tokens({
    keystone: {
      validate: (token) => {
        asked.push(token);
        return answer(token);
      },
    },
    recheck: RECHECK,
    now: () => now,
  });
});

test('many who bear one token ask once', async () => {
  expect(tokens.known('t')).toBeUndefined();
  const answers = await Promise.all(Array.from({ length: 20 }, () => tokens.check('t')));
  expect(new Set(answers)).toEqual(new Set([identity()]));
  expect(asked).toEqual(['t']);
  expect(tokens.known('t')).toEqual(identity());
});

test('a token is known until it is due to be checked, and checked ahead from half of that on', async () => {
  await tokens.check('t');
  now = RECHECK / 2 - 1;
  expect(tokens.known('t')).toEqual(identity());
  expect(asked).toHaveLength(1);
  now = RECHECK / 2;
  answer = () => Promise.resolve(null);
  expect(tokens.known('t')).toEqual(identity());
  expect(asked).toHaveLength(2);
  await Promise.resolve();
  await tokens.check('t');
  expect(tokens.known('t')).toBeNull();
});

test('a token that is not used for long is unknown', async () => {
  await tokens.check('t');
  now = RECHECK;
  expect(tokens.known('t')).toBeUndefined();
});

test('an expired token is refused without asking', async () => {
  answer = () => Promise.resolve(identity(1_000));
  await tokens.check('t');
  now = 999;
  expect(tokens.known('t')).not.toBeNull();
  now = 1_000;
  expect(tokens.known('t')).toBeNull();
  expect(asked).toHaveLength(1);
});

test('a refusal holds for five seconds', async () => {
  answer = () => Promise.resolve(null);
  await tokens.check('t');
  now = 4_999;
  expect(tokens.known('t')).toBeNull();
  now = 5_000;
  expect(tokens.known('t')).toBeUndefined();
});

test('a failure is nothing to remember, and delays the next check ahead of time', async () => {
  await tokens.check('t');
  answer = () => Promise.reject(new Error('down'));
  now = RECHECK / 2;
  expect(tokens.known('t')).toEqual(identity());
  await expect(tokens.check('t')).rejects.toThrow('down');
  expect(tokens.known('t')).toEqual(identity());
  expect(asked).toHaveLength(2);
  now += 1_000;
  tokens.known('t');
  expect(asked).toHaveLength(3);
  now = RECHECK;
  expect(tokens.known('t')).toBeUndefined();
});

test('64 tokens are checked at a time', async () => {
  answer = () => new Promise(() => {});
  for (let n = 0; n < 64; n += 1) void tokens.check(`t${n}`);
  await expect(tokens.check('one more')).rejects.toMatchObject({ code: 'KeystoneUnavailable' });
  expect(asked).toHaveLength(64);
});

test('the oldest of 20,001 tokens is forgotten', async () => {
  for (let n = 0; n <= 20_000; n += 1) await tokens.check(`t${n}`);
  expect(tokens.known('t0')).toBeUndefined();
  expect(tokens.known('t1')).toBeDefined();
});
