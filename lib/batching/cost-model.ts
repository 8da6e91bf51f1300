/** time = fixedMillis + perElementMillis · size, both 0 or more. */
export interface CostFit {
  readonly fixedMillis: number;
  readonly perElementMillis: number;
}

interface Sample {
  readonly size: number;
  readonly millis: number;
}

/** The newest samples of about one size. */
interface SizeClass {
  readonly samples: readonly Sample[];
  readonly median: Sample;
  /** Number of records when its newest was added. */
  readonly newest: number;
}

/** Classes of sizes for each doubling: sizes within 19% of each other are one class, and up to 1,024 there are 41. */
const CLASSES_PER_DOUBLING = 4;

/** Nine samples make a median that four pauses do not change. */
const SAMPLES_PER_CLASS = 9;

/** Records without a size after which its samples are too old to use. */
const FORGOTTEN_AFTER = 512;

/** Factor from which a sample is a surprise, slower or quicker than expected; ordinary noise is well below. */
const SURPRISE_FACTOR = 3;

/** A difference of less than a millisecond is the scheduler's noise, not a surprise. */
const SURPRISE_MILLIS = 1;

/** Surprises in a row that mean that the machine has changed; a single one is a pause. */
const SURPRISES_TO_BELIEVE = 3;

/** Times below a microsecond are below the clock's resolution. */
const MIN_MILLIS = 1e-3;

/**
 * Cost of a batch by its size: `time = a + b · size`, learned from the batches that ran. The model and the idea to
 * drop outliers are Beam's (`_BatchSizeEstimator.linear_regression_numpy`, apache/beam `transforms/util.py`), which
 * fits least squares and drops by Cook's distance, but only from ten points on, so that one pause among the first ten
 * decides the size. Here instead:
 *
 * - Outliers are detected on arrival. A sample three times slower or quicker than expected is set aside. (Even one
 *   sample bounds the expected times, because neither the time nor the size per time can fall as sizes grow.) The next
 *   ordinary one drops it. Three of a kind in a row are used, and all earlier samples are dropped, so that the model
 *   follows a machine that has changed within three batches.
 * - The history is the last few samples of each size, not the last hundred of any: thousands of batches of one size
 *   do not replace the small ones that determine the intercept. Each size counts by its medians, which pauses that are
 *   too short to be surprises do not change.
 * - Least squares of the relative error (weights 1 / time²), since noise grows with the time measured; with a, b >= 0
 *   exactly: if one would be negative, it is 0 and the other is fitted alone (non-negative least squares, Lawson and
 *   Hanson, *Solving Least Squares Problems*, 1974, ch. 23; with two unknowns its active sets are these).
 */
export class CostModel {
  readonly #classes = new Map<number, SizeClass>();
  #surprises: { readonly sample: Sample; readonly slow: boolean }[] = [];
  #records = 0;
  /** Undefined until it is computed. */
  #fit: CostFit | undefined;

  /** Records that a batch of `size` elements took `millis`. Sizes below 1 and times that are not finite are ignored. */
  record(size: number, millis: number): void {
    if (!Number.isSafeInteger(size) || size < 1 || !Number.isFinite(millis) || millis < 0) return;
    this.#records += 1;
    const sample = { size, millis };
    const slow = this.#surprise(sample);
    if (slow === undefined) {
      this.#surprises = [];
      this.#keep(sample);
      return;
    }
    if (this.#surprises[0]?.slow !== slow) this.#surprises = [];
    this.#surprises.push({ sample, slow });
    if (this.#surprises.length < SURPRISES_TO_BELIEVE) return;
    this.#classes.clear();
    for (const believed of this.#surprises) this.#keep(believed.sample);
    this.#surprises = [];
  }

  /** Returns undefined before the first record. With one size only, a and b cannot be separated: b gets all of the time. */
  fit(): CostFit | undefined {
    if (this.#classes.size === 0) return undefined;
    this.#fit ??= fitLine([...this.#classes.values()].map(({ median }) => median));
    return this.#fit;
  }

  /** Returns undefined before the first record. With one size only, smaller ones are expected to take as long, to be safe. */
  expectedMillis(size: number): number | undefined {
    return this.#expected(size)?.high;
  }

  /** Returns the number of kept samples with a size from `from` to `to`, both inclusive. */
  count(from: number, to: number): number {
    let count = 0;
    for (const { samples } of this.#classes.values()) {
      for (const { size } of samples) if (size >= from && size <= to) count += 1;
    }
    return count;
  }

  /** Returns the smallest and the largest size of the kept samples; undefined if there are no samples. */
  sizes(): { readonly smallest: number; readonly largest: number } | undefined {
    if (this.#classes.size === 0) return undefined;
    let smallest = Infinity;
    let largest = 0;
    for (const { samples } of this.#classes.values()) {
      for (const { size } of samples) {
        smallest = Math.min(smallest, size);
        largest = Math.max(largest, size);
      }
    }
    return { smallest, largest };
  }

  #keep(sample: Sample): void {
    const place = Math.floor(Math.log2(sample.size) * CLASSES_PER_DOUBLING);
    const samples = [...(this.#classes.get(place)?.samples ?? []), sample].slice(-SAMPLES_PER_CLASS);
    this.#classes.set(place, { samples, median: medianOf(samples), newest: this.#records });
    for (const [other, { newest }] of this.#classes) {
      if (this.#records - newest > FORGOTTEN_AFTER) this.#classes.delete(other);
    }
    this.#fit = undefined;
  }

  /** Returns true if far too slow, false if far too quick, undefined if as expected or without samples to compare. */
  #surprise({ size, millis }: Sample): boolean | undefined {
    const expected = this.#expected(size);
    if (expected === undefined) return undefined;
    if (millis > expected.high * SURPRISE_FACTOR + SURPRISE_MILLIS) return true;
    if (millis < expected.low / SURPRISE_FACTOR - SURPRISE_MILLIS) return false;
    return undefined;
  }

  #expected(size: number): { readonly low: number; readonly high: number } | undefined {
    const fit = this.fit();
    if (fit === undefined) return undefined;
    const onLine = fit.fixedMillis + fit.perElementMillis * size;
    const [only, another] = this.#classes.values();
    if (only === undefined || another !== undefined) return { low: onLine, high: onLine };
    // With one size only, the fit gives all of the time to the elements; the other extreme is a time that is constant.
    const constant = only.median.millis;
    return { low: Math.min(constant, onLine), high: Math.max(constant, onLine) };
  }
}

function medianOf(samples: readonly Sample[]): Sample {
  return {
    size: lowerMedian(samples.map(({ size }) => size)),
    millis: lowerMedian(samples.map(({ millis }) => millis)),
  };
}

/** Returns the lower of two middle values, because pauses only lengthen times. */
function lowerMedian(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 1] ?? 0;
}

function fitLine(samples: readonly Sample[]): CostFit {
  let w = 0;
  let wx = 0;
  let wy = 0;
  let wxx = 0;
  let wxy = 0;
  for (const { size, millis } of samples) {
    const weight = 1 / Math.max(millis, MIN_MILLIS) ** 2;
    w += weight;
    wx += weight * size;
    wy += weight * millis;
    wxx += weight * size * size;
    wxy += weight * size * millis;
  }
  const throughOrigin = { fixedMillis: 0, perElementMillis: wxy / wxx };
  const determinant = w * wxx - wx * wx;
  // By the Cauchy-Schwarz inequality it is 0 only if all sizes are equal, except for rounding.
  if (determinant <= w * wxx * 1e-12) return throughOrigin;
  const slope = (w * wxy - wx * wy) / determinant;
  if (slope < 0) return { fixedMillis: wy / w, perElementMillis: 0 };
  const intercept = (wy - slope * wx) / w;
  return intercept < 0 ? throughOrigin : { fixedMillis: intercept, perElementMillis: slope };
}
