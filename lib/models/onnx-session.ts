import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { ModelLoadError } from '../errors.ts';
import { batchLayout, type OutputFacts } from './batch-layout.ts';
import { type DeviceUse, openOnGpu } from './device-session.ts';
import { InputMismatchError } from './element-shape.ts';
import type { GpuProvider } from './missing-provider.ts';
import { readOnnxGraph } from './onnx-graph.ts';
import { DATATYPES, describeUnknownType, inputMetadata, outputMetadata } from './onnx-metadata.ts';
import { askLoader } from './provider-library.ts';
import {
  isFree,
  isForAll,
  type NamedTensors,
  type OutputMetadata,
  type Tensor,
  type TensorMetadata,
} from './tensor.ts';
import { firstRow, rowsOf } from './tensor-rows.ts';
import { outputFacts } from './value-sizes.ts';

/** A loaded ONNX model: its session, and what its metadata says of the tensors that go in and come out. */
export interface OnnxModel {
  readonly session: InferenceSession;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly OutputMetadata[];
  /** Shapes of elements for which its unproven outputs have confirmed that dimension 0 is the batch. */
  readonly proven: Set<string>;
  /** Message for the user about how the model takes batches. */
  readonly warning?: string;
  /** Where it computes; absent where nothing was said of that, and it is the CPU. */
  readonly device?: DeviceUse;
}

export interface OnnxSessionOptions {
  readonly path: string;
  /** The execution providers that are wanted, and the number of the GPU. */
  readonly gpu:
    | { readonly providers: readonly GpuProvider[]; readonly onMissingDevice: 'fail' | 'cpu'; readonly gpu: number }
    | undefined;
  readonly outputNames: readonly string[] | undefined;
  readonly maxBatchSize: number;
  readonly batchDimension: boolean | undefined;
  readonly threads: number | undefined;
  readonly sessionOptions: InferenceSession.SessionOptions | undefined;
}

const ORT_TYPES = new Map(Object.entries(DATATYPES).map(([type, datatype]) => [datatype, type]));

/** Maximum number of shapes to remember: the number of different shapes of elements has no limit. */
const MAX_PROVEN_SHAPES = 10_000;

/** Spinning threads take the cores that the other hosts and the workers need (measured: 20 to 35 % of throughput). */
const WITHOUT_SPINNING = { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } };

/** @throws ModelLoadError where the file is missing or corrupt, or has inputs or outputs that can't be batched. */
export async function openOnnxSession(options: OnnxSessionOptions): Promise<OnnxModel> {
  let session: InferenceSession;
  let device: DeviceUse | undefined;
  try {
    ({ session, device } = await openSession(options));
  } catch (error) {
    const where = options.gpu === undefined ? '' : " on device 'GPU'";
    const reason = describeUnknownType(options.path) ?? (error as Error).message;
    throw new ModelLoadError(`${options.path} can't be loaded${where}: ${reason}`, { cause: error });
  }
  try {
    const { outputNames, maxBatchSize, batchDimension } = options;
    const layout = batchLayout(inputMetadata(session), outputMetadata(session, outputNames), {
      maxBatchSize,
      batchDimension,
      facts: factsOnce(options.path),
    });
    return { session, ...layout, proven: new Set(), ...(device === undefined ? {} : { device }) };
  } catch (error) {
    throw new ModelLoadError(`${options.path} can't be run: ${(error as Error).message}`, { cause: error });
  }
}

async function openSession({ path, gpu, threads, sessionOptions }: OnnxSessionOptions): Promise<{
  readonly session: InferenceSession;
  readonly device: DeviceUse | undefined;
}> {
  const { InferenceSession, listSupportedBackends } = await import('onnxruntime-node');
  const create = (executionProviders: readonly InferenceSession.ExecutionProviderConfig[]): Promise<InferenceSession> =>
    InferenceSession.create(path, {
      executionProviders,
      ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
      logSeverityLevel: 3,
      ...sessionOptions,
      extra: { ...WITHOUT_SPINNING, ...sessionOptions?.extra },
    });
  if (gpu === undefined) {
    const own = sessionOptions?.executionProviders;
    const device = own && { providers: own.map((one) => (typeof one === 'string' ? one : one.name)), missing: [] };
    return { session: await create(['cpu']), device };
  }
  const { session, use } = await openOnGpu({
    providers: gpu.providers,
    onMissingDevice: gpu.onMissingDevice,
    supported: listSupportedBackends().map(({ name }) => name),
    create: (providers) => create(providers.map((name) => onDevice(name, gpu.gpu))),
    askLoader,
  });
  return { session, device: use };
}

/** Returns a provider with its options. onnxruntime-node 1.30 reads only `deviceId`, and only for these providers. */
function onDevice(name: string, deviceId: number): InferenceSession.ExecutionProviderConfig {
  return name === 'cuda' || name === 'tensorrt' ? { name, deviceId } : name;
}

/** Reads the graph of a model at most once, when the metadata of its outputs is not sufficient. */
function factsOnce(path: string): () => OutputFacts | undefined {
  let facts: { readonly read: OutputFacts | undefined } | undefined;
  return () => {
    if (facts === undefined) {
      const graph = readOnnxGraph(path);
      facts = { read: graph === undefined ? undefined : outputFacts(graph) };
    }
    return facts.read;
  };
}

/**
 * Returns the size at which the model fixes its batches; undefined if dimension 0 is free, one if no input has a batch.
 */
export function fixedBatchSize(inputs: readonly TensorMetadata[]): number | undefined {
  const batched = inputs.filter((input) => !isForAll(input));
  if (batched.length === 0 && inputs.length > 0) return 1;
  for (const { shape } of batched) {
    const [batch] = shape;
    if (batch !== undefined && !isFree(batch)) return Number(batch);
  }
  return undefined;
}

/**
 * The same bytes as 16-bit integers. onnxruntime-node 1.30 reads a feed's `cpuData` by Node-API, which knows nothing of
 * Float16Array in Node 24 and says that it has no bytes.
 */
function halvesOf({ buffer, byteOffset, length }: Float16Array): Uint16Array {
  return new Uint16Array(buffer, byteOffset, length);
}

/**
 * Refuses text that would be cut: onnxruntime-node ends strings at U+0000, as C does. A user's `collate` may return it.
 */
function checkText(name: string, { datatype, data }: Tensor): void {
  if (datatype === 'BYTES' && (data as readonly string[]).some((text) => text.includes('\0')))
    throw new InputMismatchError(`input '${name}' contains U+0000, where onnxruntime would end the text: remove it`);
}

/**
 * Runs one batch and returns the outputs that the model was opened with, each with a row for each row of the batch.
 *
 * @throws ResultCountError if an output has another number of rows.
 */
export async function runOnnxBatch(model: OnnxModel, tensors: NamedTensors, rows: number): Promise<NamedTensors> {
  const outputs = await runOnnxSession(model, tensors);
  const checked: Record<string, Tensor> = {};
  for (const output of model.outputs) {
    const tensor = outputs[output.name];
    if (tensor !== undefined) checked[output.name] = rowsOf(output, tensor, rows);
  }
  if (rows > 1) await proveRows(model, tensors);
  return checked;
}

/**
 * Checks that dimension 0 is the batch, if names do not show it: an output may have as many rows as elements by chance,
 * when it is as long as a sequence. One row of a batch of a new shape runs by itself, and has to give one row.
 *
 * @throws ResultCountError if it does not.
 */
async function proveRows(model: OnnxModel, tensors: NamedTensors): Promise<void> {
  const unproven = model.outputs.filter(({ isUnproven }) => isUnproven);
  if (unproven.length === 0 || fixedBatchSize(model.inputs) !== undefined) return;
  const forAll = new Set(model.inputs.flatMap((input) => (isForAll(input) ? input.name : [])));
  const shapes = Object.entries(tensors).map(([name, { shape }]) => (forAll.has(name) ? shape : shape.slice(1)));
  const key = shapes.map((shape) => shape.join('x')).join(';');
  if (model.proven.has(key)) return;
  const own = Object.entries(tensors).map(([name, tensor]): [string, Tensor] => {
    return [name, forAll.has(name) ? tensor : firstRow(tensor)];
  });
  const outputs = await runOnnxSession(model, Object.fromEntries(own));
  for (const output of unproven) {
    const tensor = outputs[output.name];
    if (tensor !== undefined) rowsOf(output, tensor, 1);
  }
  if (model.proven.size >= MAX_PROVEN_SHAPES) model.proven.clear();
  model.proven.add(key);
}

/** Runs the session once and returns its outputs unchanged. */
export async function runOnnxSession(model: OnnxModel, tensors: NamedTensors): Promise<NamedTensors> {
  const ort = await import('onnxruntime-node');
  const feeds: Record<string, OrtTensor> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    checkText(name, tensor);
    const type = ORT_TYPES.get(tensor.datatype) as 'float32';
    feeds[name] = new ort.Tensor(type, tensor.data as Float32Array, tensor.shape);
    if (tensor.data instanceof Float16Array) Object.assign(feeds[name], { cpuData: halvesOf(tensor.data) });
  }
  const results = await model.session.run(
    feeds,
    model.outputs.map((output) => output.name),
  );
  const outputs: Record<string, Tensor> = {};
  for (const { name } of model.outputs) {
    const result = results[name];
    if (result === undefined) continue;
    const datatype = DATATYPES[result.type] ?? 'FP32';
    outputs[name] = { datatype, shape: result.dims, data: result.data };
  }
  return outputs;
}
