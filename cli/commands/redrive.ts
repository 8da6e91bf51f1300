import { Command } from 'commander';
import type { RedriveOptions } from '../redrive/redrive-command.ts';

/** Defines `fabric redrive`. */
export function defineRedrive(): Command {
  return new Command('redrive')
    .description('rerun failed elements and missing bundles of a job, and merge their results into it')
    .argument('<job>', 's3://<output>/<pipeline>/<file>')
    .option('--stage <stage>', 'only elements that failed at this stage')
    .option('--error <name>', 'only elements with an error of this name')
    .option('--wait', 'wait until the job has ended, then show its status')
    .option('--unfinished', 'redrive an unfinished job too; slow bundles may run twice')
    .option('--bundle-queue <url>', "the pipeline's queue URL, if the job no longer records it")
    .option('--finalizer-queue <url>', "the finalizer's queue URL, if the job no longer records it")
    .option('--json', 'print JSON')
    .action(async (address: string, options: RedriveOptions) => {
      const { redriveCommand } = await import('../redrive/redrive-command.ts');
      process.exitCode = await redriveCommand(address, options);
    });
}
