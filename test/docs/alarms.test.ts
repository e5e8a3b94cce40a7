/** Every warning has a code, a meaning and something to do, and none of these is without a line. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AGENT_ALARMS } from '../../src/agent/alarms.ts';
import { SERVER_ALARMS } from '../../src/api/alarms.ts';
import type { Alarm } from '../../src/base/alarms.ts';
import { SWITCH_ALARMS } from '../../src/net/alarms.ts';

const SRC = resolve(import.meta.dirname, '../../src');
/** What runs for long; a command line has a person before it. */
const FOLDERS = ['store', 'net', 'api', 'agent', 'main'];
/** The lists, and the folder whose code may sound them. */
const LISTS: readonly (readonly [string, Readonly<Record<string, Alarm>>])[] = [
  ['agent', AGENT_ALARMS],
  ['api', SERVER_ALARMS],
  ['net', SWITCH_ALARMS],
];

const sources = FOLDERS.flatMap((folder) =>
  readdirSync(join(SRC, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .map((path) => ({
      path: join(folder, path),
      text: readFileSync(join(SRC, folder, path), 'utf8'),
    })),
);

/** Lines that warn without a code. */
const rawWarnings = (
  texts: readonly { readonly path: string; readonly text: string }[],
): string[] =>
  texts
    .filter(({ text }) => /\b[lL]og\??\.(?:warn|error|fatal)\(/.test(text))
    .map(({ path }) => path);

const soundedIn = (folder: string): string =>
  sources
    .filter(({ path }) => path.startsWith(`${folder}${sep}`) && !path.endsWith('alarms.ts'))
    .map(({ text }) => text)
    .join('\n');

describe('alarms', () => {
  it('are the only way to warn', () => {
    const raw = [{ path: 'x', text: "this.#options.log.warn({}, 'trouble')" }];
    expect(rawWarnings(raw)).toEqual(['x']);
    expect(rawWarnings(sources)).toEqual([]);
  });

  it.each(LISTS)('of %s are each sounded somewhere', (folder, list) => {
    const text = soundedIn(folder);
    expect(Object.keys(list).filter((code) => !text.includes(`'${code}'`))).toEqual([]);
  });

  it('have a code that is theirs alone', () => {
    const codes = LISTS.flatMap(([, list]) => Object.keys(list));
    expect(new Set(codes).size).toBe(codes.length);
  });

  it.each(LISTS.flatMap(([, list]) => Object.entries(list)))(
    '%s says what it means and what to do, in sentences',
    (code, { message, meaning, action }) => {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(message).toMatch(/^[^.|]+$/);
      for (const text of [meaning, action]) expect(text).toMatch(/^(?:[A-Z`]|ovs)[^|\n]*[.`]$/);
    },
  );
});
