import { type BatchingPolicy, resolveBatching } from '../batching/batching-options.ts';
import type { Element } from '../elements/element.ts';
import type {
  BuiltInHandler,
  LoadReport,
  ModelDescription,
  ModelHandlerKind,
  TensorRunner,
} from './handler-capabilities.ts';
import type { DeclaredInputs } from './declared-inputs.ts';
import type { CodecSource, ElementCodec } from './element-codec.ts';
import type { ModelFiles } from './model-files.ts';
import {
  checkedCopies,
  MODEL_HANDLER_OPTIONS,
  type ModelHandlerOptions,
  PROBE_FIELDS,
} from './model-handler-options.ts';
import { checkFieldNames, checkOptionNames, type OptionNames } from './option-names.ts';
import type { NamedTensors, TensorMetadata } from './tensor.ts';

/** Arguments for `runInference`, beside the batch. Each batch gets a separate copy. */
export type InferenceArgs = Readonly<Record<string, unknown>>;

/** Results for a batch, in its order: an array, a typed array, a generator. */
export type InferenceResults<Output> = Iterable<Output> | AsyncIterable<Output>;

/** A function on an element's value, before or after inference. It may be async. */
export type ElementFunction<From, To> = (value: From, element: Element) => To | Promise<To>;

/**
 * Loads a model and runs batches through it (Apache Beam's ModelHandler).
 *
 * `loadModel` and `runInference` run in a model host, a separate process that imports the config module and finds the
 * handler by its place there. Elements and results cross by structured clone.
 *
 * The optional members tell an engine what else a handler can do. The built-in handlers have no other way, so a handler
 * of your own can do the same: fetch and refresh its files, run on GPUs, receive packed tensors.
 *
 * @typeParam Input - one element of a batch
 * @typeParam Output - one result
 * @typeParam Model - result of `loadModel` and argument of `runInference`; it never leaves its process
 *
 * @example
 * ```ts
 * class LexiconModelHandler extends ModelHandler<string, Sentiment, Lexicon> {
 *   override async loadModel(): Promise<Lexicon> {
 *     const json = await readFile(new URL('lexicon.json', import.meta.url), 'utf8');
 *     return new Map(Object.entries(JSON.parse(json) as Record<string, number>));
 *   }
 *
 *   override runInference(batch: readonly string[], lexicon: Lexicon, args: InferenceArgs = {}): readonly Sentiment[] {
 *     const neutralBelow = Number(args['neutralBelow'] ?? 0.5);
 *     return batch.map((text) => {
 *       const words = text.toLowerCase().match(/[a-z']+/g);
 *       if (!words) throw new RangeError('a review must have words: got none');
 *       const score = words.reduce((sum, word) => sum + (lexicon.get(word) ?? 0), 0);
 *       if (Math.abs(score) < neutralBelow) return { score, sentiment: 'neutral' };
 *       return { score, sentiment: score > 0 ? 'positive' : 'negative' };
 *     });
 *   }
 * }
 * ```
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
    const { measuresLength, lengthBuckets: defaultBoundaries, padsElements: padsWeight } = this;
    this.batching = resolveBatching(options, { measuresLength, defaultBoundaries, padsWeight });
    this.modelCopies = checkedCopies(options);
  }

  /** True if it measures the length of an element, for `batchBucketBoundaries`, when `batchLengthFn` is not set. */
  protected get measuresLength(): boolean {
    return false;
  }

  /** Default of `batchBucketBoundaries`, if it measures lengths itself. */
  protected get lengthBuckets(): readonly number[] | undefined {
    return undefined;
  }

  /** True if `maxBatchWeight` counts padding: each element of a batch weighs as much as the heaviest. */
  protected get padsElements(): boolean {
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

  /** Where the model runs. The base classes set it; a handler of your own inherits it. @default 'local' */
  get kind(): ModelHandlerKind {
    return 'local';
  }

  /**
   * Files that `loadModel` reads. The engine brings them to each model host before the model loads, and with
   * `refreshSecs` loads a new version of them; `loadModel` finds them at `await this.modelFiles.localPath()`.
   *
   * @default the handler finds its model itself, and there are no versions of it
   */
  get modelFiles(): ModelFiles | undefined {
    return undefined;
  }

  /**
   * True if each copy of the model runs on a GPU, so that `modelCopies` is by default the number of GPUs. A model host
   * has the number of its copy's GPU in the environment variable `FABRIC_GPU`. @default false
   */
  get usesGpu(): boolean {
    return false;
  }

  /**
   * Runs packed batches: the worker packs elements with {@link collate}, and tensors cross to the model host. It needs
   * `collate`. @default elements cross to the model host as values, for `runInference`
   */
  get tensorRunner(): TensorRunner<Model> | undefined {
    return undefined;
  }

  /** Name and options of a built-in handler. @default a model host imports the config module and finds the handler there */
  get builtIn(): BuiltInHandler | undefined {
    return undefined;
  }

  /**
   * Packs the elements of a batch into tensors, one for each of the model's inputs. Elements share a batch only if they
   * have the same shapes, or `padding` joins them. @default elements are not packed
   */
  collate?(batch: readonly Input[], inputs: readonly TensorMetadata[]): NamedTensors;

  /**
   * Opens, in a worker, what translates elements for a loaded model: a tokenizer, for example. It needs `tensorRunner`,
   * and a `loadReport` that names its files. Elements are then prepared one by one, padded to the longest of their
   * batch, and batched by length.
   *
   * @default elements are packed by `collate`, or cross to the model host as values
   */
  openElementCodec?(model: CodecSource): Promise<ElementCodec>;

  /** Returns notes about a loaded model, in its host. @default no notes */
  loadReport?(model: Model): LoadReport;

  /**
   * Fields of an element that are the model's inputs. Then an element becomes `{ inputName: value }` after the
   * preprocess functions, before it is packed or sent to the model. @default elements are the model's own
   */
  get declaredInputs(): DeclaredInputs | undefined {
    return undefined;
  }

  /** True if it reads only the fields of an element that are its model's inputs. @default false */
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

  /** Returns the element's batch key: only elements with the same key share a batch. @default all elements can */
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

  /** Called once after the config is loaded, with its URL. Relative paths in the options are relative to its folder. */
  resolvePaths(base: URL): void {
    this.modelFiles?.resolve(base);
  }

  /** Returns a handler that runs `preprocess` on each element first; of several, the last added runs first. */
  withPreprocessFn<From>(preprocess: ElementFunction<From, Input>): ModelHandler<From, Output> {
    return new HandlerWithFunctions<From, Output>(this as ModelHandler, {
      preprocess: preprocess as ElementFunction<unknown, unknown>,
    });
  }

  /** Returns a handler that runs `postprocess` on each result; of several, the first added runs first. */
  withPostprocessFn<To>(postprocess: ElementFunction<Output, To>): ModelHandler<Input, To> {
    return new HandlerWithFunctions<Input, To>(this as ModelHandler, {
      postprocess: postprocess as ElementFunction<unknown, unknown>,
    });
  }
}

interface AddedFunctions {
  readonly preprocess?: ElementFunction<unknown, unknown>;
  readonly postprocess?: ElementFunction<unknown, unknown>;
}

/** A handler with one more function around it; {@link unwrapHandler} removes the layers. */
class HandlerWithFunctions<Input, Output> extends ModelHandler<Input, Output> {
  readonly inner: ModelHandler;
  readonly added: AddedFunctions;

  constructor(inner: ModelHandler, added: AddedFunctions) {
    super({});
    this.inner = inner;
    this.added = added;
  }

  override get kind(): ModelHandlerKind {
    return this.inner.kind;
  }

  override get modelFiles(): ModelFiles | undefined {
    return this.inner.modelFiles;
  }

  override get usesGpu(): boolean {
    return this.inner.usesGpu;
  }

  override get idField(): string | undefined {
    return this.inner.idField;
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

/** The handler that holds the model, and the functions around it in the order in which they run. */
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
