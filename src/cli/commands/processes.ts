import { Option } from 'commander';
import type { Command } from 'commander';
import { Failure } from '../../base/failure.ts';
import type { Client } from '../client.ts';
import { example } from '../help.ts';
import type { Io } from '../io.ts';

/** Where Open vSwitch listens as distributions install it. */
const OVSDB = 'unix:/var/run/openvswitch/db.sock';

interface ServerOptions {
  readonly listen: string;
  readonly store: string;
  readonly auth: 'none' | 'keystone';
  readonly keystoneUrl?: string;
  readonly config?: string;
  readonly defaultSecurityGroup: string;
  readonly underlayMtu: string;
  readonly allowRemote?: boolean;
  readonly agentCredentials?: string;
  readonly advertise?: string;
}

interface AgentOptions {
  readonly node: string;
  readonly vtep: string;
  readonly server: readonly string[];
  readonly credential?: string;
  readonly datapath?: string;
  readonly ovsdb?: string;
  readonly newEpoch?: boolean;
  readonly uplink?: readonly string[];
  readonly vlan?: string;
}

function wholeNumber(option: string, text: string, low: number, high: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= low && value <= high) return value;
  throw new Failure(
    'invalid',
    'Usage',
    `${option} is '${text}'; it must be a number from ${low} to ${high}`,
  );
}

/** Who is told to stop before it has started ends as one who has. */
function nullIfAborted(error: unknown): null {
  if (error instanceof Failure && error.code === 'Aborted') return null;
  throw error;
}

/** The long-running processes, in the foreground until SIGTERM or Ctrl-C. */
export function processCommands(program: Command, io: Io, _client: Client): void {
  program
    .command('server')
    .summary('serve the API')
    .option('--listen <host:port>', 'address to serve on', '127.0.0.1:9797')
    .option(
      '--store <where>',
      'folder of the embedded store, or zk://HOST:PORT[,HOST:PORT]/CHROOT, which several servers share',
      '.tianchi/store',
    )
    .addOption(new Option('--auth <how>').choices(['none', 'keystone']).default('none'))
    .addOption(
      new Option(
        '--default-security-group <switch>',
        "on: Neutron's default group; off: new ports and groups start empty",
      )
        .choices(['on', 'off'])
        .default('on'),
    )
    .option('--keystone-url <url>', 'of its API v3, for --auth keystone')
    .option('--config <file>', 'TOML: the service user at Keystone, access to ZooKeeper, limits')
    .option('--underlay-mtu <bytes>', 'MTU of the network between the nodes', '1500')
    .option('--allow-remote', 'serve other machines although no user proves who they are')
    .option(
      '--agent-credentials <file>',
      'what agents must prove; needed where other machines are served',
    )
    .option(
      '--advertise <url>',
      'where other servers on the store reach this one; by default what it listens on',
    )
    .addHelpText(
      'after',
      example(
        'tianchi server --listen 127.0.0.1:9797 --store /var/lib/tianchi',
        'tianchi server --store zk://10.0.0.1:2181,10.0.0.2:2181,10.0.0.3:2181/tianchi',
      ),
    )
    .action(async (options: ServerOptions) => {
      const stop = new AbortController();
      const stopped = io.stopped().then(() => stop.abort());
      const { authOf, novaOf, runServer, zookeeperOf } = await import('../../main/serve.ts');
      const server = await runServer({
        listen: options.listen,
        store: options.store,
        zookeeper: await zookeeperOf(options.config),
        signal: stop.signal,
        auth: await authOf(options.auth, options.keystoneUrl, options.config),
        ...(await novaOf(options.config)),
        defaultSecurityGroup: options.defaultSecurityGroup === 'on',
        allowRemote: options.allowRemote === true,
        ...(options.agentCredentials === undefined
          ? {}
          : { agentCredentials: options.agentCredentials }),
        ...(options.advertise === undefined ? {} : { advertise: options.advertise }),
        underlayMtu: wholeNumber('--underlay-mtu', options.underlayMtu, 1280, 65535),
      }).catch(nullIfAborted);
      if (server === null) return;
      io.out(`ready ${server.url}`);
      await stopped;
      await server.close();
    });

  program
    .command('agent')
    .summary("program a node's switch")
    .requiredOption('--node <name>')
    .requiredOption('--vtep <ip>', "the node's tunnel address")
    .requiredOption(
      '--server <urls>',
      'several, after commas or repeated, where servers share a store: the agent keeps to one, and ' +
        'goes on to another when that fails',
      (value: string, all: readonly string[] | undefined) => [...(all ?? []), ...value.split(',')],
    )
    .option('--credential <file>', 'proves to the server which node this is')
    .option('--ovsdb <socket>', `unix:PATH of Open vSwitch's database (default: ${OVSDB})`)
    .addOption(
      new Option('--datapath <kind>', 'instead of Open vSwitch a switch in this process')
        .choices(['simulated'])
        .conflicts('ovsdb'),
    )
    .option(
      '--uplink <interface>',
      'may be repeated',
      (value: string, all: string[] | undefined) => [...(all ?? []), value],
    )
    .option('--vlan <vid>', 'VLAN of the underlay')
    .option('--new-epoch', 'write all flows anew, and delete the old ones after')
    .addHelpText(
      'after',
      example(
        'tianchi agent --node node1 --vtep 10.163.133.43 --server http://127.0.0.1:9797 --uplink eth1 --uplink eth2 --vlan 101',
        'tianchi agent --node node1 --vtep 10.163.133.43 --server http://10.0.0.1:9797,http://10.0.0.2:9797 --credential /etc/tianchi/node1.credential',
      ),
    )
    .action(async (options: AgentOptions) => {
      const stop = new AbortController();
      const stopped = io.stopped().then(() => stop.abort());
      const { runAgent } = await import('../../main/agent.ts');
      const agent = await runAgent({
        node: options.node,
        vtep: options.vtep,
        servers: [...new Set(options.server)],
        ...(options.credential === undefined ? {} : { credential: options.credential }),
        ovsdb: options.datapath === 'simulated' ? null : (options.ovsdb ?? OVSDB),
        newEpoch: options.newEpoch === true,
        signal: stop.signal,
        ...(options.uplink === undefined ? {} : { uplinks: options.uplink }),
        ...(options.vlan === undefined
          ? {}
          : { vlan: wholeNumber('--vlan', options.vlan, 1, 4094) }),
      }).catch(nullIfAborted);
      if (agent === null) return;
      io.out(`ready ${options.node}`);
      await stopped;
      await agent.close();
    });

  program
    .command('agent-credential')
    .summary('make the two halves by which an agent proves its node')
    .description(
      "Writes a new secret for the node's agent and its hash for the server; the node's former " +
        'credential ends. To withdraw one, delete its line from the file of --agent-credentials: ' +
        'the server cuts the link within a second.',
    )
    .argument('<node>')
    .requiredOption('--agent-credentials <file>', "the server's file, which gets the hash")
    .requiredOption('--out <file>', "the agent's file, to be brought to the node; not overwritten")
    .addHelpText(
      'after',
      example(
        'tianchi agent-credential node1 --agent-credentials /etc/tianchi/agents --out node1.credential',
      ),
    )
    .action(async (node: string, options: { agentCredentials: string; out: string }) => {
      const { issueCredential } = await import('../../api/hub/index.ts');
      await issueCredential(node, options.agentCredentials, options.out);
      io.err(`${options.out} is the credential of ${node}: bring it there as --credential`);
    });
}
