import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const src = join(root, 'src');

/** A folder may import from itself and from those before it. */
const ORDER = [
  'base',
  'address',
  'packet',
  'openflow',
  'ovsdb',
  'model',
  'pipeline',
  'sim',
  'responder',
  'trace',
  'zookeeper',
  'store',
  'net',
  'api',
  'agent',
  'lab',
  'main',
  'cli',
];

/** These run in a browser too: no Node.js, no clock, no chance. */
const PURE: ReadonlySet<string> = new Set(ORDER.slice(0, ORDER.indexOf('zookeeper')));

/** A neighbour that a folder must not know although it comes earlier in the order. */
const FORBIDDEN: Readonly<Record<string, readonly string[]>> = {
  model: ['openflow', 'packet', 'ovsdb'],
  zookeeper: ['openflow', 'packet', 'ovsdb', 'model', 'pipeline', 'sim', 'responder', 'trace'],
  store: ['openflow', 'packet', 'ovsdb', 'pipeline', 'sim', 'trace'],
};

interface Source {
  readonly path: string;
  readonly folder: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const specifiers =
  /(?:^|\n)\s*(?:import|export)\b[^;]*?from\s*'([^']+)'|import\(\s*'([^']+)'\s*\)/g;

const sources: readonly Source[] = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => {
    const text = readFileSync(join(src, path), 'utf8');
    const imports = [...text.matchAll(specifiers)].map((found) => found[1] ?? found[2] ?? '');
    return { path, folder: path.split(sep)[0] ?? '', text, imports };
  });

const productive = sources.filter(({ path }) => !path.endsWith('.test.ts'));

const folderOf = (source: Source, specifier: string): string =>
  relative(src, resolve(src, dirname(source.path), specifier)).split(sep)[0] ?? '';

describe('the arrows between the folders', () => {
  test('every folder has its place in the order', () => {
    const folders = new Set(sources.map(({ folder }) => folder));
    expect([...folders].filter((folder) => !ORDER.includes(folder))).toEqual([]);
    expect(productive.flatMap(({ imports }) => imports).length).toBeGreaterThan(200);
  });

  test('imports point one way', () => {
    const against = productive.flatMap((source) =>
      source.imports
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => folderOf(source, specifier))
        .filter(
          (target) =>
            ORDER.indexOf(target) > ORDER.indexOf(source.folder) ||
            FORBIDDEN[source.folder]?.includes(target) === true,
        )
        .map((target) => `${source.path} imports from ${target}`),
    );
    expect(against).toEqual([]);
  });

  test('no file imports itself through others', () => {
    const graph = new Map(
      productive.map((source) => [
        source.path,
        source.imports
          .filter((specifier) => specifier.startsWith('.'))
          .map((specifier) => relative(src, resolve(src, dirname(source.path), specifier))),
      ]),
    );
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) {
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
        return;
      }
      if (done.has(path)) return;
      for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
      done.add(path);
    };
    for (const path of graph.keys()) visit(path, []);
    expect(cycles).toEqual([]);
  });

  test('pure folders use neither Node.js nor the clock nor chance', () => {
    const impure = productive
      .filter(({ folder }) => PURE.has(folder))
      .flatMap(({ path, text, imports }) => [
        ...imports.filter((specifier) => !specifier.startsWith('.')).map((s) => `${path}: ${s}`),
        ...[/\bDate\.now\(/, /\bMath\.random\(/, /\bnew Date\(\)/, /\bperformance\.now\(/]
          .filter((pattern) => pattern.test(text))
          .map((pattern) => `${path}: ${pattern.source}`),
      ]);
    expect(impure).toEqual([]);
  });
});
