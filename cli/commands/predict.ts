import { Command, Option } from 'commander';
import { inputColumnsOption } from '../mapping/input-columns-option.ts';
import { positiveInteger } from '../positive-integer.ts';
import type { PredictOptions } from '../predict/predict-command.ts';

/** Defines `fabric predict`. */
export function definePredict(): Command {
  const command = new Command('predict')
    .description('run a model on files without a config, and print the first predictions')
    .argument('<model>', 'ONNX model: a file, or s3://<bucket>/<key>; or the folder of a Hugging Face model')
    .argument(
      '<input...>',
      'CSV, TSV, JSON Lines, JSON, Parquet, text or images: files, directories, globs or s3:// URIs',
    )
    .addOption(inputColumnsOption())
    .option('-o, --output <dir>', 'write all results to this folder or s3://<bucket>[/<prefix>], as fabric run does')
    .option('-w, --workers <n>', 'worker threads (default: number of cores)', positiveInteger)
    .option('-l, --limit <n>', 'run only the first n elements (default: 10 without --output)', positiveInteger)
    .addOption(new Option('--resume', 'with --output: continue an interrupted run').conflicts('overwrite'))
    .option('--overwrite', 'with --output: delete existing results and start over')
    .option('--json', 'print one JSON object')
    .option('--verbose', 'print the output of models, and stack traces of errors');
  return command.action(async (model: string, inputs: string[], options: PredictOptions) => {
    const { predictCommand } = await import('../predict/predict-command.ts');
    process.exitCode = await predictCommand(model, inputs, options);
  });
}
