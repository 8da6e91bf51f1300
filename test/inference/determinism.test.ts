import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { planObject } from '../../lib/formats/plan-object.ts';
import { bundleCount, bundleRange } from '../../lib/formats/plan.ts';
import type { OutcomeChunk } from '../../lib/inference/bundle.ts';
import type { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { openFileSource } from '../../lib/stores/file-source.ts';
import { bytesOf } from './run-bundle.ts';
import { startEngine } from './start-engine.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const ROWS = 3000;

/** Rows of thirty numbers, the same each time. */
async function writeRows(): Promise<string> {
  const path = join(await temporaryFolder(), 'rows.jsonl');
  let seed = 1;
  const random = (): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return Number((seed / 2_147_483_647 - 0.5).toFixed(4));
  };
  const rows = Array.from({ length: ROWS }, () => JSON.stringify({ x: Array.from({ length: 30 }, random) }));
  await writeFile(path, `${rows.join('\n')}\n`);
  return path;
}

interface RunOptions {
  readonly workers: number;
  readonly receives?: number;
  /** How many of the first bundles. @default all */
  readonly bundles?: number;
}

/** What a pipeline makes of a file, its bundles all at once. */
async function outcomesOf(engine: InferenceEngine, path: string, options: RunOptions): Promise<string> {
  const { receives = 1, bundles = Infinity } = options;
  await using source = await openFileSource(path);
  const plan = await planObject(source, engine.pipeline.input);
  expect(bundleCount(plan)).toBeGreaterThan(2);
  const parts = Array.from({ length: Math.min(bundleCount(plan), bundles) }, async (_, index) => {
    const chunks: OutcomeChunk[] = [];
    const bundle = {
      name: 'rows.jsonl',
      source: { kind: 'range', uri: path, range: bundleRange(plan, index) },
      address: {},
      receives,
    } as const;
    const summary = await engine.process(bundle, { write: (chunk) => void chunks.push(chunk) });
    expect(summary.failed).toBe(0);
    return bytesOf(chunks);
  });
  const bytes = (await Promise.all(parts)).join('');
  if (bundles === Infinity) expect(bytes.match(/\n/g)).toHaveLength(ROWS);
  return bytes;
}

async function run(path: string, pipeline: string, options: RunOptions): Promise<string> {
  await using engine = await startEngine('models', pipeline, options);
  return await outcomesOf(engine, path, options);
}

function predictionOf(line: string): number[] {
  return (JSON.parse(line) as { readonly prediction: { readonly y: number[] } }).prediction.y;
}

function predictionsOf(lines: string): number[][] {
  return lines.trim().split('\n').map(predictionOf);
}

describe("with 'minBatchSize' = 'maxBatchSize'", () => {
  test.each(['mlp', 'quantised'])('%s gives the same bytes whatever the workers and the copies', async (pipeline) => {
    const path = await writeRows();
    const one = await run(path, pipeline, { workers: 1 });
    expect(await run(path, pipeline, { workers: 8 })).toBe(one);
    expect(await run(path, `${pipeline}-copies`, { workers: 2 })).toBe(one);
    // Received before: in a process of its own, one element after the other.
    const received = await run(path, pipeline, { workers: 2, receives: 2, bundles: 1 });
    expect(received).not.toBe('');
    expect(one.slice(0, received.length)).toBe(received);
  });
});

test('a batch size changes predictions by rounding alone', async () => {
  const path = await writeRows();
  const expected = predictionsOf(await run(path, 'mlp', { workers: 1, bundles: 3 }));
  for (const pipeline of ['mlp-sevens', 'mlp-ones', 'mlp-learned']) {
    const actual = predictionsOf(await run(path, pipeline, { workers: 2, bundles: 3 }));
    expect(actual).toHaveLength(expected.length);
    const differences = actual.flatMap((row, index) =>
      row.map((y, at) => Math.abs(y - (expected[index]?.[at] ?? NaN))),
    );
    expect(Math.max(...differences)).toBeLessThan(1e-5);
  }
});
