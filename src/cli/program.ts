import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { Failure } from '../base/failure.ts';
import { Client } from './client.ts';
import { captureCommand } from './commands/capture.ts';
import { catalogueCommands } from './commands/catalogue.ts';
import { completeCommand } from './commands/complete.ts';
import { flowCommands } from './commands/flows.ts';
import { labCommand } from './commands/lab.ts';
import { networkCommands } from './commands/networks.ts';
import { routerCommands } from './commands/routers.ts';
import { portCommands } from './commands/ports.ts';
import { processCommands } from './commands/processes.ts';
import { securityGroupCommands } from './commands/security-groups.ts';
import { storeCommands } from './commands/store.ts';
import { traceCommand } from './commands/trace.ts';
import { walkthroughCommand } from './commands/walkthrough.ts';
import { Ended } from './ended.ts';
import { example } from './help.ts';
import type { Io } from './io.ts';

/** Exit statuses: 0 done; 1 the answer is no, or it failed; 2 wrong usage. */
const FAILED = 1;
const USAGE = 2;

const COMMANDS = [
  networkCommands,
  routerCommands,
  portCommands,
  securityGroupCommands,
  catalogueCommands,
  traceCommand,
  captureCommand,
  flowCommands,
  processCommands,
  storeCommands,
  labCommand,
  walkthroughCommand,
] as const;

function createProgram(io: Io): Command {
  const program = new Command('tianchi')
    .description('A VPC network on Open vSwitch that you can see through.')
    .option('-V, --version', 'print the version')
    .on('option:version', () => {
      io.out(version());
      throw new CommanderError(0, 'version', '');
    })
    .addHelpText(
      'after',
      example('tianchi walkthrough --once', 'tianchi net-create vpc1 178.1.0.0/16 --json'),
    )
    .showHelpAfterError('(add --help for an example)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text.trimEnd()),
      writeErr: (text) => io.err(text.trimEnd()),
    });
  const client = new Client(io.env);
  for (const add of COMMANDS) add(program, io, client, run);
  inheritSettings(program, program);
  // Last: it takes more words than others do.
  completeCommand(program);
  return program;
}

function version(): string {
  const manifest: unknown = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  );
  return (manifest as { version: string }).version;
}

/** Subcommands that were made before a setting was do not inherit it. */
function inheritSettings(from: Command, root: Command): void {
  for (const command of from.commands) {
    command.copyInheritedSettings(root);
    inheritSettings(command, root);
  }
}

/** What went wrong and what would be right, in one sentence. */
function sentence(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const remedy = error instanceof Failure ? error.details.remedy : undefined;
  if (remedy === undefined || error.message.includes(remedy)) return error.message;
  return `${error.message.replace(/\.$/, '')}; ${remedy}`;
}

/**
 * Runs one command line.
 * @param args what follows the program's name.
 * @returns the exit status.
 */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    await createProgram(io).parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof Ended) return error.status;
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
    io.err(`tianchi: ${sentence(error)}`);
    return error instanceof Failure && error.code === 'Usage' ? USAGE : FAILED;
  }
}
