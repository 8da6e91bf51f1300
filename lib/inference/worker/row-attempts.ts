import type { Batch } from '../../batching/batcher.ts';
import type { BatchCodec } from '../../models/batch-codec.ts';
import { byteLengthOf, freeBatch } from '../../models/encoded-batch.ts';
import type { InferAnswer, InferRequest } from '../worker-protocol.ts';
import type { Attempt } from './isolation.ts';
import type { ModelLink } from './model-link.ts';
import type { OrderedWindow } from './ordered-window.ts';
import type { Slot } from './slot.ts';
import type { RowBatch } from './row-batch.ts';

export interface RowAttemptsOptions {
  readonly codec: BatchCodec;
  readonly link: ModelLink;
  readonly model: number;
  readonly window: OrderedWindow<RowBatch>;
  readonly infer: (request: InferRequest) => Promise<InferAnswer>;
  /** Gives elements the results of their batch. */
  readonly settle: (slots: readonly Slot[], answer: Extract<InferAnswer, { ok: true }>) => void;
  /** Runs a batch with a slot of each element; `failed` is its first attempt, if that was made before. */
  readonly runSlots: (batch: Batch<Slot>, failed?: Attempt) => Promise<void>;
}

/** Runs a batch of rows; with a slot of each element, if not all of them succeed at once. */
export async function runRows(batch: RowBatch, options: RowAttemptsOptions): Promise<void> {
  const { codec, link, model, window, infer, settle, runSlots } = options;
  const { key, elementBytes, lane } = batch.options;
  const { length, closedBy } = batch;
  const measures = { key, bytes: length * elementBytes, weight: length, closedBy };
  const { ceiling = Infinity } = link.sizes(model, key);
  const pieces = batch.parts.map(({ piece }) => piece);
  const encoded = length > ceiling ? undefined : codec.packed?.encodePieces(pieces, length);
  if (encoded === undefined) return runSlots({ ...measures, lane, items: batch.expand(0) });
  const answer = await infer({ ...measures, model, batch: encoded, isolating: false });
  if (!answer.ok) return runSlots({ ...measures, lane, items: batch.expand(1) }, answer);
  link.tookSeveralRows(model);
  const { results, failed = [] } = answer;
  const json = codec.decodeJson?.(results);
  if (json === undefined || failed.length > 0) return settle(batch.expand(1), answer);
  window.settleRows(batch, {
    json,
    text: () => codec.rowText?.(results),
    bytes: byteLengthOf(results),
    models: [answer.model],
    free: () => freeBatch(results),
  });
}
