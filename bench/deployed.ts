/** One process of a measured deployment: a server or an agent. Started by bench/deployment.ts. */
import { runAgent } from '../src/main/agent.ts';
import { runServer } from '../src/main/serve.ts';
import { MIB } from './measure.ts';

export interface Memory {
  readonly rssMiB: number;
  readonly heapMiB: number;
}

/** `server FOLDER` sends its URL, `agent NODE VTEP URL RUNDIR` an empty text, when it is ready. */
const ROLES: Readonly<Record<string, (...args: string[]) => Promise<string>>> = {
  server: async (folder = '') => {
    const { url } = await runServer({
      listen: '127.0.0.1:0',
      store: folder,
      auth: 'none',
      defaultSecurityGroup: false,
      logLevel: 'error',
    });
    return url;
  },
  agent: async (node = '', vtep = '', server = '', rundir = '') => {
    const uplinks = ['p0', 'p1'];
    const ovsdb = `unix:${rundir}/db.sock`;
    await runAgent({ node, vtep, servers: [server], ovsdb, uplinks, logLevel: 'error' });
    return '';
  },
};

const [, , role = '', ...args] = process.argv;
const run = ROLES[role];
if (run === undefined) throw new Error(`there is no role ${role}`);
process.on('disconnect', () => process.exit());
process.on('message', () => {
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  const memory: Memory = { rssMiB: rss / MIB, heapMiB: heapUsed / MIB };
  process.send?.(memory);
});
process.send?.(await run(...args));
