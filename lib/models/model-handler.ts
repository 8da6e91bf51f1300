import {
  BATCHING_OPTIONS,
  type BatchingOptions,
  type BatchingPolicy,
  resolveBatching,
} from '../batching/batching-options.ts';
import type { Element } from '../elements/element.ts';
import { checkFieldNames, checkOptionNames, type OptionNames } from './option-names.ts';

/** Arguments for `runInference`, beside the batch. Each batch gets a copy of its own. */
export type InferenceArgs = Readonly<Record<string, unknown>>;

/** A golden input: a model that does not take it, or answers it otherwise, does not serve. */
export interface Probe {
  /** One element, as `runInference` gets it. */
  readonly input: unknown;
  /** What `runInference` must give for it; an answer may have fields beside those that are named here. @default anything */
  readonly output?: unknown;
  /** How far each number of the answer may be from the output's. @default 1e-3 */
  readonly tolerance?: number;
}

const PROBE_FIELDS = { input: true, output: true, tolerance: true } as const satisfies Record<keyof Probe, true>;

/** Results for a batch, in its order: an array, a typed array, a generator. */
export type InferenceResults<Output> = Iterable<Output> | AsyncIterable<Output>;

/** Description of a loaded model, from its handler. */
export interface ModelDescription {
  /** Name of the model in result lines: its version, or its name. */
  readonly label: string;
  /** Identifier of the model in manifests; all copies of a model must have the same. @default the label */
  readonly digest?: string;
}

export interface ModelHandlerOptions<Input = unknown> extends BatchingOptions<Input> {
  /** Exactly one copy of the model, with all threads. @default false */
  readonly largeModel?: boolean;
  /** How many copies of the model there are, each in a process of its own. @default 1, on GPUs one for each of them */
  readonly modelCopies?: number;
  /** Environment variables of the model's processes, set before they import anything. @default none */
  readonly envVars?: Readonly<Record<string, string>>;
  /** Run through each copy of the model when it has been loaded, before it serves. @default none */
  readonly probe?: Probe;
}

export const MODEL_HANDLER_OPTIONS = {
  ...BATCHING_OPTIONS,
  largeModel: true,
  modelCopies: true,
  envVars: true,
  probe: true,
} as const satisfies Record<keyof ModelHandlerOptions, true>;

/** A function on an element's value, before or after inference. It may be async. */
export type ElementFunction<From, To> = (value: From, element: Element) => To | Promise<To>;

/**
 * Knows how to load a model and how to run a batch through it (Apache Beam's ModelHandler).
 *
 * `loadModel` and `runInference` run in a model host, a process of its own that imports the config module and takes
 * the handler by its place there; elements and results cross by structured clone.
 *
 * @typeParam Input - what one element of a batch is
 * @typeParam Output - what one result is
 * @typeParam Model - what `loadModel` gives and `runInference` takes; it never leaves its process
 */
export abstract class ModelHandler<Input = unknown, Output = unknown, Model = unknown> {
  /**
   * Names of the options that the constructor takes. A class that declares them takes no others. A subclass that passes
   * its own options to `super()` can add their names: `{ ...ModelHandler.optionNames, voice: true }`.
   */
  static readonly optionNames: OptionNames = MODEL_HANDLER_OPTIONS;
  readonly options: ModelHandlerOptions<Input>;
  readonly batching: BatchingPolicy<Input>;
  readonly modelCopies: number;

  /** @throws RangeError, TypeError if an option is unknown or breaks its rule. */
  constructor(options: ModelHandlerOptions<Input> = {}) {
    checkOptionNames(options, new.target);
    checkFieldNames(options.probe ?? {}, PROBE_FIELDS, { handler: new.target.name, option: 'probe' });
    this.options = options;
    this.batching = resolveBatching(options, { measuresLength: this.measuresLength });
    this.modelCopies = checkedCopies(options);
  }

  /** True if it measures the length of an element, for `batchBucketBoundaries`, when `batchLengthFn` is not set. */
  protected get measuresLength(): boolean {
    return false;
  }

  /**
   * Loads the model, once per host. If it rejects, the model can't be loaded and the run ends. Temporary failures are
   * tried three times: a connection that broke, a service that throttles, a FabricError of disposition `retry`.
   */
  abstract loadModel(): Promise<Model> | Model;

  /**
   * Returns one result for each element of the batch, in its order, as an array or another iterable; any other number
   * is a contract error. An error that it throws is attributed to the batch, which then runs again in halves until the
   * elements that cause it are found.
   */
  abstract runInference(
    batch: readonly Input[],
    model: Model,
    inferenceArgs?: InferenceArgs,
  ): Promise<InferenceResults<Output>> | InferenceResults<Output>;

  /** True if it reads only the fields of an element that have the names of its model's inputs. @default false */
  get readsInputsOnly(): boolean {
    return false;
  }

  /** Methods that a handler must have: a config whose handler lacks one is refused. */
  get requiredMethods(): readonly string[] {
    return ['loadModel', 'runInference'];
  }

  /**
   * Names the model and its version, in its host, after it is loaded. @default the class's name; for an ONNX model the
   * first digits of its SHA-256
   */
  describeModel?(model: Model): Promise<ModelDescription> | ModelDescription;

  /** Elements share a batch only where their keys are the same. */
  batchKey?(element: Input): string;

  /** Field that contains an element's id if the pipeline's `input.id` is not set. @default none */
  get idField(): string | undefined {
    return undefined;
  }

  /**
   * Returns the element without these fields, which the pipeline's `input` uses itself, if all other fields of an
   * element are the model's. It is called for elements as they were read, and never throws.
   *
   * @default elements stay as they are
   */
  withoutPipelineFields?(element: unknown, names: readonly string[]): unknown;

  /** Called once by whoever loaded the config, with its URL: relative paths in the options are relative to it. */
  resolvePaths(_base: URL): void {}

  /** A handler that runs `preprocess` on each element first; of several, the last added runs first. */
  withPreprocessFn<From>(preprocess: ElementFunction<From, Input>): ModelHandler<From, Output> {
    return new HandlerWithFunctions<From, Output>(this as ModelHandler, {
      preprocess: preprocess as ElementFunction<unknown, unknown>,
    });
  }

  /** A handler that runs `postprocess` on each result; of several, the first added runs first. */
  withPostprocessFn<To>(postprocess: ElementFunction<Output, To>): ModelHandler<Input, To> {
    return new HandlerWithFunctions<Input, To>(this as ModelHandler, {
      postprocess: postprocess as ElementFunction<unknown, unknown>,
    });
  }
}

function checkedCopies({ modelCopies = 1, largeModel = false }: ModelHandlerOptions<never>): number {
  if (!Number.isInteger(modelCopies) || modelCopies < 1) {
    throw new RangeError(
      `Cannot create a model handler as 'modelCopies' must be a positive integer: current value is ${modelCopies}`,
    );
  }
  if (largeModel && modelCopies > 1) {
    throw new RangeError(
      `Cannot create a model handler as 'modelCopies' must be 1 where 'largeModel' is set: current value is ${modelCopies}`,
    );
  }
  return modelCopies;
}

interface AddedFunctions {
  readonly preprocess?: ElementFunction<unknown, unknown>;
  readonly postprocess?: ElementFunction<unknown, unknown>;
}

/** A handler with one function more around it; {@link unwrapHandler} takes the layers off again. */
class HandlerWithFunctions<Input, Output> extends ModelHandler<Input, Output> {
  readonly inner: ModelHandler;
  readonly added: AddedFunctions;

  constructor(inner: ModelHandler, added: AddedFunctions) {
    super({});
    this.inner = inner;
    this.added = added;
  }

  override loadModel(): unknown {
    return this.inner.loadModel();
  }

  override runInference(): never {
    throw new TypeError('a handler with pre- or postprocess functions runs in an engine only');
  }

  override resolvePaths(base: URL): void {
    this.inner.resolvePaths(base);
  }
}

/** A handler as the engine runs it: the one that holds the model, and the functions in the order in which they run. */
export interface UnwrappedHandler {
  readonly handler: ModelHandler;
  readonly preprocessFns: readonly ElementFunction<unknown, unknown>[];
  readonly postprocessFns: readonly ElementFunction<unknown, unknown>[];
}

export function unwrapHandler(outer: ModelHandler): UnwrappedHandler {
  const preprocessFns: ElementFunction<unknown, unknown>[] = [];
  const postprocessFns: ElementFunction<unknown, unknown>[] = [];
  let handler = outer;
  while (handler instanceof HandlerWithFunctions) {
    const { preprocess, postprocess } = handler.added;
    if (preprocess !== undefined) preprocessFns.push(preprocess);
    if (postprocess !== undefined) postprocessFns.unshift(postprocess);
    handler = handler.inner;
  }
  return { handler, preprocessFns, postprocessFns };
}
