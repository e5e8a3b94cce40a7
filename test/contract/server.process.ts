/** A server as a process of its own: `node server.process.js DIR`; prints its URL when it serves. */
import { writeSync } from 'node:fs';
import { runServer } from '../../src/main/serve.ts';

const server = await runServer({
  listen: '127.0.0.1:0',
  store: process.argv[2] ?? '',
  auth: 'none',
  defaultSecurityGroup: true,
});
writeSync(1, `ready ${server.url}\n`);
