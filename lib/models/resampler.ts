import { FEW_TAPS, type ResampleAxis, WEIGHT_BITS } from './resample-axis.ts';

/** Samples of an image, pixel after pixel. */
export interface Raster {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** Samples per pixel: 1 or 3. */
  readonly stride: 1 | 3;
}

export interface ResampleAxes {
  readonly columns: ResampleAxis;
  readonly rows: ResampleAxis;
}

/** Half of the last bit that is kept, so that sums are rounded. */
const HALF = 2 ** (WEIGHT_BITS - 1);
/** Rows that are added in one pass. */
const ROWS_AT_ONCE = 3;
/** Memory for the samples in between is kept for the next image up to this size: that of 3,000 rows of 224 pixels. */
const MAX_KEPT_BYTES = 2 ** 21;

/** Memory that is used again for the next image, if it is not too large. */
class KeptMemory {
  #kept = new Uint8ClampedArray(0);

  ofSize(bytes: number): Uint8ClampedArray<ArrayBuffer> {
    if (bytes > MAX_KEPT_BYTES) return new Uint8ClampedArray(bytes);
    if (bytes > this.#kept.length) this.#kept = new Uint8ClampedArray(bytes);
    return this.#kept.subarray(0, bytes);
  }
}

/** Resamples images along their rows and then along their columns, with 8-bit samples in between, as Pillow does. */
export class Resampler {
  readonly #between = new KeptMemory();
  readonly #result = new KeptMemory();

  /** @returns `columns.length` × `rows.length` pixels, until the next call. */
  resample(image: Raster, { columns, rows }: ResampleAxes): Raster {
    const { stride } = image;
    const rowSamples = columns.length * stride;
    // The last rows are followed by others, whose weights are 0.
    const between = this.#between.ofSize((rows.end - rows.first + ROWS_AT_ONCE) * rowSamples);
    acrossRows(image, { columns, rows }, between);
    const result = this.#result.ofSize(rowSamples * rows.length);
    downColumns(between, rows, result);
    const data = new Uint8Array(result.buffer, result.byteOffset, result.byteLength);
    return { data, width: columns.length, height: rows.length, stride };
  }
}

// In the loops below, indexes are within their arrays, but for samples of weight 0 behind an image of one or two pixels,
// which count as 0; checks would cost more than the rest. Sums fit into 32 bits, which `| 0` makes known to the compiler.
// A clamped array limits what is stored to 0 and 255.

function acrossRows({ data, width, stride }: Raster, { columns, rows }: ResampleAxes, to: Uint8ClampedArray): void {
  const rowSamples = width * stride;
  const samples = data.subarray(rows.first * rowSamples, rows.end * rowSamples);
  if (stride === 1) acrossGrey({ samples, rowSamples }, columns, to);
  else if (columns.taps === FEW_TAPS) acrossFewColours({ samples, rowSamples }, columns, to);
  else acrossColours({ samples, rowSamples }, columns, to);
}

interface Rows {
  readonly samples: Uint8Array;
  /** Samples of each row. */
  readonly rowSamples: number;
}

/** Columns with few taps: bilinear ones, of an image that becomes larger or a little smaller. A third less time. */
function acrossFewColours({ samples, rowSamples }: Rows, columns: ResampleAxis, to: Uint8ClampedArray): void {
  const { length, from, weights } = columns;
  let at = 0;
  for (let row = 0; row < samples.length; row += rowSamples) {
    for (let column = 0, tap = 0; column < length; column += 1, at += 3, tap += FEW_TAPS) {
      const sample = row + (from[column] as number) * 3;
      const first = weights[tap] as number;
      const second = weights[tap + 1] as number;
      const third = weights[tap + 2] as number;
      to[at] =
        (HALF +
          Math.imul(samples[sample] as number, first) +
          Math.imul(samples[sample + 3] as number, second) +
          Math.imul(samples[sample + 6] as number, third)) >>
        WEIGHT_BITS;
      to[at + 1] =
        (HALF +
          Math.imul(samples[sample + 1] as number, first) +
          Math.imul(samples[sample + 4] as number, second) +
          Math.imul(samples[sample + 7] as number, third)) >>
        WEIGHT_BITS;
      to[at + 2] =
        (HALF +
          Math.imul(samples[sample + 2] as number, first) +
          Math.imul(samples[sample + 5] as number, second) +
          Math.imul(samples[sample + 8] as number, third)) >>
        WEIGHT_BITS;
    }
  }
}

function acrossColours({ samples, rowSamples }: Rows, columns: ResampleAxis, to: Uint8ClampedArray): void {
  const { length, taps, from, weights } = columns;
  let at = 0;
  for (let row = 0; row < samples.length; row += rowSamples) {
    for (let column = 0, tap = 0; column < length; column += 1, at += 3) {
      let sample = row + (from[column] as number) * 3;
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (const end = tap + taps; tap < end; tap += 1, sample += 3) {
        const weight = weights[tap] as number;
        red = (red + Math.imul(samples[sample] as number, weight)) | 0;
        green = (green + Math.imul(samples[sample + 1] as number, weight)) | 0;
        blue = (blue + Math.imul(samples[sample + 2] as number, weight)) | 0;
      }
      to[at] = red >> WEIGHT_BITS;
      to[at + 1] = green >> WEIGHT_BITS;
      to[at + 2] = blue >> WEIGHT_BITS;
    }
  }
}

function acrossGrey({ samples, rowSamples }: Rows, columns: ResampleAxis, to: Uint8ClampedArray): void {
  const { length, taps, from, weights } = columns;
  let at = 0;
  for (let row = 0; row < samples.length; row += rowSamples) {
    for (let column = 0, tap = 0; column < length; column += 1, at += 1) {
      let sample = row + (from[column] as number);
      let sum = HALF;
      for (const end = tap + taps; tap < end; tap += 1, sample += 1)
        sum = (sum + Math.imul(samples[sample] as number, weights[tap] as number)) | 0;
      to[at] = sum >> WEIGHT_BITS;
    }
  }
}

function downColumns(between: Uint8ClampedArray, rows: ResampleAxis, to: Uint8ClampedArray): void {
  const { length, taps, from, weights, first } = rows;
  const rowSamples = to.length / length;
  const sums = new Int32Array(rowSamples);
  // The number of taps is filled up with weights of 0.
  const own = new Int32Array(Math.ceil(taps / ROWS_AT_ONCE) * ROWS_AT_ONCE);
  for (let row = 0; row < length; row += 1) {
    own.set(weights.subarray(row * taps, (row + 1) * taps));
    sums.fill(HALF);
    let at = ((from[row] as number) - first) * rowSamples;
    let tap = 0;
    for (; tap + ROWS_AT_ONCE < own.length; tap += ROWS_AT_ONCE, at += ROWS_AT_ONCE * rowSamples)
      addRows(sums, between.subarray(at), own.subarray(tap));
    storeRows(sums, { between: between.subarray(at), weights: own.subarray(tap) }, to.subarray(row * rowSamples));
  }
}

/** Adds three rows to sums. */
function addRows(sums: Int32Array, rows: Uint8ClampedArray, weights: Int32Array): void {
  const { length } = sums;
  const first = weights[0] as number;
  const second = weights[1] as number;
  const third = weights[2] as number;
  for (let at = 0; at < length; at += 1)
    sums[at] =
      (sums[at] as number) +
      Math.imul(rows[at] as number, first) +
      Math.imul(rows[at + length] as number, second) +
      Math.imul(rows[at + 2 * length] as number, third);
}

interface LastRows {
  readonly between: Uint8ClampedArray;
  readonly weights: Int32Array;
}

/** Stores sums and the last three rows. */
function storeRows(sums: Int32Array, { between, weights }: LastRows, to: Uint8ClampedArray): void {
  const { length } = sums;
  const first = weights[0] as number;
  const second = weights[1] as number;
  const third = weights[2] as number;
  for (let at = 0; at < length; at += 1)
    to[at] =
      ((sums[at] as number) +
        Math.imul(between[at] as number, first) +
        Math.imul(between[at + length] as number, second) +
        Math.imul(between[at + 2 * length] as number, third)) >>
      WEIGHT_BITS;
}
