export type ResampleFilter = 'bilinear' | 'bicubic' | 'lanczos3';

interface Kernel {
  /** Distance from which on a weight is 0, in samples. */
  readonly support: number;
  readonly weight: (distance: number) => number;
}

const KERNELS: Readonly<Record<ResampleFilter, Kernel>> = {
  bilinear: { support: 1, weight: (distance) => Math.max(0, 1 - Math.abs(distance)) },
  bicubic: { support: 2, weight: cubic },
  lanczos3: { support: 3, weight: (distance) => sinc(distance) * sinc(distance / 3) },
};

/** Few taps are filled up to this number, for which there is code without a loop. */
export const FEW_TAPS = 3;

/** Bits of a weight's fraction: a sample of 8 bits, a weight and two bits for sums above 1 make 32. */
export const WEIGHT_BITS = 32 - 8 - 2;

export interface AxisOptions {
  /** Samples of the image along the axis. */
  readonly source: number;
  /** Samples of the whole resized image. */
  readonly size: number;
  /** First sample of the resized image that is computed. */
  readonly start: number;
  /** Number of samples that are computed. */
  readonly length: number;
  readonly filter: ResampleFilter;
  /** True if the filter is widened where the image becomes smaller. */
  readonly antialias: boolean;
}

/** One axis of a resized image. Each of its samples is a weighted sum of `taps` samples of the image, side by side. */
export interface ResampleAxis {
  readonly length: number;
  /** At least FEW_TAPS. The last ones can be outside an image that has fewer samples; their weights are 0. */
  readonly taps: number;
  /** For each sample, the first sample of the image. */
  readonly from: Int32Array;
  /** For each sample, `taps` weights, times 2 ** WEIGHT_BITS. */
  readonly weights: Int32Array;
  /** The samples of the image that are needed: `[first, end)`. */
  readonly first: number;
  readonly end: number;
}

interface Window {
  /** Index of the first weight's sample. */
  from: number;
  readonly weights: number[];
}

/**
 * Computes an axis as Pillow does (its documentation: "Filters"; its fixed-point weights: `Resample.c`), so that sums are
 * equal to the last bit: a kernel around the centre of each sample, widened by the factor if the image becomes smaller,
 * cut at the edges of the image and divided by the sum of its weights.
 */
export function resampleAxis(options: AxisOptions): ResampleAxis {
  const { source, start, length } = options;
  const windows = Array.from({ length }, (_, index) => windowOf(start + index, options));
  const taps = windows.reduce((most, { weights }) => Math.max(most, weights.length), FEW_TAPS);
  const from = new Int32Array(length);
  const weights = new Int32Array(length * taps);
  windows.forEach((window, index) => {
    // All have the same number of taps: one at the edge begins earlier, with weights of 0.
    const first = Math.max(0, Math.min(window.from, source - taps));
    from[index] = first;
    weights.set(window.weights, index * taps + window.from - first);
  });
  // Windows follow each other in order.
  const end = Math.min(source, (from.at(-1) ?? 0) + taps);
  return { length, taps, from, weights, first: from[0] ?? 0, end };
}

function windowOf(index: number, { source, size, filter, antialias }: AxisOptions): Window {
  if (size === source) return { from: index, weights: [2 ** WEIGHT_BITS] };
  const { support, weight } = KERNELS[filter];
  const factor = source / size;
  const width = antialias ? Math.max(1, factor) : 1;
  const center = (index + 0.5) * factor;
  const from = Math.max(0, Math.trunc(center - support * width + 0.5));
  const end = Math.min(source, Math.trunc(center + support * width + 0.5));
  const parts = Array.from({ length: end - from }, (_, tap) => weight((from + tap + 0.5 - center) / width));
  const sum = parts.reduce((total, part) => total + part, 0);
  return trimmed({ from, weights: parts.map((part) => fixedPoint(part / sum)) });
}

/** Removes weights of 0 at both ends. */
function trimmed({ from, weights }: Window): Window {
  const first = Math.max(
    0,
    weights.findIndex((weight) => weight !== 0),
  );
  const last = weights.findLastIndex((weight) => weight !== 0);
  return { from: from + first, weights: weights.slice(first, last + 1) };
}

/** Rounds halves away from 0. */
function fixedPoint(weight: number): number {
  return Math.trunc(weight * 2 ** WEIGHT_BITS + (weight < 0 ? -0.5 : 0.5));
}

/** The cubic of R. Keys, "Cubic convolution interpolation for digital image processing" (1981), with a = -0.5. */
function cubic(distance: number): number {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}
