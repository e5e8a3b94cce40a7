// `npm start`: from a fresh clone to the record's walkthrough.
import { join } from 'node:path';
import { build, install, root } from './prepare.mjs';

install();
build();
const bin = join(root, 'dist/cli/bin.js');
process.argv = [process.argv[0], bin, 'walkthrough', ...process.argv.slice(2)];
await import(bin);
