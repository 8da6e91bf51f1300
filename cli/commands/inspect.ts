import { Command } from 'commander';
import type { InspectOptions } from '../inspect/inspect-command.ts';

/** Defines `fabric inspect`. */
export function defineInspect(): Command {
  return new Command('inspect')
    .description('show the inputs and outputs of a model, and whether it can be run')
    .argument('<model>', 'ONNX model: a file, or s3://<bucket>/<key>')
    .option('--json', 'print one JSON object')
    .action(async (model: string, options: InspectOptions) => {
      const { inspectCommand } = await import('../inspect/inspect-command.ts');
      process.exitCode = await inspectCommand(model, options);
    });
}
