import { afterAll } from 'vitest';
import { InferenceEngine, type InferenceEngineOptions } from '../../lib/inference/engine/engine.ts';

/** Engines of one fixture config that the tests of a file share, each started by the first test that needs it. */
export function sharedEngines(fixture: string, workers = 1): (pipeline: string) => Promise<InferenceEngine> {
  const engines = new Map<string, Promise<InferenceEngine>>();
  afterAll(async () => {
    await Promise.all([...engines.values()].map(async (engine) => (await engine)[Symbol.asyncDispose]()));
  });
  return (pipeline) => {
    const engine = engines.get(pipeline) ?? startEngine(fixture, pipeline, { workers });
    engines.set(pipeline, engine);
    return engine;
  };
}

/** An engine of a pipeline of a fixture config. */
export async function startEngine(
  fixture: string,
  pipeline: string,
  options: Partial<InferenceEngineOptions> = {},
): Promise<InferenceEngine> {
  const configUrl = new URL(`./fixtures/${fixture}.config.ts`, import.meta.url);
  return InferenceEngine.start({ configUrl, pipeline, workers: 1, ...options });
}
