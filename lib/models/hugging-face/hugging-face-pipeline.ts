import { isS3Uri } from '../../stores/open-source.ts';
import type { DeclaredInputs } from '../declared-inputs.ts';
import { checkDeviceOptions } from '../device-session.ts';
import type { CodecSource, ElementCodec } from '../element-codec.ts';
import type { FileSelection } from '../folder-files.ts';
import type { LoadReport, TensorRunner } from '../handler-capabilities.ts';
import { ModelFiles } from '../model-files.ts';
import { ModelHandler } from '../model-handler.ts';
import { isPointer } from '../pointer-uri.ts';
import type { OptionNames } from '../option-names.ts';
import { checkDtype, selectFiles } from './folder-selection.ts';
import { type HuggingFaceModel, limitsOf, openFolder, runFolder } from './hugging-face-model.ts';
import { readSettings } from './model-settings.ts';
import { checkModel, checkTaskOptions, checkTextOptions } from './option-rules.ts';
import {
  type HuggingFaceInput,
  type HuggingFacePipelineOptions,
  type HuggingFacePrediction,
  PIPELINE_OPTIONS,
} from './pipeline-options.ts';
import type { ImageDecoder, PipelineTask, TaskOptions } from './pipeline-task.ts';
import { taskNamed } from './task-registry.ts';
import { TextTokenizer } from './text-tokenizer.ts';
import { TOKEN_BUCKETS } from './token-buckets.ts';

const TENSORS: TensorRunner<HuggingFaceModel> = {
  describeTensors: ({ onnx: { inputs } }) => ({ inputs }),
  run: runFolder,
  movesTensors: true,
};

/** A codec that a worker has opened, and the files that it was opened from. */
interface OpenedCodec {
  readonly digest: string;
  readonly codec: Promise<ElementCodec>;
}

/**
 * All of a `HuggingFacePipelineModelHandler` but the decoder of images, whose library the code of a model host would
 * have to contain: only workers need it.
 */
export class HuggingFacePipeline<const Options extends HuggingFacePipelineOptions> extends ModelHandler<
  HuggingFaceInput<Options>,
  HuggingFacePrediction<Options>,
  HuggingFaceModel
> {
  static override readonly optionNames: OptionNames = PIPELINE_OPTIONS;
  declare readonly options: HuggingFacePipelineOptions;
  readonly #modelFiles: ModelFiles;
  readonly #task: PipelineTask;
  #opened: OpenedCodec | undefined;

  /** @throws TypeError, RangeError if the task is unknown, or an option breaks its rule */
  constructor(options: Options) {
    super(options);
    this.#task = taskNamed(options.task);
    checkModel(options.model);
    checkDtype(options.dtype);
    checkTextOptions(this.#taskOptions);
    checkTaskOptions(this.#taskOptions, this.#task);
    this.#task.check(this.#taskOptions);
    checkDeviceOptions(options, options.sessionOptions?.executionProviders, 'HuggingFacePipelineModelHandler');
    const { model, dtype } = options;
    const select: FileSelection = (names, folder) => selectFiles(names, dtype, folder).names;
    this.#modelFiles = new ModelFiles(addressOf(model), { select });
  }

  /** The options as their task reads them. */
  get #taskOptions(): TaskOptions {
    return { ...this.options };
  }

  protected override get measuresLength(): boolean {
    return true;
  }

  protected override get lengthBuckets(): readonly number[] {
    return TOKEN_BUCKETS;
  }

  protected override get padsElements(): boolean {
    return true;
  }

  override get modelFiles(): ModelFiles {
    return this.#modelFiles;
  }

  override get usesGpu(): boolean {
    return this.options.device === 'GPU';
  }

  override get readsInputsOnly(): boolean {
    return true;
  }

  override get declaredInputs(): DeclaredInputs | undefined {
    return 'inputs' in this.options ? this.options.inputs : undefined;
  }

  override get tensorRunner(): TensorRunner<HuggingFaceModel> {
    return TENSORS;
  }

  /** Decodes images, in workers. */
  protected get imageDecoder(): ImageDecoder | undefined {
    return undefined;
  }

  override async loadModel(): Promise<HuggingFaceModel> {
    const { device = 'CPU', executionProviders = ['cuda'], onMissingDevice = 'fail', sessionOptions } = this.options;
    const gpu = { providers: executionProviders, onMissingDevice, gpu: Number(process.env['FABRIC_GPU'] ?? '0') };
    return openFolder(await this.#modelFiles.localPath(), {
      task: this.#task,
      options: this.#taskOptions,
      dtype: this.options.dtype,
      session: {
        gpu: device === 'GPU' ? gpu : undefined,
        maxBatchSize: this.batching.maxBatchSize,
        threads: Number(process.env['FABRIC_INTRA_OP_THREADS']) || undefined,
        sessionOptions,
      },
    });
  }

  override loadReport({ onnx: { device, warning }, codec }: HuggingFaceModel): LoadReport {
    return { codec, ...(device === undefined ? {} : { device }), ...(warning === undefined ? {} : { warning }) };
  }

  /** Opens the tokenizer of a loaded model, once for all bundles of a worker. */
  override openElementCodec(model: CodecSource): Promise<ElementCodec> {
    if (this.#opened?.digest !== model.digest) {
      const opened = { digest: model.digest, codec: this.#openCodec(model) };
      this.#opened = opened;
      opened.codec.catch(() => {
        if (this.#opened === opened) this.#opened = undefined;
      });
    }
    return this.#opened.codec;
  }

  async #openCodec({ folder, inputs }: CodecSource): Promise<ElementCodec> {
    const settings = await readSettings(folder);
    const options = this.#taskOptions;
    const task = this.#task;
    if (task.reads === 'images') {
      const { imageDecoder } = this;
      if (imageDecoder === undefined) throw new TypeError('images are decoded in workers only');
      return task.openCodec({ settings, options, inputs, imageDecoder });
    }
    const tokenizer = await TextTokenizer.open(settings);
    return task.openCodec({ settings, options, inputs, tokenizer, limits: limitsOf(settings, options) });
  }

  /** Runs elements without an engine, as one batch. Fields that `inputs` declares have been read already. */
  override async runInference(
    batch: readonly HuggingFaceInput<Options>[],
    model: HuggingFaceModel,
  ): Promise<readonly HuggingFacePrediction<Options>[]> {
    const codec = await this.openElementCodec({ ...model.codec, inputs: model.onnx.inputs });
    const prepared: unknown[] = [];
    for (const element of batch) {
      prepared.push(codec.prepare(codec.load === undefined ? element : await codec.load(element)));
    }
    const outputs = await runFolder(model, codec.collate(prepared), prepared.length);
    // The task of the options gives predictions of this type.
    return prepared.map((element, row) => codec.predictionOf(outputs, row, element) as HuggingFacePrediction<Options>);
  }
}

/** A folder in S3 ends with `/`, which is easily left out. */
function addressOf(model: string): string {
  return isS3Uri(model) && !model.endsWith('/') && !isPointer(model) ? `${model}/` : model;
}
