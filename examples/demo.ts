import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import { parse } from 'csv-parse/sync';
import type { Diagnosis } from './pipelines/breast-cancer.ts';
import { type ErrorLine, readErrors, readResults, type ResultLine } from './read-results.ts';

/** Runs the example pipelines as a user would, then reads what they wrote and compares it with the truth. */

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OUTPUT = 'out';
/** All succeeded, or some elements failed and were reported. */
const GOOD_EXITS: ReadonlySet<number | null> = new Set([0, 3]);

async function fabricRun(pipeline: string, input: string): Promise<string> {
  const args = ['run', pipeline, input, '--output', OUTPUT, '--overwrite'];
  console.log(styleText('bold', `\n$ npx fabric ${args.join(' ')}`));
  const cli = spawn(process.execPath, ['-C', '@inference-fabric/source', 'cli/fabric.ts', ...args], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  const [status] = (await once(cli, 'exit')) as [status: number | null];
  if (!GOOD_EXITS.has(status)) throw new Error(`fabric run ended with status ${status}`);
  return join(OUTPUT, pipeline, basename(input));
}

/** Prints how many predictions are right, and every failed element with its reason. */
async function report<Prediction, Input>(
  folder: string,
  isRight: (line: ResultLine<Prediction, Input>) => boolean,
): Promise<void> {
  const results = await readResults<Prediction, Input>(join(ROOT, folder));
  const errors = await readErrors(join(ROOT, folder));
  const right = results.filter(isRight).length;
  const accuracy = ((100 * right) / results.length).toFixed(1);
  console.log(`accuracy  ${right} of ${results.length} right on held-out data (${accuracy} %)`);
  console.log(`results   ${folder}/part-*.jsonl`);
  if (errors.length === 0) return;
  console.log(`failures  ${folder}/errors/part-*.jsonl`);
  for (const line of errors) console.log(explained(line));
}

function explained({ id, stage, error }: ErrorLine): string {
  return `  ${styleText('yellow', id)} at ${stage}: ${error.name}: ${error.message}`;
}

async function digitLabels(): Promise<ReadonlyMap<string, number>> {
  const text = await readFile(join(ROOT, 'examples/data/digits-labels.csv'), 'utf8');
  const rows: { readonly file: string; readonly label: string }[] = parse(text, { columns: true });
  return new Map(rows.map(({ file, label }) => [file, Number(label)]));
}

const breastCancer = await fabricRun('breast-cancer', 'examples/data/breast-cancer-with-errors.csv');
await report<Diagnosis, { diagnosis: string }>(
  breastCancer,
  ({ prediction, input }) => prediction.diagnosis === input.diagnosis,
);

const labels = await digitLabels();
const digits = await fabricRun('digits', 'examples/data/digits');
await report<{ digit: number }, { uri: string }>(
  digits,
  ({ prediction, input }) => prediction.digit === labels.get(basename(input.uri)),
);

const wine = await fabricRun('wine', 'examples/data/wine.jsonl');
await report<{ cultivar: number }, { cultivar: number }>(
  wine,
  ({ prediction, input }) => prediction.cultivar === input.cultivar,
);
