// `npm run fuzz`: gives mutated inputs to everything that parses; see fuzz/run.ts for its options.
import { install, must } from './prepare.mjs';

install();
must('node', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.fuzz.json']);
must('node', ['.fuzz/fuzz/run.js', ...process.argv.slice(2)]);
