import { link, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../lib/jobs/run/run-input.ts';
import { contentsBelow, filesBelow, identityOf, inputRunner, manifestIn, numbers } from './run-inputs.ts';
import { writeIn } from '../../temporary-folder.ts';
import { finishedRun } from './finished-run.ts';

const run = inputRunner();

describe('a job that is resumed', () => {
  test('keeps the parts that are committed, untouched, and runs nothing again', async () => {
    const { input, output, folder, of, part, expected } = await finishedRun(run);
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
      async ({ folder, part, errorsPart, staged }) => {
        for (const path of [join(folder, part(0)), join(folder, errorsPart(0)), staged(0, 'note.json')]) await rm(path);
        await writeFile(staged(0, 'started'), '1');
        await writeFile(staged(0, 'results'), '{"id":"half a li');
        await writeFile(staged(0, 'errors'), '');
      },
    ],
    [
      'between the note and the part',
      async ({ folder, part, errorsPart, staged }) => {
        await rename(join(folder, part(0)), staged(0, 'results'));
        await rename(join(folder, errorsPart(0)), staged(0, 'errors'));
        await writeFile(staged(0, 'started'), '1');
      },
    ],
    [
      'between giving the part its name and taking the spool away',
      async ({ folder, part, errorsPart, staged }) => {
        await link(join(folder, part(0)), staged(0, 'results'));
        await rename(join(folder, errorsPart(0)), staged(0, 'errors'));
        await writeFile(staged(0, 'started'), '1');
      },
    ],
    [
      'between the part and its errors',
      async ({ folder, errorsPart, staged }) => {
        await rename(join(folder, errorsPart(0)), staged(0, 'errors'));
        await writeFile(staged(0, 'started'), '1');
      },
    ],
    [
      'by an earlier version, which staged at another place',
      ({ output, id }) => rename(join(output, '.fabric/double', id), join(output, '.fabric', id)),
    ],
    ['after the errors', ({ staged }) => writeFile(staged(0, 'started'), '1')],
  ])('ends as if it had never been killed %s', async (_when, undo) => {
    const finished = await finishedRun(run);
    const { input, output, folder, part, expected } = finished;
    await undo(finished);
    for (const name of ['_manifest.json', '_SUCCESS']) await rm(join(folder, name));
    const other = await identityOf(join(folder, part(1)));
    await run('double', [input], { output, existing: 'resume' });
    expect(await contentsBelow(folder)).toEqual(expected);
    expect(await identityOf(join(folder, part(1)))).toEqual(other);
    const left = await filesBelow(join(output, '.fabric'));
    expect(left.filter((path) => !path.endsWith('.note.json'))).toEqual([]);
  });

  test('ends as if it had never been killed between the manifest and _SUCCESS', async () => {
    const { input, output, folder, expected } = await finishedRun(run);
    await rm(join(folder, '_SUCCESS'));
    await run('double', [input], { output, existing: 'resume' });
    expect(await contentsBelow(folder)).toEqual(expected);
  });

  test('makes a part again whose note is gone, for nobody can say what it holds', async () => {
    const { input, output, folder, part, staged, expected } = await finishedRun(run);
    await rm(staged(0, 'note.json'));
    await writeFile(join(folder, part(0)), '{"id":"n.jsonl#0","prediction":0,"model":[]}\n');
    await run('double', [input], { output, existing: 'resume' });
    expect(await contentsBelow(folder)).toEqual(expected);
  });

  test('finds its staged errors where the folder of results was moved in between', async () => {
    const { root, input, output, folder, errorsPart, staged, expected } = await finishedRun(run);
    await rename(join(folder, errorsPart(0)), staged(0, 'errors'));
    await rename(output, join(root, 'moved'));
    await run('double', [input], { output: join(root, 'moved'), existing: 'resume' });
    expect(await contentsBelow(join(root, 'moved/double/n.jsonl'))).toEqual(expected);
  });

  test('goes beside the folder where the file has been changed, and goes on there the next time', async () => {
    const { input, output, folder, expected } = await finishedRun(run);
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
    const { input, output, folder } = await finishedRun(run);
    await utimes(input, 1, 1);
    const { jobs } = await run('double', [input], { output, existing: 'resume' });
    expect(jobs[0]?.folder).not.toBe(folder);
  });

  test('is refused under another configuration, before anything is written', async () => {
    const { input, output, folder, expected } = await finishedRun(run);
    const other = run('triple', [input], { output, existing: 'resume', as: 'double' });
    await expect(other).rejects.toThrow(
      new InputError(
        `${folder} holds results of another configuration of this pipeline: '--overwrite' removes them and starts from scratch`,
      ),
    );
    expect(await contentsBelow(folder)).toEqual(expected);
  });

  test('asks after the configuration of the folder that it would go on in', async () => {
    const { input, output, folder } = await finishedRun(run);
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
    const { input, output, folder, expected } = await finishedRun(run);
    await expect(run('double', [input], { output })).rejects.toThrow(
      new InputError(
        `${folder} already holds results: '--resume' continues them, '--overwrite' removes them and starts from scratch`,
      ),
    );
    expect(await contentsBelow(folder)).toEqual(expected);
  });

  test('are removed with all that belongs to them where they are to be overwritten, and nothing else is', async () => {
    const { input, output, folder } = await finishedRun(run);
    await writeFile(input, numbers(4));
    await writeIn(folder, '_errors/left-over', '');
    await run('double', [input], { output, existing: 'overwrite' });
    const own = ['_SUCCESS', '_job.json', '_manifest.json', 'part-00000-of-00001.jsonl'];
    expect(await filesBelow(folder)).toEqual([...own, '_errors/left-over'].sort());
    expect(await filesBelow(join(output, '.fabric'))).toHaveLength(1);
  });

  test('count for nothing where overwriting them was cut short', async () => {
    const { input, output, folder, staged, of, part, expected } = await finishedRun(run);
    // The notes go first and _job.json last; the parts of what was to be overwritten are still there.
    for (let bundle = 0; bundle < of; bundle += 1) await rm(staged(bundle, 'note.json'));
    await writeFile(join(folder, part(0)), 'of another configuration\n');
    await run('double', [input], { output, existing: 'resume' });
    expect(await contentsBelow(folder)).toEqual(expected);
  });
});
