import { isFree, type NamedTensors } from '../../tensor.ts';
import type { ElementCodec } from '../../element-codec.ts';
import { checkLabels, labelsOf, type ModelSettings } from '../model-settings.ts';
import { checkChoice, checkTopK } from '../option-rules.ts';
import {
  floatsOf,
  type HostedFolder,
  type HostedTask,
  outputNamed,
  type TaskOptions,
  type TextFolder,
  type TextTask,
} from '../pipeline-task.ts';
import { applyScores, highest, type ScoreFunction } from '../scores.ts';
import { readText } from '../text-input.ts';
import type { TokenSequence } from '../text-tokenizer.ts';
import { packTokens, tokenBytes } from '../token-tensors.ts';

/** A label and its score. */
export interface Classification {
  readonly label: string;
  readonly score: number;
}

const SCORE_FUNCTIONS: readonly ScoreFunction[] = ['softmax', 'sigmoid', 'none'];

/** Classifies texts, and pairs of texts. A model of one label, such as a reranker, scores them. */
export const textClassification: TextTask = {
  reads: 'texts',
  options: ['topK', 'functionToApply'],
  heads: ['ForSequenceClassification'],
  check: checkClassification,
  openHosted: hostedClassification,
  openCodec: textClassificationCodec,
};

/** Checks the options of classification tasks. */
export function checkClassification({ topK, functionToApply }: TaskOptions): void {
  checkTopK(topK);
  checkChoice('functionToApply', functionToApply, SCORE_FUNCTIONS);
}

/** Opens a model whose logits are scores of labels, of texts or of images. */
export function hostedClassification(folder: HostedFolder): HostedTask {
  const { name, shape: declared } = outputNamed(['logits'], folder);
  checkLabels(folder.settings, isFree(declared[1]) ? undefined : Number(declared[1]));
  return {
    outputNames: [name],
    async run(session, tensors, rows) {
      const { data, shape } = floatsOf(await session(tensors), name);
      return topScores(data, { rows, classes: shape[1] ?? 1, folder });
    },
  };
}

interface Logits {
  readonly rows: number;
  readonly classes: number;
  readonly folder: Pick<HostedFolder, 'settings' | 'options'>;
}

/** Returns the highest scores of each row and their labels' places. */
function topScores(logits: Float32Array, { rows, classes, folder: { settings, options } }: Logits): NamedTensors {
  checkLabels(settings, classes);
  const fn = (options['functionToApply'] as ScoreFunction | undefined) ?? defaultFunction(settings, classes);
  const { topK = 1 } = options;
  const most = typeof topK === 'number' ? Math.min(topK, classes) : classes;
  const scores = new Float32Array(rows * most);
  const labels = new Int32Array(rows * most);
  for (let row = 0; row < rows; row += 1) {
    const start = row * classes;
    applyScores(fn, logits, { start, count: classes });
    const own = logits.subarray(start, start + classes);
    highest(own, most).forEach((place, rank) => {
      labels[row * most + rank] = place;
      scores[row * most + rank] = own[place] ?? 0;
    });
  }
  return {
    label: { datatype: 'INT32', shape: [rows, most], data: labels },
    score: { datatype: 'FP32', shape: [rows, most], data: scores },
  };
}

/** Returns the function that Python's pipeline applies. */
function defaultFunction({ config }: ModelSettings, classes: number): ScoreFunction {
  const problem = config['problem_type'];
  if (problem === 'regression') return 'none';
  return problem === 'multi_label_classification' || classes === 1 ? 'sigmoid' : 'softmax';
}

function textClassificationCodec({
  tokenizer,
  limits,
  inputs,
  settings,
  options,
}: TextFolder): ElementCodec<TokenSequence> {
  const isList = options['topK'] !== undefined;
  const labels = labelsOf(settings);
  return {
    prepare: (element) => tokenizer.encode(readText(element), limits),
    keyOf: () => '',
    lengthOf: ({ ids }) => ids.length,
    weightOf: ({ ids }) => ids.length,
    bytesOf: ({ ids }) => tokenBytes(ids.length, inputs),
    collate: (batch) => packTokens(batch, inputs, { padding: tokenizer.padding }),
    predictionOf: (outputs, row) => classificationAt(outputs, row, { labels, isList }),
  };
}

/** Reads the row of {@link topScores} of an element. */
export function classificationAt(
  { label, score }: NamedTensors,
  row: number,
  { labels, isList }: { readonly labels: readonly string[]; readonly isList: boolean },
): Classification | readonly Classification[] | undefined {
  const most = label?.shape[1] ?? 0;
  const all = Array.from({ length: most }, (_, rank): Classification => {
    const place = row * most + rank;
    return { label: labels[Number(label?.data[place])] ?? '', score: Number(score?.data[place]) };
  });
  return isList ? all : all[0];
}
