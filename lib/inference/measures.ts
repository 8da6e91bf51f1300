/** Work that went into the outcomes of some elements, as the workers measured it. Measures of several parts can be added. */
export interface Measures {
  /** Number of batches by size: entry `i` counts those of 2^i to 2^(i+1) - 1 elements. */
  readonly batchSizes: readonly number[];
  /** Seconds in which models ran batches, or endpoints answered them. Batches that run at once are all counted. */
  readonly inferenceSecs: number;
  /** Seconds that batches waited for a model host, with the way there and back. */
  readonly waitSecs: number;
  /** Seconds that bundles waited for models to load. */
  readonly loadSecs: number;
  /** Mean share of padding in the batches that were padded, and their number; absent if no batch was padded. */
  readonly padding?: { readonly share: number; readonly batches: number };
  /** Elements that were read straight into tensors; absent if there were none. */
  readonly packed?: number;
  /** Number of times that an element was run, or asked for, again. */
  readonly retries: number;
  /** Start of the work, in milliseconds since 1970. */
  readonly firstAt: number;
  /** Time of the last outcome, in milliseconds since 1970. */
  readonly lastAt: number;
}

type Sum = Measures | undefined;

export function addMeasures(one: Measures, other: Sum): Measures;
export function addMeasures(one: Sum, other: Sum): Sum;
export function addMeasures(one: Sum, other: Sum): Sum {
  if (one === undefined || other === undefined) return one ?? other;
  const padding = addPadding(one.padding, other.padding);
  const packed = (one.packed ?? 0) + (other.packed ?? 0);
  return {
    batchSizes: addCounts(one.batchSizes, other.batchSizes),
    inferenceSecs: one.inferenceSecs + other.inferenceSecs,
    waitSecs: one.waitSecs + other.waitSecs,
    loadSecs: one.loadSecs + other.loadSecs,
    ...(padding === undefined ? {} : { padding }),
    ...(packed === 0 ? {} : { packed }),
    retries: one.retries + other.retries,
    firstAt: Math.min(one.firstAt, other.firstAt),
    lastAt: Math.max(one.lastAt, other.lastAt),
  };
}

function addCounts(one: readonly number[], other: readonly number[]): readonly number[] {
  const length = Math.max(one.length, other.length);
  return Array.from({ length }, (_, index) => (one[index] ?? 0) + (other[index] ?? 0));
}

function addPadding(one: Measures['padding'], other: Measures['padding']): Measures['padding'] {
  if (one === undefined || other === undefined) return one ?? other;
  const batches = one.batches + other.batches;
  return { share: (one.share * one.batches + other.share * other.batches) / batches, batches };
}

/** Rounds measures to milliseconds, and shares to four digits, so that they stay short in a note. */
export function roundMeasures(measures: Measures): Measures {
  const { inferenceSecs, waitSecs, loadSecs, padding, firstAt, lastAt } = measures;
  return {
    ...measures,
    inferenceSecs: rounded(inferenceSecs, 1e3),
    waitSecs: rounded(waitSecs, 1e3),
    loadSecs: rounded(loadSecs, 1e3),
    ...(padding === undefined ? {} : { padding: { ...padding, share: rounded(padding.share, 1e4) } }),
    firstAt: Math.round(firstAt),
    lastAt: Math.round(lastAt),
  };
}

function rounded(value: number, steps: number): number {
  return Math.round(value * steps) / steps;
}
