import type { InferenceSession } from 'onnxruntime-node';
import { ModelLoadError } from '../errors.ts';
import { batchesWithin } from './batches-within.ts';
import { collate, ElementMismatchError, type Padding, PADDING_FIELDS } from './collate.ts';
import { checkDeclaredInputs, type DeclaredInputs } from './declared-inputs.ts';
import { checkDeviceOptions, DEVICE_OPTIONS, type DeviceOptions } from './device-session.ts';
import { feedArgs } from './feed-args.ts';
import { filled } from './filled-batch.ts';
import { isFolder } from './folder-files.ts';
import { checkMissing, type Missing } from './missing-values.ts';
import { ModelFiles } from './model-files.ts';
import type { BuiltInHandler, LoadReport, TensorRunner } from './handler-capabilities.ts';
import { MODEL_HANDLER_OPTIONS, type ModelHandlerOptions } from './model-handler-options.ts';
import { type InferenceArgs, ModelHandler } from './model-handler.ts';
import { fixedBatchSize, type OnnxModel, openOnnxSession, runOnnxBatch } from './onnx-session.ts';
import { checkFieldNames, type OptionNames } from './option-names.ts';
import type { NamedTensors, TensorMetadata } from './tensor.ts';
import { checkTensorLimit, type TensorLimit } from './tensor-limit.ts';
import { rowOf } from './tensor-rows.ts';

/** An element of an ONNX model: `{ inputName: value }`, or the value alone for a model of one input. */
export type OnnxInput = unknown;
/** One row of each output: nested arrays, or a scalar where the row is one. */
export type OnnxOutput = Readonly<Record<string, unknown>>;

/** Options of an `OnnxModelHandler`. */
export interface OnnxModelHandlerOptions<Input = OnnxInput>
  extends ModelHandlerOptions<Input>, DeviceOptions, TensorLimit {
  /**
   * The model file: a path, relative to the config file, a `file:` URL, or `s3://<bucket>/<object key>`. One that ends in
   * `.json` is a pointer, which says where the model is: `{ "modelUri": "v7/model.onnx" }`.
   */
  readonly modelUri: string;
  /**
   * Fields of elements that are the model's inputs, instead of fields with the names of the inputs:
   * `{ x: ['age', 'income'], mask: 'meta.mask' }`. A list of fields makes the columns of a tensor, in its order. For a
   * model with one input, the field or the list alone.
   *
   * They are checked against the model when it loads, and in a CSV file against the header. Rows of numbers are read
   * straight into tensors, several times as fast as elements that a function gets.
   * @default the names of the model's inputs
   */
  readonly inputs?: DeclaredInputs;
  /** The outputs that results have. @default all of the model's */
  readonly outputNames?: readonly string[];
  /**
   * `false`: the model has no batch dimension. Each element runs by itself, its values have all dimensions of the
   * inputs, and the whole outputs are its result. `true`: dimension 0 of all inputs and outputs is the batch, whatever
   * their names.
   * @default found in the model's metadata
   */
  readonly batchDimension?: boolean;
  /** Joins elements of different lengths in one batch. @default elements share a batch only with their own shape */
  readonly padding?: Padding;
  /**
   * Rule for reading null, an absent field, empty text and the words NaN, NA, N/A and null: `nan` reads NaN for float
   * inputs, and `''` instead of null for string inputs; `fail` fails the element. With `nan`, functions may compute
   * NaN, too.
   * @default 'fail', except that the text `NaN` is NaN for float inputs
   */
  readonly missing?: Missing;
  /** Passed to onnxruntime as they are. @default none */
  readonly sessionOptions?: InferenceSession.SessionOptions;
}

export const ONNX_OPTIONS = {
  ...MODEL_HANDLER_OPTIONS,
  ...DEVICE_OPTIONS,
  modelUri: true,
  outputNames: true,
  batchDimension: true,
  inputs: true,
  maxElementTensorBytes: true,
  missing: true,
  padding: true,
  sessionOptions: true,
} as const satisfies Record<keyof OnnxModelHandlerOptions, true>;

const TENSORS: TensorRunner<OnnxModel> = {
  describeTensors: ({ inputs, outputs }) => ({ inputs, outputs }),
  run: runOnnxBatch,
};

/**
 * Runs an ONNX model with onnxruntime. Types and shapes come from the model's metadata; dimension 0 is the batch.
 *
 * A subclass may override `collate`, which packs a batch's elements into tensors in the worker, or `runInference`,
 * which then gets the elements themselves in the model host and may call `super.runInference`.
 *
 * @example
 * ```ts
 * const model = new OnnxModelHandler<unknown, { readonly label: number }>({
 *   modelUri: '../models/wine.onnx', // relative to this file
 *   inputs: 'features',
 * });
 * const handler = model.withPostprocessFn(({ label }) => ({ cultivar: label }));
 * ```
 */
export class OnnxModelHandler<Input = OnnxInput, Output = OnnxOutput> extends ModelHandler<Input, Output, OnnxModel> {
  static override readonly optionNames: OptionNames = ONNX_OPTIONS;
  declare readonly options: OnnxModelHandlerOptions<Input>;
  readonly #modelFiles: ModelFiles;

  constructor(options: OnnxModelHandlerOptions<Input>) {
    super(options);
    if (typeof options.modelUri !== 'string' || options.modelUri === '') {
      throw new TypeError(
        `Cannot create OnnxModelHandler as 'modelUri' must be a path, a file: URL or an s3:// URI: current value is ${options.modelUri}`,
      );
    }
    const fetchesItself = this.localPath !== OnnxModelHandler.prototype.localPath;
    this.#modelFiles = new ModelFiles(options.modelUri, fetchesItself ? { localPath: () => this.localPath() } : {});
    checkMissing(options.missing, 'OnnxModelHandler');
    checkDeclaredInputs(options.inputs, 'OnnxModelHandler');
    checkTensorLimit(options, 'OnnxModelHandler');
    checkDeviceOptions(options, options.sessionOptions?.executionProviders);
    checkFieldNames(options.padding ?? {}, PADDING_FIELDS, { handler: 'OnnxModelHandler', option: 'padding' });
    checkBatchDimension(options);
    const axis = options.padding?.axis ?? 1;
    if (!Number.isInteger(axis) || axis < 1) {
      throw new RangeError(
        `Cannot create OnnxModelHandler as 'padding.axis' must be an integer of at least 1, as 0 is the batch: current value is ${axis}`,
      );
    }
  }

  override get readsInputsOnly(): boolean {
    return this.runInference === OnnxModelHandler.prototype.runInference;
  }

  override get declaredInputs(): DeclaredInputs | undefined {
    return this.options.inputs;
  }

  /** True if it pads elements and packs them before they leave the worker: the length is that of the padded axis. */
  protected override get measuresLength(): boolean {
    return this.options.padding !== undefined && this.runInference === OnnxModelHandler.prototype.runInference;
  }

  override get modelFiles(): ModelFiles {
    return this.#modelFiles;
  }

  override get usesGpu(): boolean {
    return this.options.device === 'GPU';
  }

  /** Tensors cross to the host, unless a subclass runs inference itself: then it gets the elements. */
  override get tensorRunner(): TensorRunner<OnnxModel> | undefined {
    if (!this.readsInputsOnly) return undefined;
    const packsItself = this.collate === OnnxModelHandler.prototype.collate;
    return { ...TENSORS, movesTensors: packsItself, packsNumbers: packsItself };
  }

  /** A subclass has code that is only in the config module. */
  override get builtIn(): BuiltInHandler | undefined {
    if (Object.getPrototypeOf(this) !== OnnxModelHandler.prototype) return undefined;
    const options = { ...this.options, probe: undefined, modelUri: this.modelPath };
    const plain = Object.entries(options).filter(([, value]) => typeof value !== 'function' && value !== undefined);
    return { name: 'onnx', options: Object.fromEntries(plain) };
  }

  /** Path of the model file, absolute once the config is loaded, or its `s3://` URI. */
  get modelPath(): string {
    return this.#modelFiles.uri;
  }

  /**
   * Returns the path of the model on this machine; a model in S3 is fetched first. A subclass may fetch its model itself.
   *
   * @throws ModelLoadError if it can't be fetched.
   */
  localPath(): Promise<string> {
    return this.#modelFiles.localPath();
  }

  override async loadModel(): Promise<OnnxModel> {
    const { device = 'CPU', executionProviders = ['cuda'], onMissingDevice = 'fail' } = this.options;
    const { outputNames, batchDimension, sessionOptions } = this.options;
    const { maxBatchSize } = this.batching;
    const threads = Number(process.env['FABRIC_INTRA_OP_THREADS']) || undefined;
    const gpu = Number(process.env['FABRIC_GPU'] ?? '0');
    const wanted = device === 'GPU' ? { providers: executionProviders, onMissingDevice, gpu } : undefined;
    const path = await this.localPath();
    if (await isFolder(path).catch(() => false)) {
      throw new ModelLoadError(`${this.modelPath} is a folder: 'modelUri' must name the model file in it`);
    }
    const shapes = { outputNames, batchDimension, maxBatchSize };
    return openOnnxSession({ path, gpu: wanted, ...shapes, sessionOptions, threads });
  }

  override loadReport(model: OnnxModel): LoadReport {
    // A subclass may load a model of another kind.
    const { device, warning }: Partial<OnnxModel> = model ?? {};
    return { ...(device === undefined ? {} : { device }), ...(warning === undefined ? {} : { warning }) };
  }

  /**
   * Packs elements of one batch key into one tensor an input, dimension 0 being the batch.
   *
   * @throws ElementMismatchError for the first element that does not fit; it fails alone.
   */
  override collate(batch: readonly Input[], inputs: readonly TensorMetadata[]): NamedTensors {
    const { maxElementTensorBytes, padding, missing, inputs: declared } = this.options;
    const limit = maxElementTensorBytes === undefined ? {} : { maxElementTensorBytes };
    return collate(batch, inputs, { padding, missing, declared, ...limit, endsTextAtNul: true });
  }

  /** Arguments are for inputs that elements do not have; of others a subclass may make what it likes. */
  override async runInference(
    batch: readonly Input[],
    model: OnnxModel,
    inferenceArgs?: InferenceArgs,
  ): Promise<readonly Output[]> {
    const fed =
      inferenceArgs === undefined
        ? batch
        : batch.map((element) => feedArgs(element, inferenceArgs, model.inputs) as Input);
    const fixedSize = fixedBatchSize(model.inputs);
    const results: Output[] = [];
    for (const places of batchesWithin(fed, { inputs: model.inputs, missing: this.options.missing })) {
      const own = places.map((place) => fed[place] as Input);
      const size = fixedSize ?? own.length;
      const outputs = await runOnnxBatch(model, this.#collateAt(places, filled(own, size), model.inputs), size);
      places.forEach((place, index) => {
        results[place] = rowOf(outputs, index) as Output;
      });
    }
    return results;
  }

  /** Packs the elements at these places of a larger batch. @throws ElementMismatchError with the place in that batch */
  #collateAt(places: readonly number[], own: readonly Input[], inputs: readonly TensorMetadata[]): NamedTensors {
    try {
      return this.collate(own, inputs);
    } catch (error) {
      if (!(error instanceof ElementMismatchError)) throw error;
      // The last element is also in the rows that fill the batch.
      const place = places[Math.min(error.index, places.length - 1)] ?? error.index;
      throw place === error.index ? error : new ElementMismatchError(place, error.message);
    }
  }
}

function checkBatchDimension({ batchDimension, padding }: OnnxModelHandlerOptions<never>): void {
  if (batchDimension !== undefined && typeof batchDimension !== 'boolean') {
    throw new TypeError(
      `Cannot create OnnxModelHandler as 'batchDimension' must be true or false: current value is ${String(batchDimension)}`,
    );
  }
  if (batchDimension !== false || padding === undefined) return;
  throw new TypeError("Cannot create OnnxModelHandler as 'padding' must be left out with 'batchDimension: false'");
}
