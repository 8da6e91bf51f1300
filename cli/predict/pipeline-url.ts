import { packageModule } from '../../lib/program-url.ts';
import type { FirstPipeline } from '../mapping/first-pipeline.ts';

/** Parameter of the URL that holds the pipeline as JSON. */
export const PIPELINE_PARAMETER = 'pipeline';

/** Returns the URL of a config module that has this pipeline. */
export function pipelineUrl(pipeline: FirstPipeline): URL {
  const url = packageModule('cli/predict/predict-config');
  url.searchParams.set(PIPELINE_PARAMETER, JSON.stringify(pipeline));
  return url;
}
