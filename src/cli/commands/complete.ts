import addCompletion from '@bomb.sh/tab/commander';
import type { Command } from 'commander';
import { example } from '../help.ts';

/** `complete`, which knows the commands that were added before it. */
export function completeCommand(program: Command): void {
  addCompletion(program);
  program.commands
    .find((command) => command.name() === 'complete')
    ?.description('print what makes a shell complete the words of tianchi')
    .addHelpText('after', example('source <(tianchi complete bash)'));
}
