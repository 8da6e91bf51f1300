import type { RunInferenceStep } from '../../config/steps.ts';
import type { BatchCodec } from '../../models/batch-codec.ts';
import type { InferenceArgs, ModelHandler } from '../../models/model-handler.ts';
import type { Slot } from './slot.ts';
import type { WorkItem } from './work-item.ts';

export interface ModelValuesOptions {
  readonly step: RunInferenceStep;
  /** Handler that holds the model. */
  readonly handler: ModelHandler;
  /** Fields that are for the pipeline and not for the model. @default none */
  readonly pipelineFields?: readonly string[];
}

/** Elements and arguments of one step, as they go to its model. */
export class ModelValues {
  readonly #codec: BatchCodec;
  readonly #handler: ModelHandler;
  /** Arguments that are the same for all elements of the step. */
  readonly #common: InferenceArgs | undefined;
  /** Fields of elements that do not go to the model. */
  readonly #leftOut: readonly string[] | undefined;
  readonly #loaded = new WeakMap<WorkItem, { readonly element: unknown }>();
  readonly #prepared = new WeakMap<WorkItem, { readonly element: unknown }>();

  constructor(codec: BatchCodec, { step, handler, pipelineFields = [] }: ModelValuesOptions) {
    this.#codec = codec;
    this.#handler = handler;
    this.#common = step.inferenceArgs;
    this.#leftOut =
      handler.withoutPipelineFields === undefined || pipelineFields.length === 0 ? undefined : pipelineFields;
  }

  /**
   * Returns an element with the arguments that are inputs of the model, where it does not have these itself. One that the
   * codec prepares is prepared once.
   */
  of(item: WorkItem): unknown {
    const { args: inputs, prepare } = this.#codec;
    if (prepare !== undefined) return this.#preparedOf(item, prepare);
    const args = inputs === undefined ? undefined : this.argsOf(item);
    const value = this.#modelsPart(item);
    return inputs === undefined || args === undefined ? value : inputs.feed(value, args);
  }

  /** Sets the result of the codec's `load` for an element. */
  setLoaded(item: WorkItem, element: unknown): void {
    this.#loaded.set(item, { element });
  }

  ofAll(slots: readonly Slot[]): unknown[] {
    return slots.map((slot) => this.of(slot.item));
  }

  #preparedOf(item: WorkItem, prepare: (element: unknown) => unknown): unknown {
    const known = this.#prepared.get(item);
    if (known !== undefined) return known.element;
    const args = this.argsOf(item);
    if (args !== undefined) this.#codec.args?.check(args);
    const loaded = this.#loaded.get(item);
    const element = prepare(loaded === undefined ? item.value : loaded.element);
    this.#prepared.set(item, { element });
    this.#loaded.delete(item);
    return element;
  }

  /**
   * Returns the part of the element that is the model's: its declared inputs, or all but the fields that are for the
   * pipeline, which only elements as they were read have.
   */
  #modelsPart(item: WorkItem): unknown {
    const { value } = item;
    const { select } = this.#codec;
    if (select !== undefined) return select(value);
    if (this.#leftOut === undefined || !item.isAsRead) return value;
    return this.#handler.withoutPipelineFields?.(value, this.#leftOut);
  }

  /** Returns the arguments that go to the model beside the batch, and are not in its elements. */
  argsBeside(item: WorkItem): InferenceArgs | undefined {
    const { args: inputs } = this.#codec;
    const args = this.argsOf(item);
    return args === undefined || inputs === undefined ? args : inputs.beside?.(args);
  }

  /** Returns an element's arguments: those of the step, replaced by its own of the same names. */
  argsOf({ inferenceArgs: own }: WorkItem): InferenceArgs | undefined {
    const common = this.#common;
    return own === undefined || common === undefined ? (own ?? common) : { ...common, ...own };
  }
}
