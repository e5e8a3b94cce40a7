/** A server as a process of its own: `node server.process.js PORT STORE`. It prints its URL when it serves. */
import { writeSync } from 'node:fs';
import { runServer } from '../../src/main/serve.ts';

const [port, store = ''] = process.argv.slice(2);
const server = await runServer({
  listen: `127.0.0.1:${port}`,
  store,
  auth: 'none',
  defaultSecurityGroup: true,
  logLevel: 'warn',
});
writeSync(1, `ready ${server.url}\n`);
