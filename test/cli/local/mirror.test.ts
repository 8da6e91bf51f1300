import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Mirror } from '../../../cli/local/mirror.ts';
import { temporaryPath } from '../../../lib/stores/atomic-file.ts';
import { makeNamedPipe } from '../../temporary-folder.ts';
import { mirrored, type Mirrored } from './mirrored-folder.ts';

async function writeIn(folder: string, name: string, text = 'old'): Promise<void> {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), text);
}

/** A recorded plan of the job in `wine/a`, as far as it tells one from other files. */
function plan(id: string, name = 'a'): string {
  return `${JSON.stringify({ version: 1, id, pipeline: 'wine', name, of: 2, plan: { kind: 'object' } })}\n`;
}

describe('a mirror', () => {
  test('has what the bucket has: written, replaced and removed', async () => {
    const { put, remove, files } = await mirrored();
    await put('wine/a.jsonl/part-00000-of-00001.jsonl', 'one');
    await put('wine/a.jsonl/_errors/errors-00000-of-00001.jsonl', 'two');
    await put('wine/a.jsonl/_SUCCESS', '');
    await put('wine/a.jsonl/part-00000-of-00001.jsonl', 'three');
    await remove('wine/a.jsonl/_errors/errors-00000-of-00001.jsonl');
    expect(await files()).toEqual({ 'wine/a.jsonl/part-00000-of-00001.jsonl': 'three', 'wine/a.jsonl/_SUCCESS': '' });
  });

  test('leaves out staging and other buckets', async () => {
    const { put, files, folder } = await mirrored();
    await mkdir(folder);
    await put('.fabric/pipeline/job/folder.json', '{}');
    expect(await files()).toEqual({});
  });

  test.each([
    { manifest: '_manifest.json', job: '_job.json', failures: '_errors/errors-00001-of-00002.jsonl' },
    { manifest: 'manifest.json', job: 'job.json', failures: 'errors/part-00001-of-00002.jsonl' },
  ])('replaces the results of an earlier session when those of this one are complete: $job', async (names) => {
    const { put, files, folder, errors } = await mirrored();
    for (const name of [names.manifest, '_SUCCESS', 'part-00000-of-00002.jsonl', 'part-00001-of-00002.jsonl'])
      await writeIn(folder, `wine/a/${name}`);
    await writeIn(folder, `wine/a/${names.job}`, plan('old'));
    await writeIn(folder, `wine/a/${names.failures}`);
    await writeIn(folder, 'wine/a/b/_job.json', plan('inner'));
    await writeIn(folder, 'wine/a/b/part-00000-of-00001.jsonl');
    await writeIn(folder, 'wine/a/mine.txt');
    const before = await files();
    await put('wine/a/_job.json', plan('new'));
    await put('wine/a/part-00000-of-00001.jsonl', 'new');
    expect(await files()).toEqual(before);
    await put('wine/a/_manifest.json', '{}');
    expect(await files()).toEqual({
      'wine/a/_job.json': plan('new'),
      'wine/a/part-00000-of-00001.jsonl': 'new',
      'wine/a/_manifest.json': '{}',
      'wine/a/b/_job.json': plan('inner'),
      'wine/a/b/part-00000-of-00001.jsonl': 'old',
      'wine/a/mine.txt': 'old',
    });
    expect(errors).toEqual([]);
  });

  test.each<[what: string, foreign: Readonly<Record<string, string>>, keys: readonly string[]]>([
    ['a folder with a file', { 'wine/a/mine.txt': 'x' }, ['wine/a/_job.json', 'wine/a/_SUCCESS']],
    [
      'parts of no recorded job',
      { 'wine/a/part-00000-of-00001.jsonl': 'x' },
      ['wine/a/_job.json', 'wine/a/_manifest.json'],
    ],
    ['another _job.json', { 'wine/a/_job.json': '{"steps":[]}' }, ['wine/a/_job.json', 'wine/a/_SUCCESS']],
    ['a file in the place of an answer', { 'wine/a.png.json': '{"id":"mine"}' }, ['wine/a.png.json']],
    ['the answer to another object', { 'wine/a.png.json': '{"id":"b.png#0","prediction":1}' }, ['wine/a.png.json']],
    ['a file in the place of an explanation', { '_rejected/a.json': '{}' }, ['_rejected/a.json']],
  ])('leaves %s as it is, and says so once', async (_what, foreign, keys) => {
    const { put, files, folder, errors } = await mirrored();
    for (const [path, text] of Object.entries(foreign)) await writeIn(folder, path, text);
    for (const key of keys)
      await put(key, key.endsWith('_job.json') ? plan('new') : '{"id":"a.png#0","prediction":1,"model":[]}\n');
    expect(await files()).toEqual(foreign);
    expect(errors).toEqual([expect.stringContaining('that fabric did not write')]);
  });

  test('replaces an answer of an earlier session by one to the same object, and removes no file but its own', async () => {
    const { put, remove, files, folder } = await mirrored();
    await writeIn(folder, 'wine/a.png.json', '{"id":"a.png#0","prediction":1,"model":[]}\n');
    await writeIn(folder, 'wine/b.png.json', '{"id":"b.png#0","prediction":1,"model":[]}\n');
    await put('wine/a.png.json', '{"id":"a.png#0","prediction":2,"model":[]}\n');
    await remove('wine/b.png.json');
    expect(await files()).toEqual({
      'wine/a.png.json': '{"id":"a.png#0","prediction":2,"model":[]}\n',
      'wine/b.png.json': '{"id":"b.png#0","prediction":1,"model":[]}\n',
    });
  });

  test('says which object can be no file, and goes on', async () => {
    const { put, files, folder, errors } = await mirrored();
    await writeIn(folder, 'wine/a', 'mine');
    await put('wine/a/b', 'below a file');
    await put('wine/c', 'after it');
    expect(await files()).toEqual({ 'wine/a': 'mine', 'wine/c': 'after it' });
    expect(errors).toEqual([expect.stringMatching(/^wine\/a\/b: .*(ENOTDIR|EEXIST)/)]);
  });

  const PART = 'wine/a/part-00000-of-00002.jsonl';
  const OTHER_PART = 'wine/a/part-00001-of-00002.jsonl';

  /** Puts all results of the job in `wine/a`. */
  async function putJob(put: Mirrored['put']): Promise<void> {
    await put('wine/a/_job.json', plan('new'));
    for (const key of [PART, OTHER_PART, 'wine/a/_manifest.json', 'wine/a/_SUCCESS']) await put(key, 'new');
  }

  test.each<[what: string, path: string, written: readonly string[]]>([
    ['a part', PART, ['_job.json', 'part-00001-of-00002.jsonl']],
    ['the plan', 'wine/a/_job.json', []],
    ['the manifest', 'wine/a/_manifest.json', ['_job.json', 'part-00000-of-00002.jsonl', 'part-00001-of-00002.jsonl']],
  ])('holds back the end of a job while %s can not be written, and of no other job', async (_what, path, written) => {
    const { put, files, folder, errors, recovered, mirror } = await mirrored();
    await mkdir(join(folder, path), { recursive: true });
    await putJob(put);
    expect(Object.keys(await files()).toSorted()).toEqual(written.map((name) => `wine/a/${name}`));
    expect(errors).toEqual([expect.stringMatching(/^wine\/a\/.*: .* is a folder: move it$/)]);
    expect(mirror.unwritten).toMatchObject([{ name: 'wine/a' }]);
    await put('wine/b/_job.json', plan('other', 'b'));
    await put('wine/b/_SUCCESS', '');
    expect(Object.keys(await files())).toContain('wine/b/_SUCCESS');
    await rm(join(folder, path), { recursive: true });
    await put('wine/c.json', 'the next change');
    const all = ['_SUCCESS', '_job.json', '_manifest.json', 'part-00000-of-00002.jsonl', 'part-00001-of-00002.jsonl'];
    expect(
      Object.keys(await files())
        .toSorted()
        .slice(0, 5),
    ).toEqual(all.map((name) => `wine/a/${name}`));
    expect({ recovered, unwritten: mirror.unwritten }).toEqual({ recovered: ['wine/a'], unwritten: [] });
  });

  test('names the first of the results that fail for one reason, and counts the others', async () => {
    const { put, folder, errors, mirror } = await mirrored();
    for (const part of [PART, OTHER_PART]) await mkdir(temporaryPath(join(folder, part)), { recursive: true });
    await putJob(put);
    expect(errors).toEqual([expect.stringContaining(`${PART}: EISDIR`)]);
    expect(mirror.unwritten).toEqual([{ name: 'wine/a', missing: 4 }]);
  });

  test('removes the end of a job while a replaced part can not be written, and brings it back afterwards', async () => {
    const { put, files, folder, mirror } = await mirrored();
    await putJob(put);
    await rm(join(folder, PART));
    await mkdir(join(folder, PART));
    await put(PART, 'redriven');
    await put('wine/a/_manifest.json', 'of the redriven part');
    expect(Object.keys(await files()).toSorted()).toEqual(['wine/a/_job.json', OTHER_PART]);
    await rm(join(folder, PART), { recursive: true });
    await put('wine/c.json', 'the next change');
    expect(await files()).toMatchObject({
      [PART]: 'redriven',
      'wine/a/_manifest.json': 'of the redriven part',
      'wine/a/_SUCCESS': 'new',
    });
    expect(mirror.unwritten).toEqual([]);
  });

  test('keeps the results of an earlier session while those of this one can not be written', async () => {
    const { put, files, folder, errors, mirror } = await mirrored();
    await writeIn(folder, 'wine/a/_job.json', plan('old'));
    for (const name of ['_SUCCESS', '_manifest.json', 'part-00000-of-00001.jsonl'])
      await writeIn(folder, `wine/a/${name}`);
    // A file of the user's, though earlier versions called results so.
    await writeIn(folder, 'wine/a/manifest.json', 'mine');
    const before = await files();
    const blocked = temporaryPath(join(folder, OTHER_PART));
    await mkdir(blocked);
    await putJob(put);
    expect(await files()).toEqual(before);
    expect(errors).toEqual([expect.stringMatching(/^wine\/a\/part-00001-of-00002\.jsonl: EISDIR/)]);
    expect(mirror.unwritten).toMatchObject([{ name: 'wine/a' }]);
    await rm(blocked, { recursive: true });
    await put('wine/c.json', 'the next change');
    expect(await files()).toEqual({
      'wine/a/_job.json': plan('new'),
      [PART]: 'new',
      [OTHER_PART]: 'new',
      'wine/a/_manifest.json': 'new',
      'wine/a/_SUCCESS': 'new',
      'wine/a/manifest.json': 'mine',
      'wine/c.json': 'the next change',
    });
  });

  test.each([
    ['of a plan of another folder', plan('other', 'elsewhere')],
    ['of no plan', '{"id":"job","prediction":1,"model":[]}\n'],
  ])('clears no folder for an object named _job.json with the text %s', async (_what, text) => {
    const { put, files, folder, errors } = await mirrored();
    await writeIn(folder, 'wine/a/_job.json', plan('old'));
    await writeIn(folder, PART);
    const before = await files();
    await put('wine/a/_job.json', text);
    await put('wine/a/_manifest.json', '{}');
    expect(await files()).toEqual(before);
    expect(errors).toEqual([expect.stringContaining('that fabric did not write')]);
  });

  test('takes the errors of a job named errors for its own', async () => {
    const { put, files } = await mirrored();
    await put('wine/a/errors/_job.json', plan('errors', 'a/errors'));
    await put('wine/a/errors/part-00000-of-00001.jsonl', 'its own');
    await put('wine/a/errors/_SUCCESS', '');
    expect(Object.keys(await files())).toHaveLength(3);
  });

  test('has reported a job that ended before it settles, also if changes of other jobs come in between', async () => {
    const { mirror } = await mirrored();
    const reported: string[] = [];
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    mirror.afterChanges(() => gates[0]?.promise);
    mirror.afterChanges(() => void reported.push('the job'));
    mirror.afterChanges(() => gates[1]?.promise);
    const settled = mirror.settled().then(() => reported.push('settled'));
    for (const gate of gates) gate.resolve();
    await settled;
    expect(reported).toEqual(['the job', 'settled']);
  });

  test.each(['wine/a/_job.json', PART, 'wine/a.png.json'])(
    'reports a named pipe in the place of %s, and does not wait for a writer',
    async (key) => {
      const { put, folder, errors } = await mirrored();
      await mkdir(join(folder, 'wine/a'), { recursive: true });
      makeNamedPipe(join(folder, key));
      if (key === 'wine/a.png.json') await put(key, '{"id":"a.png#0","prediction":1,"model":[]}\n');
      else await putJob(put);
      expect(errors).toEqual([expect.stringContaining('that fabric did not write')]);
    },
  );

  test.each(['../out', 'wine/../../out', '/out', 'wine//out', './out', 'wine/a\\..\\out', 'wine/a\0b'])(
    'never writes %j, which leads out of the folder or to no file',
    async (key) => {
      const { folder, errors } = await mirrored();
      const store = { get: async () => ({ info: {}, chunks: [new Uint8Array(1)] }) };
      const mirror = new Mirror({
        // Only what a mirror asks of a store.
        store: store as never,
        bucket: 'output',
        folder,
        onError: (_key, error) => void errors.push(error.message),
      });
      mirror.objectChanged({ bucket: 'output', key });
      await mirror.settled();
      expect(errors).toEqual([
        expect.stringMatching(/^its key (has a segment that is not a valid file name|contains a backslash)/),
      ]);
      expect(await readdir(dirname(folder))).toEqual([]);
    },
  );
});
