/** A life of each resource, lived by OpenStack's own clients. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requireOrSkip } from '../support/require.ts';
import { METHODS } from './neutronclient.ts';
import { COMMANDS } from './openstack.ts';
import { MORE_COMMANDS } from './openstack-more.ts';
import { CALLS } from './openstacksdk.ts';
import { Clients, hasClients } from './session.ts';
import type { Lives, Step } from './steps.ts';

type Names = Map<string, unknown>;

/** `value` with names in it replaced by what they stand for, and patterns by what vitest matches. */
function filled(value: unknown, names: Names): unknown {
  if (typeof value === 'string') {
    const whole = /^\$(\w+)$/.exec(value)?.[1];
    if (whole !== undefined) return known(whole, names);
    return value.replaceAll(/\$(\w+)/g, (_, name: string) => String(known(name, names)));
  }
  if (value instanceof RegExp) return expect.stringMatching(value);
  if (Array.isArray(value)) return value.map((item) => filled(item, names));
  if (typeof value !== 'object' || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [String(filled(key, names)), filled(item, names)]),
  );
}

function known(name: string, names: Names): unknown {
  if (!names.has(name)) throw new Error(`no step has kept $${name}`);
  return names.get(name);
}

/** The value, or what wraps it alone: neutronclient returns `{network: {…}}`. */
function field(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(value));
  if (fields.has(key)) return fields.get(key);
  const [only] = fields.values();
  return fields.size === 1 ? field(only, key) : undefined;
}

const said = ({ as, by, words, call, given }: Step): string =>
  `${as}: ${by} ${words?.join(' ') ?? `${call} ${JSON.stringify(given)}`}`;

async function live(clients: Clients, steps: readonly Step[]): Promise<void> {
  const names: Names = new Map(Object.entries(clients.projects));
  for (const step of steps) {
    const { words, given } = step;
    const answer = await clients.ask({
      ...step,
      ...(words === undefined ? {} : { words: filled(words, names) as string[] }),
      ...(given === undefined ? {} : { given: filled(given, names) }),
    });
    const expected = filled(step.answer, names);
    const asked = said(step);
    if (step.answer instanceof RegExp) {
      expect.soft({ asked, ...answer }).toEqual({ asked, refused: expected });
    } else if ('refused' in answer) {
      expect.soft({ asked, ...answer }).toEqual({ asked, value: expected });
    } else {
      expect.soft({ asked, ...answer }).toMatchObject({ asked, value: expected });
    }
    if (step.keep !== undefined && 'value' in answer) {
      const [name = '', key = 'id'] = step.keep.split(':');
      names.set(name, field(answer.value, key));
    }
  }
}

requireOrSkip('the OpenStack clients', hasClients)('a life of each resource', () => {
  let clients: Clients;
  beforeAll(async () => {
    clients = await Clients.open();
  });
  afterAll(() => clients.close());

  const LIVES: readonly (readonly [string, Lives])[] = [
    ['openstack', { ...COMMANDS, ...MORE_COMMANDS }],
    ['openstacksdk', CALLS],
    ['neutronclient', METHODS],
  ];

  describe.each(LIVES)('%s', (_client, lives) => {
    test.each(Object.entries(lives))('%s', (_name, steps) => live(clients, steps));
  });
});
