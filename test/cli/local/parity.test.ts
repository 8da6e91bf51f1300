import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { InferenceEngine } from '../../../lib/inference/engine/engine.ts';
import { findInputs } from '../../../lib/jobs/run/find-inputs.ts';
import { folderOutput } from '../../../lib/jobs/run/folder-output.ts';
import type { Manifest } from '../../../lib/jobs/manifest.ts';
import { openJobFolders } from '../../../lib/jobs/run/open-job-folders.ts';
import { runJobs } from '../../../lib/jobs/run/run-jobs.ts';
import { runLooseElements } from '../../../lib/jobs/run/run-loose-elements.ts';
import { filesBelow } from '../../jobs/run/run-inputs.ts';
import { cliConfig, localSession } from './local-session.ts';
import { fixturePath } from '../../formats/parquet/parquet-files.ts';
import { temporaryFolder } from '../../temporary-folder.ts';

const DATA = new URL('../../../examples/data/', import.meta.url);

/** Runs inputs as `fabric run` does; gives the folder of results. */
async function runHere(pipelineName: string, paths: readonly string[]): Promise<string> {
  const output = join(await temporaryFolder(), 'out');
  await using engine = await InferenceEngine.start({ configUrl: cliConfig, pipeline: pipelineName, workers: 1 });
  const { pipeline } = engine;
  const { signal } = new AbortController();
  const options = {
    output: folderOutput(output),
    pipeline,
    pipelineName,
    existing: 'refuse',
    limit: undefined,
    signal,
  } as const;
  const inputs = await findInputs(paths, pipeline.input.format);
  await Array.fromAsync(runJobs(openJobFolders(inputs, options), engine, { signal }));
  const elements = inputs.filter(({ kind }) => kind === 'element');
  await Array.fromAsync(runLooseElements(elements, engine, options));
  return join(output, pipelineName);
}

type Line = Readonly<Record<string, unknown>>;

/**
 * What both ways have to give alike: which files there are, the results byte by byte but for where inputs came from, the
 * failures without source and attempts, and the manifest without what names this run.
 */
async function comparable(folder: string): Promise<Readonly<Record<string, unknown>>> {
  const files: Record<string, unknown> = {};
  for (const path of await filesBelow(folder)) {
    const text = await readFile(join(folder, path), 'utf8');
    if (path.endsWith('.jsonl') || isAnswer(path)) files[path] = text.split('\n').filter(Boolean).map(lineOf);
    else if (basename(path) === '_manifest.json') files[path] = manifestOf(JSON.parse(text) as Manifest);
    else files[path] = basename(path) === '_SUCCESS' ? text : 'there';
  }
  return files;
}

function isAnswer(path: string): boolean {
  return path.endsWith('.json') && !/(?:job|manifest)\.json$/.test(path);
}

/** The text of a line, but for what may differ. */
function lineOf(text: string): string {
  const { source: _source, attempts: _attempts, ...line } = JSON.parse(text) as Line;
  const { input } = line;
  const hasUri = typeof input === 'object' && input !== null && 'uri' in input;
  return JSON.stringify(hasUri ? { ...line, input: { ...input, uri: basename(String(input.uri)) } } : line);
}

function manifestOf({ pipeline, status, counts, failedByStage, parts, models, config }: Manifest): unknown {
  return { pipeline, status, counts, failedByStage, parts, models, config };
}

async function writeInput(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

const NUMBERS = `${Array.from({ length: 40 }, (_, n) => (n % 9 === 4 ? `{"n":-${n}}` : n % 13 === 6 ? '{"n":' : `{"n":${n}}`)).join('\n')}\n`;

/** Rows of four keys, in turn; some have too few columns, some can't be inferred on. */
const ROWS = `id,a,b,c\n${Array.from({ length: 30 }, (_, n) => (n % 11 === 5 ? `r${n},1` : `"r\n${n}",${n === 9 ? 'one' : n},${n % 4},3`)).join('\n')}\n`;

const INPUTS: readonly (readonly [pipeline: string, name: string, content: string | Uint8Array])[] = [
  ['numbers', 'numbers.jsonl', NUMBERS],
  ['numbers', 'packed.jsonl.gz', gzipSync(NUMBERS)],
  ['numbers', 'empty.jsonl', ''],
  ['rows', 'rows.csv', 'id,a,b,c\nr1,1,2,3\nr2,4,"5",6\n"r\n3",7,8,9\nr4,1,2\nr5,one,2,3\n'],
  ['grouped', 'grouped.csv', ROWS],
  ['grouped', 'packed.csv.gz', gzipSync(ROWS)],
  ['table', 'table.parquet', await readFile(fixturePath('pages'))],
  ['table-rows', 'table.parquet', await readFile(fixturePath('pages'))],
  ['array', 'array.json', '[{"x":[1,2,3]}, {"x":[1,2]}, 7,\n {"x":[4,5,6]}]'],
  ['lines', 'größe 1+1.txt', 'one\n\ntwo\r\nthré'],
  ['wine', 'wine.jsonl', await readFile(new URL('wine.jsonl', DATA))],
];

describe('the local fabric gives what fabric run gives', () => {
  test('for lines, rows and arrays: the same tree, the same lines', async () => {
    const { drop, done, output, logged } = await localSession();
    for (const [pipeline, name, content] of INPUTS) await drop(`${pipeline}/${name}`, content);
    await done();
    expect(logged).toEqual([]);
    for (const [pipeline, inputs] of Map.groupBy(INPUTS, ([pipeline]) => pipeline)) {
      const paths = await Promise.all(inputs.map(([, name, content]) => writeInput(name, content)));
      const expected = await comparable(await runHere(pipeline, paths));
      expect(await comparable(join(output, pipeline))).toEqual(expected);
      for (const [, name] of inputs) expect(expected).toHaveProperty([`${name}/_SUCCESS`]);
    }
  });

  test('for a directory of images, that is a manifest there', async () => {
    const { drop, done, output, fabric, logged } = await localSession({ inputBuckets: ['pictures'] });
    const name = 'digits.manifest.json';
    const files = ['digit-0001.png', 'digit-0002.png', 'digit-9999.png'];
    const directory = join(await temporaryFolder(), name);
    for (const file of files) {
      const bytes = await readFile(new URL(`digits/${file}`, DATA));
      await mkdir(directory, { recursive: true });
      await writeFile(join(directory, file), bytes);
      await fabric.store.put({ bucket: 'pictures', key: `images/set/${file}` }, bytes);
    }
    await drop(`images/${name}`, JSON.stringify([{ prefix: 's3://pictures/images/set/' }, ...files]));
    await done();
    expect(logged).toEqual([]);
    const here = await runHere('images', [directory]);
    expect(await comparable(join(output, 'images', name))).toEqual(await comparable(join(here, name)));
  });

  test('for an image by itself', async () => {
    const { drop, done, output } = await localSession();
    const whole = await readFile(new URL('digits/digit-0001.png', DATA));
    const broken = 'no image';
    await drop('images/one.png', whole);
    await drop('images/two.png', broken);
    await done();
    const paths = [await writeInput('one.png', whole), await writeInput('two.png', broken)];
    const expected = await comparable(await runHere('images', paths));
    expect(await comparable(join(output, 'images'))).toEqual(expected);
    expect(Object.keys(expected)).toEqual(['one.png.json', 'two.png.json']);
  });
});
