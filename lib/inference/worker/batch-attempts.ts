import type { Batch } from '../../batching/batcher.ts';
import { NestingError } from '../../elements/nesting.ts';
import { describeThrown } from '../../errors.ts';
import type { BatchCodec } from '../../models/batch-codec.ts';
import { ElementMismatchError } from '../../models/collate.ts';
import { byteLengthOf, type EncodedBatch, freeBatch, rowsIn } from '../../models/encoded-batch.ts';
import { isRemote } from '../../remote/remote-model-handler.ts';
import { askedElement } from './asked-elements.ts';
import type { BundleMeter } from './bundle-meter.ts';
import { type Attempt, runIsolated } from './isolation.ts';
import type { ModelLink } from './model-link.ts';
import { ModelLists } from './model-lists.ts';
import { ModelValues, type ModelValuesOptions } from './model-values.ts';
import type { OrderedWindow } from './ordered-window.ts';
import { NO_RESULTS, type Slot } from './slot.ts';
import { countTries, countUsage } from './remote-counts.ts';
import { runRows } from './row-attempts.ts';
import type { RowBatch } from './row-batch.ts';
import type { Stage } from '../stages.ts';
import type {
  AskedBatch,
  BatchFailure,
  FailedElement,
  InferAnswer,
  InferRequest,
  ModelLabel,
} from '../worker-protocol.ts';

/** onnxruntime multiplies a single row by another kernel, whose last bits differ: a batch of one runs as two rows. */
const MIN_ROWS = 2;

export interface BatchAttemptsOptions extends ModelValuesOptions {
  /** The model's place among the pipeline's. */
  readonly model: number;
  readonly stage: Stage;
  readonly link: ModelLink;
  /** The bundle's task. */
  readonly task: number;
  readonly meter: BundleMeter;
  /** The window that the elements are in. */
  readonly window: OrderedWindow<RowBatch>;
  /** True if results are the predictions, to be written as JSON. @default false */
  readonly writesJson?: boolean;
  /** Receives elements whose model can no longer be loaded. @default such a model ends the bundle */
  readonly onModelLost?: (slots: readonly Slot[], failure: BatchFailure) => void;
}

/** Runs batches of one model, each as often and in as many pieces as it takes to settle all of its elements. */
export class BatchAttempts {
  /** Values of elements as they go to the model. */
  readonly values: ModelValues;
  readonly #options: BatchAttemptsOptions;
  readonly #codec: BatchCodec;
  readonly #modelsByName = new Map<string, readonly ModelLabel[]>();

  constructor(codec: BatchCodec, options: BatchAttemptsOptions) {
    this.#codec = codec;
    this.#options = options;
    this.values = new ModelValues(codec, options);
  }

  /** Resolves when all elements are settled. @param failed - its first attempt, if made before @throws what ends the bundle */
  async run(batch: Batch<Slot>, failed?: Attempt): Promise<void> {
    let first = failed;
    const { link, model, step, stage, window } = this.#options;
    const { padded } = this.#codec;
    const together = padded?.mostTogether(this.values.ofAll(batch.items)) ?? Infinity;
    await runIsolated(batch.items, {
      ceiling: () => Math.min(link.sizes(model, batch.key).ceiling ?? Infinity, together),
      onTimeout: step.onTimeout,
      attempt: (slots, options) => {
        const known = first;
        first = undefined;
        return known === undefined ? this.#attempt(batch, slots, options) : Promise.resolve(known);
      },
      recovered: (size, limit) => link.recovered(model, { key: batch.key, size, limit }),
      fail: (slot, { error }) => {
        slot.item.failure = { stage: stage.name, error };
        window.settle([slot], 0, NO_RESULTS);
      },
    });
  }

  /** Does the same for a batch of rows. */
  runRows(batch: RowBatch): Promise<void> {
    const { link, model, window } = this.#options;
    return runRows(batch, {
      codec: this.#codec,
      link,
      model,
      window,
      infer: (request) => this.#measured(request),
      settle: (slots, answer) => this.#settle(slots, answer),
      runSlots: (slots, failed) => this.run(slots, failed),
    });
  }

  /** Runs slots as one batch; one whose values, or their results, can't be taken on their way is a batch that fails. */
  async #attempt(batch: Batch<Slot>, slots: readonly Slot[], options: AttemptOptions): Promise<Attempt> {
    try {
      return await this.#runBatch(batch, slots, options);
    } catch (error) {
      if (!(error instanceof NestingError)) throw error;
      return { ok: false, failure: { cause: 'error', error: describeThrown(error), shared: false } };
    }
  }

  /** Those of the slots that turn out not to fit the model fail, and the rest run without them. */
  async #runBatch(
    batch: Batch<Slot>,
    slots: readonly Slot[],
    { isolating, outOfMemory }: AttemptOptions,
  ): Promise<Attempt> {
    const { meter, onModelLost } = this.#options;
    const fitting = [...slots];
    let encoded: EncodedBatch | undefined;
    try {
      encoded = this.#encode(fitting, outOfMemory ? 1 : this.#leastRows);
    } catch (error) {
      return { ok: false, failure: { cause: 'error', error: describeThrown(error), shared: false } };
    }
    if (encoded === undefined) return { ok: true };
    // Before the values are released.
    const named = this.#namedModels(fitting);
    const answer = await this.#infer(batch, fitting, { encoded, isolating });
    if (answer.tries !== undefined) meter.addRetries(countTries(fitting, answer.tries));
    if (answer.usage !== undefined) countUsage(fitting, answer.usage);
    if (!answer.ok) {
      if (onModelLost === undefined || !isLoadFailure(answer.failure)) return answer;
      onModelLost(fitting, answer.failure);
      return { ok: true };
    }
    this.#settle(fitting, answer, named);
    return { ok: true };
  }

  /** Gives elements their results. @param named - the models that the elements name */
  #settle(
    fitting: readonly Slot[],
    answer: Extract<InferAnswer, { ok: true }>,
    named?: readonly (readonly ModelLabel[] | undefined)[],
  ): void {
    const { window } = this.#options;
    const { results, failed = [] } = answer;
    const { decodeJson } = this.#codec;
    const json = this.#options.writesJson === true ? decodeJson?.(results) : undefined;
    const read = json ?? this.#codec.decode(results, (index) => this.#preparedAt(fitting, index));
    const failures = new Map(failed.map((one) => [one.index, one]));
    const places = fitting.flatMap((_, index) => (failures.has(index) ? [] : index));
    const succeeded = places.length === fitting.length ? fitting : fitting.filter((_, index) => !failures.has(index));
    const models = [answer.model];
    const lists = new ModelLists();
    succeeded.forEach(({ item }, at) => {
      item.models = lists.join(item.models, named?.[places[at] ?? at] ?? models);
    });
    this.#failAlone(fitting, failed);
    window.settle(succeeded, byteLengthOf(results), {
      read: (at) => read(places[at] ?? at),
      areJson: json !== undefined,
      // Values, unlike tensors, may be views on what they came in.
      free: () => freeBatch(results),
    });
  }

  #preparedAt(slots: readonly Slot[], index: number): unknown {
    const slot = slots[index];
    return slot === undefined ? undefined : this.values.of(slot.item);
  }

  get #leastRows(): number {
    const { handler, link, model } = this.#options;
    return handler.batching.maxBatchSize === 1 || link.rows(model) === 'one' ? 1 : MIN_ROWS;
  }

  /** Runs a batch. If a batch of one element fails as two rows, runs it as one row: the model may take only one. */
  async #infer(
    batch: Batch<Slot>,
    slots: readonly Slot[],
    { encoded, isolating }: { readonly encoded: EncodedBatch; readonly isolating: boolean },
  ): Promise<InferAnswer> {
    const { link, model } = this.#options;
    const rows = rowsIn(encoded);
    const request = this.#request(batch, slots);
    const answer = await this.#measured({ ...request, batch: encoded, isolating });
    if (answer.ok && rows > 1) link.tookSeveralRows(model);
    if (answer.ok || answer.failure.cause !== 'error' || answer.failure.shared) return answer;
    const isPadded = slots.length === 1 && rows === MIN_ROWS && this.#codec.fixedSize === undefined;
    if (!isPadded || link.rows(model) === 'several') return answer;
    const row = this.#codec.encode(this.values.ofAll(slots), { minRows: 1 });
    const second = await this.#measured({ ...request, batch: row, isolating: true });
    if (second.ok) link.tookOneRow(model);
    return second;
  }

  async #measured(request: InferRequest): Promise<InferAnswer> {
    const { link, meter } = this.#options;
    const { batch, paddingShare, isolating, asked } = request;
    // Its bytes are gone once it is sent.
    const { size } = batch;
    const startedAt = performance.now();
    const answer = await link.infer(request);
    const inferenceMillis = answer.ok ? answer.inferenceMillis : undefined;
    meter.addBatch({ size, millis: performance.now() - startedAt, inferenceMillis, paddingShare });
    if (isolating && asked === undefined) meter.addRetries(size);
    return answer;
  }

  /** Returns the models that the elements name, as one shared list for each model. */
  #namedModels(slots: readonly Slot[]): readonly (readonly ModelLabel[] | undefined)[] | undefined {
    const { handler } = this.#options;
    if (!isRemote(handler) || handler.modelOf === undefined) return undefined;
    return slots.map(({ item }) => {
      const label = handler.modelOf?.(this.values.of(item));
      if (label === undefined) return undefined;
      const models = this.#modelsByName.get(label) ?? [{ label, digest: label }];
      this.#modelsByName.set(label, models);
      return models;
    });
  }

  #failAlone(slots: readonly Slot[], failed: readonly FailedElement[]): void {
    for (const { index, error } of failed) {
      const slot = slots[index];
      if (slot === undefined) continue;
      slot.item.failure = { stage: this.#options.stage.name, error };
      this.#options.window.settle([slot], 0, NO_RESULTS);
    }
  }

  /** Returns the request for packed slots, which are a batch or a piece of one. */
  #request(batch: Batch<Slot>, slots: readonly Slot[]) {
    const paddingShare = this.#codec.padded?.shareOf(this.values.ofAll(slots));
    const asked = this.#askedOf(slots);
    for (const { item } of slots) {
      if (asked === undefined) item.tries += 1;
      item.forgetValue();
    }
    const [first] = slots;
    const inferenceArgs = first === undefined ? undefined : this.values.argsBeside(first.item);
    const share = slots.length / batch.items.length;
    return {
      model: this.#options.model,
      key: batch.key,
      bytes: batch.bytes * share,
      weight: batch.weight * share,
      closedBy: batch.closedBy,
      ...(inferenceArgs === undefined ? {} : { inferenceArgs }),
      ...(paddingShare === undefined ? {} : { paddingShare }),
      ...(asked === undefined ? {} : { asked }),
    };
  }

  #askedOf(slots: readonly Slot[]): AskedBatch | undefined {
    const { handler, task } = this.#options;
    if (!isRemote(handler)) return undefined;
    const elements = slots.map(({ item }) => askedElement(item, this.values.of(item), this.values.argsOf(item)));
    return { task, elements };
  }

  /** Packs the slots: their packed numbers where they have them, else their values. */
  #encodeAll(slots: readonly Slot[], minRows: number): EncodedBatch {
    const { packed } = this.#codec;
    if (packed === undefined || !slots.some(({ item }) => item.packed !== undefined))
      return this.#codec.encode(this.values.ofAll(slots), { minRows });
    const rows = slots.map(({ item }) => item.packed);
    const others = slots.filter((_, index) => rows[index] === undefined);
    return packed.encode(rows, this.values.ofAll(others), { minRows });
  }

  /** Packs the slots, taking out those that do not fit; undefined where none is left. */
  #encode(slots: Slot[], minRows: number): EncodedBatch | undefined {
    while (slots.length > 0) {
      try {
        return this.#encodeAll(slots, minRows);
      } catch (error) {
        const misfit = error instanceof ElementMismatchError ? slots[error.index] : undefined;
        if (misfit === undefined) throw error;
        misfit.item.tries += 1;
        misfit.item.fail(this.#options.stage.name, error);
        this.#options.window.settle([misfit], 0, NO_RESULTS);
        slots.splice(slots.indexOf(misfit), 1);
      }
    }
    return undefined;
  }
}

interface AttemptOptions {
  readonly isolating: boolean;
  readonly outOfMemory: boolean;
}

/** Checks whether a model is permanently gone. A model that may load the next time does not fail its elements. */
function isLoadFailure({ cause, error }: BatchFailure): boolean {
  return cause === 'fatal' && error.name === 'ModelLoadError' && error.disposition !== 'retry';
}
