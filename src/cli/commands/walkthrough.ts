import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { Failure } from '../../base/failure.ts';
import type { Trace } from '../../trace/types.ts';
import { Client } from '../client.ts';
import { example } from '../help.ts';
import type { Io, Run } from '../io.ts';
import { EXPECTED, NODES, RULES, VM1, VM2, VM3, VMS } from '../walkthrough.ts';
import type { Visit } from '../walkthrough.ts';

interface Stack {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * A server and the two nodes, in this process.
 * @param where Its store; left out: one of its own that goes with it.
 */
async function startStack(listen: string, where?: string): Promise<Stack> {
  const [{ runServer }, { runAgent }] = await Promise.all([
    import('../../main/serve.ts'),
    import('../../main/agent.ts'),
  ]);
  const closers: (() => Promise<void>)[] = [];
  const folder = async () => {
    const made = await mkdtemp(join(tmpdir(), 'tianchi-walkthrough-'));
    closers.push(() => rm(made, { recursive: true, force: true }));
    return made;
  };
  const store = where ?? (await folder());
  const close = async () => {
    for (const step of closers.splice(0).toReversed()) await step();
  };
  try {
    const server = await runServer({
      listen,
      store,
      auth: 'none',
      defaultSecurityGroup: false,
      logLevel: 'warn',
    });
    closers.push(() => server.close());
    for (const { name, vtep } of NODES) {
      const agent = await runAgent({
        node: name,
        vtep,
        servers: [server.url],
        ovsdb: null,
        logLevel: 'warn',
      });
      closers.push(() => agent.close());
    }
    return { url: server.url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Runs commands as a user would type them, showing each with what it printed. */
class Session {
  readonly #io: Io;
  readonly #run: Run;
  readonly #client: Client;
  readonly #env: Readonly<Record<string, string | undefined>>;

  constructor(io: Io, run: Run, url: string) {
    this.#io = io;
    this.#run = run;
    this.#env = { ...io.env, TIANCHI_URL: url };
    this.#client = new Client(this.#env);
  }

  heading(text: string): void {
    this.#io.out(`\n${text}\n`);
  }

  /** @returns what the command printed. */
  async tianchi(...args: readonly string[]): Promise<string> {
    const printed: string[] = [];
    const complaints: string[] = [];
    this.#io.out(`$ tianchi ${args.join(' ')}`);
    const status = await this.#run(args, {
      ...this.#io,
      env: this.#env,
      out: (text) => printed.push(text),
      err: (text) => complaints.push(text),
    });
    if (status !== 0) throw new Failure('conflict', 'CommandFailed', complaints.join('\n'));
    if (printed.length > 0) this.#io.out(printed.join('\n'));
    return printed.join('\n');
  }

  /** A step that the record does by REST. */
  async rest(
    method: string,
    path: string,
    body: Readonly<Record<string, unknown>>,
  ): Promise<string> {
    this.#io.out(`$ curl -X ${method} $TIANCHI_URL${path} -d '${JSON.stringify(body)}'`);
    const answer = (await this.#client.request(method, path, body)) as Record<
      string,
      { id: string }
    >;
    const id = Object.values(answer)[0]?.id ?? '';
    this.#io.out(id);
    return id;
  }

  async trace(from: string, to: string): Promise<Trace> {
    const request = { from, to, protocol: 'icmp', source: 'live' };
    const trace = (await this.#client.request('POST', '/tianchi/v1/traces', request)) as Trace;
    const { renderText } = await import('../../trace/render/text.ts');
    this.#io.out(`$ tianchi trace ${from} ${to}`);
    this.#io.out(renderText(trace, { color: this.#io.color, columns: this.#io.columns }));
    return trace;
  }
}

interface Ids {
  readonly group: string;
  readonly ports: readonly string[];
}

/** Chapters 1 and 2: the network, the three VMs, the security group and its bindings. */
async function build(session: Session): Promise<Ids> {
  session.heading('1. The VPC and its three VMs');
  const vpc = await session.tianchi('net-create', 'ipv4_yanxia_network1_1', '178.1.0.0/16');
  const router = await session.tianchi('router-create', 'router_yanxia_01', vpc);
  const network = await session.rest('POST', '/v2.0/networks', {
    network: { name: 'ipv4_yanxia_network2_2', router_id: router },
  });
  const pool = 'N001-JS-CK-TCCS01';
  const subnet = await session.tianchi('subnet-create', network, '178.1.3.0/24', '4', pool);
  const ports: string[] = [];
  for (const vm of VMS) {
    const options = [`--subnet_id=${subnet}`, '--fixed-ip', vm.ip, '--name', vm.name];
    const port = await session.tianchi('port-create', ...options, network);
    const binding = {
      'binding:host_id': vm.node,
      device_owner: 'compute:nova',
      device_id: vm.device,
    };
    await session.rest('PUT', `/v2.0/ports/${port}`, { port: binding });
    ports.push(port);
  }
  session.heading('2. The security group and its bindings');
  const group = await session.tianchi('security-group-create', 'default');
  for (const rule of RULES) {
    const body = { security_group_rule: { security_group_id: group, ...rule } };
    await session.rest('POST', '/v2.0/security-group-rules', body);
  }
  for (const port of ports) await session.tianchi('port-update', port, '--security-group', group);
  return { group, ports };
}

const visits = (trace: Trace): Visit[] =>
  (trace.legs[0]?.hops ?? []).map((hop): Visit => `${hop.node} ${hop.bridge}/${hop.table}`);

/** @returns null when the trace came out as in the record, else a sentence about the difference. */
function compare(
  title: string,
  trace: Trace,
  verdict: Trace['verdict'],
  expected: readonly Visit[],
): string | null {
  if (trace.verdict !== verdict) return `${title}: ${trace.verdict} instead of ${verdict}`;
  const seen = visits(trace).join(' ');
  const wanted = expected.join(' ');
  return seen === wanted ? null : `${title}: went ${seen} instead of ${wanted}`;
}

async function traces(session: Session, { group, ports }: Ids): Promise<(string | null)[]> {
  const { sameNode, acrossNodes, droppedAtSender, droppedAtReceiver } = EXPECTED;
  session.heading('3.2 VM1 to VM2, on one node');
  const same = await session.trace(VM1.name, VM2.name);
  session.heading('4.2 and 4.3 VM1 to VM3, across nodes');
  const across = await session.trace(VM1.name, VM3.name);
  session.heading('5. Without a security group');
  for (const port of ports) await session.tianchi('port-update', port, '--no-security-group');
  const sender = await session.trace(VM1.name, VM2.name);
  session.heading('5. Only the sender has one');
  await session.tianchi('port-update', ports[0] ?? '', '--security-group', group);
  const receiver = await session.trace(VM1.name, VM2.name);
  session.heading('The fix, run as the trace printed it');
  for (const command of receiver.fix) await session.tianchi(...command.split(' ').slice(1));
  const cured = await session.trace(VM1.name, VM2.name);
  await session.tianchi('port-update', ports[2] ?? '', '--security-group', group);
  return [
    compare('3.2', same, 'delivered', sameNode),
    compare('4.2 and 4.3', across, 'delivered', acrossNodes),
    compare('5 at the sender', sender, 'dropped', droppedAtSender),
    compare('5 at the receiver', receiver, 'dropped', droppedAtReceiver),
    compare('after the fix', cured, 'delivered', sameNode),
  ];
}

export function walkthroughCommand(program: Command, io: Io, _client: Client, run: Run): void {
  program
    .command('walkthrough')
    .summary("build the record's VPC on two simulated nodes and trace its packets")
    .option('--once', 'end after printing the traces')
    .option('--listen <host:port>', 'address to serve on', '127.0.0.1:9797')
    .option(
      '--store <where>',
      'an empty store, as for the server (default: a folder that goes with it)',
    )
    .addHelpText('after', example('tianchi walkthrough --once'))
    .action(async (options: { once?: boolean; listen: string; store?: string }) => {
      const stack = await startStack(options.listen, options.store);
      try {
        const session = new Session(io, run, stack.url);
        const differences = (await traces(session, await build(session))).filter(
          (difference) => difference !== null,
        );
        if (differences.length > 0) {
          throw new Failure(
            'conflict',
            'NotAsRecorded',
            `not as in the record: ${differences.join('; ')}`,
          );
        }
        io.out('\nAll traces are as in the record.');
        if (options.once === true) return;
        io.out(`ready ${stack.url} (console at ${stack.url}/console, Ctrl-C ends)`);
        await io.stopped();
      } finally {
        await stack.close();
      }
    });
}
