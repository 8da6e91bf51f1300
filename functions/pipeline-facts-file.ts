import { readFile } from 'node:fs/promises';
import type { PipelineFacts } from '../lib/config/pipeline-facts.ts';
import { ConfigError } from '../lib/errors.ts';
import { PIPELINE_FACTS_FILE, VARIABLES } from './environment.ts';

/**
 * Reads the facts of all pipelines, a file beside the function's code: intake and finalizer do not run the config's code.
 *
 * @param module - URL of the function's module
 * @throws ConfigError if the file can't be read
 */
export async function readPipelineFacts(module: string): Promise<Readonly<Record<string, PipelineFacts>>> {
  const url = new URL(PIPELINE_FACTS_FILE, module);
  try {
    return JSON.parse(await readFile(url, 'utf8')) as Record<string, PipelineFacts>;
  } catch (error) {
    throw new ConfigError(`${url.pathname} can't be read: ${(error as Error).message}`, { cause: error });
  }
}

/** Makes a value for each pipeline from its facts and the URL of its queue. @throws ConfigError if a pipeline has no queue */
export function eachPipeline<T>(
  facts: Readonly<Record<string, PipelineFacts>>,
  queueUrls: Readonly<Record<string, string>>,
  make: (facts: PipelineFacts, queueUrl: string) => T,
): Record<string, T> {
  const made = Object.entries(facts).map(([pipeline, ownFacts]): [string, T] => {
    const url = queueUrls[pipeline];
    if (url === undefined)
      throw new ConfigError(`the environment variable ${VARIABLES.queues} has no queue for '${pipeline}'`);
    return [pipeline, make(ownFacts, url)];
  });
  return Object.fromEntries(made);
}
