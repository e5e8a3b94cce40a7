/** The units as systemd reads them, and as the commands that they start understand them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { tianchi } from '../cli/cloud.ts';
import { requireOrSkip } from '../support/require.ts';

const FOLDER = resolve(import.meta.dirname, '../../packaging/systemd');
const PROCESSES = ['server', 'agent'] as const;

const unitOf = (name: string): string =>
  readFileSync(join(FOLDER, `tianchi-${name}.service`), 'utf8');
const settingsOf = (name: string): string => readFileSync(join(FOLDER, `${name}.env`), 'utf8');
const valuesOf = (unit: string, key: string): string[] =>
  [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value);

describe.each(PROCESSES)('the unit of the %s', (name) => {
  const unit = unitOf(name);
  const settings = settingsOf(name);
  const [start = ''] = valuesOf(unit, 'ExecStart');

  it('starts the command with options that there are', async () => {
    const { out } = await tianchi([name, '--help']);
    const told = `${start} ${settings}`.match(/--[a-z-]+/g) ?? [];
    expect(start.startsWith(`tianchi ${name} `)).toBe(true);
    expect(told.filter((option) => !out.includes(option))).toEqual([]);
  });

  it('finds each of its variables in its settings', () => {
    const used = [...start.matchAll(/\$\{?([A-Z_]+)\}?/g)].map(([, variable = '']) => variable);
    expect(used.length).toBeGreaterThan(1);
    expect(used.filter((it) => !new RegExp(`^${it}=`, 'm').test(settings))).toEqual([]);
    expect(valuesOf(unit, 'EnvironmentFile')).toEqual([`/etc/tianchi/${name}.env`]);
  });

  it('comes back whatever ended it', () => {
    expect(valuesOf(unit, 'Restart')).toEqual(['always']);
    expect(valuesOf(unit, 'WantedBy')).toEqual(['multi-user.target']);
  });
});

describe('the unit of the agent', () => {
  it('comes after Open vSwitch and outlives it', () => {
    const unit = unitOf('agent');
    expect(valuesOf(unit, 'After').join(' ')).toContain('openvswitch-switch.service');
    for (const tie of ['Requires', 'BindsTo', 'PartOf']) expect(valuesOf(unit, tie)).toEqual([]);
  });
});

const analyze = spawnSync('systemd-analyze', ['--version']).status === 0;

requireOrSkip('systemd', analyze)('systemd', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tianchi-units-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** What systemd says of a unit whose program is there. */
  function verify(name: string, unit: string): string {
    const file = join(folder, `tianchi-${name}.service`);
    writeFileSync(file, unit.replace(/^ExecStart=tianchi/m, 'ExecStart=/bin/true'));
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
    return status === 0 ? '' : stderr;
  }

  it.each(PROCESSES)('takes the unit of the %s', (name) => {
    expect(verify(name, unitOf(name))).toBe('');
    expect(verify(name, unitOf(name).replace(/^Restart=.*$/m, 'ExecStop=not/a/path'))).not.toBe('');
  });
});
