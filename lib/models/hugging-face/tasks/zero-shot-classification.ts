import { join } from 'node:path';
import { ModelLoadError } from '../../../errors.ts';
import type { ElementCodec } from '../../element-codec.ts';
import type { NamedTensors, Tensor } from '../../tensor.ts';
import { labelsOf, type ModelSettings } from '../model-settings.ts';
import { checkBoolean, refuseOption } from '../option-rules.ts';
import {
  floatsOf,
  type HostedTask,
  outputNamed,
  type TextTask,
  rowOfFloats,
  type TextFolder,
} from '../pipeline-task.ts';
import { applyScores, highest } from '../scores.ts';
import { readSingleText } from '../text-input.ts';
import type { TokenSequence } from '../text-tokenizer.ts';
import { packTokens, tokenBytes } from '../token-tensors.ts';

/** Candidate labels of a text and their scores, the best first. */
export interface ZeroShotClassification {
  readonly sequence: string;
  readonly labels: readonly string[];
  readonly scores: readonly number[];
}

const DEFAULT_TEMPLATE = 'This example is {}.';
const PLACE = '{}';

/**
 * Classifies texts by labels that the model was not trained with: a model of natural language inference reads the text
 * with a hypothesis for each label. All hypotheses of a text are rows of one batch.
 */
export const zeroShotClassification: TextTask = {
  reads: 'texts',
  options: ['candidateLabels', 'hypothesisTemplate', 'multiLabel'],
  heads: ['ForSequenceClassification'],
  check({ candidateLabels, hypothesisTemplate, multiLabel }) {
    const labels = Array.isArray(candidateLabels) ? (candidateLabels as readonly unknown[]) : [];
    if (labels.length === 0 || !labels.every((label) => typeof label === 'string' && label !== '')) {
      refuseOption('candidateLabels', 'a list of at least one text', candidateLabels);
    }
    checkBoolean('multiLabel', multiLabel);
    if (hypothesisTemplate === undefined) return;
    if (typeof hypothesisTemplate === 'string' && hypothesisTemplate.includes(PLACE)) return;
    refuseOption('hypothesisTemplate', `a text with the place of the label, ${PLACE}`, hypothesisTemplate);
  },
  openHosted(folder): HostedTask {
    const { name } = outputNamed(['logits'], folder);
    const entailment = entailmentOf(folder.settings);
    return {
      outputNames: [name],
      async run(session, tensors, rows) {
        const { data, shape } = floatsOf(await session(flattened(tensors)), name);
        const labels = data.length / (shape[1] ?? 1) / rows;
        const isEach = folder.options['multiLabel'] === true || labels === 1;
        const scores = isEach
          ? scoresOfEach(data, shape[1] ?? 1, entailment)
          : scoresOfAll(data, shape[1] ?? 1, { entailment, labels });
        return { scores: { datatype: 'FP32', shape: [rows, labels], data: scores } };
      },
    };
  },
  openCodec: zeroShotCodec,
};

/** Returns the place of the label `entailment`, in any spelling that begins so. @throws ModelLoadError if no label does */
function entailmentOf(settings: ModelSettings): number {
  const place = labelsOf(settings).findIndex((label) => label.toLowerCase().startsWith('entail'));
  if (place >= 0) return place;
  throw new ModelLoadError(
    `${join(settings.folder, 'config.json')} must have a label 'entailment' in 'id2label' for zero-shot-classification, as models of natural language inference have: its labels are ${labelsOf(settings).join(', ')}`,
  );
}

/** Joins the dimensions of texts and labels: each hypothesis is a row for the session. */
function flattened(tensors: NamedTensors): NamedTensors {
  const rows = Object.entries(tensors).map(([name, tensor]): [string, Tensor] => {
    const [texts = 0, labels = 0, ...rest] = tensor.shape;
    return [name, { ...tensor, shape: [texts * labels, ...rest] }];
  });
  return Object.fromEntries(rows);
}

/** Returns the probability of entailment of each hypothesis, against its contradiction. */
function scoresOfEach(logits: Float32Array, classes: number, entailment: number): Float32Array {
  // As in Python: the first label is the contradiction, or the last one if the first is the entailment.
  const contradiction = entailment === 0 ? classes - 1 : 0;
  return Float32Array.from({ length: logits.length / classes }, (_, row) => {
    const pair = Float32Array.of(logits[row * classes + contradiction] ?? 0, logits[row * classes + entailment] ?? 0);
    applyScores('softmax', pair, { start: 0, count: 2 });
    return pair[1] ?? 0;
  });
}

/** Returns the probabilities of the labels of each text, which sum to 1. */
function scoresOfAll(
  logits: Float32Array,
  classes: number,
  { entailment, labels }: { readonly entailment: number; readonly labels: number },
): Float32Array {
  const scores = Float32Array.from(
    { length: logits.length / classes },
    (_, row) => logits[row * classes + entailment] ?? 0,
  );
  for (let start = 0; start < scores.length; start += labels) applyScores('softmax', scores, { start, count: labels });
  return scores;
}

/** A text with each of its hypotheses. */
interface Hypotheses {
  readonly text: string;
  readonly sequences: readonly TokenSequence[];
  readonly longest: number;
}

function zeroShotCodec({ tokenizer, limits, inputs, options }: TextFolder): ElementCodec<Hypotheses> {
  // Checked when the handler was created.
  const labels = options['candidateLabels'] as readonly string[];
  const template = (options['hypothesisTemplate'] as string | undefined) ?? DEFAULT_TEMPLATE;
  const hypotheses = labels.map((label) => template.replace(PLACE, () => label));
  return {
    prepare(element) {
      const text = readSingleText(element);
      // The text is cut, and never the label.
      const sequences = hypotheses.map((pair) => tokenizer.encode({ text, pair }, { ...limits, cuts: 'text' }));
      return { text, sequences, longest: Math.max(...sequences.map(({ ids }) => ids.length)) };
    },
    keyOf: () => '',
    lengthOf: ({ longest }) => longest,
    weightOf: ({ longest }) => longest * labels.length,
    bytesOf: ({ longest }) => tokenBytes(longest * labels.length, inputs),
    collate(batch) {
      const all = batch.flatMap(({ sequences }) => sequences);
      return packTokens(all, inputs, { padding: tokenizer.padding, rowsOfElement: labels.length });
    },
    predictionOf({ scores }, row, { text }): ZeroShotClassification {
      const own = rowOfFloats(scores, row);
      const places = highest(own, labels.length);
      return {
        sequence: text,
        labels: places.map((place) => labels[place] ?? ''),
        scores: places.map((place) => own[place] ?? 0),
      };
    },
  };
}
