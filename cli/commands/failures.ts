import { Command } from 'commander';
import type { FailuresOptions } from '../failures/failures-command.ts';
import { positiveInteger } from '../positive-integer.ts';

/** Defines `fabric failures`. */
export function defineFailures(): Command {
  return new Command('failures')
    .description('list the failed elements of a job, with the reasons')
    .argument('<job>', 's3://<output>/<pipeline>/<file>, or a local results folder')
    .option('--stage <stage>', 'only elements that failed at this stage')
    .option('--error <name>', 'only elements with an error of this name')
    .option('-l, --limit <n>', 'show at most n elements', positiveInteger, 50)
    .option('--save <file>', 'write all failed elements to a file, one JSON line each')
    .option('--json', 'print JSON')
    .action(async (address: string, options: FailuresOptions) => {
      const { failuresCommand } = await import('../failures/failures-command.ts');
      process.exitCode = await failuresCommand(address, options);
    });
}
