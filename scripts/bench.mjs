// `npm run bench`: runs every benchmark and writes bench/results.json.
import { build, install, must } from './prepare.mjs';

install();
build();
must('node', ['bench/run.mjs', ...process.argv.slice(2)]);
