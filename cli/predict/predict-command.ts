import { EXIT, type ExitStatus } from '../exit-status.ts';
import { exitStatusOf } from '../exit-status-of.ts';
import { failureList } from '../failure-table.ts';
import { counted } from '../format/amounts.ts';
import { logLine } from '../log-line.ts';
import { type FirstPipeline, planFirstPipeline } from '../mapping/first-pipeline.ts';
import { isModelFolder, planFolderPipeline } from '../mapping/folder-pipeline.ts';
import { runPipeline } from '../run/run-command.ts';
import { pipelineUrl } from './pipeline-url.ts';
import { type Preview, previewConfig } from './preview.ts';

/** Number of predictions that are printed. */
const SHOWN_PREDICTIONS = 10;

export interface PredictOptions {
  readonly inputColumns?: readonly string[];
  readonly output?: string;
  readonly workers?: number;
  readonly limit?: number;
  readonly resume?: boolean;
  readonly overwrite?: boolean;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** `fabric predict`: runs a model on inputs without a config. */
export function predictCommand(model: string, args: readonly string[], options: PredictOptions): Promise<ExitStatus> {
  const interrupted =
    options.output === undefined ? 'nothing was written' : "committed results are kept; continue with '--resume'";
  return exitStatusOf((signal) => predict({ model, args, options, signal }), {
    interrupted,
    verbose: options.verbose,
  });
}

interface PredictRequest {
  readonly model: string;
  readonly args: readonly string[];
  readonly options: PredictOptions;
  readonly signal: AbortSignal;
}

async function predict({ model, args, options, signal }: PredictRequest): Promise<ExitStatus> {
  const { inputColumns = [], output } = options;
  const request = { model, inputs: args, inputColumns };
  const { pipeline, notes } = (await isModelFolder(model))
    ? await planFolderPipeline(request)
    : await planFirstPipeline(request);
  for (const note of notes) logLine(note);
  const { name } = pipeline;
  const configUrl = pipelineUrl(pipeline);
  if (output !== undefined) return runPipeline({ name, args, options: { ...options, output }, signal, configUrl });
  const limit = options.limit ?? SHOWN_PREDICTIONS;
  const shown = await previewConfig({ configUrl, pipelineName: name, args, limit, signal });
  if (options.json === true) console.log(JSON.stringify(previewJson(model, pipeline, shown)));
  else printPreview(shown, limit);
  return shown.failed > 0 ? EXIT.elementsFailed : EXIT.success;
}

/** Prints a line of JSON for each prediction on stdout, and the rest on stderr. */
function printPreview({ predictions, failures, failed }: Preview, limit: number): void {
  for (const line of predictions) console.log(line);
  if (failed > 0) console.error(failureList(failures));
  const total = predictions.length + failed;
  const ran = total < limit ? `all ${counted(total, 'element')}` : `the first ${counted(total, 'element')}`;
  logLine(`ran ${ran}; '--output <dir>' writes all results, and 'fabric init' a config`);
}

/** Output of `fabric predict --json` without `--output`. */
function previewJson(model: string, pipeline: FirstPipeline, { predictions, failures, failed }: Preview): object {
  return {
    pipeline: pipeline.name,
    input: pipeline.input,
    model,
    ...(pipeline.model.inputs === undefined ? {} : { inputs: pipeline.model.inputs }),
    total: predictions.length + failed,
    succeeded: predictions.length,
    failed,
    predictions: predictions.map((line) => JSON.parse(line) as unknown),
    failureGroups: failures.list(),
  };
}
