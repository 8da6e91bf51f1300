import { ConfigError, FabricError } from '../../errors.ts';
import type { ModelInfo } from '../../hosts/protocol.ts';
import { type BatchCodec, batchCodec } from '../../models/batch-codec.ts';
import { InputMismatchError } from '../../models/element-shape.ts';
import type { ModelHandler } from '../../models/model-handler.ts';
import type { BatchAttempts } from './batch-attempts.ts';
import { applyFunction, type FunctionScope } from './element-functions.ts';
import type { Slot } from './slot.ts';
import type { Stage } from '../stages.ts';
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

/** Facts about a loaded model that decide how its elements are packed. */
export type LoadedInputs = Pick<ModelInfo, 'inputs' | 'codec'>;

/** @throws ConfigError if the handler declares inputs that the model does not have */
export async function codecOf(handler: ModelHandler, { inputs, codec: files }: LoadedInputs): Promise<BatchCodec> {
  const elements =
    files === undefined || inputs === undefined ? undefined : await handler.openElementCodec?.({ ...files, inputs });
  try {
    return batchCodec(handler, inputs, elements);
  } catch (error) {
    if (!(error instanceof InputMismatchError)) throw error;
    throw new ConfigError(`the handler's ${error.message}`, { cause: error });
  }
}

interface LoadOptions {
  readonly stage: Stage;
  readonly scope: FunctionScope;
}

/** Loads elements whose codec reads them in other threads. */
export async function loadSlots(
  lanes: readonly (Lane | undefined)[],
  slots: readonly Slot[],
  options: LoadOptions,
): Promise<void> {
  if (!lanes.some((lane) => lane?.codec.load !== undefined)) return;
  for (const [index, own] of Map.groupBy(slots, ({ lane }) => lane)) await loadOwn(lanes[index], own, options);
}

async function loadOwn(lane: Lane | undefined, slots: readonly Slot[], { stage, scope }: LoadOptions): Promise<void> {
  const fn = lane?.codec.load;
  if (lane === undefined || fn === undefined) return;
  const apply = (item: WorkItem, loaded: unknown): void => lane.attempts.values.setLoaded(item, loaded);
  await applyFunction(
    slots.map(({ item }) => item),
    { ...stage, fn, apply },
    scope,
  );
  for (const slot of slots) if (slot.item.isThrough && slot.state === 'waiting') slot.state = 'settled';
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
