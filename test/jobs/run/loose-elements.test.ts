import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineFabric, map } from 'inference-fabric';
import { describe, expect, test } from 'vitest';
import { folderOutput } from '../../../lib/jobs/run/folder-output.ts';
import { runLooseElements } from '../../../lib/jobs/run/run-loose-elements.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';
import { contentsBelow, filesBelow, identityOf, inputRunner } from './run-inputs.ts';

const { pipelines } = defineFabric({
  pipelines: { bytes: { input: { format: 'binary' }, steps: [map((value) => value)] } },
});

test('objects that were answered before a run is ended keep their answers', async () => {
  const root = await temporaryFolder();
  const pipeline = pipelines['bytes'];
  if (pipeline === undefined) throw new Error('there is no such pipeline');
  const inputs = ['a', 'b'].map((name) => ({ kind: 'element', name, uri: join(root, name) }) as const);
  const running = runLooseElements(
    inputs,
    {
      pipeline,
      // Ended between the first outcome and the second.
      async process(_, sink) {
        const results = new TextEncoder().encode('{"id":"a#0","prediction":1,"model":[]}\n');
        const errors = new Uint8Array();
        await sink.write({ results, errors, elements: 1, succeeded: 1, failed: {}, models: {} });
        throw new Error('interrupted');
      },
    },
    {
      output: folderOutput(root),
      pipelineName: 'bytes',
      existing: 'refuse',
      limit: undefined,
      signal: new AbortController().signal,
    },
  );
  await expect(Array.fromAsync(running)).rejects.toThrow('interrupted');
  expect(await filesBelow(join(root, 'bytes'))).toEqual(['a.json']);
  expect(await readFile(join(root, 'bytes/a.json'), 'utf8')).toContain('"prediction":1');
});

const run = inputRunner();

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
