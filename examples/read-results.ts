import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { glob } from 'tinyglobby';

/** A line of a results part. */
export interface ResultLine<Prediction = unknown, Input = unknown> {
  readonly id: string;
  readonly prediction: Prediction;
  /** With `output: { join: 'input' }`. */
  readonly input: Input;
  readonly model: string | readonly string[];
}

/** A line of an errors part. */
export interface ErrorLine {
  readonly id: string;
  readonly stage: string;
  readonly error: { readonly name: string; readonly message: string };
  readonly attempts: number;
  readonly input: unknown;
}

/** All result lines of a job's folder, in input order: that of the parts' names. */
export function readResults<Prediction, Input>(folder: string): Promise<readonly ResultLine<Prediction, Input>[]> {
  return readParts(folder, 'part-*.jsonl');
}

/** All error lines of a job's folder; a bundle without failures has no errors part. */
export function readErrors(folder: string): Promise<readonly ErrorLine[]> {
  return readParts(join(folder, '_errors'), 'errors-*.jsonl');
}

/** The answers to objects that are one element each: a file for each, with its prediction or its failure. */
export async function readAnswers<Prediction, Input>(
  folder: string,
): Promise<{ readonly results: readonly ResultLine<Prediction, Input>[]; readonly errors: readonly ErrorLine[] }> {
  const names = await glob('*.json', { cwd: folder });
  const texts = await Promise.all(names.toSorted().map((name) => readFile(join(folder, name), 'utf8')));
  // The caller says what its pipeline writes.
  const lines = texts.map((text) => JSON.parse(text) as ResultLine<Prediction, Input> | ErrorLine);
  return {
    results: lines.filter((line) => 'prediction' in line),
    errors: lines.filter((line) => 'error' in line),
  };
}

async function readParts<Line>(folder: string, pattern: string): Promise<readonly Line[]> {
  const names = await glob(pattern, { cwd: folder });
  const texts = await Promise.all(names.toSorted().map((name) => readFile(join(folder, name), 'utf8')));
  // The caller says what its pipeline writes.
  return texts.flatMap((text) => text.split('\n').filter(Boolean)).map((line) => JSON.parse(line) as Line);
}
