import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Bundle, BundleSummary, OutcomeChunk } from '../../lib/inference/bundle.ts';
import type { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { temporaryFolder } from '../temporary-folder.ts';

/** What became of one element, as its line says. */
export interface Outcome {
  readonly id: string;
  readonly prediction?: unknown;
  readonly model?: string | readonly string[];
  readonly stage?: string;
  readonly error?: { readonly name: string; readonly message: string; readonly at?: string };
  readonly attempts?: number;
  readonly input?: unknown;
  readonly source?: Readonly<Record<string, unknown>>;
}

export interface BundleResult {
  /** In input order. */
  readonly outcomes: readonly Outcome[];
  readonly summary: BundleSummary;
  readonly chunks: readonly OutcomeChunk[];
  /** The results' bytes, then the errors'. */
  readonly bytes: string;
}

/** A file of one bundle, gone when the test is over. */
export interface BundleFile {
  readonly bundle: Bundle;
  /** The ids of its elements, in order: a line each. */
  readonly ids: readonly string[];
}

export interface BundleFileOptions {
  readonly name?: string;
  readonly receives?: number;
}

/** Writes elements as JSON lines, all of which are one bundle. */
export async function writeBundle(
  elements: readonly unknown[],
  { name = 'elements.jsonl', receives }: BundleFileOptions = {},
): Promise<BundleFile> {
  const path = join(await temporaryFolder(), 'elements.jsonl');
  const lines = elements.map((element) => `${JSON.stringify(element)}\n`);
  await writeFile(path, lines.join(''));
  let end = 0;
  const ids = lines.map((line) => {
    const id = `${name}#${end}`;
    end += Buffer.byteLength(line);
    return id;
  });
  const source = { kind: 'range', uri: path, range: { start: 0, end } } as const;
  const bundle = { name, source, address: { uri: path }, ...(receives === undefined ? {} : { receives }) };
  return { bundle, ids };
}

/**
 * Takes elements through an engine as one bundle, and checks what holds whatever happens to them: each has exactly one
 * outcome, in input order, and the counts are right.
 */
export async function runBundle(
  engine: InferenceEngine,
  elements: readonly unknown[],
  options: BundleFileOptions = {},
): Promise<BundleResult> {
  const { bundle, ids } = await writeBundle(elements, options);
  return processBundle(engine, bundle, ids);
}

/** The same for a bundle, whose outcomes should have these ids. */
export async function processBundle(
  engine: InferenceEngine,
  bundle: Bundle,
  ids: readonly string[],
): Promise<BundleResult> {
  const chunks: OutcomeChunk[] = [];
  const summary = await engine.process(bundle, { write: (chunk) => void chunks.push(chunk) });
  return { outcomes: outcomesOf(chunks, ids, summary), summary, chunks, bytes: bytesOf(chunks) };
}

export function bytesOf(chunks: readonly OutcomeChunk[]): string {
  const text = (field: 'results' | 'errors'): string =>
    Buffer.concat(chunks.map((chunk) => chunk[field])).toString('utf8');
  return text('results') + text('errors');
}

/** The outcomes that chunks hold, one for each id in order. */
export function outcomesOf(
  chunks: readonly OutcomeChunk[],
  ids: readonly string[],
  summary?: Pick<BundleSummary, 'total' | 'succeeded' | 'failed' | 'failedByStage'>,
): readonly Outcome[] {
  const places = new Map(ids.map((id, place) => [id, place]));
  const outcomes: Outcome[] = [];
  for (const chunk of chunks) {
    const results = parseLines(chunk.results);
    const errors = parseLines(chunk.errors);
    expect(chunk.elements).toBe(results.length + errors.length);
    expect(chunk.succeeded).toBe(results.length);
    expectAscending(results.map(({ id }) => places.get(id)));
    expectAscending(errors.map(({ id }) => places.get(id)));
    outcomes.push(...[...results, ...errors].sort((one, other) => placeOf(places, one) - placeOf(places, other)));
  }
  expect(outcomes.map(({ id }) => id)).toEqual(ids);
  if (summary !== undefined) {
    const failed = outcomes.filter(({ stage }) => stage !== undefined);
    const byStage: Record<string, number> = {};
    for (const { stage = '' } of failed) byStage[stage] = (byStage[stage] ?? 0) + 1;
    expect(summary).toMatchObject({
      total: ids.length,
      succeeded: ids.length - failed.length,
      failed: failed.length,
      failedByStage: byStage,
    });
  }
  return outcomes;
}

function parseLines(bytes: Uint8Array): Outcome[] {
  const lines = Buffer.from(bytes).toString('utf8').split('\n');
  expect(lines.pop()).toBe('');
  return lines.map((line) => JSON.parse(line) as Outcome);
}

function placeOf(places: ReadonlyMap<string, number>, { id }: Outcome): number {
  return places.get(id) ?? -1;
}

function expectAscending(places: readonly (number | undefined)[]): void {
  expect(places.every((place, index) => place !== undefined && place > (places[index - 1] ?? -1))).toBe(true);
}

/** The outcomes of elements that failed. */
export function failuresOf(outcomes: readonly Outcome[]): readonly Outcome[] {
  return outcomes.filter(({ stage }) => stage !== undefined);
}

/** Expects that the elements at these places failed, and that all others have the prediction that they should. */
export function expectOnlyFailures(
  outcomes: readonly Outcome[],
  places: readonly number[],
  prediction: (place: number) => unknown,
): readonly Outcome[] {
  const failed = outcomes.flatMap(({ stage }, place) => (stage === undefined ? [] : [place]));
  expect(failed).toEqual(places);
  const expected = outcomes.flatMap((_, place) => (places.includes(place) ? [] : [prediction(place)]));
  const actual = outcomes.filter(({ stage }) => stage === undefined).map((outcome) => outcome.prediction);
  expect(actual).toEqual(expected);
  return failuresOf(outcomes);
}
