import type { ElementCodec } from '../../element-codec.ts';
import type { NamedTensors, Tensor } from '../../tensor.ts';
import { checkBoolean, checkChoice } from '../option-rules.ts';
import {
  floatsOf,
  type HostedFolder,
  type HostedTask,
  outputNamed,
  type TextTask,
  rowOfFloats,
  type TaskOptions,
  type TextFolder,
} from '../pipeline-task.ts';
import { maskOf, normalizeVectors, poolTokens } from '../pool-tokens.ts';
import { type Pooling, POOLINGS, readSentenceModules, type SentenceModules } from '../sentence-modules.ts';
import { readSingleText } from '../text-input.ts';
import type { TokenSequence } from '../text-tokenizer.ts';
import { packTokens, tokenBytes } from '../token-tensors.ts';

/** Output of exports that pool in the graph. */
const POOLED = 'sentence_embedding';

/**
 * Computes the vector of a text. Tokens are pooled in the model's host, so that a vector crosses to the worker and not
 * the vectors of all tokens.
 */
export const featureExtraction: TextTask = {
  reads: 'texts',
  options: ['pooling', 'normalize'],
  // Any model has features.
  heads: [],
  check({ pooling, normalize }) {
    checkChoice('pooling', pooling, POOLINGS);
    checkBoolean('normalize', normalize);
  },
  async openHosted(folder) {
    const modules = modulesWith(folder.options, await readSentenceModules(folder.settings.folder));
    const isPooled = folder.options['pooling'] === undefined && folder.outputs.some(({ name }) => name === POOLED);
    return isPooled ? pooledInGraph(modules) : pooledHere(folder, modules);
  },
  openCodec: featureCodec,
};

/** Options come before the folder's modules. A folder without modules gives the vectors of all tokens, as in Python. */
function modulesWith({ pooling, normalize }: TaskOptions, modules: SentenceModules | undefined): SentenceModules {
  return {
    // Checked when the handler was created.
    pooling: (pooling as Pooling | undefined) ?? modules?.pooling ?? 'none',
    normalize: (normalize as boolean | undefined) ?? modules?.normalize ?? false,
  };
}

function pooledInGraph({ normalize }: SentenceModules): HostedTask {
  return {
    outputNames: [POOLED],
    async run(session, tensors, rows) {
      const { data } = floatsOf(await session(tensors), POOLED);
      return embeddings(data, { rows, normalize });
    },
  };
}

function pooledHere(folder: HostedFolder, { pooling, normalize }: SentenceModules): HostedTask {
  const { name } = outputNamed(['last_hidden_state', 'token_embeddings'], folder);
  return {
    outputNames: [name],
    async run(session, tensors, rows) {
      const { data, shape } = floatsOf(await session(tensors), name);
      const [, tokens = 0, size = 0] = shape;
      if (pooling === 'none') return { tokens: { datatype: 'FP32', shape: [rows, tokens, size], data } };
      const { attention_mask: mask } = tensors;
      const places = mask === undefined ? new Int32Array(rows * tokens).fill(1) : maskOf(mask);
      const pooled = poolTokens({ data, texts: rows, tokens, size }, places, pooling);
      return embeddings(pooled, { rows, normalize });
    },
  };
}

function embeddings(
  data: Float32Array,
  { rows, normalize }: { readonly rows: number; readonly normalize: boolean },
): NamedTensors {
  const size = data.length / rows;
  if (normalize) normalizeVectors(data, size);
  return { embedding: { datatype: 'FP32', shape: [rows, size], data } };
}

function featureCodec({ tokenizer, limits, inputs }: TextFolder): ElementCodec<TokenSequence> {
  return {
    prepare: (element) => tokenizer.encode({ text: readSingleText(element) }, limits),
    keyOf: () => '',
    lengthOf: ({ ids }) => ids.length,
    weightOf: ({ ids }) => ids.length,
    bytesOf: ({ ids }) => tokenBytes(ids.length, inputs),
    collate: (batch) => packTokens(batch, inputs, { padding: tokenizer.padding }),
    predictionOf({ embedding, tokens }, row, { ids }) {
      if (tokens === undefined) return Array.from(rowOfFloats(embedding, row));
      const [, count = 0] = tokens.shape;
      const first = row * count + (tokenizer.padding.side === 'left' ? count - ids.length : 0);
      return vectorsAt(tokens, first, ids.length);
    },
  };
}

/** Returns neighbouring vectors of a tensor [elements, vectors, size]. */
export function vectorsAt({ data, shape }: Tensor, first: number, count: number): readonly (readonly number[])[] {
  const size = shape[2] ?? 0;
  const floats = data instanceof Float32Array ? data : new Float32Array();
  return Array.from({ length: count }, (_, index) =>
    Array.from(floats.subarray((first + index) * size, (first + index + 1) * size)),
  );
}
