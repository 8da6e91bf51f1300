import { loadConfig, pipelineNamed } from '../../lib/config/load-config.ts';
import { checkModels } from '../../lib/inference/engine/check-models.ts';
import { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import type { OpenedModel } from '../../lib/inference/engine/engine-models.ts';
import type { MissingField } from '../../lib/inference/missing-field.ts';
import { findInputs } from '../../lib/jobs/run/find-inputs.ts';
import type { ExitStatus } from '../exit-status.ts';
import { findConfig } from '../find-config.ts';
import { logLine } from '../log-line.ts';
import { ProgressBar } from '../progress-bar.ts';
import { reserveStdout } from '../reserve-stdout.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { terminalWidth } from '../format/text.ts';
import { exitStatusOf } from '../exit-status-of.ts';
import { dryRunOf, dryRunStatus } from './dry-run.ts';
import { dryRunReport } from './dry-run-report.ts';
import { tryInputs } from './try-inputs.ts';

export interface DryRunOptions {
  readonly config?: string;
  readonly workers?: number;
  readonly limit?: number;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** `fabric run --dry-run`: runs the first elements of each input through the pipeline, and writes nothing. */
export function dryRunCommand(name: string, args: readonly string[], options: DryRunOptions): Promise<ExitStatus> {
  return exitStatusOf((signal) => dryRun({ name, args, options, signal }), {
    interrupted: 'nothing was written',
    verbose: options.verbose,
  });
}

interface DryRunRequest {
  readonly name: string;
  readonly args: readonly string[];
  readonly options: DryRunOptions;
  readonly signal: AbortSignal;
}

async function dryRun({ name, args, options, signal }: DryRunRequest): Promise<ExitStatus> {
  using stdout = reserveStdout(options.json === true);
  const configUrl = findConfig(options.config);
  const pipeline = pipelineNamed(await loadConfig(configUrl), name);
  const inputs = await findInputs(args, pipeline.input.format);
  const models = await checkModels(pipeline);
  const opened = new Map<string, OpenedModel>();
  const missing = new Map<string, MissingField>();
  await using engine = await InferenceEngine.start({
    configUrl,
    pipeline: name,
    workers: options.workers ?? 1,
    onWarning: logLine,
    onModelOpened: (model) => opened.set(model.place, model),
    onMissingField: (field) => missing.set(field.option, missing.get(field.option) ?? field),
    ...(options.verbose === true ? { onOutput: (line: string) => console.error(line) } : {}),
  });
  await engine.ready({ signal });
  await using staging = await temporaryFolder('dry-run');
  const bar = new ProgressBar(process.stderr);
  const onProgress = (operation: string, share: number): void => bar.prepare(operation, share);
  const { limit } = options;
  const tryOptions = { pipeline, pipelineName: name, limit, staging: staging.path, signal, onProgress };
  const tried = await tryInputs(inputs, engine, tryOptions).finally(() => bar.stop());
  const result = dryRunOf({
    pipeline: name,
    inputs: inputs.length,
    models,
    opened: [...opened.values()],
    missingFields: [...missing.values()],
    tried,
  });
  stdout.print(options.json === true ? JSON.stringify(result) : dryRunReport(result, terminalWidth()));
  return dryRunStatus(result);
}
