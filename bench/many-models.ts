/**
 * `npm run bench:many-models`: rows whose keys choose one of two models that are both in memory, against the same rows
 * through one model, as whole processes of `fabric run`, interleaved; and what it costs to put one model out and load
 * another, where there is room for one.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InferenceEngine } from 'inference-fabric';
import { makeRows } from './inputs.ts';
import { mlp } from './models.ts';
import { percentile } from './percentile.ts';
import { runNode } from './run-node.ts';
import { KEYED_ROWS, ROUNDS } from './settings.ts';

const RELOADS = 20;

const here = fileURLToPath(new URL('.', import.meta.url));
const out = join(here, 'out');
const rows = join(out, `keyed-rows-${KEYED_ROWS}.jsonl`);
const config = join(here, 'many-models.config.ts');
const fabric = join(here, '../dist/cli/fabric.js');

await mkdir(out, { recursive: true });
await writeFile(join(out, 'a.onnx'), mlp(1));
await writeFile(join(out, 'b.onnx'), mlp(2));
await makeRows(rows, KEYED_ROWS, ['a', 'b']);

console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, Node ${process.version}\n`);
console.log(
  `| ${KEYED_ROWS.toLocaleString('en')} rows | one model, median s | two models, median s | speed | least to most |`,
);
console.log('| --- | --- | --- | --- | --- |');
for (const workers of [1, 2]) await compete(workers);
console.log();
await timeReloads();

async function compete(workers: number): Promise<void> {
  const one: number[] = [];
  const two: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    one.push(await fabricRun('one-model', workers));
    two.push(await fabricRun('two-models', workers));
  }
  const speeds = one.map((secs, round) => secs / (two[round] ?? Number.NaN));
  const cells = [
    `--workers ${workers}`,
    percentile(one, 0.5).toFixed(2),
    percentile(two, 0.5).toFixed(2),
    percentile(speeds, 0.5).toFixed(2),
    `${percentile(speeds, 0).toFixed(2)} to ${percentile(speeds, 1).toFixed(2)}`,
  ];
  console.log(`| ${cells.join(' | ')} |`);
}

/** Seconds of a whole process. */
async function fabricRun(pipeline: string, workers: number): Promise<number> {
  const output = join(out, 'keyed');
  const flags = ['--output', output, '--config', config, '--workers', String(workers), '--overwrite'];
  const secs = await runNode([fabric, 'run', pipeline, rows, ...flags]);
  await rm(output, { recursive: true, force: true });
  return secs;
}

/** Bundles of one element, whose keys take turns: each puts the other's model out. */
async function timeReloads(): Promise<void> {
  const options = { configUrl: new URL('many-models.config.ts', import.meta.url), workers: 1 };
  const millis: Record<string, number[]> = {};
  for (const pipeline of ['two-models', 'one-in-memory']) {
    await using engine = await InferenceEngine.start({ ...options, pipeline });
    const own: number[] = (millis[pipeline] = []);
    for (let bundle = 0; bundle < RELOADS + 2; bundle += 1) {
      const element = {
        id: 'one',
        key: bundle % 2 === 0 ? 'a' : 'b',
        input: { x: Array.from({ length: 30 }, () => 0.5) },
      };
      const startedAt = performance.now();
      await engine.process(
        { name: 'bench', source: { kind: 'elements', elements: [element] }, address: {} },
        { write: () => {} },
      );
      // The first of each loads in any case.
      if (bundle >= 2) own.push(performance.now() - startedAt);
    }
  }
  for (const [pipeline, own] of Object.entries(millis)) {
    const at = (share: number): string => `${percentile(own, share).toFixed(1)} ms`;
    console.log(`${pipeline}: a bundle of one element takes ${at(0.5)} (${at(0)} to ${at(1)}), ${own.length} bundles`);
  }
}
