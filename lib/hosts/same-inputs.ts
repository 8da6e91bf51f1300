import { ModelLoadError } from '../errors.ts';
import { isForAll, isFree, type TensorMetadata } from '../models/tensor.ts';
import type { ModelInfo } from './protocol.ts';

/**
 * Checks that a new version has the same inputs, because batches in flight were made for the version before it.
 *
 * @throws ModelLoadError if names, types or shapes differ, or the files by which workers read elements; the names of free
 * dimensions may differ.
 */
export function checkSameInputs(former: ModelInfo, next: ModelInfo): void {
  const [before, now] = [described(former.inputs), described(next.inputs)];
  if (before !== now) throw new ModelLoadError(`its inputs are ${now}, and must be ${before}`);
  if (former.codec?.digest === next.codec?.digest) return;
  throw new ModelLoadError('its configuration or its tokenizer is another one: deploy it, or restart the run');
}

function described(inputs: readonly TensorMetadata[] = []): string {
  const names = inputs.map((input) => {
    const { name, datatype, shape } = input;
    const dimensions = shape.map((dimension) => (isFree(dimension) ? -1 : dimension));
    const part = isForAll(input) && shape.length > 0 ? ' for all elements of a batch' : '';
    return `'${name}' ${datatype} [${dimensions.join(', ')}]${part}`;
  });
  return names.toSorted().join(', ');
}
