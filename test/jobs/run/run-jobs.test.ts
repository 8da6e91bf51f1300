import { link, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Job } from '../../../lib/jobs/job.ts';
import { InputError } from '../../../lib/jobs/run/run-input.ts';
import { contentsBelow, filesBelow, identityOf, inputRunner, manifestIn, numbers } from './run-inputs.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';

const run = inputRunner();

async function jobIn(folder: string): Promise<Job> {
  return JSON.parse(await readFile(join(folder, 'job.json'), 'utf8')) as Job;
}

/** A finished run of the pipeline `double` over 20 numbers, two of which fail. */
async function finishedRun(name = 'n.jsonl', compress = (text: string): string | Uint8Array => text) {
  const root = await temporaryFolder();
  const input = await writeIn(root, name, compress(numbers(20, [3, 17])));
  const output = join(root, 'out');
  await run('double', [input], { output });
  const folder = join(output, 'double', name);
  const { id, of } = await jobIn(folder);
  const part = (bundle: number): string =>
    `part-${String(bundle).padStart(5, '0')}-of-${String(of).padStart(5, '0')}.jsonl`;
  const staged = (bundle: number, what: string): string =>
    join(output, '.fabric', id, `${part(bundle).replace('.jsonl', '')}.${what}`);
  return { root, input, output, folder, of, part, staged, expected: await contentsBelow(folder) };
}

describe('runJobs', () => {
  test('gives every element one outcome, in input order, in parts that are named for their bundles', async () => {
    const { folder, expected, of } = await finishedRun();
    expect(of).toBe(6);
    expect(Object.keys(expected)).toEqual([
      '_SUCCESS',
      'errors/part-00000-of-00006.jsonl',
      'errors/part-00004-of-00006.jsonl',
      'job.json',
      'manifest.json',
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
    const { folder, input } = await finishedRun();
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
    const { expected, input } = await finishedRun();
    expect(JSON.parse(expected['errors/part-00000-of-00006.jsonl'] ?? '')).toEqual({
      id: 'n.jsonl#24',
      stage: 'map',
      error: { name: 'RangeError', message: 'no 3, please' },
      attempts: 1,
      input: { n: 3, bad: true },
      source: { uri: input, range: { start: 0, end: 32 }, position: 24, ordinal: 3 },
    });
  });

  test('leaves nothing in the staging but the notes', async () => {
    const { output } = await finishedRun();
    const left = (await filesBelow(join(output, '.fabric'))).map((path) => path.replace(/^.*\./, ''));
    expect(new Set(left)).toEqual(new Set(['json']));
  });

  test('completes a job of no bundles: an empty file, or one of blank lines', async () => {
    const root = await temporaryFolder();
    const inputs = [await writeIn(root, 'empty.jsonl', ''), await writeIn(root, 'blank.jsonl', '\n\n')];
    const { jobs } = await run('double', inputs, { output: join(root, 'out') });
    expect(jobs.map(({ status }) => status)).toEqual(['complete', 'complete']);
    const empty = await contentsBelow(join(root, 'out/double/empty.jsonl'));
    expect(Object.keys(empty)).toEqual(['_SUCCESS', 'job.json', 'manifest.json']);
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
      .filter(([path]) => path.includes('part-'))
      .flatMap(([, text]) => text.split('\n').filter(Boolean))
      .map((line) => JSON.parse(line) as { id: string; prediction?: number });
    expect(lines.map(({ id }) => id).sort()).toEqual(['in#0', 'in#1', 'in#2', 'in#3', 'in#4']);
    expect(lines.find(({ id }) => id === 'in#2')?.prediction).toBe(3);
  });

  test('throws what is not an element’s, and leaves committed parts for another run', async () => {
    const root = await temporaryFolder();
    const inputs = [
      await writeIn(root, 'a.jsonl', numbers(20)),
      await writeIn(root, 'damaged.jsonl.gz', 'this is not gzip'),
    ];
    const output = join(root, 'out');
    await expect(run('double', inputs, { output })).rejects.toMatchObject({ code: 'CORRUPT_COMPRESSION' });
    await run('double', inputs.slice(0, 1), { output, existing: 'resume' });
    expect((await manifestIn(join(output, 'double/a.jsonl'))).counts).toEqual({ total: 20, succeeded: 20, failed: 0 });
    expect(await filesBelow(join(output, 'double'))).not.toContain('damaged.jsonl.gz/_SUCCESS');
  });

  test('stops when its signal says so, and goes on from there', async () => {
    const root = await temporaryFolder();
    const input = await writeIn(root, 'a.jsonl', numbers(100));
    const output = join(root, 'out');
    const stop = new AbortController();
    const reason = new Error('enough');
    const firstRun: string[] = [];
    const stopped = run('double', [input], {
      output,
      signal: stop.signal,
      onPart: ({ name }) => {
        firstRun.push(name);
        if (firstRun.length === 3) stop.abort(reason);
      },
    });
    await expect(stopped).rejects.toBe(reason);
    const folder = join(output, 'double/a.jsonl');
    expect(await filesBelow(folder)).not.toContain('_SUCCESS');
    const secondRun: string[] = [];
    await run('double', [input], {
      output,
      existing: 'resume',
      onPart: ({ name }, resumed) => void (resumed || secondRun.push(name)),
    });
    expect(secondRun.filter((name) => firstRun.includes(name))).toEqual([]);
    expect((await manifestIn(folder)).counts).toEqual({ total: 100, succeeded: 100, failed: 0 });
  });

  test('does not count a try that ended in order against its bundle', async () => {
    const root = await temporaryFolder();
    const input = await writeIn(root, 'a.jsonl', numbers(8));
    const output = join(root, 'out');
    const stop = new AbortController();
    const stopped = run('double', [input], { output, signal: stop.signal, onOutcomes: () => stop.abort() });
    await expect(stopped).rejects.toThrow();
    const left = await filesBelow(join(output, '.fabric'));
    expect(left.filter((path) => !path.endsWith('.note.json'))).toEqual([]);
  });
});

describe('a job with compressed input', () => {
  test.each([
    ['gz', gzipSync],
    ['zst', zstdCompressSync],
  ] as const)('has the same lines from .%s as from the plain file', async (suffix, compress) => {
    const plain = await finishedRun('n.jsonl');
    const packed = await finishedRun(`n.jsonl.${suffix}`, (text) => compress(text));
    const linesOf = (contents: Readonly<Record<string, string>>): string[] =>
      Object.entries(contents)
        .filter(([path]) => path.startsWith('part-'))
        .flatMap(([, text]) => text.replaceAll(`.jsonl.${suffix}#`, '.jsonl#').split('\n').filter(Boolean));
    expect(linesOf(packed.expected)).toEqual(linesOf(plain.expected));
    expect(await filesBelow(join(packed.output, '.fabric'))).not.toContainEqual(expect.stringContaining('chunks'));
  });

  test('is cut again where a part was removed after its chunk was', async () => {
    const { input, output, folder, part, staged, expected } = await finishedRun('n.jsonl.gz', (text) => gzipSync(text));
    for (const path of [join(folder, part(2)), staged(2, 'note.json')]) await rm(path);
    await run('double', [input], { output, existing: 'resume' });
    expect(await contentsBelow(folder)).toEqual(expected);
  });
});

describe('a job past its failure limits', () => {
  test('is stopped past maxFailures: no more bundles, a manifest that says so, no _SUCCESS', async () => {
    const root = await temporaryFolder();
    const input = await writeIn(root, 'a.jsonl', numbers(400, [...Array(400).keys()]));
    const output = join(root, 'out');
    const { jobs } = await run('strict', [input], { output });
    expect(jobs.map(({ status }) => status)).toEqual(['stopped']);
    const folder = join(output, 'strict/a.jsonl');
    const { status, counts } = await manifestIn(folder);
    expect(status).toBe('stopped');
    expect(counts.failed).toBeGreaterThan(2);
    expect(counts.failed).toBeLessThan(40);
    expect(await filesBelow(folder)).not.toContain('_SUCCESS');
  });

  test('is stopped past maxFailureRatio once there is enough to go by', async () => {
    const root = await temporaryFolder();
    const even = Array.from({ length: 2000 }, (_, index) => index * 2);
    const input = await writeIn(root, 'a.jsonl', numbers(4000, even));
    const { jobs } = await run('rated', [input], { output: join(root, 'out') });
    expect(jobs[0]?.status).toBe('stopped');
    const few = await writeIn(root, 'few.jsonl', numbers(200, even));
    const { jobs: fine } = await run('rated', [few], { output: join(root, 'out') });
    expect(fine[0]?.status).toBe('complete');
  });

  test('is complete where no more than maxFailures have failed', async () => {
    const root = await temporaryFolder();
    const input = await writeIn(root, 'a.jsonl', numbers(40, [5, 35]));
    const { jobs } = await run('strict', [input], { output: join(root, 'out') });
    expect(jobs[0]?.status).toBe('complete');
    expect(await filesBelow(join(root, 'out/strict/a.jsonl'))).toContain('_SUCCESS');
  });
});

describe('a job that is resumed', () => {
  test('keeps the parts that are committed, untouched, and runs nothing again', async () => {
    const { input, output, folder, of, part, expected } = await finishedRun();
    const parts = Array.from({ length: of }, (_, bundle) => join(folder, part(bundle)));
    const before = await Promise.all(parts.map(identityOf));
    const notes: boolean[] = [];
    let outcomes = 0;
    await run('double', [input], {
      output,
      existing: 'resume',
      onPart: (_, resumed) => void notes.push(resumed),
      onOutcomes: () => void (outcomes += 1),
    });
    expect(notes).toEqual(Array.from({ length: of }, () => true));
    expect(outcomes).toBe(0);
    expect(await Promise.all(parts.map(identityOf))).toEqual(before);
    expect(await contentsBelow(folder)).toEqual(expected);
  });

  test.each<[string, (finished: Awaited<ReturnType<typeof finishedRun>>) => Promise<void>]>([
    [
      'before anything of the bundle was committed',
      async ({ folder, part, staged }) => {
        for (const path of [join(folder, part(0)), join(folder, 'errors', part(0)), staged(0, 'note.json')])
          await rm(path);
        await writeFile(staged(0, 'started'), '1');
        await writeFile(staged(0, 'results'), '{"id":"half a li');
        await writeFile(staged(0, 'errors'), '');
      },
    ],
    [
      'between the note and the part',
      async ({ folder, part, staged }) => {
        await rename(join(folder, part(0)), staged(0, 'results'));
        await rename(join(folder, 'errors', part(0)), staged(0, 'errors'));
        await writeFile(staged(0, 'started'), '1');
      },
    ],
    [
      'between giving the part its name and taking the spool away',
      async ({ folder, part, staged }) => {
        await link(join(folder, part(0)), staged(0, 'results'));
        await rename(join(folder, 'errors', part(0)), staged(0, 'errors'));
        await writeFile(staged(0, 'started'), '1');
      },
    ],
    [
      'between the part and its errors',
      async ({ folder, part, staged }) => {
        await rename(join(folder, 'errors', part(0)), staged(0, 'errors'));
        await writeFile(staged(0, 'started'), '1');
      },
    ],
    ['after the errors', ({ staged }) => writeFile(staged(0, 'started'), '1')],
  ])('ends as if it had never been killed %s', async (_when, undo) => {
    const finished = await finishedRun();
    const { input, output, folder, part, expected } = finished;
    await undo(finished);
    for (const name of ['manifest.json', '_SUCCESS']) await rm(join(folder, name));
    const other = await identityOf(join(folder, part(1)));
    await run('double', [input], { output, existing: 'resume' });
    expect(await contentsBelow(folder)).toEqual(expected);
    expect(await identityOf(join(folder, part(1)))).toEqual(other);
    const left = await filesBelow(join(output, '.fabric'));
    expect(left.filter((path) => !path.endsWith('.note.json'))).toEqual([]);
  });

  test('ends as if it had never been killed between the manifest and _SUCCESS', async () => {
    const { input, output, folder, expected } = await finishedRun();
    await rm(join(folder, '_SUCCESS'));
    await run('double', [input], { output, existing: 'resume' });
    expect(await contentsBelow(folder)).toEqual(expected);
  });

  test('makes a part again whose note is gone, for nobody can say what it holds', async () => {
    const { input, output, folder, part, staged, expected } = await finishedRun();
    await rm(staged(0, 'note.json'));
    await writeFile(join(folder, part(0)), '{"id":"n.jsonl#0","prediction":0,"model":[]}\n');
    await run('double', [input], { output, existing: 'resume' });
    expect(await contentsBelow(folder)).toEqual(expected);
  });

  test('finds its staged errors where the folder of results was moved in between', async () => {
    const { root, input, output, folder, part, staged, expected } = await finishedRun();
    await rename(join(folder, 'errors', part(0)), staged(0, 'errors'));
    await rename(output, join(root, 'moved'));
    await run('double', [input], { output: join(root, 'moved'), existing: 'resume' });
    expect(await contentsBelow(join(root, 'moved/double/n.jsonl'))).toEqual(expected);
  });

  test('goes beside the folder where the file has been changed, and goes on there the next time', async () => {
    const { input, output, folder, expected } = await finishedRun();
    await writeFile(input, numbers(8));
    const { jobs } = await run('double', [input], { output, existing: 'resume' });
    const [job] = jobs;
    const beside = `${folder}@${job?.job.id.slice(0, 12)}`;
    expect(job?.folder).toBe(beside);
    expect(beside).toMatch(/n\.jsonl@[0-9a-f]{12}$/);
    expect((await manifestIn(beside)).counts.total).toBe(8);
    expect(await contentsBelow(folder)).toEqual(expected);
    const again: boolean[] = [];
    await run('double', [input], { output, existing: 'resume', onPart: (_, resumed) => void again.push(resumed) });
    expect(new Set(again)).toEqual(new Set([true]));
  });

  test('is another job where only the time of the file has changed', async () => {
    const { input, output, folder } = await finishedRun();
    await utimes(input, 1, 1);
    const { jobs } = await run('double', [input], { output, existing: 'resume' });
    expect(jobs[0]?.folder).not.toBe(folder);
  });

  test('is refused under another configuration, before anything is written', async () => {
    const { input, output, folder, expected } = await finishedRun();
    const other = run('triple', [input], { output, existing: 'resume', as: 'double' });
    await expect(other).rejects.toThrow(
      new InputError(`${folder} holds results of another configuration of this pipeline: '--overwrite' starts anew`),
    );
    expect(await contentsBelow(folder)).toEqual(expected);
  });

  test('asks after the configuration of the folder that it would go on in', async () => {
    const { input, output, folder } = await finishedRun();
    await writeFile(input, numbers(8));
    // The file is another now: its results go beside those of the old one, whatever made them.
    const { jobs } = await run('triple', [input], { output, existing: 'resume', as: 'double' });
    const beside = jobs[0]?.folder ?? '';
    expect(beside).not.toBe(folder);
    await expect(run('double', [input], { output, existing: 'resume' })).rejects.toThrow(beside);
  });
});

describe('results that are there already', () => {
  test('are refused where nothing says what to do with them', async () => {
    const { input, output, folder, expected } = await finishedRun();
    await expect(run('double', [input], { output })).rejects.toThrow(
      new InputError(`${folder} already holds results: '--resume' goes on with them, '--overwrite' starts anew`),
    );
    expect(await contentsBelow(folder)).toEqual(expected);
  });

  test('are removed with all that belongs to them where they are to be overwritten', async () => {
    const { input, output, folder } = await finishedRun();
    await writeFile(input, numbers(4));
    await writeIn(folder, 'errors/left-over', '');
    await run('double', [input], { output, existing: 'overwrite' });
    expect(await filesBelow(folder)).toEqual(['_SUCCESS', 'job.json', 'manifest.json', 'part-00000-of-00001.jsonl']);
    expect(await filesBelow(join(output, '.fabric'))).toHaveLength(1);
  });

  test('count for nothing where overwriting them was cut short', async () => {
    const { input, output, folder, staged, of, part, expected } = await finishedRun();
    // The notes went first, then job.json; the parts of what was to be overwritten are still there.
    for (let bundle = 0; bundle < of; bundle += 1) await rm(staged(bundle, 'note.json'));
    await rm(join(folder, 'job.json'));
    await writeFile(join(folder, part(0)), 'of another configuration\n');
    await run('double', [input], { output, existing: 'resume' });
    expect(await contentsBelow(folder)).toEqual(expected);
  });
});

describe('runLooseElements', () => {
  test('answers each object by a file of its own: its prediction line, or its failure line with its source', async () => {
    const root = await temporaryFolder();
    for (const [name, size] of Object.entries({ 'a.bin': 3, 'b.bin': 101, 'sub/c.bin': 5 }))
      await writeIn(root, `in/${name}`, 'x'.repeat(size));
    const output = join(root, 'out');
    const { loose, jobs } = await run('bytes', [join(root, 'in/**/*.bin')], { output });
    expect(jobs).toEqual([]);
    const answers = Object.fromEntries(loose.map(({ path, stage }) => [path, stage ?? 'succeeded']));
    expect(answers).toEqual({
      [join(output, 'bytes/a.bin.json')]: 'succeeded',
      [join(output, 'bytes/b.bin.json')]: 'read',
      [join(output, 'bytes/sub/c.bin.json')]: 'succeeded',
    });
    const contents = await contentsBelow(join(output, 'bytes'));
    expect(contents['a.bin.json']).toBe('{"id":"a.bin#0","prediction":3,"model":[]}\n');
    expect(JSON.parse(contents['b.bin.json'] ?? '')).toMatchObject({
      id: 'b.bin#0',
      stage: 'read',
      error: { name: 'ElementTooLarge' },
      source: { uri: join(root, 'in/b.bin') },
    });
  });

  test('leaves answers that are there alone when it goes on, and makes them again when they are overwritten', async () => {
    const root = await temporaryFolder();
    for (const name of ['a', 'b']) await writeIn(root, `in/${name}`, 'x');
    const output = join(root, 'out');
    const glob = join(root, 'in/*');
    await run('bytes', [join(root, 'in/a')], { output });
    const before = await identityOf(join(output, 'bytes/a.json'));
    await expect(run('bytes', [glob], { output })).rejects.toThrow(
      `${join(output, 'bytes/a.json')} already holds results`,
    );
    const { loose } = await run('bytes', [glob], { output, existing: 'resume' });
    expect(loose.map(({ path }) => path)).toEqual([join(output, 'bytes/b.json')]);
    expect(await identityOf(join(output, 'bytes/a.json'))).toEqual(before);
    await run('bytes', [glob], { output, existing: 'overwrite' });
    expect(await identityOf(join(output, 'bytes/a.json'))).not.toEqual(before);
  });
});
