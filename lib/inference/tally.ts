import type { OutcomeChunk } from './bundle.ts';

/** What became of the elements of a bundle so far. */
export interface Tally {
  total: number;
  succeeded: number;
  failed: number;
  readonly failedByStage: Record<string, number>;
  /** The models that made the predictions: digests, or names, by what the lines show of them. */
  readonly models: Record<string, string>;
}

export function emptyTally(): Tally {
  return { total: 0, succeeded: 0, failed: 0, failedByStage: {}, models: {} };
}

export function count(tally: Tally, chunk: OutcomeChunk): void {
  tally.total += chunk.elements;
  tally.succeeded += chunk.succeeded;
  tally.failed += chunk.elements - chunk.succeeded;
  for (const [stage, failed] of Object.entries(chunk.failed)) {
    tally.failedByStage[stage] = (tally.failedByStage[stage] ?? 0) + failed;
  }
  Object.assign(tally.models, chunk.models);
}
