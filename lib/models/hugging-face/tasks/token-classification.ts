import { join } from 'node:path';
import { ModelLoadError } from '../../../errors.ts';
import type { ElementCodec } from '../../element-codec.ts';
import { isFree, type NamedTensors, type Tensor } from '../../tensor.ts';
import { type AggregationStrategy, AGGREGATIONS, entitiesOf, type ScoredToken } from '../entities.ts';
import { checkLabels, labelsOf } from '../model-settings.ts';
import { checkChoice, refuseOption } from '../option-rules.ts';
import { floatsOf, type HostedTask, outputNamed, type TextTask, type TextFolder } from '../pipeline-task.ts';
import { applyScores, highest } from '../scores.ts';
import { readSingleText } from '../text-input.ts';
import type { TokenPiece } from '../token-offsets.ts';
import { packTokens, tokenBytes } from '../token-tensors.ts';
import type { TokenSequence } from '../text-tokenizer.ts';

/** Finds entities in texts, with their places. */
export const tokenClassification: TextTask = {
  reads: 'texts',
  options: ['aggregationStrategy', 'ignoreLabels'],
  heads: ['ForTokenClassification'],
  check({ aggregationStrategy, ignoreLabels }) {
    checkChoice('aggregationStrategy', aggregationStrategy, AGGREGATIONS);
    const isList = Array.isArray(ignoreLabels) && ignoreLabels.every((label) => typeof label === 'string');
    if (ignoreLabels !== undefined && !isList) refuseOption('ignoreLabels', 'a list of labels', ignoreLabels);
  },
  openHosted(folder): HostedTask {
    const { name, shape: declared } = outputNamed(['logits'], folder);
    checkLabels(folder.settings, isFree(declared[2]) ? undefined : Number(declared[2]));
    const needsAll = folder.options['aggregationStrategy'] === 'average';
    return {
      outputNames: [name],
      async run(session, tensors, rows) {
        const { data, shape } = floatsOf(await session(tensors), name);
        const [, tokens = 0, classes = 0] = shape;
        for (let start = 0; start < data.length; start += classes) {
          applyScores('softmax', data, { start, count: classes });
        }
        if (needsAll) return { scores: { datatype: 'FP32', shape: [rows, tokens, classes], data } };
        return bestOfEach(data, { rows, tokens, classes });
      },
    };
  },
  openCodec: tokenCodec,
};

/** Returns the best label of each token, and its score. */
function bestOfEach(
  data: Float32Array,
  { rows, tokens, classes }: { readonly rows: number; readonly tokens: number; readonly classes: number },
): NamedTensors {
  const label = new Int32Array(rows * tokens);
  const score = new Float32Array(rows * tokens);
  for (let token = 0; token < label.length; token += 1) {
    const own = data.subarray(token * classes, (token + 1) * classes);
    const [best = 0] = highest(own, 1);
    label[token] = best;
    score[token] = own[best] ?? 0;
  }
  return {
    label: { datatype: 'INT32', shape: [rows, tokens], data: label },
    score: { datatype: 'FP32', shape: [rows, tokens], data: score },
  };
}

/** A text and its tokens; the first is at `first` of the sequence. */
interface TaggedText {
  readonly text: string;
  readonly sequence: TokenSequence;
  readonly pieces: readonly TokenPiece[];
  readonly first: number;
}

function tokenCodec(folder: TextFolder): ElementCodec<TaggedText> {
  const { tokenizer, limits, inputs, settings, options } = folder;
  const { offsets } = tokenizer;
  if (offsets === undefined) {
    throw new ModelLoadError(
      `${join(settings.folder, 'tokenizer.json')} must be a WordPiece tokenizer for token-classification: the places of tokens in a text are not known for others`,
    );
  }
  const labels = labelsOf(settings);
  // Checked when the handler was created.
  const strategy = (options['aggregationStrategy'] as AggregationStrategy | undefined) ?? 'none';
  const ignored = new Set((options['ignoreLabels'] as readonly string[] | undefined) ?? ['O']);
  return {
    prepare(element) {
      const text = readSingleText(element);
      return { text, ...tokenizer.encodePieces(text, limits) };
    },
    keyOf: () => '',
    lengthOf: ({ sequence: { ids } }) => ids.length,
    weightOf: ({ sequence: { ids } }) => ids.length,
    bytesOf: ({ sequence: { ids } }) => tokenBytes(ids.length, inputs),
    collate: (batch) =>
      packTokens(
        batch.map(({ sequence }) => sequence),
        inputs,
        { padding: tokenizer.padding },
      ),
    predictionOf(outputs, row, prepared) {
      const tokens = scoredTokens(outputs, row, { ...prepared, isLeft: tokenizer.padding.side === 'left' });
      return entitiesOf(tokens, { text: prepared.text, labels, strategy, ignored, tokenizer: offsets });
    },
  };
}

function scoredTokens(
  { label, score, scores }: NamedTensors,
  row: number,
  { pieces, sequence, first, isLeft }: TaggedText & { readonly isLeft: boolean },
): readonly ScoredToken[] {
  const count = (scores ?? label)?.shape[1] ?? 0;
  const start = row * count + (isLeft ? count - sequence.ids.length : 0) + first;
  return pieces.map((piece, at): ScoredToken => {
    const token = { ...piece, index: first + at };
    if (scores === undefined) {
      return { ...token, label: numberAt(label, start + at), score: numberAt(score, start + at), scores: undefined };
    }
    const size = scores.shape[2] ?? 0;
    const own = (scores.data as Float32Array).subarray((start + at) * size, (start + at + 1) * size);
    const [best = 0] = highest(own, 1);
    return { ...token, label: best, score: own[best] ?? 0, scores: own };
  });
}

function numberAt(tensor: Tensor | undefined, place: number): number {
  return Number(tensor?.data[place] ?? 0);
}
