/** Holds the documentation to the code. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Io } from '../../src/cli/io.ts';
import { run } from '../../src/cli/program.ts';
import { compileAll } from '../../src/pipeline/compiler.ts';
import { DROPS } from '../../src/pipeline/drops.ts';
import { TABLES } from '../../src/pipeline/tables.ts';
import { renderSvg } from '../../src/trace/render/svg.ts';
import { plugged } from '../support/programs.ts';
import { World } from '../support/topology/world.ts';
import { reasonCodes, refreshed, sceneTrace } from './excerpts.ts';
import { record } from './record.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
].sort();

const stored = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

const pagesRead = new Map<string, string>();

/** A page as it should be, so that one run after a change is enough. */
function read(page: string): string {
  const known = pagesRead.get(page) ?? refreshed(stored(page));
  pagesRead.set(page, known);
  return known;
}

/** GitHub's anchor of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');

const headings = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading);

const anchors = (text: string): Set<string> =>
  new Set([
    ...headings(text).map(anchorOf),
    ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id),
  ]);

describe.each(pages)('%s', (page) => {
  const text = read(page);

  it('shows what the code prints', async () => {
    await expect(text).toMatchFileSnapshot(join(ROOT, page));
  });

  it('links to what is there', () => {
    const broken: string[] = [];
    const prose = text.replaceAll(/```[\s\S]*?```/g, '');
    for (const [, target = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const path = file === '' ? join(ROOT, page) : join(ROOT, dirname(page), file);
      const found =
        existsSync(path) &&
        (anchor === undefined || anchors(read(relative(ROOT, path))).has(anchor));
      if (!found) broken.push(target);
    }
    expect(broken).toEqual([]);
  });

  it('names only commands and options that there are', async () => {
    const wrong: string[] = [];
    for (const command of commandsIn(text)) {
      const help = await helpOf(command.words);
      if (help === null) wrong.push(command.line);
      else if (!command.options.every((option) => help.includes(option))) wrong.push(command.line);
    }
    expect(wrong).toEqual([]);
  });
});

interface Named {
  readonly line: string;
  readonly words: readonly string[];
  readonly options: readonly string[];
}

const NESTED = new Set(['flows', 'groups', 'ports', 'lab', 'store']);

/** The command lines in code: fences and spans. */
function commandsIn(text: string): Named[] {
  const fences = [...text.matchAll(/```\w*\n([\s\S]*?)```/g)].flatMap(([, body = '']) =>
    body.split('\n'),
  );
  const prose = text.replaceAll(/```[\s\S]*?```/g, '');
  const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  return [...fences, ...spans].flatMap((line) =>
    [...line.matchAll(/(?:^|[\s(])tianchi ([a-z][\w-]*)([^|;)]*)/g)].map(
      ([, first = '', rest = '']) => {
        const [second = ''] = rest.trim().split(/\s/);
        const words = NESTED.has(first) && second !== '' ? [first, second] : [first];
        const options = [...rest.matchAll(/(?:^|\s)(--[a-z_-]+)/g)].map(
          ([, option = '']) => option,
        );
        return { line, words, options };
      },
    ),
  );
}

/** What `--help` of a command prints, null when there is no such command. */
async function helpOf(words: readonly string[]): Promise<string | null> {
  const printed: string[] = [];
  const io: Io = {
    out: (text) => printed.push(text),
    err: () => undefined,
    async *stdin() {
      yield* [];
    },
    env: {},
    color: false,
    columns: 100,
    stopped: () => Promise.resolve(),
  };
  const status = await run([...words, '--help'], io);
  const help = printed.join('\n');
  return status === 0 && help.startsWith(`Usage: tianchi ${words.join(' ')}`) ? help : null;
}

/** The text below a heading, up to the next one of its level or above. */
function sectionOf(text: string, heading: string): string {
  const start = text.indexOf(`\n### ${heading}\n`);
  const from = text.slice(start + heading.length + 5);
  const end = from.search(/\n##+ /);
  return end < 0 ? from : from.slice(0, end);
}

describe('docs/pipeline.md', () => {
  const text = read('docs/pipeline.md');

  it('has a section for every table, in order', () => {
    const numbered = headings(text).filter((heading) => /^\d/.test(heading));
    expect(numbered).toEqual(TABLES.map(({ number, name }) => `${number} ${name}`));
  });

  const clouds = [1, 2, 3, 4, 5, 6].flatMap((seed) => {
    const { topology } = new World(seed, { ports: 25, rules: 30 });
    return compileAll(topology, plugged(topology, 'node1'))['br-int'].flows;
  });
  const recorded = [...record().fabric.nodes.values()].flatMap((node) =>
    node.bridges['br-int'].flows(),
  );
  const rows = [...clouds, ...recorded, ...DROPS.filter(({ bridge }) => bridge === 'br-int')];

  it.each(TABLES.map(({ number, name }) => [number, name] as const))(
    'names in section %i %s the priorities that the table has',
    (number, name) => {
      const has = new Set(rows.filter((row) => row.table === number).map((row) => row.priority));
      const section = sectionOf(text, `${number} ${name}`);
      const named = [...section.matchAll(/\bP(\d+)\b/g)].map(([, priority]) => Number(priority));
      const rare = RARE[number] ?? [];
      expect(named.filter((priority) => !has.has(priority) && !rare.includes(priority))).toEqual(
        [],
      );
      expect(named.length).toBeGreaterThan(0);
    },
  );

  it('says of each table what it drops, or that it drops nothing', () => {
    for (const { number, name } of TABLES) {
      const drops = DROPS.some(({ bridge, table }) => bridge === 'br-int' && table === number);
      const section = sectionOf(text, `${number} ${name}`);
      expect(section, name).toContain(
        drops ? `<!-- generated: drops ${number} -->` : 'Drops nothing.',
      );
    }
  });
});

/** Rows that the random clouds here do not have: overlapping external networks, deep nesting. */
const RARE: Readonly<Record<number, readonly number[]>> = { 101: [305, 310], 120: [2, 19] };

describe('docs/reasons.md', () => {
  it('has every reason code', () => {
    const known = anchors(read('docs/reasons.md'));
    expect(reasonCodes.filter((code) => !known.has(code))).toEqual([]);
  });
});

describe('docs/decisions', () => {
  it('are all in the list', () => {
    const list = read('docs/decisions/README.md');
    const missing = pages
      .filter((page) => dirname(page) === join('docs', 'decisions') && !page.endsWith('README.md'))
      .filter((page) => !list.includes(`(${relative('docs/decisions', page)})`));
    expect(missing).toEqual([]);
  });
});

describe('docs/images', () => {
  it.each(['same-node', 'across-nodes', 'no-group'])(
    '%s.svg is what the tool draws',
    async (name) => {
      const svg = renderSvg(sceneTrace(name).trace);
      await expect(svg).toMatchFileSnapshot(join(ROOT, 'docs/images', `${name}.svg`));
    },
  );
});
