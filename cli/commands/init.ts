import { Command } from 'commander';
import type { InitOptions } from '../init/init-command.ts';
import { inputColumnsOption } from '../mapping/input-columns-option.ts';

/** Defines `fabric init`. */
export function defineInit(): Command {
  return new Command('init')
    .description('write a project for a model and its data in this folder, and run its first elements')
    .argument('[model]', 'ONNX model: a file, or s3://<bucket>/<key>')
    .argument('[data]', 'file with elements: CSV, TSV, JSON Lines, JSON or text')
    .addOption(inputColumnsOption())
    .option('--cdk', 'write a CDK app that deploys the pipeline, too')
    .action(async (model: string | undefined, data: string | undefined, options: InitOptions) => {
      const { initCommand } = await import('../init/init-command.ts');
      process.exitCode = await initCommand(model, data, options);
    });
}
