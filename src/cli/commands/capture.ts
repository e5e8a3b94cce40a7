import { join } from 'node:path';
import type { Command } from 'commander';
import { Failure } from '../../base/failure.ts';
import { TOPOLOGY } from '../../trace/capture/layout.ts';
import type { Client } from '../client.ts';
import { writeFiles } from '../captured.ts';
import { example } from '../help.ts';
import type { Io } from '../io.ts';

const isTexts = (value: unknown): value is Record<string, string> =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((text) => typeof text === 'string');

async function filesOf(client: Client, node: string): Promise<Record<string, string>> {
  const path = `/tianchi/v1/nodes/${encodeURIComponent(node)}/capture`;
  const answer = await client.request('GET', path);
  const files =
    typeof answer === 'object' && answer !== null && 'files' in answer ? answer.files : undefined;
  if (isTexts(files)) return files;
  throw new Failure(
    'invalid',
    'UnexpectedAnswer',
    'the server does not answer as one that can be captured; is it of this version?',
  );
}

const collect = (node: string, nodes: readonly string[] = []): string[] => [...nodes, node];

/** `capture`: dumps of all nodes in a folder, to trace over later and elsewhere. */
export function captureCommand(program: Command, io: Io, client: Client): void {
  program
    .command('capture')
    .summary('collect what the switches hold into a folder, to trace over it later')
    .description(
      'Writes flows, groups, ports, connections and tunnel addresses of each node, and the objects of the topology, into a folder that `tianchi trace --source DIR` reads. On a machine without Node.js, packaging/capture.sh collects the same of one node.',
    )
    .argument('<dir>', 'the folder to make')
    .option('--node <node>', 'only this node; may be repeated (default: all)', collect)
    .option('--json', 'print a JSON array of the folders')
    .addHelpText(
      'after',
      example('tianchi capture /tmp/cloud', 'tianchi trace vm1 vm3 --source /tmp/cloud'),
    )
    .action(async (dir: string, options: { node?: readonly string[]; json?: boolean }) => {
      const nodes =
        options.node ??
        (await client.list({ noun: 'node', collection: 'nodes', member: 'node' })).map(({ id }) =>
          String(id),
        );
      await writeFiles(dir, { [TOPOLOGY]: await client.text('/tianchi/v1/topology') });
      const [made, silent]: [string[], string[]] = [[], []];
      for (const node of nodes) {
        try {
          await writeFiles(join(dir, node), await filesOf(client, node));
          made.push(join(dir, node));
        } catch (error) {
          if (!(error instanceof Failure) || error.code === 'FileExists') throw error;
          silent.push(node);
          io.err(error.message);
        }
      }
      if (options.json === true) io.out(JSON.stringify(made, null, 2));
      else for (const folder of made) io.out(folder);
      if (silent.length > 0) {
        throw new Failure(
          'unavailable',
          'NotCaptured',
          `${silent.join(', ')} ${silent.length === 1 ? 'is' : 'are'} not in the capture; what was captured can be traced`,
        );
      }
    });
}
