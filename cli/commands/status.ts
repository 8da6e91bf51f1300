import { Command } from 'commander';
import { positiveInteger } from '../positive-integer.ts';
import type { StatusOptions } from '../status/status-command.ts';

/** Defines `fabric status`. */
export function defineStatus(): Command {
  return new Command('status')
    .description('show the status of a job, or of all jobs under a path')
    .argument('<results>', 's3://<output>/<pipeline>/<file>, a local results folder, or any folder above')
    .option('-l, --limit <n>', 'show at most the n newest jobs', positiveInteger, 50)
    .option('--json', 'print JSON')
    .action(async (address: string, options: StatusOptions) => {
      const { statusCommand } = await import('../status/status-command.ts');
      process.exitCode = await statusCommand(address, options);
    });
}
