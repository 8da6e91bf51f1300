import { configDigest } from './config-digest.ts';
import type { Fabric } from './fabric.ts';
import type { Pipeline } from './pipeline.ts';
import { groupsByKey } from './group-by-key.ts';
import { planningInput } from './pipeline-fields.ts';
import { keyCohorts } from './key-cohorts.ts';

/** Facts about a pipeline for the functions that do not run its code, as plain JSON. */
export interface PipelineFacts extends Pick<Pipeline, 'input' | 'output' | 'maxFailures' | 'maxFailureRatio'> {
  /** Keys that share a model, for a pipeline whose elements are grouped by key. */
  readonly cohorts?: readonly (readonly string[])[];
  /** Digest of the pipeline's configuration. */
  readonly config: string;
}

/** The facts of every pipeline, by name. */
export function pipelineFacts(fabric: Fabric): Readonly<Record<string, PipelineFacts>> {
  return Object.fromEntries(Object.entries(fabric.pipelines).map(([name, pipeline]) => [name, factsOf(pipeline)]));
}

function factsOf(pipeline: Pipeline): PipelineFacts {
  const { output, maxFailures, maxFailureRatio } = pipeline;
  const input = planningInput(pipeline);
  return {
    input,
    output,
    ...(maxFailures === undefined ? {} : { maxFailures }),
    ...(maxFailureRatio === undefined ? {} : { maxFailureRatio }),
    ...(groupsByKey(input) ? { cohorts: keyCohorts(pipeline) } : {}),
    config: configDigest(pipeline),
  };
}
