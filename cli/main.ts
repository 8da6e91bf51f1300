import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { EXIT } from './exit-status.ts';
import type { EstimateOptions } from './estimate/estimate-command.ts';
import { addJobCommands } from './job-commands.ts';
import type { LocalOptions } from './local/local-command.ts';
import type { RunOptions } from './run/run-command.ts';

/** Of `--estimate`: enough for figures that differ by a few percent from one time to the next. */
const SAMPLE_SECS = 10;

/**
 * Parses the command line and runs the command; ends with the exit status that DESIGN.md names. Each command's module is
 * imported when it is wanted: one that needs AWS takes long to load.
 */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('fabric')
    .description('Batch inference on files: every element comes out as one prediction or one explained failure.')
    .exitOverride()
    .showHelpAfterError("(see 'fabric --help')");

  program
    .command('run')
    .description('run a pipeline here, on files, directories, globs or objects of S3')
    .argument('<pipeline>', 'its name in the config')
    .argument(
      '<input...>',
      'files, directories, globs, s3://<bucket>/<key>, or s3://<bucket>/<prefix>/ for all below it',
    )
    .option(
      '-o, --output <dir>',
      'folder or s3://<bucket>[/<prefix>] for the results: <dir>/<pipeline>/<input>/; not needed with --dry-run or --estimate',
    )
    .option('-c, --config <file>', 'the config module', 'fabric.config.ts')
    .option('-w, --workers <n>', 'threads that take bundles (default: the cores)', positiveInteger)
    .option('-l, --limit <n>', 'only the first n elements of each input', positiveInteger)
    .addOption(new Option('--resume', 'go on where an earlier run to this output stopped').conflicts('overwrite'))
    .option('--overwrite', 'remove the results that the output holds, and start from scratch')
    .option(
      '--dry-run',
      'run the first 10 elements of each input, show models, predictions and failures, and write nothing',
    )
    .option('--estimate', 'run a sample, write nothing, and say what the input takes and costs on AWS')
    .option('--sample-secs <n>', 'with --estimate: seconds of work to measure (default: 10)', positiveInteger)
    .option('--prices <file>', 'with --estimate: a JSON file of prices that differ from those of us-east-1')
    .option('--json', 'print one summary object on standard output')
    .option('--verbose', 'print what models print, and stack traces of errors')
    .action(runOrEstimate);

  program
    .command('local')
    .description('run the whole fabric here: drop files in a folder, and their results come to another')
    .option('-i, --input <dir>', 'where files are dropped: <dir>/<pipeline>/', 'fabric-local/input')
    .option('-o, --output <dir>', 'folder for the results: <dir>/<pipeline>/<file>/', 'fabric-local/output')
    .option('-c, --config <file>', 'the config module', 'fabric.config.ts')
    .option('-w, --workers <n>', 'threads of each pipeline that take bundles (default: the cores)', positiveInteger)
    .option('--once', 'deal with the files that are there, and end')
    .option('--json', 'print a JSON object for each job that ends; with --once one summary object')
    .option('--verbose', 'print what models print, and all that the functions log')
    .action(async (options: LocalOptions) => {
      const { localCommand } = await import('./local/local-command.ts');
      process.exitCode = await localCommand(options);
    });

  addJobCommands(program);

  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? EXIT.success : EXIT.wrongUsage;
  }
}

type RunArguments = Omit<RunOptions, 'output'> &
  Omit<EstimateOptions, 'sampleSecs'> & {
    readonly output?: string;
    readonly dryRun?: boolean;
    readonly estimate?: boolean;
    readonly sampleSecs?: number;
  };

/** `fabric run`. Writes results, unless `--dry-run` or `--estimate` is set. */
async function runOrEstimate(
  pipeline: string,
  inputs: string[],
  options: RunArguments,
  command: Command,
): Promise<void> {
  const { output, dryRun = false, sampleSecs = SAMPLE_SECS } = options;
  refuseOthers(options, command);
  if (options.estimate === true) {
    const { estimateCommand } = await import('./estimate/estimate-command.ts');
    process.exitCode = await estimateCommand(pipeline, inputs, { ...options, sampleSecs });
    return;
  }
  if (dryRun) {
    const { dryRunCommand } = await import('./dry-run/dry-run-command.ts');
    process.exitCode = await dryRunCommand(pipeline, inputs, options);
    return;
  }
  if (output === undefined) return command.error("error: required option '-o, --output <dir>' not specified");
  const { runCommand } = await import('./run/run-command.ts');
  process.exitCode = await runCommand(pipeline, inputs, { ...options, output });
}

/** Options that mean nothing with `--estimate`, or nothing without it. */
function refuseOthers(options: RunArguments, command: Command): void {
  const { estimate = false, resume, overwrite, dryRun, sampleSecs, prices } = options;
  const others = estimate
    ? { '--resume': resume, '--overwrite': overwrite, '--dry-run': dryRun }
    : { '--sample-secs': sampleSecs, '--prices': prices };
  for (const [option, value] of Object.entries(others)) {
    if (value === undefined) continue;
    const reason = estimate ? 'leave it out, as an estimate writes nothing' : 'add that, or leave it out';
    command.error(`error: option '${option}' ${estimate ? 'does not go with' : 'needs'} '--estimate': ${reason}`);
  }
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('It must be a positive integer.');
  return value;
}
