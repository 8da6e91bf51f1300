import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ModelLoadError } from '../errors.ts';
import { isFolder } from './folder-files.ts';
import { readModelContent } from './model-digest.ts';
import { DATATYPES } from './onnx-metadata.ts';
import { type OnnxFile, readOnnxFile } from './onnx-file.ts';
import type { OnnxValue } from './onnx-graph.ts';
import { fixedBatchSize, openOnnxSession } from './onnx-session.ts';
import { isForAll, type TensorMetadata } from './tensor.ts';

/** Any maximum above one: it decides only if a batch can have several elements. */
const MAX_BATCH_SIZE = 2;

/** An input or an output of an inspected model. */
export interface InspectedTensor {
  readonly name: string;
  /** Datatype of the Open Inference Protocol, such as `FP32`; ONNX's name for what can't be fed or read, such as `sequence`. */
  readonly datatype: string;
  /** A free dimension is its name, or -1. Null if the file does not declare the number of dimensions. */
  readonly shape: readonly (number | string)[] | null;
  /** Position of the batch in the shape; null if the tensor has no row for each element. */
  readonly batchDimension: number | null;
}

/** Facts about a model, as `fabric inspect` prints them. */
export interface InspectedModel {
  readonly model: string;
  readonly kind: 'onnx';
  /** Bytes of the model file, without external data. */
  readonly bytes: number;
  /** SHA-256 of the model file and its external data. */
  readonly digest: string;
  readonly externalData: readonly { readonly path: string; readonly bytes: number }[];
  readonly irVersion: number;
  readonly opset: OnnxFile['opset'];
  readonly producer: string;
  readonly inputs: readonly InspectedTensor[];
  readonly outputs: readonly InspectedTensor[];
  /** Size at which the model fixes its batches. */
  readonly fixedBatchSize?: number;
  /** Outputs to choose in `outputNames`, because the others can't be read. @default - all outputs */
  readonly outputNames?: readonly string[];
  /** Message about how the model takes batches. */
  readonly warning?: string;
  /** Reason that the model can't be run, with what to change. @default - it can be run */
  readonly refused?: string;
}

/**
 * Reads a model on this machine, and opens it to find out if it can be run.
 *
 * @param model - the address that the user gave
 * @throws ModelLoadError if it is not an ONNX model, or its weights are missing.
 */
export async function inspectOnnx(path: string, model: string): Promise<InspectedModel> {
  if (await isFolder(path).catch(() => false))
    throw new ModelLoadError(`${model} is a folder: name the .onnx file in it`);
  const content = await readModelContent(path).catch((error: unknown) => {
    throw new ModelLoadError(`the model ${model} can't be read: ${(error as Error).message}`, { cause: error });
  });
  const file = readOnnxFile(path);
  if (file === undefined) throw new ModelLoadError(`${model} is not an ONNX model: its content is not onnx.proto's`);
  const { irVersion, opset, producer } = file;
  const locations = content.locations ?? [];
  return {
    model,
    kind: 'onnx',
    bytes: (await stat(path)).size,
    digest: content.digest,
    externalData: await Promise.all(
      locations.map(async (name) => ({ path: name, bytes: (await stat(join(dirname(path), name))).size })),
    ),
    irVersion,
    opset,
    producer,
    ...(await openedFacts(path, file)),
  };
}

type OpenedFacts = Pick<
  InspectedModel,
  'inputs' | 'outputs' | 'fixedBatchSize' | 'outputNames' | 'warning' | 'refused'
>;

/** Opens the model with all its outputs, or with those that are tensors. */
async function openedFacts(path: string, { graph }: OnnxFile): Promise<OpenedFacts> {
  const tensors = graph.outputs.filter(({ type }) => DATATYPES[type] !== undefined).map(({ name }) => name);
  const outputNames = tensors.length === 0 || tensors.length === graph.outputs.length ? undefined : tensors;
  try {
    const opened = await openOnnxSession({
      path,
      gpu: undefined,
      outputNames,
      maxBatchSize: MAX_BATCH_SIZE,
      batchDimension: undefined,
      threads: 1,
      sessionOptions: undefined,
    });
    await opened.session.release();
    const unranked = new Set(graph.outputs.filter(({ hasShape }) => !hasShape).map(({ name }) => name));
    const read = opened.outputs.map((output) => {
      const tensor = inspectedTensor(output, !output.isWhole);
      return unranked.has(output.name) ? { ...tensor, shape: null } : tensor;
    });
    const others = graph.outputs.filter(({ name }) => !read.some((output) => output.name === name));
    const fixed = fixedBatchSize(opened.inputs);
    return {
      inputs: opened.inputs.map((input) => inspectedTensor(input, !isForAll(input))),
      outputs: [...read, ...others.map(declaredTensor)],
      ...(fixed === undefined ? {} : { fixedBatchSize: fixed }),
      ...(outputNames === undefined ? {} : { outputNames }),
      ...(opened.warning === undefined ? {} : { warning: opened.warning }),
    };
  } catch (error) {
    if (!(error instanceof ModelLoadError)) throw error;
    const refused = error.message.replace(`${path} `, '');
    return { inputs: graph.inputs.map(declaredTensor), outputs: graph.outputs.map(declaredTensor), refused };
  }
}

function inspectedTensor({ name, datatype, shape }: TensorMetadata, hasRows: boolean): InspectedTensor {
  return { name, datatype, shape, batchDimension: hasRows ? 0 : null };
}

/** Describes a value as the file declares it, where the model is not opened with it. */
function declaredTensor({ name, type, shape, hasShape }: OnnxValue): InspectedTensor {
  return { name, datatype: DATATYPES[type] ?? type, shape: hasShape ? shape : null, batchDimension: null };
}
