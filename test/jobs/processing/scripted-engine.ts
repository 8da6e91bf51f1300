import { defineFabric, map } from 'inference-fabric';
import type { Bundle, OutcomeSink } from '../../../lib/inference/bundle.ts';
import type { Engine } from './processor-bench.ts';

const { pipelines } = defineFabric({
  pipelines: { double: { input: { format: 'jsonl' }, steps: [map((value) => value)] } },
});

export interface ScriptedEngine extends Engine {
  /** How often each element was given an outcome. */
  readonly runs: readonly number[];
}

export interface ScriptedEngineOptions {
  readonly elements: number;
  readonly fails: (ordinal: number) => boolean;
  /** Called after each chunk of outcomes, of so many elements. */
  readonly chunkElements: number;
  readonly afterChunk?: (written: number) => void;
}

/** An engine for what no real one does on demand: outcomes of a bundle in chunks of a given size, broken off anywhere. */
export function scriptedEngine({ elements, fails, chunkElements, afterChunk }: ScriptedEngineOptions): ScriptedEngine {
  const pipeline = pipelines['double'];
  if (pipeline === undefined) throw new Error('there is no such pipeline');
  const runs = Array.from({ length: elements }, () => 0);
  const encoder = new TextEncoder();
  const chunkOf = (ordinals: readonly number[], { name }: Bundle): Parameters<OutcomeSink['write']>[0] => {
    const failed = ordinals.filter(fails);
    const predicted = ordinals.filter((ordinal) => !fails(ordinal));
    const error = { name: 'Error', message: 'no' };
    return {
      results: encoder.encode(predicted.map((n) => `{"id":"${name}#${n}","prediction":${n}}\n`).join('')),
      errors: encoder.encode(
        failed
          .map((n) => ({ id: `${name}#${n}`, stage: 'map', error, attempts: 1, input: n, source: { ordinal: n } }))
          .map((line) => `${JSON.stringify(line)}\n`)
          .join(''),
      ),
      elements: ordinals.length,
      succeeded: predicted.length,
      failed: failed.length === 0 ? {} : { map: failed.length },
      models: predicted.length === 0 ? {} : { m: 'model' },
    };
  };
  return {
    runs,
    pipeline,
    async process(bundle, sink, { signal } = {}) {
      const { skipElements = 0 } = bundle;
      let written = 0;
      for (let first = skipElements; first < elements; first += chunkElements) {
        signal?.throwIfAborted();
        const ordinals = Array.from({ length: Math.min(chunkElements, elements - first) }, (_, index) => first + index);
        for (const ordinal of ordinals) runs[ordinal] = (runs[ordinal] ?? 0) + 1;
        await sink.write(chunkOf(ordinals, bundle));
        written += ordinals.length;
        afterChunk?.(written);
      }
      signal?.throwIfAborted();
      return { total: 0, succeeded: 0, failed: 0, failedByStage: {}, models: { m: 'model' }, elapsedMillis: 1 };
    },
  };
}
