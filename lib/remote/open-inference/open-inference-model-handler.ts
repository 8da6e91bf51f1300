import { collate, ElementMismatchError, type Padding, PADDING_FIELDS } from '../../models/collate.ts';
import type { DeclaredInputs } from '../../models/declared-inputs.ts';
import { InputMismatchError } from '../../models/element-shape.ts';
import { checkTensorLimit, type TensorLimit } from '../../models/tensor-limit.ts';
import { checkMissing, type Missing } from '../../models/missing-values.ts';
import { feedArgs } from '../../models/feed-args.ts';
import { filled } from '../../models/filled-batch.ts';
import { type OnnxInput, type OnnxOutput } from '../../models/onnx-model-handler.ts';
import { fixedBatchSize } from '../../models/onnx-session.ts';
import { checkFieldNames, type OptionNames } from '../../models/option-names.ts';
import type { NamedTensors, TensorMetadata } from '../../models/tensor.ts';
import { rowOf } from '../../models/tensor-rows.ts';
import { checkAddress, checkHeaders, HttpClient, shownAddress } from '../http/http-client.ts';
import { plainHttpWarnings } from '../http/plain-http.ts';
import {
  type EndpointInfo,
  REMOTE_OPTIONS,
  RemoteModelHandler,
  type RemoteModelHandlerOptions,
  type RequestOptions,
} from '../remote-model-handler.ts';
import type { SecretReference } from '../secrets/secret-reference.ts';
import { checkSecretReference, readSecret } from '../secrets/secrets.ts';
import { OpenInferenceClient, type PackedRequest, type PackOptions } from './open-inference-client.ts';
import { splitArgs } from './request-args.ts';
import { type SplitInputs, splitInputs } from './split-inputs.ts';

/** Options of an `OpenInferenceModelHandler`. */
export interface OpenInferenceModelHandlerOptions<Input = OnnxInput>
  extends RemoteModelHandlerOptions<Input>, TensorLimit {
  /** The server's address, before `/v2/models/…`. Its query, if any, is sent with every request. */
  readonly endpoint: string;
  readonly modelName: string;
  /** @default the server's choice */
  readonly modelVersion?: string;
  /** Outputs in the results. @default the server's default outputs */
  readonly outputNames?: readonly string[];
  /**
   * Fields of elements that are the model's inputs, as for an OnnxModelHandler: `{ x: ['age', 'income'], mask: 'meta.mask' }`.
   * For a model with one input, the field or the list alone.
   *
   * The earlier form, a list of objects with `name`, `datatype` and `shape`, means `inputTensors`.
   * @default the names of the model's inputs
   */
  readonly inputs?: DeclaredInputs | readonly TensorMetadata[];
  /**
   * Inputs of the model, for a server that declares none: `[{ name: 'features', datatype: 'FP32', shape: [-1, 4] }]`.
   * Dimension 0 is the batch, -1 if it is free. @default those that the server declares
   */
  readonly inputTensors?: readonly TensorMetadata[];
  /**
   * Sends and receives tensors as raw bytes, not as JSON. They are exact and smaller, and can contain NaN and infinities.
   * @default true if the server reports the extension `binary_tensor_data`
   */
  readonly binary?: boolean;
  /** Headers of every request. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** Headers whose values are secrets. @default none */
  readonly secretHeaders?: Readonly<Record<string, SecretReference>>;
  /** Token that is sent as `Authorization: Bearer …`. @default none */
  readonly bearerToken?: SecretReference;
  /** Joins elements of different lengths in one batch. @default elements share a batch only with their own shape */
  readonly padding?: Padding;
  /**
   * Rule for reading null, an absent field, empty text and the words NaN, NA, N/A and null: `nan` reads NaN for float
   * inputs, and `''` instead of null for string inputs; `fail` fails the element. With `nan`, functions may compute
   * NaN, too.
   * @default 'fail', except that the text `NaN` is NaN for float inputs
   */
  readonly missing?: Missing;
}

export const OPEN_INFERENCE_OPTIONS = {
  ...REMOTE_OPTIONS,
  endpoint: true,
  modelName: true,
  modelVersion: true,
  outputNames: true,
  inputs: true,
  inputTensors: true,
  maxElementTensorBytes: true,
  missing: true,
  binary: true,
  headers: true,
  secretHeaders: true,
  bearerToken: true,
  padding: true,
} as const satisfies Record<keyof OpenInferenceModelHandlerOptions, true>;

/**
 * Calls a server of the Open Inference Protocol v2 over REST: Triton, KServe, MLServer, OpenVINO and others. Types and
 * shapes come from the server's metadata; elements and results are those of an OnnxModelHandler. An argument of
 * `inferenceArgs` that has the name of an input feeds it; the others are the request's `parameters`.
 *
 * JSON has no NaN: it is sent and received as `null`. The protocol has no JSON form for FP16; its values are sent as numbers.
 *
 * A subclass may override `collate`, which packs a batch's elements into tensors, or `request`.
 */
export class OpenInferenceModelHandler<Input = OnnxInput, Output = OnnxOutput> extends RemoteModelHandler<
  Input,
  Output,
  OpenInferenceClient
> {
  static override readonly optionNames: OptionNames = OPEN_INFERENCE_OPTIONS;
  declare readonly options: OpenInferenceModelHandlerOptions<Input>;
  readonly #inputs: SplitInputs;

  /** @throws RangeError, TypeError where an option breaks its rule. */
  constructor(options: OpenInferenceModelHandlerOptions<Input>) {
    super(options);
    const { endpoint, modelName, headers = {}, padding } = options;
    const name = this.constructor.name;
    checkAddress(endpoint, name);
    checkMissing(options.missing, name);
    checkTensorLimit(options, name);
    if (typeof modelName !== 'string' || modelName === '') {
      throw new TypeError(`Cannot create ${name} as 'modelName' must be a model's name: current value is ${modelName}`);
    }
    checkHeaders(headers, name);
    for (const [option, reference] of this.#secrets()) checkSecretReference(reference, option, name);
    this.#inputs = splitInputs(options, name);
    checkFieldNames(padding ?? {}, PADDING_FIELDS, { handler: name, option: 'padding' });
    const axis = padding?.axis ?? 1;
    if (!Number.isInteger(axis) || axis < 1) {
      throw new RangeError(
        `Cannot create ${name} as 'padding.axis' must be an integer of at least 1, as 0 is the batch: current value is ${axis}`,
      );
    }
  }

  override get readsInputsOnly(): boolean {
    return true;
  }

  override get declaredInputs(): DeclaredInputs | undefined {
    return this.#inputs.declared;
  }

  /** True if it pads elements: the length is that of the padded axis. */
  protected override get measuresLength(): boolean {
    return this.options.padding !== undefined;
  }

  override get endpointName(): string {
    const { endpoint, modelName, modelVersion } = this.options;
    const version = modelVersion === undefined ? '' : ` (version ${modelVersion})`;
    return `model '${modelName}'${version} at ${shownAddress(endpoint)}`;
  }

  override get secretReferences(): readonly SecretReference[] {
    return this.#secrets().map(([, reference]) => reference);
  }

  override get warnings(): readonly string[] {
    return plainHttpWarnings(this.options.endpoint, this.secretReferences);
  }

  /** Returns the secrets with the option of each. */
  #secrets(): readonly (readonly [option: string, reference: SecretReference])[] {
    const { secretHeaders = {}, bearerToken } = this.options;
    const inHeaders = Object.entries(secretHeaders).map(
      ([name, reference]) => [`secretHeaders.${name}`, reference] as const,
    );
    return bearerToken === undefined ? inHeaders : [...inHeaders, ['bearerToken', bearerToken]];
  }

  override async createClient(): Promise<OpenInferenceClient> {
    const { endpoint, modelName, modelVersion, headers = {}, outputNames, binary } = this.options;
    const inputs = this.#inputs.tensors;
    const secretHeaders = await this.#readSecrets();
    const http = new HttpClient({ url: endpoint, endpoint: this.endpointName, headers, secretHeaders });
    return new OpenInferenceClient({ http, modelName, modelVersion, inputs, outputNames, binary });
  }

  async #readSecrets(): Promise<Readonly<Record<string, string>>> {
    const { secretHeaders = {}, bearerToken } = this.options;
    const headers: Record<string, string> = {};
    for (const [name, reference] of Object.entries(secretHeaders)) headers[name] = await readSecret(reference);
    if (bearerToken !== undefined) headers['authorization'] = `Bearer ${await readSecret(bearerToken)}`;
    return headers;
  }

  override async describe(client: OpenInferenceClient, options: RequestOptions): Promise<EndpointInfo> {
    const { modelName, modelVersion } = this.options;
    const { inputs, outputs, versions } = await client.model(options);
    // If there are several, the server chooses one for each request.
    const [only, ...others] = versions;
    const version = modelVersion ?? (others.length === 0 ? only : undefined);
    const digest = version === undefined ? modelName : `${modelName}:${version}`;
    return { label: version ?? modelName, digest, inputs, ...(outputs.length === 0 ? {} : { outputs }) };
  }

  /**
   * Packs elements of one batch key into one tensor per input; dimension 0 is the batch.
   *
   * @throws ElementMismatchError for the first element that does not fit; it fails alone.
   */
  override collate(batch: readonly Input[], inputs: readonly TensorMetadata[]): NamedTensors {
    return collate(batch, inputs, { ...this.options, declared: this.declaredInputs });
  }

  override async request(
    batch: readonly Input[],
    client: OpenInferenceClient,
    { signal, inferenceArgs = {} }: RequestOptions,
  ): Promise<readonly (Output | Error)[]> {
    const model = await client.model({ signal });
    const { feeds, parameters } = splitArgs(inferenceArgs, model.inputs);
    const isFed = Object.keys(feeds).length > 0;
    const elements = isFed ? batch.map((element) => feedArgs(element, feeds, model.inputs) as Input) : batch;
    const { packed, misfits } = this.#pack(elements, client, { model, parameters });
    if (packed === undefined)
      return batch.map((_, index) => misfits.get(index) ?? new InputMismatchError('no element'));
    const outputs = await client.infer(packed, { signal });
    let row = 0;
    return batch.map((_, index) => {
      const misfit = misfits.get(index);
      if (misfit !== undefined) return misfit;
      row += 1;
      return rowOf(outputs, row - 1) as Output;
    });
  }

  /** Packs the elements that fit, and returns the errors of the others by their places. */
  #pack(elements: readonly Input[], client: OpenInferenceClient, options: PackOptions): Packed {
    const { model } = options;
    const misfits = new Map<number, Error>();
    const places = elements.map((_, index) => index);
    while (places.length > 0) {
      try {
        const fitting = places.map((place) => elements[place] as Input);
        const rows = filled(fitting, fixedBatchSize(model.inputs) ?? fitting.length);
        const tensors = this.collate(rows, model.inputs);
        return { packed: client.pack(tensors, rows.length, options), misfits };
      } catch (error) {
        if (!(error instanceof ElementMismatchError)) throw error;
        // The last element is also in the rows that fill the batch.
        const [place] = places.splice(Math.min(error.index, places.length - 1), 1);
        if (place !== undefined) misfits.set(place, error);
      }
    }
    return { packed: undefined, misfits };
  }
}

interface Packed {
  readonly packed: PackedRequest | undefined;
  /** Errors of elements, by their places in the batch. */
  readonly misfits: ReadonlyMap<number, Error>;
}
