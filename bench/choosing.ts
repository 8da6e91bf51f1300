/**
 * `node -C @inference-fabric/source bench/choosing.ts`: the table and the plot of docs/choosing.md. `fabric run --estimate` on
 * four pipelines, several times in turn; of each, the run with the median of CPU seconds counts. BENCH_ROUNDS and
 * BENCH_SAMPLE_SECS set how many times, and for how long.
 */
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dollars, duration, number, rough } from '../cli/format/amounts.ts';
import type { Estimate } from '../cli/estimate/estimate.ts';
import { plotCosts } from './choosing/plot.ts';
import { makeImages, makeRows } from './inputs.ts';
import { convNet, mlp } from './models.ts';
import { MODELS } from './settings.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3);
const SAMPLE_SECS = process.env['BENCH_SAMPLE_SECS'] ?? '10';
const ROWS = 200_000;
const IMAGES = 512;
/** Copies of the example's CSV in the input: a single one is one small bundle. */
const COPIES = 600;

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '..');
const out = join(here, 'out');
const rows = join(out, `rows-${ROWS}.jsonl`);
const images = join(out, `images-${IMAGES}`);
const patients = join(out, `breast-cancer-${COPIES}.csv`);

interface Case {
  readonly name: string;
  readonly pipeline: string;
  readonly input: string;
  readonly config: string;
}

const examples = join(root, 'fabric.config.ts');
const bench = join(here, 'fabric.config.ts');
const CASES: readonly Case[] = [
  { name: 'breast-cancer: rows of CSV', pipeline: 'breast-cancer', input: patients, config: examples },
  { name: 'MLP: rows of JSONL', pipeline: 'rows', input: rows, config: bench },
  { name: 'digits: PNGs of 8x8', pipeline: 'digits', input: join(root, 'examples/data/digits'), config: examples },
  { name: 'convolutional net: JPEGs to 224x224', pipeline: 'images', input: images, config: bench },
];

await mkdir(out, { recursive: true });
await writeFile(join(here, MODELS.mlp), mlp());
await writeFile(join(here, MODELS.convNet), convNet());
await makeRows(rows, ROWS);
await makeImages(images, IMAGES);
await copyRows();

const estimates = new Map<Case, Estimate[]>(CASES.map((one) => [one, []]));
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [one, runs] of estimates) runs.push(await estimate(one));
}
console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, Node ${process.version}\n`);
console.log('| pipeline | elements/s | CPU s per 1,000 | least to most | of it the engine | memory | others |');
console.log('| --- | --- | --- | --- | --- | --- | --- |');
for (const [one, runs] of estimates) console.log(measuredLine(one, runs));
console.log(
  '\n| pipeline | Lambda arm64, a million | m7i.large, a million | m7i.large is cheaper from | a GPU pays from | it can do |',
);
console.log('| --- | --- | --- | --- | --- | --- |');
for (const [one, runs] of estimates) console.log(costsLine(one, median(runs)));
await writeFile(join(root, 'docs/images/choosing.svg'), await plotCosts());

/** `fabric run --estimate`, with one worker, as Lambda's default function would run it. */
async function estimate({ pipeline, input, config }: Case): Promise<Estimate> {
  const args = ['-C', '@inference-fabric/source', join(root, 'cli/fabric.ts'), 'run', pipeline, input];
  const options = ['--config', config, '--estimate', '--sample-secs', SAMPLE_SECS, '--json'];
  const child = spawn(process.execPath, [...args, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const [status] = (await once(child, 'close')) as [number | null];
  // 3: one file of an example is not an image.
  if (status !== 0 && status !== 3) throw new Error(`the estimate of ${pipeline} ended with status ${status}`);
  return JSON.parse(text) as Estimate;
}

function median(runs: readonly Estimate[]): Estimate {
  const sorted = runs.toSorted((one, other) => cpuOf(one) - cpuOf(other));
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) throw new Error('nothing was measured');
  return middle;
}

function cpuOf({ measured }: Estimate): number {
  return measured?.cpuSecsPerElement ?? Number.NaN;
}

function measuredLine({ name }: Case, runs: readonly Estimate[]): string {
  const { measured, peakMemoryMb } = median(runs);
  if (measured === null) throw new Error(`nothing was measured of ${name}`);
  const all = runs.map(cpuOf);
  const [least, most] = [Math.min(...all), Math.max(...all)].map((secs) => number(1000 * secs));
  const share = Math.round((100 * measured.engineCpuSecsPerElement) / measured.cpuSecsPerElement);
  const others = runs.map((run) => Math.round(100 * (run.measured?.othersShare ?? 0)));
  const cells = [rough(measured.elementsPerSec), number(1000 * measured.cpuSecsPerElement), `${least} to ${most}`];
  return `| ${[name, ...cells, `${share} %`, `${peakMemoryMb} MB`, `${Math.max(...others)} %`].join(' | ')} |`;
}

function costsLine({ name }: Case, { costs, measured }: Estimate): string {
  if (costs === null || measured === null) throw new Error(`there are no costs of ${name}`);
  const steady = (place: string): string =>
    dollars(1e6 * (costs.places.find((one) => one.name === place)?.figures?.steadyDollars ?? Number.NaN));
  const elements = costs.crossings[0]?.elements ?? null;
  const crossing =
    elements === null ? 'never' : `${rough(elements)} (${duration(elements * measured.cpuSecsPerElement)} of CPU)`;
  const gpu = costs.places.find(({ name }) => name === 'g4dn.xlarge')?.pays;
  const pays = gpu === undefined ? '' : `${number(gpu.cores, 2)} cores (${rough(gpu.elementsPerSec)}/s)`;
  const most = gpu === undefined ? '' : `${number(gpu.mostCores, 2)} cores`;
  return `| ${[name, steady('Lambda arm64'), steady('m7i.large'), crossing, pays, most].join(' | ')} |`;
}

async function copyRows(): Promise<void> {
  const text = await readFile(join(root, 'examples/data/breast-cancer.csv'), 'utf8');
  const end = text.indexOf('\n') + 1;
  await writeFile(patients, text.slice(0, end) + text.slice(end).repeat(COPIES));
}
