import { ConfigError, FabricError } from '../../errors.ts';
import { type BatchCodec, batchCodec } from '../../models/batch-codec.ts';
import { InputMismatchError } from '../../models/element-shape.ts';
import type { ModelHandler } from '../../models/model-handler.ts';
import type { TensorMetadata } from '../../models/tensor.ts';
import type { BatchAttempts } from './batch-attempts.ts';
import type { WorkItem } from './work-item.ts';

/** One model of a batch runner. */
export interface Lane {
  readonly handler: ModelHandler;
  readonly model: number;
  readonly codec: BatchCodec;
  readonly attempts: BatchAttempts;
  /** True if the user's functions measure each element. These may hang, or end their worker. */
  readonly measures: boolean;
  /** True if sizes are learned from the batches of one bundle: few batches are formed ahead while sizes grow. */
  readonly grows: boolean;
}

/** @throws ConfigError if the handler declares inputs that the model does not have */
export function codecOf(handler: ModelHandler, inputs: readonly TensorMetadata[] | undefined): BatchCodec {
  try {
    return batchCodec(handler, inputs);
  } catch (error) {
    if (!(error instanceof InputMismatchError)) throw error;
    throw new ConfigError(`the handler's ${error.message}`, { cause: error });
  }
}

/**
 * Measures and packs an element as it will be packed in its batch, so that one that ends its process there, or is never
 * done, does so alone. What it throws, it throws again.
 */
export function packAlone({ attempts, codec, measures }: Lane, item: WorkItem): void {
  try {
    const value = attempts.values.of(item);
    if (!measures) {
      codec.keyOf(value);
      codec.bytesOf(value);
    }
    codec.encode([value], { minRows: 1 });
  } catch {
    // The element fails, alone, when it is packed with others.
  }
}

/** An element that weighs more than a batch may, where the policy is to refuse it. */
export class OversizeElementError extends FabricError {
  override readonly name = 'OversizeElementError';
  constructor(weight: number, limit: number) {
    super('OVERSIZE_ELEMENT', `the element weighs ${weight}, more than 'maxBatchWeight' of ${limit}`, {
      disposition: 'poison',
    });
  }
}
