import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { globSync } from 'tinyglobby';

/** Rows of predictions by element; elements without one have NaN. */
export interface Predictions {
  readonly width: number;
  readonly values: Float64Array;
  /** Lines of predictions of each element. */
  readonly counts: Uint8Array;
}

export interface Check {
  readonly lines: number;
  /** Elements whose one prediction is that of the reference. */
  readonly right: number;
  readonly largestDifference: number;
}

/** Largest difference of a probability or score that is right. */
const TOLERANCE = 1e-5;
/** The number at the end of an id, of a file or of a path is the element's index. */
const INDEX = /(\d+)(?:\.jpg)?$/;
/** Files beside the predictions in a folder of results. */
const OTHERS = ['**/_*/**', '**/_*', '**/.*/**'];

/** Reads all lines of predictions below a folder. */
export async function readPredictions(folder: string, elements: number, width: number): Promise<Predictions> {
  const values = new Float64Array(elements * width).fill(NaN);
  const counts = new Uint8Array(elements);
  for (const file of globSync('**/*.{json,jsonl}', { cwd: folder, ignore: OTHERS })) {
    for await (const line of createInterface({ input: createReadStream(join(folder, file)), crlfDelay: Infinity })) {
      const { id, prediction } = JSON.parse(line) as { readonly id: string; readonly prediction: unknown };
      const index = Number(INDEX.exec(id)?.[1]);
      // Some systems write null for a row that failed.
      const row = rowOf(prediction);
      if (row === undefined || !(index < elements)) continue;
      values.set(row, index * width);
      counts[index] = (counts[index] ?? 0) + 1;
    }
  }
  return { width, values, counts };
}

export function checkPredictions({ values, counts, width }: Predictions, reference: Predictions): Check {
  let right = 0;
  let lines = 0;
  let largestDifference = 0;
  counts.forEach((count, element) => {
    lines += count;
    if (count === 0) return;
    let difference = 0;
    for (let at = element * width; at < (element + 1) * width; at += 1)
      difference = Math.max(difference, Math.abs((values[at] ?? NaN) - (reference.values[at] ?? NaN)));
    largestDifference = Math.max(largestDifference, difference);
    if (count === 1 && difference < TOLERANCE) right += 1;
  });
  return { lines, right, largestDifference };
}

/** The numbers of a prediction: those of its only field, or its own. */
function rowOf(prediction: unknown): readonly number[] | undefined {
  if (Array.isArray(prediction)) return prediction as readonly number[];
  if (typeof prediction !== 'object' || prediction === null) return undefined;
  const [row] = Object.values(prediction) as readonly unknown[];
  return Array.isArray(row) ? (row as readonly number[]) : undefined;
}
