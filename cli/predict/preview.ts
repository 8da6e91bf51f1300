import type { Pipeline } from '../../lib/config/pipeline.ts';
import { linesOf } from '../../lib/formats/parts/read-lines.ts';
import type { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { FailureGroups } from '../../lib/jobs/report/failure-groups.ts';
import type { RunInput } from '../../lib/jobs/run/run-input.ts';
import { planBundles } from '../estimate/plan-bundles.ts';

/** Outcomes of the first elements of some inputs. */
export interface Preview {
  /** Lines of results, as a run writes them. */
  readonly predictions: readonly string[];
  readonly failures: FailureGroups;
  readonly failed: number;
}

export interface PreviewOptions {
  readonly pipeline: Pipeline;
  readonly pipelineName: string;
  /** Maximum number of elements. */
  readonly limit: number;
  /** Folder for inputs that have to be decompressed. */
  readonly staging: string;
  readonly signal: AbortSignal;
}

/** Runs the first elements of the inputs, and writes nothing. @throws UnreadableInputError if one can't be read. */
export async function preview(
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
