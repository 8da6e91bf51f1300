import { bucketOf } from '../batching/length-buckets.ts';
import type { ElementCodec } from './element-codec.ts';
import { InputMismatchError } from './element-shape.ts';
import { decodeTensors, type EncodedBatch, encodeTensors } from './encoded-batch.ts';
import type { InferenceArgs, ModelHandler } from './model-handler.ts';

/** Arguments of a step have no place in elements that a codec prepares. */
const NO_ARGS = {
  check(args: InferenceArgs): void {
    const [name] = Object.keys(args);
    if (name === undefined) return;
    throw new InputMismatchError(`'inferenceArgs' must be left out for this handler: got '${name.slice(0, 64)}'`);
  },
  feed(value: unknown, args: InferenceArgs): unknown {
    NO_ARGS.check(args);
    return value;
  },
};

/**
 * Returns the batch codec of a handler whose elements are prepared one by one and padded to the longest of their batch.
 * A batch of one stays a single row: its matrices have a row for each token.
 *
 * @param select - makes the model's element of one with declared fields
 */
export function preparedCodec(
  handler: ModelHandler,
  codec: ElementCodec,
  select: ((element: unknown) => unknown) | undefined,
) {
  const { batchBucketBoundaries: boundaries, maxBatchBytes } = handler.batching;
  const bytesOfAll = (values: readonly unknown[]): readonly number[] => values.map((value) => codec.bytesOf(value));
  const load = codec.load?.bind(codec);
  return {
    load: load && ((element: unknown) => load(select === undefined ? element : select(element))),
    prepare: (element: unknown): unknown =>
      codec.prepare(select === undefined || load !== undefined ? element : select(element)),
    weightOf: (value: unknown): number => codec.weightOf(value),
    fixedSize: undefined,
    keyOf: (value: unknown): string => `${codec.keyOf(value)}#${bucketOf(codec.lengthOf(value), boundaries)}`,
    bytesOf: (value: unknown): number => codec.bytesOf(value),
    encode: (values: readonly unknown[]): EncodedBatch => encodeTensors(codec.collate(values), values.length),
    padded: {
      mostTogether: (values: readonly unknown[]): number =>
        Math.max(1, Math.floor(maxBatchBytes / Math.max(1, ...bytesOfAll(values)))),
      shareOf(values: readonly unknown[]): number {
        const bytes = bytesOfAll(values);
        return 1 - bytes.reduce((sum, own) => sum + own, 0) / (Math.max(1, ...bytes) * bytes.length);
      },
    },
    args: NO_ARGS,
    packed: undefined,
    decodeJson: undefined,
    decode(results: EncodedBatch, elementAt?: (index: number) => unknown): (index: number) => unknown {
      const outputs = decodeTensors(results);
      return (index) => codec.predictionOf(outputs, index, elementAt?.(index));
    },
  };
}
