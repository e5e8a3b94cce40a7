import type { Command } from 'commander';
import { Failure } from '../../base/failure.ts';
import type { Client } from '../client.ts';
import { example } from '../help.ts';
import type { Io } from '../io.ts';

/** Takes every form of `lab`, so that it answers what is so instead of "unknown command". */
export function labCommand(program: Command, _io: Io, _client: Client): void {
  program
    .command('lab')
    .summary('real nodes on one machine (not built yet)')
    .argument('[arguments...]')
    .allowUnknownOption()
    .addHelpText(
      'after',
      example('tianchi walkthrough   # simulated nodes, until the lab is built'),
    )
    .action(() => {
      throw new Failure(
        'unsupported',
        'NotBuilt',
        'the lab is not built yet; `tianchi walkthrough` runs on simulated nodes',
      );
    });
}
