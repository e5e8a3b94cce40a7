import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Client } from '../client.ts';
import type { Io } from '../io.ts';
import { Failure } from '../../base/failure.ts';
import { example } from '../help.ts';

async function readText(file: string, io: Io): Promise<string> {
  if (file === '-') {
    let text = '';
    for await (const piece of io.stdin()) text += piece;
    return text;
  }
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Failure('not_found', 'FileNotReadable', `cannot read '${file}': ${why}`);
  }
}

async function portNames(file: string, io: Io): Promise<ReadonlyMap<string, number>> {
  const { parsePortNames } = await import('../../openflow/index.ts');
  const ports = parsePortNames(await readText(file, io));
  if (ports.size > 0) return ports;
  throw new Failure(
    'invalid',
    'NoPorts',
    `no port found in '${file}': expected the output of ovs-appctl dpif/show, ovs-ofctl show or dump-ports-desc`,
  );
}

/** `flows parse`, and what a node's switch holds: `flows dump`, `groups dump`, `ports dump`. */
export function flowCommands(program: Command, io: Io, client: Client): void {
  const flows = program
    .command('flows')
    .summary("read flows: a file's, or a node's")
    .addHelpText('after', example('tianchi flows dump --node node1'));
  flows
    .command('parse')
    .summary('read ovs-ofctl text and print each flow in canonical form')
    .argument('<file>', 'add-flow lines or a dump-flows output; - is stdin')
    .option('--ports <file>', 'numbers for port names: ovs-appctl dpif/show or ovs-ofctl show')
    .option('--json', 'print a JSON array of objects with table, priority, cookie, match, actions')
    .addHelpText('after', example('ovs-ofctl dump-flows br-int | tianchi flows parse -'))
    .action(async (file: string, options: { json?: boolean; ports?: string }) => {
      const { formatFlow, parseFlows } = await import('../../openflow/index.ts');
      const names =
        options.ports === undefined ? {} : { ports: await portNames(options.ports, io) };
      const text = await readText(file, io);
      const { flows: parsed, errors, skipped, unresolved } = parseFlows(text, names);
      if (options.json === true) {
        const { flowJson } = await import('../structured.ts');
        io.out(
          JSON.stringify(
            parsed.map((flow) => flowJson(flow, unresolved)),
            null,
            2,
          ),
        );
      } else for (const flow of parsed) io.out(formatFlow(flow, { unresolved }));
      for (const { line, column, message } of errors)
        io.err(`${file}:${line}:${column}: ${message}`);
      if (skipped > 0) {
        io.err(
          `skipped ${skipped} ${skipped === 1 ? 'line that is no flow' : 'lines that are no flows'}`,
        );
      }
      if (errors.length > 0) {
        const lines = errors.length === 1 ? 'line is' : 'lines are';
        throw new Failure('invalid', 'InvalidFlow', `${errors.length} ${lines} no valid flow`);
      }
    });

  const dumped = (what: string, summary: string) =>
    program
      .command(what)
      .summary(summary)
      .addHelpText('after', example(`tianchi ${what} dump --node node1`));
  const dumps = [
    { what: 'flows', command: flows, title: 'flows with their counters' },
    { what: 'groups', command: dumped('groups', "read a node's groups") },
    { what: 'ports', command: dumped('ports', "read a node's switch ports") },
  ] as const;
  for (const { what, command } of dumps) {
    command
      .command('dump')
      .summary(`print the ${what} that a node's switch holds now, as ovs-ofctl prints them`)
      .requiredOption('--node <node>')
      .option('--bridge <bridge>', 'br-int or br-phy', 'br-int')
      .option('--json', 'print a JSON array')
      .addHelpText('after', example(`tianchi ${what} dump --node node1`))
      .action(async (options: { node: string; bridge: string; json?: boolean }) => {
        const node = encodeURIComponent(options.node);
        const bridge = encodeURIComponent(options.bridge);
        const text = await client.text(`/tianchi/v1/nodes/${node}/${what}?bridge=${bridge}`);
        if (options.json !== true) return io.out(text.trimEnd());
        const { structured } = await import('../structured.ts');
        return io.out(JSON.stringify(structured[what](text), null, 2));
      });
  }
}
