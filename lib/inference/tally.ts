import { addUsage, type TokenUsage } from '../remote/token-usage.ts';
import type { OutcomeChunk, Providers } from './bundle.ts';
import { addMeasures, type Measures } from './measures.ts';

/** Counts of the outcomes of a bundle so far. */
export interface Tally {
  total: number;
  succeeded: number;
  failed: number;
  readonly failedByStage: Record<string, number>;
  /** The models that made the predictions: digests, or names, by what the lines show of them. */
  readonly models: Record<string, string>;
  /** Execution providers of models that asked for a device; replaced, never changed. */
  providers?: Providers;
  /** Tokens that remote models counted; the object is replaced, never mutated. */
  usage?: TokenUsage;
  /** Work that was measured; the object is replaced, never mutated. */
  measures?: Measures;
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
  const providers = joinProviders(tally.providers, chunk.providers);
  if (providers !== undefined) tally.providers = providers;
  const usage = addUsage(tally.usage, chunk.usage);
  if (usage !== undefined) tally.usage = usage;
  const measures = addMeasures(tally.measures, chunk.measures);
  if (measures !== undefined) tally.measures = measures;
}

/** Joins the execution providers of two tallies. */
export function joinProviders(one: Providers | undefined, other: Providers | undefined): Providers | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const joined: Record<string, readonly string[]> = { ...one };
  for (const [model, providers] of Object.entries(other)) {
    joined[model] = [...new Set([...(joined[model] ?? []), ...providers])].toSorted();
  }
  return joined;
}
