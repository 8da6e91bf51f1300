import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { contentsBelow, filesBelow, inputRunner, manifestIn, numbers } from './run-inputs.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';
import { finishedRun, jobIn } from './finished-run.ts';

const run = inputRunner();

describe('runJobs', () => {
  test('gives every element one outcome, in input order, in parts that are named for their bundles', async () => {
    const { folder, expected, of } = await finishedRun(run);
    expect(of).toBe(6);
    expect(Object.keys(expected)).toEqual([
      '_SUCCESS',
      '_errors/errors-00000-of-00006.jsonl',
      '_errors/errors-00004-of-00006.jsonl',
      '_job.json',
      '_manifest.json',
      ...Array.from({ length: 6 }, (_, bundle) => `part-0000${bundle}-of-00006.jsonl`),
    ]);
    const lines = Object.entries(expected)
      .filter(([path]) => path.startsWith('part-'))
      .flatMap(([, text]) => text.split('\n').filter(Boolean));
    const predictions = lines.map((line) => (JSON.parse(line) as { prediction: number }).prediction);
    expect(predictions).toEqual([...Array(20).keys()].filter((n) => n !== 3 && n !== 17).map((n) => n * 2));
    const manifest = await manifestIn(folder);
    expect(manifest).toMatchObject({
      version: 1,
      pipeline: 'double',
      status: 'complete',
      counts: { total: 20, succeeded: 18, failed: 2 },
      failedByStage: { map: 2 },
    });
    expect(manifest.parts.map(({ name, bytes }) => [name, bytes])).toEqual(
      manifest.parts.map(({ name }) => [name, Buffer.byteLength(expected[name] ?? '')]),
    );
  });

  test('records the plan: the job, its source, its bundles and its configuration', async () => {
    const { folder, input } = await finishedRun(run);
    expect(await jobIn(folder)).toEqual({
      version: 1,
      id: expect.stringMatching(/^[0-9a-f]{64}$/),
      pipeline: 'double',
      name: 'n.jsonl',
      source: { uri: input },
      of: 6,
      plan: {
        kind: 'object',
        object: { kind: 'ranges', start: 0, byteLength: expect.any(Number), bundleBytes: 32 },
        chunked: false,
      },
      config: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test('says where each failure came from', async () => {
    const { expected, input } = await finishedRun(run);
    expect(JSON.parse(expected['_errors/errors-00000-of-00006.jsonl'] ?? '')).toEqual({
      id: 'n.jsonl#24',
      stage: 'map',
      error: { name: 'RangeError', message: 'no 3, please', at: 'jobs.config.ts:12:27' },
      attempts: 1,
      input: { n: 3, bad: true },
      source: { uri: input, range: { start: 0, end: 32 }, position: 24, ordinal: 3 },
    });
  });

  test('leaves nothing in the staging but the notes', async () => {
    const { output } = await finishedRun(run);
    const left = (await filesBelow(join(output, '.fabric'))).map((path) => path.replace(/^.*\./, ''));
    expect(new Set(left)).toEqual(new Set(['json']));
  });

  test('completes a job of no bundles: an empty file, or one of blank lines', async () => {
    const root = await temporaryFolder();
    const inputs = [await writeIn(root, 'empty.jsonl', ''), await writeIn(root, 'blank.jsonl', '\n\n')];
    const { jobs } = await run('double', inputs, { output: join(root, 'out') });
    expect(jobs.map(({ status }) => status)).toEqual(['complete', 'complete']);
    const empty = await contentsBelow(join(root, 'out/double/empty.jsonl'));
    expect(Object.keys(empty)).toEqual(['_SUCCESS', '_job.json', '_manifest.json']);
    for (const name of ['empty.jsonl', 'blank.jsonl']) {
      expect(await manifestIn(join(root, 'out/double', name))).toMatchObject({
        status: 'complete',
        counts: { total: 0, succeeded: 0, failed: 0 },
        failedByStage: {},
      });
    }
  });

  test('runs several jobs side by side, each to its own end, and tells of each once', async () => {
    const root = await temporaryFolder();
    for (let index = 0; index < 5; index += 1) await writeIn(root, `in/${index}.jsonl`, numbers(index * 7));
    const parts: string[] = [];
    const { jobs } = await run('double', [join(root, 'in')], {
      output: join(root, 'out'),
      onPart: ({ job, name }) => void parts.push(`${job} ${name}`),
    });
    const totals = jobs.map(({ job, notes }) => [job.name, notes.reduce((sum, it) => sum + it.elements, 0)] as const);
    expect(totals.toSorted(([one], [other]) => one.localeCompare(other))).toEqual([
      ['0.jsonl', 0],
      ['1.jsonl', 7],
      ['2.jsonl', 14],
      ['3.jsonl', 21],
      ['4.jsonl', 28],
    ]);
    expect(new Set(parts).size).toBe(parts.length);
    expect(parts).toHaveLength(jobs.reduce((sum, { job }) => sum + job.of, 0));
  });

  test('runs only the first elements of each input where there is a limit', async () => {
    const root = await temporaryFolder();
    for (const name of ['a.jsonl', 'b.jsonl']) await writeIn(root, `in/${name}`, numbers(20));
    await run('double', [join(root, 'in')], { output: join(root, 'out'), limit: 5 });
    for (const name of ['a.jsonl', 'b.jsonl'])
      expect((await manifestIn(join(root, 'out/double', name))).counts.total).toBe(5);
    expect((await jobIn(join(root, 'out/double/a.jsonl'))).source).toMatchObject({ limit: 5 });
  });

  test('makes one job of a folder of objects, and shows each by its place in it', async () => {
    const root = await temporaryFolder();
    for (const name of ['a', 'b', 'c/d', 'too-large', 'e'])
      await writeIn(root, `in/${name}`, 'x'.repeat(name === 'too-large' ? 101 : name.length));
    await run('bytes', [join(root, 'in')], { output: join(root, 'out') });
    const contents = await contentsBelow(join(root, 'out/bytes/in'));
    expect(await manifestIn(join(root, 'out/bytes/in'))).toMatchObject({
      counts: { total: 5, succeeded: 4, failed: 1 },
      failedByStage: { read: 1 },
    });
    const lines = Object.entries(contents)
      .filter(([path]) => /(?:part|errors)-/.test(path))
      .flatMap(([, text]) => text.split('\n').filter(Boolean))
      .map((line) => JSON.parse(line) as { id: string; prediction?: number });
    expect(lines.map(({ id }) => id).sort()).toEqual(['in#0', 'in#1', 'in#2', 'in#3', 'in#4']);
    expect(lines.find(({ id }) => id === 'in#2')?.prediction).toBe(3);
  });
});

describe('a job with compressed input', () => {
  test.each([
    ['gz', gzipSync],
    ['zst', zstdCompressSync],
  ] as const)('has the same lines from .%s as from the plain file', async (suffix, compress) => {
    const plain = await finishedRun(run, 'n.jsonl');
    const packed = await finishedRun(run, `n.jsonl.${suffix}`, (text) => compress(text));
    const linesOf = (contents: Readonly<Record<string, string>>): string[] =>
      Object.entries(contents)
        .filter(([path]) => path.startsWith('part-'))
        .flatMap(([, text]) => text.replaceAll(`.jsonl.${suffix}#`, '.jsonl#').split('\n').filter(Boolean));
    expect(linesOf(packed.expected)).toEqual(linesOf(plain.expected));
    expect(await filesBelow(join(packed.output, '.fabric'))).not.toContainEqual(expect.stringContaining('chunks'));
  });

  test('is cut again where a part was removed after its chunk was', async () => {
    const { input, output, folder, part, staged, expected } = await finishedRun(run, 'n.jsonl.gz', (text) =>
      gzipSync(text),
    );
    for (const path of [join(folder, part(2)), staged(2, 'note.json')]) await rm(path);
    await run('double', [input], { output, existing: 'resume' });
    expect(await contentsBelow(folder)).toEqual(expected);
  });
});
