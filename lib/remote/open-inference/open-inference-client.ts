import { randomUUID } from 'node:crypto';
import { isRecord } from '../../models/collate.ts';
import { layOutInputs } from '../../models/input-layout.ts';
import type { NamedTensors, TensorMetadata } from '../../models/tensor.ts';
import { EndpointError } from '../endpoint/endpoint-error.ts';
import type { HttpAnswer, HttpClient } from '../http/http-client.ts';
import { encodeInferRequest, type EncodedRequest, type Parameters } from './infer-request.ts';
import { decodeInferResponse } from './infer-response.ts';
import { type ModelMetadata, readModelMetadata, readTakesBinary } from './model-metadata.ts';

export interface OpenInferenceClientOptions {
  readonly http: HttpClient;
  readonly modelName: string;
  readonly modelVersion?: string | undefined;
  /** Used instead of those that the server declares. */
  readonly inputs?: readonly TensorMetadata[] | undefined;
  readonly outputNames?: readonly string[] | undefined;
  /** @default where the server says that it takes them */
  readonly binary?: boolean | undefined;
}

/** A model as its server describes it. */
export interface ServedModel {
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
  readonly bf16: ReadonlySet<string>;
  /** The versions that the server names. */
  readonly versions: readonly string[];
  /** Whether tensors go and come as raw bytes. */
  readonly binary: boolean;
}

/** A request that is packed, and how many rows its outputs must have. */
export interface PackedRequest extends EncodedRequest {
  readonly id: string;
  readonly rows: number;
}

interface Signalled {
  readonly signal: AbortSignal;
}

/** One model of a server of the Open Inference Protocol v2, over REST. */
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

  /** What the model is, asked once. @throws EndpointError where the server can't say, or the model is not ready. */
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
        `declares no inputs: say in 'inputs' what the model takes, [{ name: 'features', datatype: 'FP32', shape: [-1, 4] }] for one`,
      );
    }
    if (inputs.every(({ shape }) => shape.length === 0)) {
      throw this.#unusable("declares no input with a batch dimension: say in 'inputs' what the model takes");
    }
    const laidOut = this.#layOut(inputs);
    const binary = this.#options.binary ?? (await this.#takesBinary(signal));
    await this.#checkReady(signal);
    const { outputTensors: outputs, bf16, versions } = metadata;
    return { inputs: laidOut, outputs, bf16, versions, binary };
  }

  /** The inputs with their part in a batch. */
  #layOut(inputs: readonly TensorMetadata[]): readonly TensorMetadata[] {
    const advice = "say in 'inputs' what the model takes, with 'isForAll: true' for one that is not batched";
    try {
      return layOutInputs(inputs, [], { batchDimension: undefined, advice }).inputs;
    } catch (error) {
      throw this.#unusable(`declares inputs that disagree about the batch: ${(error as Error).message}`);
    }
  }

  #checkOutputs({ outputs }: ModelMetadata): void {
    const { outputNames = [] } = this.#options;
    const unknown = outputNames.find((name) => !outputs.includes(name));
    // A server may know more than it declares, where it declares nothing.
    if (unknown === undefined || outputs.length === 0) return;
    throw this.#unusable(`has no output '${unknown}', which is in 'outputNames': it declares [${outputs.join(', ')}]`);
  }

  #unusable(problem: string): EndpointError {
    const text = `${this.#options.http.endpoint} ${problem}`;
    return new EndpointError(text, { name: 'EndpointModelError', disposition: 'fatal' });
  }

  async #takesBinary(signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#options.http.get('v2', { signal, read: ({ json }) => readTakesBinary(json()) });
    } catch (error) {
      // A gateway may let through what is below the models only.
      if (error instanceof EndpointError && error.name === 'EndpointModelError') return false;
      throw error;
    }
  }

  async #checkReady(signal: AbortSignal): Promise<void> {
    const isReady = await this.#options.http
      .get(`${this.#path}/ready`, { signal, read: saysReady })
      .catch((error: unknown) => {
        // Triton's way to say no.
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

  /** @throws ElementMismatchError for an element that can't be said to this server. */
  pack(tensors: NamedTensors, rows: number, model: ServedModel, parameters: Parameters): PackedRequest {
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

/** The protocol's text has a body that says so; its OpenAPI file, and Triton, have none. */
function saysReady({ text }: HttpAnswer): boolean {
  try {
    const body: unknown = JSON.parse(text());
    return !isRecord(body) || (body['ready'] ?? body['live']) !== false;
  } catch {
    return true;
  }
}
