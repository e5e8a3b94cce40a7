import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { Option, type Command } from 'commander';
import { Failure } from '../../base/failure.ts';
import type { Lab, Vms } from '../../lab/index.ts';
import type { Client } from '../client.ts';
import { Ended } from '../ended.ts';
import { example } from '../help.ts';
import type { Io } from '../io.ts';
import { PORT } from '../resources/networks.ts';
import { table } from '../table.ts';

interface UpOptions {
  readonly nodes: string;
  readonly store?: string;
  readonly defaultSecurityGroup: 'on' | 'off';
  readonly json?: boolean;
}

interface BootOptions {
  readonly nic: string;
  readonly availabilityZone: string;
  readonly json?: boolean;
}

const usage = (message: string): Failure => new Failure('invalid', 'Usage', message);

function countOf(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw usage(`--nodes is '${text}'; it must be a number from 1 to 200, such as 2`);
}

/** The port of `--nic port-id=PORT`. */
function portOfNic(nic: string): string {
  const port = /^port-id=(.+)$/.exec(nic)?.[1];
  if (port !== undefined) return port;
  throw usage(`--nic is '${nic}'; it must be port-id=PORT, PORT a uuid or unique name`);
}

/** The node of `--availability-zone ZONE:NODE`. */
function nodeOfZone(zone: string): string {
  const node = /^[^:]+:([^:]+)$/.exec(zone)?.[1];
  if (node !== undefined) return node;
  throw usage(`--availability-zone is '${zone}'; it must be ZONE:NODE, such as nova:node1`);
}

/**
 * Runs a program with this process's own terminal.
 * @throws {Ended} with its status unless that is 0; 128 + the signal's number as shells have it.
 */
async function foreground(
  [program = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const wait = () => undefined;
  // Ctrl-C is for the program; what that makes of it decides.
  process.on('SIGINT', wait);
  try {
    const status = await new Promise<number>((resolve, reject) => {
      const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...env } });
      child.on('error', reject);
      child.on('close', (code, signal) =>
        resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
      );
    });
    if (status !== 0) throw new Ended(status);
  } finally {
    process.off('SIGINT', wait);
  }
}

/**
 * `ovs-ofctl` speaks OpenFlow 1.0 when it is not told otherwise, which has no goto_table and so
 * cannot show our flows; groups it shows better so.
 */
function withVersion(command: readonly string[]): readonly string[] {
  const [tool = '', ...words] = command;
  const told = words.some((word) => /^(-O|--protocols)/.test(word));
  if (tool !== 'ovs-ofctl' || told || words.some((word) => word.includes('group'))) return command;
  return [tool, '-O', 'OpenFlow13', ...words];
}

/** Real nodes on one machine. */
export function labCommand(program: Command, io: Io, client: Client): void {
  const parent = program
    .command('lab')
    .summary('real nodes on one machine (root)')
    .description(
      'Compute nodes as network namespaces, each with a real Open vSwitch and an agent, and VMs on them.',
    )
    .addHelpText(
      'after',
      example(
        'tianchi lab up --nodes 2',
        'tianchi lab boot --nic port-id=$PORT --availability-zone nova:node1 vm1',
        'tianchi lab exec vm1 -- ping -c 3 178.1.3.3',
        'tianchi lab down',
      ),
    );
  const open = async () => {
    const { Lab, Vms } = await import('../../lab/index.ts');
    const lab = Lab.of(io.env);
    return { lab, vms: new Vms(lab, client) };
  };
  setUp(parent, io, open);
  vmCommands(parent, io, client, open);
  nodeCommands(parent, io, open);
}

type Open = () => Promise<{ readonly lab: Lab; readonly vms: Vms }>;

function setUp(parent: Command, io: Io, open: Open): void {
  parent
    .command('up')
    .summary('build the nodes and start everything')
    .option('--nodes <count>', 'how many compute nodes', '2')
    .option('--store <where>', 'as of `tianchi server` (default: one that goes with the lab)')
    .addOption(
      new Option('--default-security-group <switch>', 'as of `tianchi server`')
        .choices(['on', 'off'])
        .default('on'),
    )
    .option('--json', 'print {"url", "nodes"}')
    .addHelpText('after', example('tianchi lab up --nodes 3 --default-security-group off'))
    .action(async ({ nodes, store, defaultSecurityGroup, json }: UpOptions) => {
      const { lab } = await open();
      const record = await lab.up({
        nodes: countOf(nodes),
        ...(store === undefined ? {} : { store }),
        defaultSecurityGroup,
        tianchi: [process.execPath, process.argv[1] ?? ''],
        progress: (text) => io.err(text),
      });
      if (json === true) return io.out(JSON.stringify(record, null, 2));
      const rows = record.nodes.map(({ name, vtep, netns }) => [name, vtep, netns]);
      io.out(table(['node', 'vtep', 'netns'], rows));
      return io.out(`ready ${record.url}`);
    });

  parent
    .command('down')
    .summary('take all of it away, also after a crash')
    .addHelpText('after', example('tianchi lab down'))
    .action(async () => (await open()).lab.down());
}

function vmCommands(parent: Command, io: Io, client: Client, open: Open): void {
  parent
    .command('boot')
    .summary('start a VM on a port; returns when it has its addresses')
    .argument('<name>')
    .requiredOption('--nic <nic>', 'port-id=PORT, a uuid or unique name')
    .requiredOption('--availability-zone <zone:node>', 'any zone, and the node it runs on')
    .option('--json', 'print the VM as an object')
    .addHelpText(
      'after',
      example('tianchi lab boot --nic port-id=$PORT --availability-zone nova:node1 vm1'),
    )
    .action(async (name: string, { nic, availabilityZone, json }: BootOptions) => {
      const node = nodeOfZone(availabilityZone);
      const named = portOfNic(nic);
      const { lab, vms } = await open();
      lab.node(node);
      const vm = await vms.boot(name, await client.resolve(PORT, named), node);
      io.out(json === true ? JSON.stringify(vm, null, 2) : vm.id);
    });

  parent
    .command('list')
    .summary('the VMs, as `nova list` shows them')
    .option('--json', 'print an array')
    .addHelpText('after', example('tianchi lab list --json'))
    .action(async ({ json }: { readonly json?: boolean }) => {
      const { vms } = await open();
      const all = await Promise.all(
        vms.list().map(async (vm) => Object.assign({ status: await vms.status(vm) }, vm)),
      );
      if (json === true) return io.out(JSON.stringify(all, null, 2));
      const rows = all.map(({ id, name, status, network, addresses }) => {
        const networks = `${network}=${addresses.join(', ')}`;
        return [id, name, status, '-', 'Running', networks];
      });
      const header = ['ID', 'Name', 'Status', 'Task State', 'Power State', 'Networks'];
      return io.out(table(header, rows));
    });

  parent
    .command('exec')
    .summary("run a command in a VM; ends with the command's status")
    .argument('<name>')
    .argument('<command...>')
    .addHelpText('after', example('tianchi lab exec vm1 -- ping -c 10 178.1.3.3'))
    .action(async (name: string, command: readonly string[]) => {
      const { vms } = await open();
      await foreground(vms.command(name, command), {});
    });

  parent
    .command('console')
    .summary('a shell in a VM')
    .argument('<name>')
    .addHelpText('after', example('tianchi lab console vm1'))
    .action(async (name: string) => {
      const { vms } = await open();
      const env = { PS1: `${name}# ` };
      const shell = existsSync('/bin/bash') ? ['/bin/bash', '--norc', '-i'] : ['/bin/sh', '-i'];
      await foreground(vms.command(name, shell), env);
    });

  parent
    .command('delete')
    .summary('end a VM and unbind its port')
    .argument('<name>')
    .addHelpText('after', example('tianchi lab delete vm1'))
    .action(async (name: string) => (await open()).vms.delete(name));
}

function nodeCommands(parent: Command, _io: Io, open: Open): void {
  parent
    .command('ovs')
    .summary("run an Open vSwitch tool against a node's switch")
    .description(
      "Runs a command in a node's namespace, the node's switch being the one that tools find. ovs-ofctl speaks OpenFlow 1.3 unless it is told otherwise: 1.0 cannot show a goto_table.",
    )
    .argument('<node>')
    .argument('<command...>')
    .addHelpText('after', example('tianchi lab ovs node1 -- ovs-ofctl dump-flows br-int'))
    .action(async (node: string, command: readonly string[]) => {
      const { lab } = await open();
      const ovs = lab.switchOf(lab.node(node));
      await foreground(ovs.command(withVersion(command)), ovs.env);
    });

  parent
    .command('restart-agent')
    .summary('kill -9 an agent and start it again')
    .argument('<node>')
    .addHelpText('after', example('tianchi lab restart-agent node1'))
    .action(async (node: string) => (await open()).lab.restartAgent(node));

  parent
    .command('restart-server')
    .summary('kill -9 the server and start it again on its store')
    .addHelpText('after', example('tianchi lab restart-server'))
    .action(async () => (await open()).lab.restartServer());

  parent
    .command('restart-ovs')
    .summary('kill -9 ovs-vswitchd of a node and start it again')
    .argument('<node>')
    .addHelpText('after', example('tianchi lab restart-ovs node1'))
    .action(async (node: string) => (await open()).lab.restartSwitch(node));
}
