/**
 * `npm run bench`: `fabric run` against a bare loop of the same work, as whole processes, interleaved in one session.
 * It makes its inputs and models in bench/out/, checks that all contestants write the same lines, and prints the table
 * of bench/README.md.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { shownDigest } from '../lib/models/model-digest.ts';
import { makeImages, makeRows } from './inputs.ts';
import { convNet, mlp } from './models.ts';
import { percentile } from './percentile.ts';
import { runNode } from './run-node.ts';
import { BATCH_SIZE, IMAGE_BATCH_SIZE, IMAGES, MODELS, ROUNDS, ROWS } from './settings.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const out = join(here, 'out');
const rows = join(out, `rows-${ROWS}.jsonl`);
const tenRows = join(out, 'rows-10.jsonl');
const images = join(out, `images-${IMAGES}`);
const fabric = join(here, '../dist/cli/fabric.js');

interface Contestant {
  readonly name: string;
  readonly args: readonly string[];
  /** Where its lines are: a file, or a folder of parts. */
  readonly lines: string;
}

interface Timing {
  readonly name: string;
  readonly secs: readonly number[];
}

await mkdir(out, { recursive: true });
const labels = { mlp: await writeModel(MODELS.mlp, mlp()), convNet: await writeModel(MODELS.convNet, convNet()) };
await makeRows(rows, ROWS);
await makeRows(tenRows, 10);
await makeImages(images, IMAGES);

console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, Node ${process.version}\n`);
await compete(`rows: ${ROWS.toLocaleString('en')} lines of JSONL, MLP, batches of ${BATCH_SIZE}`, [
  bare('bare-rows.ts', rows, MODELS.mlp, labels.mlp, BATCH_SIZE),
  fabricRun('rows', rows, 1),
  fabricRun('rows', rows, 2),
]);
await compete(
  `images: ${IMAGES.toLocaleString('en')} JPEGs to 224x224, convolutional net, batches of ${IMAGE_BATCH_SIZE}`,
  [
    bare('bare-images.ts', images, MODELS.convNet, labels.convNet, IMAGE_BATCH_SIZE),
    fabricRun('images', images, 1),
    fabricRun('images', images, 2),
  ],
);
await compete('start-up: ten lines of JSONL', [fabricRun('rows', tenRows, 1), fabricRun('rows', tenRows, 2)]);

async function writeModel(path: string, model: Buffer): Promise<string> {
  await writeFile(join(here, path), model);
  return shownDigest(createHash('sha256').update(model).digest('hex'));
}

function bare(script: string, input: string, model: string, label: string, batchSize: number): Contestant {
  const lines = join(out, `${script}.jsonl`);
  return {
    name: 'bare loop',
    args: [join(here, script), input, join(here, model), lines, label, String(batchSize)],
    lines,
  };
}

function fabricRun(pipeline: string, input: string, workers: number): Contestant {
  const output = join(out, `results-${workers}`);
  const config = join(here, 'fabric.config.ts');
  const args = [
    fabric,
    'run',
    pipeline,
    input,
    '--output',
    output,
    '--config',
    config,
    '--workers',
    String(workers),
    '--overwrite',
  ];
  return { name: `fabric run --workers ${workers}`, args, lines: join(output, pipeline, input.slice(out.length + 1)) };
}

async function compete(title: string, contestants: readonly Contestant[]): Promise<void> {
  const timings = contestants.map(({ name }) => ({ name, secs: [] as number[] }));
  const digests = new Set<string>();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [index, contestant] of contestants.entries()) {
      const secs = await runNode(contestant.args);
      timings[index]?.secs.push(secs);
      if (round === 0) digests.add(await digestOfLines(contestant.lines));
    }
  }
  if (digests.size > 1) throw new Error(`${title}: the contestants wrote different lines`);
  report(title, timings);
  for (const { lines } of contestants) await rm(lines, { recursive: true, force: true });
}

async function digestOfLines(path: string): Promise<string> {
  const hash = createHash('sha256');
  const parts = path.endsWith('.ts.jsonl')
    ? [path]
    : (await readdir(path)).filter((name) => name.startsWith('part-')).sort();
  for (const part of parts) {
    for await (const chunk of createReadStream(part === path ? path : join(path, part))) hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}

function report(title: string, timings: readonly Timing[]): void {
  const baseline = timings[0]?.secs ?? [];
  console.log(
    `### ${title}\n\n| contestant | median s | least to most s | speed, first = 1 | least to most |\n| --- | --- | --- | --- | --- |`,
  );
  for (const { name, secs } of timings) {
    // Each contestant is compared with the baseline of the same round: the machine's speed changes between rounds.
    const speeds = secs.map((own, round) => (baseline[round] ?? Number.NaN) / own);
    console.log(
      `| ${name} | ${percentile(secs, 0.5).toFixed(2)} | ${spread(secs)} | ${percentile(speeds, 0.5).toFixed(2)} | ${spread(speeds)} |`,
    );
  }
  console.log('');
}

function spread(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;
}
