/** Function from a model's logits to scores. */
export type ScoreFunction = 'softmax' | 'sigmoid' | 'none';

/** Writes the scores of `count` logits that start at `start` to the same places. */
export function applyScores(
  fn: ScoreFunction,
  logits: Float32Array,
  { start, count }: { readonly start: number; readonly count: number },
): void {
  switch (fn) {
    case 'none':
      return;
    case 'sigmoid':
      for (let index = start; index < start + count; index += 1) logits[index] = sigmoid(logits[index] ?? 0);
      return;
    case 'softmax':
      return softmax(logits, start, count);
  }
}

function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** Subtracts the largest logit first, so that no exponential overflows. */
function softmax(logits: Float32Array, start: number, count: number): void {
  let largest = -Infinity;
  for (let index = start; index < start + count; index += 1) largest = Math.max(largest, logits[index] ?? 0);
  let sum = 0;
  for (let index = start; index < start + count; index += 1) sum += Math.exp((logits[index] ?? 0) - largest);
  for (let index = start; index < start + count; index += 1) {
    logits[index] = Math.exp((logits[index] ?? 0) - largest) / sum;
  }
}

/** Returns the places of the `most` highest scores, the highest first; of equal ones the first. */
export function highest(scores: Float32Array, most: number): readonly number[] {
  if (most === 1) return [argmax(scores)];
  const places = Array.from(scores, (_, place) => place);
  return places.sort((one, other) => (scores[other] ?? 0) - (scores[one] ?? 0) || one - other).slice(0, most);
}

function argmax(scores: Float32Array): number {
  let best = 0;
  for (let index = 1; index < scores.length; index += 1) {
    if ((scores[index] ?? 0) > (scores[best] ?? 0)) best = index;
  }
  return best;
}
