import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Compiles a module and what it imports, so that a process of its own can run it.
 * @param entry path of the `.ts` file.
 * @param dir where to put the JavaScript.
 * @returns the path of the `.js` file for `entry`.
 */
export function compile(entry: string, dir: string): string {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'package.json'), '{"type": "module"}');
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'));
  const config = join(dir, 'tsconfig.json');
  const compilerOptions = { noEmit: false, noCheck: true, rootDir: root, outDir: dir };
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(root, 'tsconfig.json'),
      compilerOptions,
      files: [entry],
      include: [],
    }),
  );
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', config]);
  return join(dir, relative(root, entry)).replace(/\.ts$/, '.js');
}
