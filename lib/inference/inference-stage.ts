import { type Batch, Batcher, isOversize } from '../batching/batcher.ts';
import type { RunInferenceStep } from '../config/steps.ts';
import { describeError, FabricError } from '../errors.ts';
import { type BatchCodec, batchCodec } from '../models/batch-codec.ts';
import { ElementMismatchError } from '../models/collate.ts';
import type { EncodedBatch } from '../models/encoded-batch.ts';
import { byteLengthOf } from '../models/encoded-batch.ts';
import { type ModelHandler, unwrapHandler } from '../models/model-handler.ts';
import { applyFunction, type FunctionScope, type StageFunction } from './element-functions.ts';
import { type Attempt, runIsolated } from './isolation.ts';
import type { ModelLink } from './model-link.ts';
import { NO_RESULTS, OrderedWindow, type Slot } from './ordered-window.ts';
import { freeBytes } from '../stores/free-bytes.ts';
import type { Stage } from './stages.ts';
import type { WorkItem } from './work-item.ts';

/** Batches of one bundle that run or wait for a host at once; enough to keep a host busy while others are packed. */
const MAX_BATCHES_IN_FLIGHT = 4;
/** Results that wait for their turn, and those to come of the batches in flight, in bytes. */
const MAX_RESULT_BYTES = 4 * 1024 * 1024;
/** How far the oldest open batch may lag behind, in elements and in bytes, before it runs as it is. */
const MAX_LAG_ELEMENTS = 16_384;
const MAX_LAG_BYTES = 32 * 1024 * 1024;
/** onnxruntime multiplies a single row by another kernel, whose last bits differ: a batch of one runs as two rows. */
const LEAST_ROWS = 2;

export interface InferenceStageOptions {
  readonly step: RunInferenceStep;
  /** The place of the step's model among the pipeline's; those of a keyed step follow it. */
  readonly model: number;
  /** One of the step's stages: `inference`, `preprocess[0]`, `load`. */
  readonly stage: (name: string) => Stage;
  readonly link: ModelLink;
  readonly scope: FunctionScope;
}

/** Takes elements through a `runInference` step: preprocess, batch, infer, postprocess. */
export function runInferenceStage(
  upstream: AsyncIterable<readonly WorkItem[]>,
  options: InferenceStageOptions,
): AsyncGenerator<readonly WorkItem[]> {
  return new InferenceStage(options).run(upstream);
}

/**
 * One `runInference` step of one bundle, in a worker: preprocess, batch, infer, postprocess. Elements go in and come
 * out in input order; those that have failed pass through.
 */
class InferenceStage {
  readonly #options: InferenceStageOptions;
  readonly #handler: ModelHandler;
  readonly #preprocess: readonly StageFunction[];
  readonly #postprocess: readonly StageFunction[];
  readonly #stage: Stage;
  /** Whether functions of the user's own measure each element; they may stand still, or end their worker. */
  readonly #measures: boolean;
  readonly #window = new OrderedWindow();
  #codec: BatchCodec | undefined;
  #batcher: Batcher<Slot> | undefined;
  #inFlight = 0;
  /** Bytes of results that the batches in flight should give. */
  #expectedBytes = 0;
  /** Whether a batch was submitted since there was last seen to be room. */
  #submitted = false;

  /** Whether batches are a function of the bundle alone, which they are to stay when a bundle goes on in mid-way. */
  #hasFixedBatches = false;

  constructor(options: InferenceStageOptions) {
    this.#options = options;
    const { handler, preprocessFns, postprocessFns } = unwrapHandler(options.step.handler);
    this.#handler = handler;
    this.#preprocess = preprocessFns.map((fn, i) => ({ ...options.stage(`preprocess[${i}]`), fn }));
    this.#postprocess = postprocessFns.map((fn, i) => ({ ...options.stage(`postprocess[${i}]`), fn }));
    this.#stage = options.stage('inference');
    const { elementSizeFn, batchLengthFn } = this.#handler.batching;
    this.#measures = 'batchKey' in this.#handler || elementSizeFn !== undefined || batchLengthFn !== undefined;
  }

  async *run(upstream: AsyncIterable<readonly WorkItem[]>): AsyncGenerator<readonly WorkItem[]> {
    const pump = this.#pump(upstream).catch((error: Error) => this.#window.fail(error));
    try {
      for (let page = await this.#window.next(); page !== undefined; page = await this.#window.next()) {
        for (const step of this.#postprocess) {
          const pending = applyFunction(page, step, this.#options.scope);
          if (pending !== undefined) await pending;
        }
        yield page;
      }
    } finally {
      // The consumer may have left early: whatever still runs then has nowhere to go.
      this.#window.fail(new Error('the bundle was given up'));
      await pump;
    }
  }

  async #pump(upstream: AsyncIterable<readonly WorkItem[]>): Promise<void> {
    for await (const page of upstream) {
      for (const step of this.#preprocess) {
        const pending = applyFunction(page, step, this.#options.scope);
        if (pending !== undefined) await pending;
      }
      this.#codec ??= batchCodec(this.#handler, (await this.#options.link.model(this.#options.model)).inputs);
      this.#batcher ??= this.#newBatcher(this.#codec);
      for (let next = 0; next < page.length; await this.#room()) {
        next = this.#addUntilSubmitted(page, next, this.#codec, this.#batcher);
      }
    }
    for (const batch of this.#batcher?.flush() ?? []) {
      this.#submit(batch);
      await this.#room();
    }
    this.#window.end();
  }

  #newBatcher(codec: BatchCodec): Batcher<Slot> {
    const { batching } = this.#handler;
    const { fixedSize } = codec;
    const { minBatchSize, maxBatchSize, maxBatchDurationSecs } = batching;
    const isFixed = fixedSize !== undefined || minBatchSize === maxBatchSize;
    this.#hasFixedBatches = isFixed && maxBatchDurationSecs === undefined;
    const targetSize = (key: string): number => fixedSize ?? this.#options.link.sizes(this.#options.model, key).target;
    return new Batcher({
      policy: fixedSize === undefined ? batching : { ...batching, maxBatchSize: fixedSize },
      targetSize,
      maxLagElements: MAX_LAG_ELEMENTS,
      maxLagBytes: MAX_LAG_BYTES,
    });
  }

  /**
   * Adds elements from index `next` on, until one completes a batch; gives the index of the one after it. The loop over
   * elements is here as V8 runs it much better outside of an async function.
   */
  #addUntilSubmitted(page: readonly WorkItem[], next: number, codec: BatchCodec, batcher: Batcher<Slot>): number {
    let index = next;
    while (index < page.length && !this.#submitted) {
      const item = page[index];
      if (item !== undefined) {
        this.#add(item, codec, batcher);
        if (this.#hasFixedBatches && !batcher.isEmpty) item.isMidBatch = true;
      }
      index += 1;
    }
    this.#window.notify();
    return index;
  }

  #add(item: WorkItem, codec: BatchCodec, batcher: Batcher<Slot>): void {
    const slot = this.#window.enter(item);
    if (item.isThrough) return;
    const { batching } = this.#handler;
    try {
      if (this.#measures) this.#enter(item);
      const weight = batching.elementSizeFn?.(item.value) ?? 1;
      if (batching.oversizeElements === 'fail' && isOversize(batching, weight)) {
        throw new OversizeElementError(weight, batching.maxBatchWeight);
      }
      const key = codec.keyOf(item.value);
      const bytes = codec.bytesOf(item.value);
      if (this.#measures) this.#options.scope.progress.leave();
      for (const batch of batcher.add(key, slot, bytes, weight)) this.#submit(batch);
    } catch (error) {
      if (this.#measures) this.#options.scope.progress.leave();
      item.fail(this.#stage.name, error);
      slot.state = 'settled';
    }
  }

  /** @throws what the element did to an earlier worker when it was measured. */
  #enter({ ordinal }: WorkItem): void {
    const { scope } = this.#options;
    const known = scope.known.get(ordinal);
    if (known?.code === this.#stage.code) throw known.error;
    scope.progress.enter(scope.task, ordinal, this.#stage.code);
  }

  /** Waits until there is room for more batches in flight, and for more results that wait for their turn. */
  async #room(): Promise<void> {
    this.#submitted = false;
    for (;;) {
      const { changed } = this.#window;
      if (this.#window.failure !== undefined) throw this.#window.failure;
      const resultBytes = this.#window.heldBytes + this.#expectedBytes;
      if (this.#inFlight === 0 && this.#window.heldBytes < MAX_RESULT_BYTES) return;
      if (this.#inFlight < MAX_BATCHES_IN_FLIGHT && resultBytes < MAX_RESULT_BYTES) return;
      await changed;
    }
  }

  #submit(batch: Batch<Slot>): void {
    const expectedBytes = batch.items.length * this.#options.link.resultBytes(this.#options.model);
    this.#expectedBytes += expectedBytes;
    this.#submitted = true;
    this.#inFlight += 1;
    for (const slot of batch.items) slot.state = 'running';
    void this.#runBatch(batch)
      .catch((error: Error) => this.#window.fail(error))
      .finally(() => {
        this.#inFlight -= 1;
        this.#expectedBytes -= expectedBytes;
        this.#window.notify();
      });
  }

  async #runBatch(batch: Batch<Slot>): Promise<void> {
    const { link, model, step } = this.#options;
    const together = this.#codec?.padded?.mostTogether(valuesOf(batch.items)) ?? Infinity;
    await runIsolated(batch.items, {
      ceiling: () => Math.min(link.sizes(model, batch.key).ceiling ?? Infinity, together),
      onTimeout: step.onTimeout,
      attempt: (slots, options) => this.#attempt(batch, slots, options),
      recovered: (size) => link.recovered(model, batch.key, size),
      fail: (slot, { error }) => {
        slot.item.failure = { stage: this.#stage.name, error };
        this.#window.settle([slot], 0, NO_RESULTS);
      },
    });
  }

  /** Runs slots as one batch; those that turn out not to fit the model fail, and the rest run without them. */
  async #attempt(
    batch: Batch<Slot>,
    slots: readonly Slot[],
    { isolating, outOfMemory }: { readonly isolating: boolean; readonly outOfMemory: boolean },
  ): Promise<Attempt> {
    const { link, model } = this.#options;
    const fitting = [...slots];
    let encoded: EncodedBatch | undefined;
    try {
      encoded = this.#encode(fitting, outOfMemory || this.#handler.batching.maxBatchSize === 1 ? 1 : LEAST_ROWS);
    } catch (error) {
      return { ok: false, failure: { cause: 'error', error: describeError(error), shared: false } };
    }
    if (encoded === undefined) return { ok: true };
    for (const { item } of fitting) {
      item.tries += 1;
      item.forgetValue();
    }
    const share = fitting.length / batch.items.length;
    const paddingShare = this.#codec?.padded?.shareOf(valuesOf(fitting));
    const answer = await link.infer({
      model,
      key: batch.key,
      batch: encoded,
      bytes: batch.bytes * share,
      weight: batch.weight * share,
      closedBy: batch.closedBy,
      isolating,
      ...(paddingShare === undefined ? {} : { paddingShare }),
    });
    if (!answer.ok) return answer;
    const { results } = answer;
    const read = this.#codec?.decode(results);
    const models = [answer.model];
    for (const { item } of fitting) item.models = item.models === undefined ? models : [...item.models, ...models];
    this.#window.settle(fitting, byteLengthOf(results), {
      read: (at) => read?.(at),
      // Values may be views on what they came in.
      free: () => (results.kind === 'tensors' ? results.chunks.forEach(freeBytes) : undefined),
    });
    return { ok: true };
  }

  /** Packs the slots, taking out those that do not fit; undefined where none is left. */
  #encode(slots: Slot[], minRows: number): EncodedBatch | undefined {
    while (slots.length > 0) {
      try {
        return this.#codec?.encode(valuesOf(slots), { minRows });
      } catch (error) {
        const misfit = error instanceof ElementMismatchError ? slots[error.index] : undefined;
        if (misfit === undefined) throw error;
        misfit.item.tries += 1;
        misfit.item.fail(this.#stage.name, error);
        this.#window.settle([misfit], 0, NO_RESULTS);
        slots.splice(slots.indexOf(misfit), 1);
      }
    }
    return undefined;
  }
}

function valuesOf(slots: readonly Slot[]): unknown[] {
  return slots.map((slot) => slot.item.value);
}

/** An element that weighs more than a batch may, where the policy is to refuse it. */
class OversizeElementError extends FabricError {
  override readonly name = 'OversizeElementError';
  constructor(weight: number, limit: number) {
    super('OVERSIZE_ELEMENT', `the element weighs ${weight}, more than 'maxBatchWeight' of ${limit}`, {
      disposition: 'poison',
    });
  }
}
