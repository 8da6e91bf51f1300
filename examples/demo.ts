import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readFile, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import { parse } from 'csv-parse/sync';
import type { Diagnosis } from './pipelines/breast-cancer.ts';
import { type ErrorLine, readAnswers, readErrors, readResults, type ResultLine } from './read-results.ts';

/** Drops files in the folder of a local fabric, as a user would, then compares what comes out with the truth. */

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DATA = 'examples/data';
const [FOLDER = 'out/demo'] = process.argv.slice(2);
const INPUT = join(FOLDER, 'input');
const OUTPUT = join(FOLDER, 'output');
/** All succeeded, or some elements failed and were reported. */
const GOOD_EXITS: ReadonlySet<number | null> = new Set([0, 3]);

async function drop(name: string, pipeline: string): Promise<void> {
  console.log(styleText('bold', `$ cp -r ${DATA}/${name} ${INPUT}/${pipeline}/`));
  await cp(join(ROOT, DATA, name), resolve(ROOT, INPUT, pipeline, basename(name)), { recursive: true });
}

/** Runs the whole fabric here, until all that was dropped has its results. */
async function fabricLocal(): Promise<void> {
  const args = ['local', '--once', '--input', INPUT, '--output', OUTPUT];
  console.log(styleText('bold', `$ npx fabric ${args.join(' ')}`));
  const cli = spawn(process.execPath, ['-C', '@inference-fabric/source', 'cli/fabric.ts', ...args], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  const [status] = (await once(cli, 'exit')) as [status: number | null];
  if (!GOOD_EXITS.has(status)) throw new Error(`fabric local ended with status ${status}`);
}

/** Prints how many predictions are right, and every failed element with its reason. */
function report<Prediction, Input>(
  title: string,
  results: readonly ResultLine<Prediction, Input>[],
  errors: readonly ErrorLine[],
  isRight: (line: ResultLine<Prediction, Input>) => boolean,
): void {
  const right = results.filter(isRight).length;
  const accuracy = ((100 * right) / results.length).toFixed(1);
  console.log(styleText('bold', `\n${title}`));
  console.log(`accuracy  ${right} of ${results.length} right on held-out data (${accuracy} %)`);
  if (errors.length > 0) console.log(`failures  ${errors.length}`);
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

await rm(resolve(ROOT, FOLDER), { recursive: true, force: true });
await drop('breast-cancer-with-errors.csv', 'breast-cancer');
await drop('digits', 'digits');
await drop('wine.jsonl', 'wine');
await drop('reviews.csv', 'reviews');
await fabricLocal();

const breastCancer = join(OUTPUT, 'breast-cancer/breast-cancer-with-errors.csv');
report<Diagnosis, { diagnosis: string }>(
  `${breastCancer}/part-*.jsonl, _errors/errors-*.jsonl`,
  await readResults(resolve(ROOT, breastCancer)),
  await readErrors(resolve(ROOT, breastCancer)),
  ({ prediction, input }) => prediction.diagnosis === input.diagnosis,
);

const labels = await digitLabels();
const digits = join(OUTPUT, 'digits/digits');
const answers = await readAnswers<{ digit: number }, { uri: string }>(resolve(ROOT, digits));
report(
  `${digits}/*.json`,
  answers.results,
  answers.errors,
  ({ prediction, input }) => prediction.digit === labels.get(basename(input.uri)),
);

const wine = join(OUTPUT, 'wine/wine.jsonl');
report<{ cultivar: number }, { cultivar: number }>(
  `${wine}/part-*.jsonl`,
  await readResults(resolve(ROOT, wine)),
  await readErrors(resolve(ROOT, wine)),
  ({ prediction, input }) => prediction.cultivar === input.cultivar,
);

const reviews = join(OUTPUT, 'reviews/reviews.csv');
report<{ label: string }, { sentiment: string }>(
  `${reviews}/part-*.jsonl`,
  await readResults(resolve(ROOT, reviews)),
  await readErrors(resolve(ROOT, reviews)),
  ({ prediction, input }) => prediction.label.toLowerCase() === input.sentiment,
);
