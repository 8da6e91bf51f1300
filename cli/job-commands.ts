import { type Command, InvalidArgumentError } from 'commander';
import type { FailuresOptions } from './failures/failures-command.ts';
import type { RedriveOptions } from './redrive/redrive-command.ts';
import type { StatusOptions } from './status/status-command.ts';

const WHERE = 's3://<output>/<pipeline>/<file>, or a local folder of results';

/** The commands that look at the results of jobs: `status`, `failures` and `redrive`. */
export function addJobCommands(program: Command): void {
  program
    .command('status')
    .description('show how a job stands, or all jobs below an address')
    .argument('<results>', `${WHERE}; or any folder above`)
    .option('-l, --limit <n>', 'of many jobs, only the n newest', positiveInteger, 50)
    .option('--json', 'print JSON')
    .action(async (address: string, options: StatusOptions) => {
      const { statusCommand } = await import('./status/status-command.ts');
      process.exitCode = await statusCommand(address, options);
    });

  program
    .command('failures')
    .description('list the failed elements of a job, and why they failed')
    .argument('<job>', WHERE)
    .option('--stage <stage>', 'only those that failed at this stage')
    .option('--error <name>', 'only those with an error of this name')
    .option('-l, --limit <n>', 'show at most n of them', positiveInteger, 50)
    .option('--save <file>', 'write all of them to a file, a JSON line each')
    .option('--json', 'print JSON')
    .action(async (address: string, options: FailuresOptions) => {
      const { failuresCommand } = await import('./failures/failures-command.ts');
      process.exitCode = await failuresCommand(address, options);
    });

  program
    .command('redrive')
    .description('run failed elements of a job again, and bundles that are missing; the results merge into the job')
    .argument('<job>', 's3://<output>/<pipeline>/<file>')
    .option('--stage <stage>', 'only elements that failed at this stage')
    .option('--error <name>', 'only elements with an error of this name')
    .option('--wait', 'wait until all is done, and show how the job stands then')
    .option('--unfinished', 'also where the job has not ended: bundles that are only late are run twice')
    .option('--bundle-queue <url>', "the pipeline's queue, where the job does not say it any more")
    .option('--finalizer-queue <url>', "the finalizer's queue, where the job does not say it any more")
    .option('--json', 'print JSON')
    .action(async (address: string, options: RedriveOptions) => {
      const { redriveCommand } = await import('./redrive/redrive-command.ts');
      process.exitCode = await redriveCommand(address, options);
    });
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('It must be a positive integer.');
  return value;
}
