import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { InferenceEngine } from 'inference-fabric';
import { describe, expect, test } from 'vitest';
import { type Outcome, processBundle } from '../inference/run-bundle.ts';
import { ROOT } from './run-fabric.ts';

interface Wine {
  readonly id: string;
  readonly cultivar: number;
}

interface Choice {
  readonly cultivar: number;
  readonly probability: number;
}

const PATH = join(ROOT, 'examples/data/wine.jsonl');
const text = await readFile(PATH, 'utf8');
const wines = text
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Wine);

async function run(pipeline: string): Promise<readonly Outcome[]> {
  const configUrl = pathToFileURL(join(ROOT, 'examples/branches/fabric.config.ts'));
  await using engine = await InferenceEngine.start({ configUrl, pipeline, workers: 1 });
  const source = { kind: 'range', uri: PATH, range: { start: 0, end: Buffer.byteLength(text) } } as const;
  const bundle = { name: 'wine.jsonl', source, address: {} };
  return (
    await processBundle(
      engine,
      bundle,
      wines.map(({ id }) => id),
    )
  ).outcomes;
}

function rightOf(choices: readonly (Choice | undefined)[]): number {
  return choices.filter((choice, place) => choice?.cultivar === wines[place]?.cultivar).length;
}

describe('the example of branches', () => {
  test('averages two models', async () => {
    const outcomes = await run('ensemble');
    expect(rightOf(outcomes.map(({ prediction }) => prediction as Choice))).toBeGreaterThanOrEqual(52);
    for (const { model } of outcomes) expect(model).toEqual([expect.any(String), expect.any(String)]);
  });

  test('sends one element in ten to the new model, by its id, and all others to the old one', async () => {
    const outcomes = await run('ab-test');
    const predictions = outcomes.map(
      ({ prediction }) => prediction as { readonly next?: Choice; readonly now?: Choice },
    );
    expect(rightOf(predictions.map(({ next, now }) => next ?? now))).toBeGreaterThanOrEqual(52);
    const chosen = wines.map(({ id }) => createHash('sha256').update(id).digest().readUInt32BE(0) < 2 ** 32 / 10);
    expect(chosen.filter(Boolean)).toHaveLength(11);
    expect(predictions.map(Object.keys)).toEqual(chosen.map((isNext) => [isNext ? 'next' : 'now']));
    const [first, second] = [true, false].map((way) => outcomes.filter((_, place) => chosen[place] === way));
    expect(new Set(first?.map(({ model }) => model)).size).toBe(1);
    expect(second?.some(({ model }) => model === first?.[0]?.model)).toBe(false);
  });
});
