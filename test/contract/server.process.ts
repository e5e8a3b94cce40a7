/**
 * A server as a process of its own: `node server.process.js DIR`. It loads its code, waits for a
 * word on stdin, serves, and prints its URL.
 */
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { runServer } from '../../src/main/serve.ts';

await once(process.stdin, 'data');
process.stdin.destroy();
const server = await runServer({
  listen: '127.0.0.1:0',
  store: process.argv[2] ?? '',
  auth: 'none',
  defaultSecurityGroup: true,
});
writeSync(1, `ready ${server.url}\n`);
