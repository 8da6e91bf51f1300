import { type Batch, Batcher, isOversize } from '../../batching/batcher.ts';
import type { PackedBatches } from '../../models/packed-batches.ts';
import type { InferenceArgs } from '../../models/model-handler.ts';
import { isRemote } from '../../remote/remote-model-handler.ts';
import { argsKey } from './args-key.ts';
import { BatchAttempts, type BatchAttemptsOptions } from './batch-attempts.ts';
import { codecOf, type Lane, type LoadedInputs, loadSlots, OversizeElementError, packAlone } from './batch-lane.ts';
import type { FunctionScope } from './element-functions.ts';
import { type BatchPlace, GrowingBatches } from './growing-batches.ts';
import { OwnWork } from './own-work.ts';
import type { Slot } from './slot.ts';
import type { RowBatch } from './row-batch.ts';
import { RowBatcher } from './row-batcher.ts';
import type { RowItems } from './row-items.ts';
import type { WorkItem } from './work-item.ts';

/** Batches of one bundle that run or wait for a host at once; enough to keep a host busy while others are packed. */
const MAX_BATCHES_IN_FLIGHT = 4;
/** Maximum number of models that one bundle keeps busy, if there are several, each with separate hosts. */
const MAX_MODELS_KEPT_BUSY = 4;
/** Results that wait for their turn, and those to come of the batches in flight, in bytes. */
const MAX_RESULT_BYTES = 4 * 1024 * 1024;
/** How far the oldest open batch may lag behind, in elements and in bytes, before it runs as it is. */
const MAX_LAG_ELEMENTS = 16_384;
const MAX_LAG_BYTES = 32 * 1024 * 1024;

/** A model that batches go to. */
export interface BatchModel extends Pick<BatchAttemptsOptions, 'handler' | 'model'> {
  /** Its inputs, where batches travel as packed tensors, and the files of its codec. */
  readonly info: LoadedInputs;
}

export interface BatchRunnerOptions extends Omit<
  BatchAttemptsOptions,
  keyof BatchModel | 'task' | 'meter' | 'pipelineFields'
> {
  readonly scope: FunctionScope;
  /** True if elements are marked that have an open batch before them: a bundle that continues there has other batches. */
  readonly marksMidBatch: boolean;
}

/**
 * Takes elements of one bundle through one model or several, each of which has a lane: batches them, runs the batches,
 * isolates what fails.
 */
export class BatchRunner {
  readonly #options: BatchRunnerOptions;
  /** By the lanes of the slots. */
  readonly #lanes: (Lane | undefined)[] = [];
  #models = 0;
  /** Batches for remote models that may be in flight at once. */
  #mostRequests = 0;
  readonly #growing: GrowingBatches;
  readonly #batcher = new Batcher<Slot>({ maxLagElements: MAX_LAG_ELEMENTS, maxLagBytes: MAX_LAG_BYTES });
  /** Batches of elements whose numbers are packed, for the only model. */
  #rows: RowBatcher | undefined;
  #hasFixedBatches = false;
  #inFlight = 0;
  /** Bytes of results that the batches in flight should give. */
  #expectedBytes = 0;
  /** True if a batch was submitted since the last check for room. */
  #submitted = false;

  /** Packing, followed element by element. */
  readonly #work: OwnWork | undefined;

  constructor(options: BatchRunnerOptions) {
    this.#options = options;
    this.#growing = new GrowingBatches(options.link);
    this.#work = OwnWork.of(options.scope, options.stage);
  }

  /** Adds the model that elements of a lane go to. */
  async addModel(lane: number, { handler, model, info }: BatchModel): Promise<void> {
    const { link } = this.#options;
    const { batching } = handler;
    const codec = await codecOf(handler, info);
    const { fixedSize } = codec;
    const { task, meter, pipelineFields } = this.#options.scope;
    const ofScope = { task, meter, ...(pipelineFields === undefined ? {} : { pipelineFields }) };
    const attempts = new BatchAttempts(codec, { ...this.#options, handler, model, ...ofScope });
    const measures =
      'batchKey' in handler ||
      codec.prepare !== undefined ||
      batching.elementSizeFn !== undefined ||
      batching.batchLengthFn !== undefined;
    const remote = isRemote(handler) ? handler : undefined;
    const grows = remote === undefined && fixedSize === undefined && batching.maxBatchDurationSecs === undefined;
    this.#lanes[lane] = { handler, model, codec, attempts, measures, grows };
    if (remote === undefined) this.#models += 1;
    else this.#mostRequests = Math.max(this.#mostRequests, remote.maxConcurrency);
    const { minBatchSize, maxBatchSize, maxBatchDurationSecs } = batching;
    const size = fixedSize ?? (minBatchSize === maxBatchSize ? maxBatchSize : 1);
    // A remote model decides itself how to treat its batches, and paid answers are not dropped to keep batches the same.
    this.#hasFixedBatches ||= size > 1 && maxBatchDurationSecs === undefined && remote === undefined;
    this.#batcher.openLane(lane, {
      policy: fixedSize === undefined ? batching : { ...batching, maxBatchSize: fixedSize },
      targetSize: (key) => fixedSize ?? this.#rows?.openedTarget ?? link.sizes(model, key).target,
    });
    const { packed } = codec;
    if (packed === undefined || fixedSize !== undefined) return;
    const { window, marksMidBatch } = this.#options;
    const isFixed = marksMidBatch && this.#hasFixedBatches;
    const sizes = () => link.sizes(model, packed.key);
    this.#rows = new RowBatcher({ lane, packed, limits: batching, sizes, isFixed, window, batcher: this.#batcher });
  }

  /** Loads elements whose codec reads them in other threads, before they are added. Those that can't be read fail. */
  load(slots: readonly Slot[]): Promise<void> {
    return loadSlots(this.#lanes, slots, this.#options);
  }

  /** True if batches depend on the elements alone, and must not change when a bundle continues in the middle. */
  get hasFixedBatches(): boolean {
    return this.#hasFixedBatches;
  }

  /** @throws InputMismatchError where an argument is for an input that a model does not have. */
  checkArgs(args: InferenceArgs): void {
    for (const lane of this.#lanes) lane?.codec.args?.check(args);
  }

  /**
   * Adds elements from index `next` on, until one completes a batch, or would open one whose size is about to grow.
   * Skips elements that are finished. Wait for {@link room} before the next call. No loop over elements is in an async
   * function, as V8 runs it much faster outside of one.
   *
   * @returns the index after the last element that was added or skipped.
   */
  addUntilSubmitted(slots: readonly Slot[], next: number): number {
    const marks = this.#options.marksMidBatch && this.#hasFixedBatches;
    // An item comes next.
    this.#rows?.openAgain();
    let index = next;
    while (index < slots.length && !this.#submitted) {
      const slot = slots[index];
      if (slot !== undefined) {
        if (slot.item.isThrough) this.#goBy(slot);
        else if (!this.#add(slot)) break;
        if (marks && !this.#batcher.isEmpty) slot.item.isMidBatch = true;
      }
      index += 1;
    }
    this.#options.window.notify();
    return index;
  }

  /** Returns how many of some rows must be added as items before more of them can be added as rows. */
  countAlone(rows: RowItems): number {
    return this.#rows?.countAlone(rows) ?? rows.count;
  }

  /**
   * Adds rows until they complete a batch. Wait for {@link room} before the next call.
   *
   * @returns the number of rows that were added; 0 if they would open a batch whose size is about to grow.
   */
  addRows(rows: RowItems): number {
    const batcher = this.#rows;
    const lane = this.#lanes[0];
    if (batcher === undefined || lane === undefined) throw new TypeError('the model takes no rows');
    if (!batcher.isOpen && this.#mustAwait(lane, { lane: 0, key: batcher.key })) return 0;
    const { added, complete } = batcher.add(rows);
    if (complete !== undefined) this.#submitRows(complete);
    return added;
  }

  /** Submits the batches that are open. */
  async flush(): Promise<void> {
    const rows = this.#rows?.takeLast();
    if (rows !== undefined) {
      this.#submitRows(rows);
      await this.room();
    }
    for (const batch of this.#batcher.flush()) {
      this.#submit(batch);
      await this.room();
    }
  }

  /** Waits until there is room for more batches in flight, and for more results that wait for their turn. */
  async room(): Promise<void> {
    const { window } = this.#options;
    const most = Math.max(this.#mostRequests, MAX_BATCHES_IN_FLIGHT * Math.min(this.#models, MAX_MODELS_KEPT_BUSY));
    this.#submitted = false;
    for (;;) {
      const { changed } = window;
      if (window.failure !== undefined) throw window.failure;
      const resultBytes = window.heldBytes + this.#expectedBytes;
      if (!this.#growing.isAwaiting((place) => this.#isOpen(place))) {
        if (this.#inFlight === 0 && window.heldBytes < MAX_RESULT_BYTES) return;
        if (this.#inFlight < most && resultBytes < MAX_RESULT_BYTES) return;
      }
      await changed;
    }
  }

  /** Waits until no batch is in flight. */
  async idle(): Promise<void> {
    const { window } = this.#options;
    while (this.#inFlight > 0) {
      const { changed } = window;
      if (window.failure !== undefined) throw window.failure;
      await changed;
    }
  }

  #isOpen({ lane, key }: BatchPlace): boolean {
    return this.#batcher.isOpen(key, lane);
  }

  /** Returns true, and notes it, if an element must wait for its key's batches in flight. */
  #mustAwait(lane: Lane, place: BatchPlace): boolean {
    if (this.#isOpen(place) || !this.#growing.mustAwait(lane, place)) return false;
    this.#growing.await(lane, place);
    return true;
  }

  #goBy({ item }: Slot): void {
    for (const batch of this.#batcher.skip(item.inputBytes)) this.#submit(batch);
  }

  /** Adds an element, or fails it alone. @returns false if it has to wait for its key's batches in flight */
  #add(slot: Slot): boolean {
    const { item } = slot;
    const lane = this.#lanes[slot.lane];
    if (lane === undefined) throw new RangeError(`there is no lane ${slot.lane}`);
    const { codec, measures, handler } = lane;
    const { batching } = handler;
    if (codec.packed !== undefined && item.packed !== undefined) return this.#addPacked(slot, lane, codec.packed);
    try {
      if (this.#work !== undefined) this.#work.run(item.ordinal, () => packAlone(lane, item));
      if (measures) this.#enter(item);
      const value = lane.attempts.values.of(item);
      const weight = batching.elementSizeFn?.(value) ?? codec.weightOf?.(value) ?? 1;
      if (batching.oversizeElements === 'fail' && isOversize(batching, weight)) {
        throw new OversizeElementError(weight, batching.maxBatchWeight);
      }
      const own = codec.keyOf(value);
      const key = item.inferenceArgs === undefined ? own : argsKey(item.inferenceArgs, own);
      const bytes = codec.bytesOf(value);
      if (measures) this.#options.scope.progress.leave();
      if (this.#mustAwait(lane, { lane: slot.lane, key })) return false;
      for (const batch of this.#batcher.add(slot, { key, bytes, weight, laneIndex: slot.lane })) this.#submit(batch);
    } catch (error) {
      if (measures) this.#options.scope.progress.leave();
      item.fail(this.#options.stage.name, error);
      slot.state = 'settled';
    }
    return true;
  }

  /** Adds an element whose numbers are packed: all of them have the same key and bytes. */
  #addPacked(slot: Slot, lane: Lane, { key, bytes }: PackedBatches): boolean {
    const laneIndex = slot.lane;
    if (this.#mustAwait(lane, { lane: laneIndex, key })) return false;
    for (const batch of this.#batcher.add(slot, { key, bytes, weight: 1, laneIndex })) this.#submit(batch);
    return true;
  }

  /** @throws what the element did to an earlier worker when it was measured. */
  #enter({ ordinal }: WorkItem): void {
    const { scope, stage } = this.#options;
    const known = scope.known.get(ordinal);
    if (known?.code === stage.code) throw known.error;
    scope.progress.enter(scope.task, ordinal, stage.code);
  }

  #submit(batch: Batch<Slot>): void {
    for (const slot of batch.items) slot.state = 'running';
    this.#start({ ...batch, size: batch.items.length }, (lane) => lane.attempts.run(batch));
  }

  #submitRows(batch: RowBatch): void {
    batch.state = 'running';
    this.#start({ ...batch.options, size: batch.length }, (lane) => lane.attempts.runRows(batch));
  }

  #start({ lane: index, key, size }: BatchPlace & { readonly size: number }, run: (lane: Lane) => Promise<void>): void {
    const { link, window } = this.#options;
    const lane = this.#lanes[index];
    if (lane === undefined) throw new RangeError(`there is no lane ${index}`);
    const expectedBytes = size * link.resultBytes(lane.model);
    this.#expectedBytes += expectedBytes;
    this.#submitted = true;
    this.#inFlight += 1;
    const answered = this.#growing.count(lane, { lane: index, key });
    void run(lane)
      .catch((error: Error) => window.fail(error))
      .finally(() => {
        answered();
        this.#inFlight -= 1;
        this.#expectedBytes -= expectedBytes;
        window.notify();
      });
  }
}
