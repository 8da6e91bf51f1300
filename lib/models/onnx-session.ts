import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { ModelLoadError } from '../errors.ts';
import { type DeviceUse, openOnGpu } from './device-session.ts';
import type { GpuProvider } from './missing-provider.ts';
import { askLoader } from './provider-library.ts';
import { type Datatype, isFree, type NamedTensors, type Tensor, type TensorMetadata } from './tensor.ts';

/** A loaded ONNX model: its session, and what its metadata says of the tensors that go in and come out. */
export interface OnnxModel {
  readonly session: InferenceSession;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
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
  readonly threads: number | undefined;
  readonly sessionOptions: InferenceSession.SessionOptions | undefined;
}

const DATATYPES: Readonly<Record<string, Datatype>> = {
  bool: 'BOOL',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  float16: 'FP16',
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES',
};
const ORT_TYPES = new Map(Object.entries(DATATYPES).map(([type, datatype]) => [datatype, type]));

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
    throw new ModelLoadError(`${options.path} can't be loaded${where}: ${(error as Error).message}`, { cause: error });
  }
  try {
    const inputs = session.inputMetadata.map((value) => tensorMetadata(value, 'input'));
    const chosen = chooseOutputs(session, options.outputNames);
    const outputs = chosen.map((value) => tensorMetadata(value, 'output'));
    checkBatchable(inputs, outputs);
    return { session, inputs, outputs, ...(device === undefined ? {} : { device }) };
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

/** Of a provider's own options, onnxruntime-node 1.30 heeds `deviceId` alone, and only for these. */
function onDevice(name: string, deviceId: number): InferenceSession.ExecutionProviderConfig {
  return name === 'cuda' || name === 'tensorrt' ? { name, deviceId } : name;
}

function chooseOutputs(
  session: InferenceSession,
  names: readonly string[] | undefined,
): readonly InferenceSession.ValueMetadata[] {
  if (names === undefined) return session.outputMetadata;
  return names.map((name) => {
    const output = session.outputMetadata.find((candidate) => candidate.name === name);
    if (output !== undefined) return output;
    throw new ModelLoadError(`'outputNames' has '${name}': the model's outputs are ${session.outputNames.join(', ')}`);
  });
}

function tensorMetadata(value: InferenceSession.ValueMetadata, role: 'input' | 'output'): TensorMetadata {
  const datatype = value.isTensor ? DATATYPES[value.type] : undefined;
  if (value.isTensor && datatype !== undefined) return { name: value.name, datatype, shape: value.shape };
  const what = value.isTensor ? `of type ${value.type}` : 'not a tensor';
  throw new ModelLoadError(
    role === 'input'
      ? `input '${value.name}' is ${what}, which can't be fed`
      : `output '${value.name}' is ${what}: leave it out by naming the others in 'outputNames'`,
  );
}

function checkBatchable(inputs: readonly TensorMetadata[], outputs: readonly TensorMetadata[]): void {
  const batched = inputs.filter((input) => input.shape.length > 0);
  if (batched.length === 0) throw new ModelLoadError('no input of the model has a batch dimension');
  const fixed = fixedBatchSize(inputs);
  for (const { name, shape } of outputs) {
    const wrong =
      shape.length === 0 || (fixed === undefined ? !isFree(shape[0]) : !isFree(shape[0]) && shape[0] !== fixed);
    if (!wrong) continue;
    const dimension = shape.length === 0 ? 'has no dimensions' : `has dimension 0 fixed at ${shape[0]}`;
    throw new ModelLoadError(
      `output '${name}' ${dimension}, so it has no row for each element: leave it out by naming the others in 'outputNames'`,
    );
  }
}

/** The size that the model fixes its batches at, or undefined where dimension 0 is free. */
export function fixedBatchSize(inputs: readonly TensorMetadata[]): number | undefined {
  for (const { shape } of inputs) {
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

/** Runs one batch; the outputs are those that the model was opened with. */
export async function runOnnxSession(model: OnnxModel, tensors: NamedTensors): Promise<NamedTensors> {
  const ort = await import('onnxruntime-node');
  const feeds: Record<string, OrtTensor> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
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
