import { Command, CommanderError } from 'commander';
import { defineFailures } from './commands/failures.ts';
import { defineInit } from './commands/init.ts';
import { defineInspect } from './commands/inspect.ts';
import { defineLocal } from './commands/local.ts';
import { definePredict } from './commands/predict.ts';
import { defineRedrive } from './commands/redrive.ts';
import { defineRun } from './commands/run.ts';
import { defineStatus } from './commands/status.ts';
import { EXIT } from './exit-status.ts';
import { logLine } from './log-line.ts';
import { packageVersion } from './package-version.ts';

/** All commands, in the order in which help lists them. */
const COMMANDS = [
  defineInit,
  defineInspect,
  definePredict,
  defineRun,
  defineLocal,
  defineStatus,
  defineFailures,
  defineRedrive,
];

/** Parses the command line, runs the command and sets the exit status of the process. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? EXIT.success : EXIT.wrongUsage;
  }
}

/** Creates the parser of the command line. The modules that do the work are loaded when their command runs. */
export function createProgram(): Command {
  const program = new Command('fabric')
    .description('Batch inference on files: every element becomes one prediction or one explained failure.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .configureOutput({ outputError: (text) => logLine(text.trimEnd().replace(/^error: /, '')) })
    .exitOverride()
    .showHelpAfterError("(see 'fabric --help')");
  for (const define of COMMANDS) program.addCommand(define().copyInheritedSettings(program));
  return program;
}
