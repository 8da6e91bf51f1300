import { randomUUID } from 'node:crypto';
import { isRecord } from '../../models/element-shape.ts';
import { layOutInputs } from '../../models/input-layout.ts';
import type { NamedTensors, TensorMetadata } from '../../models/tensor.ts';
import { EndpointError } from '../endpoint/endpoint-error.ts';
import type { HttpAnswer, HttpClient } from '../http/http-client.ts';
import { encodeInferRequest, type EncodedRequest, type Parameters } from './infer-request.ts';
import { decodeInferResponse } from './infer-response.ts';
import { type ModelMetadata, readModelMetadata, readAcceptsBinary } from './model-metadata.ts';

export interface OpenInferenceClientOptions {
  readonly http: HttpClient;
  readonly modelName: string;
  readonly modelVersion?: string | undefined;
  /** Inputs to use instead of those that the server declares. */
  readonly inputs?: readonly TensorMetadata[] | undefined;
  readonly outputNames?: readonly string[] | undefined;
  /** @default true if the server accepts binary tensors */
  readonly binary?: boolean | undefined;
}

/** A model, as described by its server. */
export interface ServedModel {
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
  readonly bf16: ReadonlySet<string>;
  /** Versions that the server reports. */
  readonly versions: readonly string[];
  /** True if tensors are sent and received as raw bytes. */
  readonly binary: boolean;
}

/** A packed request, and the number of rows that its outputs must have. */
export interface PackedRequest extends EncodedRequest {
  readonly id: string;
  readonly rows: number;
}

export interface PackOptions {
  readonly model: ServedModel;
  readonly parameters: Parameters;
}

interface Signalled {
  readonly signal: AbortSignal;
}

/** Client of one model of an Open Inference Protocol v2 server, over REST. */
export class OpenInferenceClient {
  readonly #options: OpenInferenceClientOptions;
  readonly #path: string;
  #model: ServedModel | undefined;

  constructor(options: OpenInferenceClientOptions) {
    this.#options = options;
    const { modelName, modelVersion } = options;
    const version = modelVersion === undefined ? '' : `/versions/${encodeURIComponent(modelVersion)}`;
    this.#path = `v2/models/${encodeURIComponent(modelName)}${version}`;
  }

  /** Returns the model's description, which is requested once. @throws EndpointError, also if the model is not ready */
  async model({ signal }: Signalled): Promise<ServedModel> {
    this.#model ??= await this.#describe(signal);
    return this.#model;
  }

  async #describe(signal: AbortSignal): Promise<ServedModel> {
    const { http } = this.#options;
    const metadata = await http.get(this.#path, { signal, read: ({ json }) => readModelMetadata(json()) });
    this.#checkOutputs(metadata);
    const inputs = this.#options.inputs ?? metadata.inputs;
    if (inputs === undefined) {
      throw this.#unusable(
        `declares no inputs: declare them in 'inputTensors', such as [{ name: 'features', datatype: 'FP32', shape: [-1, 4] }]`,
      );
    }
    if (inputs.every(({ shape }) => shape.length === 0)) {
      throw this.#unusable("declares no input with a batch dimension: declare the model's inputs in 'inputTensors'");
    }
    const laidOut = this.#layOut(inputs);
    const binary = this.#options.binary ?? (await this.#acceptsBinary(signal));
    await this.#checkReady(signal);
    const { outputTensors: outputs, bf16, versions } = metadata;
    return { inputs: laidOut, outputs, bf16, versions, binary };
  }

  /** Returns the inputs with their part in a batch. */
  #layOut(inputs: readonly TensorMetadata[]): readonly TensorMetadata[] {
    const advice = "declare the model's inputs in 'inputTensors', with 'isForAll: true' for one that is not batched";
    try {
      return layOutInputs(inputs, [], { batchDimension: undefined, advice }).inputs;
    } catch (error) {
      throw this.#unusable(`declares inputs that disagree about the batch: ${(error as Error).message}`);
    }
  }

  #checkOutputs({ outputs }: ModelMetadata): void {
    const { outputNames = [] } = this.#options;
    const unknown = outputNames.find((name) => !outputs.includes(name));
    // A server that declares no outputs may still have them.
    if (unknown === undefined || outputs.length === 0) return;
    throw this.#unusable(`has no output '${unknown}', which is in 'outputNames': it declares [${outputs.join(', ')}]`);
  }

  #unusable(problem: string): EndpointError {
    const text = `${this.#options.http.endpoint} ${problem}`;
    return new EndpointError(text, { name: 'EndpointModelError', disposition: 'fatal' });
  }

  async #acceptsBinary(signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#options.http.get('v2', { signal, read: ({ json }) => readAcceptsBinary(json()) });
    } catch (error) {
      // A gateway may forward only the paths of models.
      if (error instanceof EndpointError && error.name === 'EndpointModelError') return false;
      throw error;
    }
  }

  async #checkReady(signal: AbortSignal): Promise<void> {
    const isReady = await this.#options.http
      .get(`${this.#path}/ready`, { signal, read: isReadyAnswer })
      .catch((error: unknown) => {
        // The answer of Triton for a model that is not ready.
        if (error instanceof EndpointError && error.status === 400) return false;
        throw error;
      });
    if (isReady) return;
    throw new EndpointError(
      `${this.#options.http.endpoint} is not ready: its model is not loaded yet, or failed to load`,
      {
        name: 'EndpointServerError',
        disposition: 'retry',
      },
    );
  }

  /** Packs tensors of `rows` rows into a request. @throws ElementMismatchError for an element that the server can't receive */
  pack(tensors: NamedTensors, rows: number, { model, parameters }: PackOptions): PackedRequest {
    const id = randomUUID();
    const { bf16, binary } = model;
    const { outputNames } = this.#options;
    return { ...encodeInferRequest({ id, tensors, bf16, outputNames, parameters, binary }), id, rows };
  }

  /** @throws EndpointError */
  infer({ body, headers, id, rows }: PackedRequest, { signal }: Signalled): Promise<NamedTensors> {
    const { http, outputNames } = this.#options;
    const read = (answer: HttpAnswer): NamedTensors => decodeInferResponse(answer, { id, rows, outputNames });
    return http.post(`${this.#path}/infer`, body, { signal, headers, read });
  }
}

/** Checks the answer to a readiness request. Its body contains the state in the protocol's text; Triton sends no body. */
function isReadyAnswer({ text }: HttpAnswer): boolean {
  try {
    const body: unknown = JSON.parse(text());
    return !isRecord(body) || (body['ready'] ?? body['live']) !== false;
  } catch {
    return true;
  }
}
