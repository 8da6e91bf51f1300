import { onTestFinished } from 'vitest';
import { ModelOrigin } from '../../lib/hosts/model-origin.ts';
import { encodeProbe } from '../../lib/hosts/probe.ts';
import type { ModelInfo } from '../../lib/hosts/protocol.ts';
import { ServedModel, type ServedModelOptions } from '../../lib/hosts/served-model.ts';
import { encodeTensors, decodeTensors } from '../../lib/models/encoded-batch.ts';
import type { Probe } from '../../lib/models/model-handler-options.ts';
import { ModelStore } from '../../lib/models/model-store.ts';
import { temporaryFolder } from '../temporary-folder.ts';

export interface ServedScale extends AsyncDisposable {
  readonly served: ServedModel;
  readonly store: ModelStore;
  readonly warnings: string[];
  /** What became of looks that found something. */
  readonly refreshes: ('new' | 'failed')[];
  /** Each load of a copy, in order. */
  readonly loads: ModelInfo[];
}

export interface ServeOptions extends Partial<Omit<ServedModelOptions, 'load' | 'origin'>> {
  readonly probe?: Probe;
  readonly store?: ModelStore;
}

/** Serves the model at a URI, in real hosts, until the test is over. */
export async function serveModel(uri: string, options: ServeOptions = {}): Promise<ServedScale> {
  const { probe, store = new ModelStore({ folder: await temporaryFolder() }), ...others } = options;
  const warnings: string[] = [];
  const refreshes: ('new' | 'failed')[] = [];
  const loads: ModelInfo[] = [];
  const served = new ServedModel({
    copies: 1,
    env: {},
    load: {
      spec: { kind: 'built-in', name: 'onnx', options: { modelUri: uri } },
      threads: 1,
      ...(probe === undefined ? {} : { probe: encodeProbe(probe, undefined) }),
    },
    loadTimeoutSecs: 20,
    origin: new ModelOrigin({ store, uri, inPlace: others.refreshSecs === undefined }),
    onWarning: (message) => void warnings.push(message),
    onRefresh: (outcome) => void refreshes.push(outcome),
    onLoad: (info) => void loads.push(info),
    ...others,
  });
  onTestFinished(() => served.close());
  return { served, store, warnings, refreshes, loads, [Symbol.asyncDispose]: () => served.close() };
}

export interface Scaled {
  /** What the model multiplied by. */
  readonly factor: number;
  /** The digest of the model that the answer says made it. */
  readonly digest: string | undefined;
}

/** Runs a batch of `rows` through a scale model. */
export async function scaledBy(served: ServedModel, rows = 4): Promise<Scaled> {
  const data = Float32Array.from({ length: rows }, (_, row) => row + 1);
  const batch = encodeTensors({ x: { datatype: 'FP32', shape: [rows, 1], data } }, rows);
  const { answer, model } = await served.run({
    frame: { fragments: [{ size: rows, rows }], tensors: batch.kind === 'tensors' ? batch.tensors : [] },
    groups: batch.chunks.map((chunk) => [chunk]),
    timeoutMillis: 20_000,
  });
  if (!('groups' in answer)) throw new Error(answer.frame.error.message);
  const [fragment] = answer.frame.fragments;
  const { y } = decodeTensors({ kind: 'tensors', size: rows, tensors: fragment?.tensors ?? [], chunks: answer.groups });
  const factors = new Set(Array.from(y?.data as Float32Array, (value, row) => value / (row + 1)));
  if (factors.size !== 1) throw new Error(`the answer is of several models: ${[...factors].join(', ')}`);
  return { factor: [...factors][0] ?? NaN, digest: model.digest };
}
