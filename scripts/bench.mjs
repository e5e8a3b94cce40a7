// `npm run bench`: runs every benchmark and writes bench/results.json.
import { install, must } from './prepare.mjs';

install();
must('node', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.bench.json']);
must('node', ['--expose-gc', '.bench/bench/run.js', ...process.argv.slice(2)]);
