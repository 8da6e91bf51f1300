import { Command } from 'commander';
import { CONFIG_OPTION } from '../find-config.ts';
import type { LocalOptions } from '../local/local-command.ts';
import { positiveInteger } from '../positive-integer.ts';

/** Defines `fabric local`. */
export function defineLocal(): Command {
  return new Command('local')
    .description('run the whole fabric on this machine: drop files in one folder, get results in another')
    .option('-i, --input <dir>', 'folder to drop files in: <dir>/<pipeline>/', 'fabric-local/input')
    .option('-o, --output <dir>', 'folder for the results: <dir>/<pipeline>/<file>/', 'fabric-local/output')
    .option('-c, --config <file>', CONFIG_OPTION)
    .option('-w, --workers <n>', 'worker threads of each pipeline (default: number of cores)', positiveInteger)
    .option('--once', 'process existing files, then exit')
    .option('--json', 'print one JSON object for each finished job; with --once, one summary object')
    .option('--verbose', 'print the output of models, and all log messages')
    .action(async (options: LocalOptions) => {
      const { localCommand } = await import('../local/local-command.ts');
      process.exitCode = await localCommand(options);
    });
}
