import { Command, Option } from 'commander';
import type { EstimateOptions } from '../estimate/estimate-command.ts';
import { CONFIG_OPTION } from '../find-config.ts';
import { positiveInteger } from '../positive-integer.ts';
import type { RunOptions } from '../run/run-command.ts';

/** Seconds of work that `--estimate` measures: enough for figures that differ by a few percent from run to run. */
const SAMPLE_SECS = 10;

/** Defines `fabric run`. */
export function defineRun(): Command {
  const command = new Command('run')
    .description('run a pipeline on files, directories, globs or S3 objects')
    .argument('<pipeline>', 'name of the pipeline in the config')
    .argument(
      '<input...>',
      'files, directories, globs, s3://<bucket>/<key>, or s3://<bucket>/<prefix>/ for everything under a prefix',
    )
    .option(
      '-o, --output <dir>',
      'folder or s3://<bucket>[/<prefix>] for the results: <dir>/<pipeline>/<input>/; required unless --dry-run or --estimate is set',
    )
    .option('-c, --config <file>', CONFIG_OPTION)
    .option('-w, --workers <n>', 'worker threads (default: number of cores)', positiveInteger)
    .option('-l, --limit <n>', 'run only the first n elements of each input', positiveInteger)
    .addOption(new Option('--resume', 'continue an interrupted run').conflicts('overwrite'))
    .option('--overwrite', 'delete existing results and start over')
    .option(
      '--dry-run',
      'run the first 10 elements of each input and show models, predictions and failures; writes nothing',
    )
    .option('--estimate', 'run a sample and estimate time and cost on AWS; writes nothing')
    .option('--sample-secs <n>', 'with --estimate: seconds of work to measure (default: 10)', positiveInteger)
    .option('--prices <file>', 'with --estimate: JSON file of prices that differ from those of us-east-1')
    .option('--json', 'print one summary object on standard output')
    .option('--verbose', 'print the output of models, and stack traces of errors');
  return command.action((pipeline: string, inputs: string[], options: RunArguments) => {
    refuseMisplaced(options, command);
    return startRun({ pipeline, inputs, options }, command);
  });
}

type RunArguments = Omit<RunOptions, 'output'> &
  Omit<EstimateOptions, 'sampleSecs'> & {
    readonly output?: string;
    readonly dryRun?: boolean;
    readonly estimate?: boolean;
    readonly sampleSecs?: number;
  };

interface RunLine {
  readonly pipeline: string;
  readonly inputs: readonly string[];
  readonly options: RunArguments;
}

/** Starts the run, the dry run or the estimate. Each module is loaded only if it is needed. */
async function startRun({ pipeline, inputs, options }: RunLine, command: Command): Promise<void> {
  const { output, dryRun = false, sampleSecs = SAMPLE_SECS } = options;
  if (options.estimate === true) {
    const { estimateCommand } = await import('../estimate/estimate-command.ts');
    process.exitCode = await estimateCommand(pipeline, inputs, { ...options, sampleSecs });
    return;
  }
  if (dryRun) {
    const { dryRunCommand } = await import('../dry-run/dry-run-command.ts');
    process.exitCode = await dryRunCommand(pipeline, inputs, options);
    return;
  }
  if (output === undefined) return command.error("error: required option '-o, --output <dir>' not specified");
  const { runCommand } = await import('../run/run-command.ts');
  process.exitCode = await runCommand(pipeline, inputs, { ...options, output });
}

/** Refuses options that have no meaning with `--estimate`, or none without it. */
function refuseMisplaced(options: RunArguments, command: Command): void {
  const { estimate = false, resume, overwrite, dryRun, sampleSecs, prices } = options;
  const others = estimate
    ? { '--resume': resume, '--overwrite': overwrite, '--dry-run': dryRun }
    : { '--sample-secs': sampleSecs, '--prices': prices };
  for (const [option, value] of Object.entries(others)) {
    if (value === undefined) continue;
    command.error(
      estimate
        ? `error: option '${option}' cannot be used with '--estimate', which writes nothing`
        : `error: option '${option}' requires '--estimate'`,
    );
  }
}
