import { readFile } from 'node:fs/promises';
import type { PipelineFacts } from '../lib/config/pipeline-facts.ts';
import { ConfigError } from '../lib/errors.ts';

/**
 * The facts of every pipeline, written beside a function's code when it was deployed: intake and finalizer run none of
 * the config's code.
 *
 * @param module - the URL of the function's module.
 */
export async function readPipelineFacts(module: string): Promise<Readonly<Record<string, PipelineFacts>>> {
  const url = new URL('pipelines.json', module);
  try {
    return JSON.parse(await readFile(url, 'utf8')) as Record<string, PipelineFacts>;
  } catch (error) {
    throw new ConfigError(`${url.pathname} can't be read: ${(error as Error).message}`, { cause: error });
  }
}

/** Something for each pipeline, of its facts and its queue's URL. @throws ConfigError where a pipeline has no queue */
export function eachPipeline<T>(
  facts: Readonly<Record<string, PipelineFacts>>,
  queueUrls: Readonly<Record<string, string>>,
  make: (facts: PipelineFacts, queueUrl: string) => T,
): Record<string, T> {
  const made = Object.entries(facts).map(([pipeline, itsFacts]): [string, T] => {
    const url = queueUrls[pipeline];
    if (url === undefined)
      throw new ConfigError(`the environment variable FABRIC_QUEUES has no queue of '${pipeline}'`);
    return [pipeline, make(itsFacts, url)];
  });
  return Object.fromEntries(made);
}
