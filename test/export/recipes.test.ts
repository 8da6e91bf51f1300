import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { readResults } from '../../examples/read-results.ts';
import { ROOT, runFabric, temporaryFolder } from '../examples/run-fabric.ts';
import { EXPORT_CONFIG, type Recipe, RECIPES } from './recipes.ts';

const run = promisify(execFile);

/** How far two ways to compute the same float32 value may be apart. */
const TOLERANCE = 1e-5;

/** The label, under its pipeline's name for it, and the probabilities of all classes. */
interface Prediction {
  readonly label?: string | number;
  readonly digit?: number;
  readonly probabilities: readonly number[];
}

interface OwnPrediction {
  readonly id: string;
  readonly prediction: Prediction;
}

async function ownPredictions(recipe: Recipe): Promise<readonly OwnPrediction[]> {
  const lines = (await readFile(join(ROOT, recipe.predictions), 'utf8')).split('\n').filter(Boolean);
  // The scripts write nothing else there.
  return lines.map((line) => JSON.parse(line) as OwnPrediction);
}

async function fabricPredictions({ pipeline, input }: Recipe): Promise<readonly OwnPrediction[]> {
  await using output = await temporaryFolder();
  const args = ['run', pipeline, input, '--config', EXPORT_CONFIG, '--output', output.path, '--json'];
  const { status, stdout, stderr } = await runFabric(args);
  expect(status, stderr).toBe(0);
  const { results } = JSON.parse(stdout) as { results: readonly string[] };
  const lines = await Promise.all(results.map(readResults<Prediction, unknown>));
  return lines.flat();
}

function labelOf({ prediction }: OwnPrediction): string | number | undefined {
  return prediction.label ?? prediction.digit;
}

function difference(one: readonly number[], other: readonly number[]): number {
  expect(one.length).toBe(other.length);
  return Math.max(...one.map((value, index) => Math.abs(value - (other[index] ?? NaN))));
}

describe.for(RECIPES)('the model that $script exports', (recipe) => {
  let own: readonly OwnPrediction[];
  let ours: readonly OwnPrediction[];

  beforeAll(async () => {
    // What an earlier run left must not answer for this one.
    await rm(join(ROOT, recipe.input, '..'), { recursive: true, force: true });
    await run(inject('python'), [recipe.script], { cwd: ROOT });
    [own, ours] = await Promise.all([ownPredictions(recipe), fabricPredictions(recipe)]);
  });

  test('answers every held-out element, in order', () => {
    expect(own).toHaveLength(recipe.elements);
    expect(ours.map(({ id }) => id)).toEqual(own.map(({ id }) => id));
    expect(new Set(own.map(({ id }) => id)).size).toBe(recipe.elements);
  });

  test('has learned to tell the classes apart', () => {
    expect(new Set(own.map(labelOf)).size).toBe(recipe.classes);
    expect(own.every(({ prediction }) => prediction.probabilities.length === recipe.classes)).toBe(true);
  });

  test('gives the labels that its framework gives', () => {
    expect(ours.map(labelOf)).toEqual(own.map(labelOf));
  });

  test(`gives its framework's probabilities within ${TOLERANCE}`, () => {
    const differences = ours.map(({ prediction }, index) =>
      difference(prediction.probabilities, own[index]?.prediction.probabilities ?? []),
    );
    expect(Math.max(...differences)).toBeLessThanOrEqual(TOLERANCE);
  });
});
