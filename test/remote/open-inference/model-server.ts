import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type OnnxModel, openOnnxSession, runOnnxSession } from '../../../lib/models/onnx-session.ts';
import type { Datatype, NamedTensors, Tensor, TensorData, TensorMetadata } from '../../../lib/models/tensor.ts';

/** An answer as it goes over the wire. */
export interface RawAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface ModelServerOptions {
  /** True if it declares the binary tensor extension. @default false */
  readonly binary?: boolean;
  /** Takes the place of the answer at a path, `POST …/infer` for one. */
  readonly answer?: (call: Call) => RawAnswer | undefined;
  /** Nested data in JSON, not flat. @default false */
  readonly nested?: boolean;
  /** How it writes NaN and infinities in JSON. @default 'python' */
  readonly notFinite?: 'python' | 'null';
}

export interface Call {
  /** `POST v2/models/double/infer` */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** The JSON of the body. */
  readonly json: Readonly<Record<string, unknown>>;
}

export interface ModelServer extends AsyncDisposable {
  readonly url: string;
  readonly calls: readonly Call[];
  /** The bodies of inference requests. */
  inferred(): readonly Call['json'][];
}

interface WireTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly datatype: Datatype;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly data?: readonly unknown[];
}

const ARRAYS = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Float16Array,
  FP32: Float32Array,
  FP64: Float64Array,
};

/**
 * A server of the Open Inference Protocol v2 that runs the models of test/models with onnxruntime. It reads and writes
 * the protocol with its own code.
 */
export async function serveModels(options: ModelServerOptions = {}): Promise<ModelServer> {
  const models = new Map<string, Promise<OnnxModel>>();
  const calls: Call[] = [];
  const server = createServer((request, response) => {
    void respond(request, response).catch((error: unknown) => {
      send(response, { status: 400, body: JSON.stringify({ error: String(error) }) });
    });
  });

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = await readCall(request);
    calls.push(call);
    send(response, options.answer?.(call) ?? (await answer(call)));
  }

  async function answer(call: Call): Promise<RawAnswer> {
    if (call.path === 'GET v2') {
      const extensions = options.binary === true ? ['binary_tensor_data'] : [];
      return { body: JSON.stringify({ name: 'test', version: '1', extensions }) };
    }
    const [, name = '', , , action] =
      /^\w+ v2\/models\/([^/]+)((\/versions\/[^/]+)?)(?:\/(\w+))?$/.exec(call.path) ?? [];
    if (!models.has(name)) models.set(name, open(name));
    const model = await models.get(name)?.catch(() => undefined);
    if (model === undefined) return { status: 404, body: JSON.stringify({ error: `Model ${name} not found` }) };
    if (action === 'ready') return { body: JSON.stringify({ ready: true }) };
    return action === 'infer' ? infer(name, model, call) : { body: JSON.stringify(metadata(name, model)) };
  }

  async function infer(name: string, model: OnnxModel, { json, body, headers }: Call): Promise<RawAnswer> {
    const tail = body.subarray(Number(headers['inference-header-content-length'] ?? body.length));
    const outputs = await runOnnxSession(model, readInputs(json['inputs'] as readonly WireTensor[], tail));
    const asked = json['outputs'] as readonly { name: string; parameters?: { binary_data?: boolean } }[] | undefined;
    const all = (json['parameters'] as { binary_data_output?: boolean } | undefined)?.binary_data_output === true;
    const names = asked?.map((output) => output.name) ?? model.outputs.map((output) => output.name);
    const chunks: Uint8Array[] = [];
    const texts = names.map((output) => {
      const tensor = outputs[output];
      if (tensor === undefined) throw new Error(`unexpected inference output '${output}'`);
      const binary = asked?.find((one) => one.name === output)?.parameters?.binary_data ?? all;
      if (!binary) return `{${header(output, tensor)},"data":${jsonData(tensor, options)}}`;
      const bytes = rawData(tensor);
      chunks.push(bytes);
      return `{${header(output, tensor)},"parameters":{"binary_data_size":${bytes.byteLength}}}`;
    });
    const id = json['id'] === undefined ? '' : `"id":${JSON.stringify(json['id'])},`;
    const text = Buffer.from(`{"model_name":"${name}","model_version":"3",${id}"outputs":[${texts.join(',')}]}`);
    if (chunks.length === 0) return { body: text };
    const answerHeaders = { 'inference-header-content-length': String(text.byteLength) };
    return { headers: answerHeaders, body: Buffer.concat([text, ...chunks]) };
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    inferred: () => calls.filter(({ path }) => path.endsWith('/infer')).map(({ json }) => json),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await Promise.allSettled([...models.values()].map(async (model) => (await model).session.release()));
    },
  };
}

function open(name: string): Promise<OnnxModel> {
  const path = fileURLToPath(new URL(`../../models/${name}.onnx`, import.meta.url));
  const options = { maxBatchSize: Infinity, batchDimension: undefined, threads: 1, sessionOptions: undefined };
  const session = (outputNames?: string[]): Promise<OnnxModel> =>
    openOnnxSession({ path, gpu: undefined, outputNames, ...options });
  if (name !== 'bad-output') return session();
  // A server may well have a model with an output that has no row for each element; a local handler refuses it.
  const total = { name: 'total', datatype: 'FP32', shape: [1], isWhole: false, isUnproven: false } as const;
  return session(['y']).then((model) => ({ ...model, outputs: [...model.outputs, total] }));
}

function metadata(name: string, { inputs, outputs }: OnnxModel): unknown {
  return {
    name,
    versions: ['3'],
    platform: 'onnx_onnxv1',
    inputs: inputs.map(declared),
    outputs: outputs.map(declared),
  };
}

function declared({ name, datatype, shape }: TensorMetadata): unknown {
  return { name, datatype, shape: shape.map((dimension) => (typeof dimension === 'number' ? dimension : -1)) };
}

async function readCall(request: IncomingMessage): Promise<Call> {
  const body = await buffer(request);
  const length = Number(request.headers['inference-header-content-length'] ?? body.length);
  const text = body.subarray(0, length).toString();
  const json = text === '' ? {} : (parseExactly(text) as Call['json']);
  return { path: `${request.method} ${request.url?.slice(1).split('?', 1)[0]}`, headers: request.headers, body, json };
}

/** Python's integers have as many digits as are written. */
function parseExactly(text: string): unknown {
  return JSON.parse(text, reviveInteger as (key: string, value: unknown) => unknown);
}

function reviveInteger(_: string, value: unknown, { source = '' }: { readonly source?: string }): unknown {
  const isLong = typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source);
  return isLong ? BigInt(source) : value;
}

function readInputs(inputs: readonly WireTensor[], tail: Buffer): NamedTensors {
  let offset = 0;
  return Object.fromEntries(
    inputs.map(({ name, shape, datatype, parameters, data }) => {
      const size = parameters?.['binary_data_size'];
      if (typeof size !== 'number') return [name, { datatype, shape, data: jsonValues(datatype, data ?? []) }];
      offset += size;
      return [name, { datatype, shape, data: rawValues(datatype, tail.subarray(offset - size, offset)) }];
    }),
  );
}

function jsonValues(datatype: Datatype, data: readonly unknown[]): TensorData {
  const flat = data.flat(Infinity);
  if (datatype === 'BYTES') return flat as string[];
  if (datatype === 'INT64' || datatype === 'UINT64')
    return ARRAYS[datatype].from(flat.map((value) => BigInt(value as number)));
  if (datatype === 'BOOL' && !flat.every((value) => typeof value === 'boolean'))
    throw new Error('BOOL takes true and false');
  return ARRAYS[datatype].from(flat.map((value) => (value === null ? NaN : Number(value))));
}

function rawValues(datatype: Datatype, bytes: Buffer): TensorData {
  if (datatype !== 'BYTES') return new ARRAYS[datatype](Uint8Array.from(bytes).buffer);
  const values: string[] = [];
  for (let rest = bytes; rest.length > 0;) {
    const length = rest.readUInt32LE();
    values.push(rest.toString('utf8', 4, 4 + length));
    rest = rest.subarray(4 + length);
  }
  return values;
}

function rawData({ datatype, data }: Tensor): Uint8Array {
  if (datatype !== 'BYTES') {
    const { buffer, byteOffset, byteLength } = data as Float32Array<ArrayBuffer>;
    return new Uint8Array(buffer, byteOffset, byteLength);
  }
  return Buffer.concat(
    (data as readonly string[]).flatMap((value) => {
      const text = Buffer.from(value);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(text.byteLength);
      return [length, text];
    }),
  );
}

function header(name: string, { datatype, shape }: Tensor): string {
  return `"name":"${name}","datatype":"${datatype}","shape":[${shape.join(',')}]`;
}

function jsonData({ datatype, shape, data }: Tensor, { nested, notFinite }: ModelServerOptions): string {
  const values = Array.from(data as ArrayLike<unknown>, (value) => {
    if (datatype === 'BOOL') return String(value !== 0);
    if (typeof value === 'string') return JSON.stringify(value);
    if (Object.is(value, -0)) return '-0.0';
    return notFinite === 'null' && !Number.isFinite(Number(value)) ? 'null' : String(value);
  });
  if (nested !== true) return `[${values.join(',')}]`;
  return shape
    .slice(1)
    .toReversed()
    .reduce((parts, length) => groups(parts, length), values)
    .join(',')
    .replace(/^(.*)$/s, '[$1]');
}

function groups(parts: readonly string[], length: number): string[] {
  return Array.from(
    { length: parts.length / length },
    (_, index) => `[${parts.slice(index * length, (index + 1) * length).join(',')}]`,
  );
}

function send(response: ServerResponse, { status = 200, headers = {}, body = '' }: RawAnswer): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
}
