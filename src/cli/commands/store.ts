import type { Command } from 'commander';
import { Failure } from '../../base/failure.ts';
import type { TreeOp } from '../../base/tree.ts';
import type { Finding } from '../../model/tree-check/index.ts';
import type { Client } from '../client.ts';
import { example } from '../help.ts';
import type { Io } from '../io.ts';

interface Options {
  readonly config?: string;
  readonly json?: boolean;
  readonly repair?: boolean;
}

const STORE = 'folder of an embedded store, or zk://HOST:PORT[,HOST:PORT]/CHROOT';

/** ms between two lines of progress. */
const TOLD_EVERY = 1000;

function teller(io: Io, what: string): (done: number, all: number) => void {
  let last = Date.now();
  return (done, all) => {
    if (Date.now() - last < TOLD_EVERY) return;
    last = Date.now();
    io.err(`${what} ${done} of ${all} nodes`);
  };
}

const fixText = (fix: TreeOp): string =>
  `${fix.op} ${fix.path}${'value' in fix ? ` ${fix.value}` : ''}`;

function printFindings(io: Io, findings: readonly Finding[]): void {
  for (const { code, message, path, fix } of findings) {
    io.out(`${code}: ${message}`);
    io.out(`  at ${path}`);
    if (fix !== undefined) io.out(`  fix: ${fixText(fix)}`);
  }
}

/** `store check`, `store export`, `store import`: for operators, beside the servers. */
export function storeCommands(program: Command, io: Io, _client: Client): void {
  const store = program
    .command('store')
    .summary('check a store, or move its content elsewhere')
    .addHelpText('after', example('tianchi store check zk://zk1:2181,zk2:2181/tianchi'));
  const add = (name: string, summary: string, description: string): Command =>
    store
      .command(name)
      .summary(summary)
      .description(description)
      .option('--config <file>', 'TOML: how to get into ZooKeeper, as for the server')
      .option('--json', 'print a JSON object');

  add(
    'check',
    'say what is wrong with a store',
    'Holds every node of the tree against every other: addresses, MACs, VNIs and names that two ' +
      'have, objects that name others that are not there, claims without an owner, overlapping ' +
      'prefixes. Servers may go on meanwhile. Ends with 1 when something is wrong.',
  )
    .argument('<store>', STORE)
    .option('--repair', 'write the fixes that are shown, where there is one')
    .addHelpText(
      'after',
      example(
        'tianchi store check /var/lib/tianchi',
        'tianchi store check zk://zk1/tianchi --json',
      ),
    )
    .action(async (where: string, options: Options) => {
      const { checkStore } = await import('../../main/store-check.ts');
      const checked = await checkStore(where, {
        config: options.config,
        repair: options.repair === true,
        progress: (text) => io.err(text),
      });
      const { findings, ...what } = checked;
      if (options.json === true) io.out(JSON.stringify({ ...what, findings }, null, 2));
      else printFindings(io, findings);
      if (findings.length > 0) {
        const count = `${findings.length} ${findings.length === 1 ? 'fault' : 'faults'}`;
        throw new Failure(
          'conflict',
          'StoreDamaged',
          `the store ${where} has ${count} at revision ${what.revision}`,
        );
      }
      if (options.json !== true) {
        io.out(`clean: ${what.nodes} nodes at revision ${what.revision}`);
      }
    });

  add(
    'export',
    "write a store's content to a file",
    'Writes all nodes as of one revision, one JSON line each. Servers may go on meanwhile.',
  )
    .argument('<store>', STORE)
    .argument('<file>', 'the file to make')
    .addHelpText('after', example('tianchi store export zk://zk1/tianchi cloud-2026-11-22.jsonl'))
    .action(async (where: string, file: string, options: Options) => {
      const { exportStore } = await import('../../main/store-move.ts');
      const done = await exportStore(where, file, options.config, teller(io, 'written'));
      if (options.json === true) io.out(JSON.stringify({ ...done, file }, null, 2));
      else io.out(`${done.nodes} nodes of revision ${done.revision} are in ${file}`);
    });

  add(
    'import',
    'fill an empty store from a file',
    'Reads what `store export` wrote into a store that is empty and that no server has open. An ' +
      'import that was cut off is no store: servers refuse it, and the next import begins anew.',
  )
    .argument('<file>', 'as `store export` wrote it')
    .argument('<store>', STORE)
    .addHelpText('after', example('tianchi store import cloud-2026-11-22.jsonl /var/lib/tianchi'))
    .action(async (file: string, where: string, options: Options) => {
      const { importStore } = await import('../../main/store-move.ts');
      const done = await importStore(file, where, options.config, teller(io, 'imported'));
      if (options.json === true) io.out(JSON.stringify({ ...done, file }, null, 2));
      else io.out(`${done.nodes} nodes are in ${where}, at revision ${done.revision}`);
    });
}
