import { setTimeout as sleep } from 'node:timers/promises';
import { defineFabric, map, OnnxModelHandler, runInference } from 'inference-fabric';
import { doubleOf } from '../simulation/doubles.ts';

interface Numbered {
  readonly n: number;
}

const PAUSE_EVERY = 8;
const PAUSE_MILLIS = 20;

/** Takes some time for some elements, so that workers are killed in mid-bundle. */
async function double({ n }: Numbered): Promise<number> {
  if (n % PAUSE_EVERY === 0) await sleep(PAUSE_MILLIS);
  return doubleOf(n);
}

function features({ n }: Numbered): { readonly x: readonly number[] } {
  doubleOf(n);
  return { x: [n, 0, 1] };
}

const model = new OnnxModelHandler<{ readonly x: readonly number[] }, { readonly y: readonly number[] }>({
  modelUri: '../../test/models/double.onnx',
});

/** Doubles numbers, in a function or by a model in a host. Bundles have some 30 elements. */
export default defineFabric({
  pipelines: {
    lines: { input: { format: 'jsonl', bundleBytes: 300 }, steps: [map(double)] },
    modelled: {
      input: { format: 'jsonl', bundleBytes: 300 },
      steps: [map(features), runInference(model), map(({ y }: { readonly y: readonly number[] }) => y[0])],
    },
    rows: {
      input: { format: 'csv', bundleBytes: 16 * 1024 },
      steps: [map(({ n }: { readonly n: string }) => doubleOf(Number(n)))],
    },
  },
});
