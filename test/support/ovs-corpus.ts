/**
 * The flow lines of Open vSwitch's own tests. Debian's `openvswitch-source` is downloaded when it is
 * not in the cache (`node_modules/.cache`), read there and never kept elsewhere.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const cache = fileURLToPath(new URL('../../node_modules/.cache/tianchi', import.meta.url));
const archive = 'usr/src/openvswitch/openvswitch.tar.gz';

function run(program: string, args: readonly string[], cwd: string): boolean {
  return spawnSync(program, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
}

/** Gets the package into the folder and unpacks it there. */
function download(work: string): boolean {
  const apt = (...args: string[]) => run('apt-get', ['-qq', ...args], work);
  const fetch = () => apt('download', 'openvswitch-source');
  if (!fetch() && !(apt('update') && fetch())) return false;
  const found = readdirSync(work).find((name) => name.endsWith('.deb'));
  return found !== undefined && run('dpkg-deb', ['-x', found, '.'], work);
}

/** The folder of the tests, or null where there is neither the package nor a way to it. */
function provideTests(): string | null {
  const tests = path.join(cache, 'openvswitch', 'tests');
  if (existsSync(tests)) return tests;
  const work = path.join(cache, `work-${process.pid}`);
  mkdirSync(work, { recursive: true });
  try {
    const installed = path.join('/', archive);
    const here = existsSync(installed);
    if (!here && !download(work)) return null;
    if (!run('tar', ['-xzf', here ? installed : archive, 'openvswitch/tests'], work)) return null;
    mkdirSync(path.dirname(tests), { recursive: true });
    // Put in place whole, by its name; whoever comes second finds it there.
    try {
      renameSync(path.join(work, 'openvswitch', 'tests'), tests);
    } catch (error) {
      if (!existsSync(tests)) throw error;
    }
    return tests;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** What Autotest's quoting leaves of a line. */
const unquoted = (line: string) => line.replaceAll('[[', '[').replaceAll(']]', ']');

/** Where a flow may begin in a line of a test script, from the whole line to an argument of a command. */
const openings = [
  /^\s*(.*)$/g,
  /["'](.*?actions?=.*?)["']/g,
  /\b(?:add-flows?|mod-flows|parse-flow|replace-flows)\s+(?:br\S*\s+)?([^\s"'<-][^\]"']*)/g,
  /\b(?:ADD|MOD|MOD_STRICT)\s+(.*)$/g,
];

/** Marks of what is no flow but the script around it. */
const script =
  /[#$`|\\{}]|\b(?:AT_\w+|m4_\w+|ovs-[a-z]+ctl|OF(?:PT|PST)_|NX(?:T|ST)_|ON[FT]\w*T_)|\breply\b/;

function candidatesOf(line: string): string[] {
  const text = unquoted(line);
  return openings
    .flatMap((opening) => [...text.matchAll(opening)].map((found) => found[1] ?? ''))
    .map((found) =>
      found
        .replace(/\]\)?(,.*)?$/, (end) => (end.startsWith(']') && found.includes('[') ? end : ''))
        .trim(),
    )
    .filter((found) => /actions?=/.test(found) && !script.test(found));
}

function linesWith(mark: RegExp): string[] | null {
  const tests = provideTests();
  if (tests === null) return null;
  return readdirSync(tests)
    .filter((name) => name.endsWith('.at'))
    .toSorted()
    .flatMap((name) => readFileSync(path.join(tests, name), 'utf8').split('\n'))
    .filter((line) => mark.test(line));
}

/** Every line of the tests that may be a flow, each once, in their order; null: the tests are not to be had. */
export function ovsFlowLines(): readonly string[] | null {
  const lines = linesWith(/actions?=/);
  return lines && [...new Set(lines.flatMap(candidatesOf))];
}

/** As {@link ovsFlowLines}, for groups. */
export function ovsGroupLines(): readonly string[] | null {
  const lines = linesWith(/group_id=/);
  const found = lines?.flatMap((line) =>
    [...unquoted(line).matchAll(/group_id=[^'"]*/g)].map(([text]) =>
      text.replace(/\]\)?.*$/, (end) => (end.startsWith('])') ? '' : end)).trim(),
    ),
  );
  return found === undefined ? null : [...new Set(found)].filter((text) => !script.test(text));
}
