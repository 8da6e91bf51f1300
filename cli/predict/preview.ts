import type { Pipeline } from '../../lib/config/pipeline.ts';
import { loadConfig, pipelineNamed } from '../../lib/config/load-config.ts';
import { linesOf } from '../../lib/formats/parts/read-lines.ts';
import { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { FailureGroups } from '../../lib/jobs/report/failure-groups.ts';
import { findInputs } from '../../lib/jobs/run/find-inputs.ts';
import type { RunInput } from '../../lib/jobs/run/run-input.ts';
import { planBundles } from '../estimate/plan-bundles.ts';
import { logLine } from '../log-line.ts';
import { temporaryFolder } from '../temporary-folder.ts';

/** Outcomes of the first elements of some inputs. */
export interface Preview {
  /** Lines of results, as a run writes them. */
  readonly predictions: readonly string[];
  readonly failures: FailureGroups;
  readonly failed: number;
}

export interface PreviewRequest {
  readonly configUrl: URL;
  readonly pipelineName: string;
  /** Files, directories, globs and `s3://` URIs. */
  readonly args: readonly string[];
  /** Maximum number of elements. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** Runs the first elements of the inputs in an engine that ends with them. Writes nothing. */
export async function previewConfig(request: PreviewRequest): Promise<Preview> {
  const { configUrl, pipelineName, args, limit, signal } = request;
  const pipeline = pipelineNamed(await loadConfig(configUrl), pipelineName);
  const inputs = await findInputs(args, pipeline.input.format);
  await using engine = await InferenceEngine.start({
    configUrl,
    pipeline: pipelineName,
    workers: 1,
    onWarning: logLine,
  });
  await engine.ready({ signal });
  await using staging = await temporaryFolder('dry-run');
  return await preview(inputs, engine, { pipeline, pipelineName, limit, staging: staging.path, signal });
}

interface PreviewOptions {
  readonly pipeline: Pipeline;
  readonly pipelineName: string;
  readonly limit: number;
  /** Folder for inputs that have to be decompressed. */
  readonly staging: string;
  readonly signal: AbortSignal;
}

/** Runs the first elements of the inputs, and writes nothing. @throws UnreadableInputError if one can't be read. */
async function preview(
  inputs: readonly RunInput[],
  engine: Pick<InferenceEngine, 'process'>,
  options: PreviewOptions,
): Promise<Preview> {
  const { limit, signal } = options;
  const predictions: string[] = [];
  const failures = new FailureGroups();
  let failed = 0;
  for (const input of inputs) {
    const left = limit - predictions.length - failed;
    if (left <= 0) break;
    const { bundles } = await planBundles(input, { ...options, limit: left, onProgress: () => {} });
    for (const bundle of bundles) {
      await engine.process(
        bundle,
        {
          write(chunk) {
            predictions.push(...linesOf(chunk.results));
            const errors = linesOf(chunk.errors);
            failed += errors.length;
            for (const line of errors) failures.addLine(line);
          },
        },
        { signal },
      );
    }
  }
  return { predictions, failures, failed };
}
