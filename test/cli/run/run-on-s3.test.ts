import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../../lib/config/load-config.ts';
import { InferenceEngine } from '../../../lib/inference/engine/engine.ts';
import { findInputs } from '../../../lib/jobs/run/find-inputs.ts';
import { type Job, jobId } from '../../../lib/jobs/job.ts';
import { openJobFolders } from '../../../lib/jobs/run/open-job-folders.ts';
import { openOutput } from '../../../lib/jobs/run/open-output.ts';
import type { RejectedInput } from '../../../lib/jobs/run/reject-input.ts';
import { InputError } from '../../../lib/jobs/run/run-input.ts';
import { runJobs } from '../../../lib/jobs/run/run-jobs.ts';
import type { JobOutput } from '../../../lib/jobs/run/run-output.ts';
import { getText } from '../../../lib/stores/object-store.ts';
import { startTestAws, type TestAws } from '../../embedded-aws.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';
import { configPath, fabric, filesBelow, run, runArgs, startFabric } from '../run-fabric.ts';

const lines = Array.from({ length: 20 }, (_, n) => (n % 9 === 4 ? `{"n":-${n}}\n` : `{"n":${n}}\n`)).join('');
const INPUTS: Readonly<Record<string, string | Uint8Array>> = {
  'a.jsonl': lines,
  'deep/b.jsonl.gz': gzipSync(lines),
  'deep/empty.jsonl': '',
};
const image = await readFile(new URL('../../../examples/data/digits/digit-0001.png', import.meta.url));

/** A tree of results by the paths in it: texts, but for what tells where inputs came from and which run it was. */
type Tree = Readonly<Record<string, unknown>>;

function comparable(path: string, text: string): unknown {
  if (path.endsWith('_job.json')) return 'there';
  if (path.endsWith('_manifest.json')) {
    const { status, counts, failedByStage, parts, models, config } = JSON.parse(text) as Tree;
    return { status, counts, failedByStage, parts, models, config };
  }
  const objects = text.split('\n').filter(Boolean);
  return objects.map((line) => JSON.stringify(JSON.parse(line), (key, value) => (key === 'source' ? null : value)));
}

let aws: TestAws;
beforeAll(async () => {
  aws = await startTestAws();
  for (const name of ['given', 'results']) await aws.createBucket(name);
  for (const [name, content] of Object.entries(INPUTS)) await put(`numbers/${name}`, content);
  for (const name of ['b.png', 'more/a.png']) await put(`scans/${name}`, image);
  // A folder as consoles make it, and what directories leave out as well.
  await put('scans/more/', '');
  await put('scans/.DS_Store', 'hidden');
  await put('odd/../up', lines);
  for (const key of ['notes/_SUCCESS', 'notes/_temporary/0/a.jsonl', 'notes/.a.jsonl']) await put(key, lines);
});
afterAll(() => aws[Symbol.asyncDispose]());

async function put(key: string, content: string | Uint8Array, bucket = 'given'): Promise<void> {
  await aws.store.put({ bucket, key }, content);
}

async function keysBelow(prefix: string): Promise<string[]> {
  const listed = await Array.fromAsync(aws.store.list('results', prefix));
  return listed.map(({ key }) => key.slice(prefix.length));
}

async function textAt(key: string): Promise<string> {
  return (await getText(aws.store, { bucket: 'results', key }))?.text ?? 'nothing';
}

async function treeInS3(prefix: string): Promise<Tree> {
  const keys = await keysBelow(prefix);
  const read = async (key: string) => [key, comparable(key, await textAt(prefix + key))] as const;
  return Object.fromEntries(await Promise.all(keys.filter((key) => !key.startsWith('.fabric/')).map(read)));
}

async function treeInFolder(folder: string): Promise<Tree> {
  const paths = await filesBelow(folder);
  const read = async (path: string) => [path, comparable(path, await readFile(join(folder, path), 'utf8'))] as const;
  return Object.fromEntries(await Promise.all(paths.filter((path) => !path.startsWith('.fabric/')).map(read)));
}

describe('fabric run on S3', () => {
  test('gives the same tree from files and objects, in a folder, a bucket and below a prefix', async () => {
    const folder = await temporaryFolder();
    for (const [name, content] of Object.entries(INPUTS)) await writeIn(folder, `in/${name}`, content);
    const [files, here] = [join(folder, 'in'), join(folder, 'out')];
    const s3 = 's3://given/numbers/';
    for (const [input, output] of [
      [files, here],
      [s3, join(folder, 'from s3')],
      [files, 's3://results'],
      [s3, 's3://results/some/where/'],
    ] as const)
      expect(await run('numbers', [input], output)).toMatchObject({ status: 3, stderr: '' });

    const expected = await treeInFolder(here);
    expect(Object.keys(expected)).toEqual(
      expect.arrayContaining([
        'numbers/a.jsonl/_SUCCESS',
        'numbers/deep/b.jsonl.gz/_errors/errors-00001-of-00006.jsonl',
      ]),
    );
    expect(await treeInFolder(join(folder, 'from s3'))).toEqual(expected);
    expect(await treeInS3('some/where/')).toEqual(expected);
    const { etag } = (await aws.store.head({ bucket: 'given', key: 'numbers/a.jsonl' })) ?? { etag: 'none' };
    const job = JSON.parse(await textAt('some/where/numbers/a.jsonl/_job.json')) as Job;
    // As the deployed fabric knows it.
    expect(job.id).toBe(jobId(['given', 'numbers/a.jsonl', etag, 'numbers']));
    expect(job.source).toEqual({ uri: 's3://given/numbers/a.jsonl', etag });
    const errors = await textAt('some/where/numbers/a.jsonl/_errors/errors-00001-of-00006.jsonl');
    expect(JSON.parse(errors)).toMatchObject({ source: { ...job.source, range: { start: 32, end: 64 } } });

    const whole = await treeInS3('');
    expect(Object.fromEntries(Object.entries(whole).filter(([key]) => key.startsWith('numbers/')))).toEqual(expected);
    // No bucket needs a rule to be rid of what was staged.
    const staged = (await keysBelow('.fabric/')).concat(await keysBelow('some/where/.fabric/'));
    expect(staged.filter((key) => !key.endsWith('/folder.json'))).toEqual([]);
  });

  test('makes one job of all images below a prefix, and answers one by itself by an object of its own', async () => {
    const inputs = ['s3://given/scans/', 's3://given/scans/b.png'];
    const { status, stdout, stderr } = await run('images', inputs, 's3://results/seen', ['--json']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      output: 's3://results/seen',
      total: 3,
      results: ['s3://results/seen/images/scans', 's3://results/seen/images/b.png.json'],
    });
    const answer = { prediction: { bytes: image.length, contentType: 'image/png' } };
    const tree = await treeInS3('seen/images/');
    expect(Object.keys(tree)).toEqual([
      'b.png.json',
      ...['_SUCCESS', '_job.json', '_manifest.json', 'part-00000-of-00001.jsonl'].map((name) => `scans/${name}`),
    ]);
    expect(JSON.parse(await textAt('seen/images/b.png.json'))).toMatchObject({ id: 'b.png#0', ...answer });
    const part = (await textAt('seen/images/scans/part-00000-of-00001.jsonl')).split('\n').filter(Boolean);
    expect(part.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { id: 'scans#0', ...answer },
      { id: 'scans#1', ...answer },
    ]);
  });

  test('goes on with --resume where a run was killed, and commits nothing again', async () => {
    const input = ['s3://given/numbers/deep/b.jsonl.gz'];
    // All three as processes: a config's functions have another text, and so another digest, where a test imports it.
    const whole = startFabric(runArgs('numbers', input, 's3://results/whole')).ended;
    const killed = startFabric(runArgs('numbers', input, 's3://results/cut'));
    const written: string[] = [];
    const unsubscribe = aws.onWritten(({ key }) => {
      written.push(key);
      // Its writes are answered by this process, after this.
      if (key.startsWith('cut/numbers/b.jsonl.gz/part-00002-')) killed.child.kill('SIGKILL');
    });
    expect((await killed.ended).signal).toBe('SIGKILL');
    expect((await whole).status).toBe(3);
    const committed = await keysBelow('cut/numbers/b.jsonl.gz/part-');
    expect(committed.length).toBeLessThan((await keysBelow('whole/numbers/b.jsonl.gz/part-')).length);
    expect(await keysBelow('cut/numbers/b.jsonl.gz/_SUCCESS')).toEqual([]);

    written.length = 0;
    const resumed = startFabric(runArgs('numbers', input, 's3://results/cut', ['--resume']));
    expect(await resumed.ended).toMatchObject({ status: 3, stderr: '' });
    unsubscribe();
    expect(await treeInS3('cut/')).toEqual(await treeInS3('whole/'));
    for (const name of committed) expect(written).not.toContain(`cut/numbers/b.jsonl.gz/part-${name}`);
  });

  test('refuses an output that holds results, or those of another configuration; starts anew with --overwrite', async () => {
    const input = ['s3://given/numbers/a.jsonl'];
    const job = 'held/numbers/a.jsonl/_job.json';
    const another = { version: 1, id: 'another', of: 1, plan: {}, source: { uri: 's3://given/other.jsonl' } };
    await put(job, JSON.stringify(another), 'results');
    await put('held/numbers/a.jsonl/part-00000-of-00001.jsonl', 'of another', 'results');
    // Of an object called 'a.jsonl/part'.
    await put('held/numbers/a.jsonl/part/_job.json', 'beside', 'results');
    expect(await run('numbers', input, 's3://results/held')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('s3://results/held/numbers/a.jsonl already holds results'),
    });
    expect((await run('numbers', input, 's3://results/held', ['--overwrite'])).status).toBe(3);
    expect(await keysBelow('held/numbers/a.jsonl/part-')).not.toContain('00000-of-00001.jsonl');
    expect(await textAt('held/numbers/a.jsonl/part/_job.json')).toBe('beside');

    const recorded = JSON.parse(await textAt(job)) as Job;
    await put(job, JSON.stringify({ ...recorded, config: 'another' }), 'results');
    expect(await run('numbers', input, 's3://results/held', ['--resume'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('another configuration'),
    });
  });

  test('says what is not there, and what is no address', async () => {
    const { status, stderr } = await run('numbers', ['s3://given/none.jsonl'], 's3://results/no');
    const missing =
      "fabric: there is no object s3://given/none.jsonl; all objects below a prefix are named by one that ends in '/'\n";
    expect({ status, stderr }).toEqual({ status: 2, stderr: missing });
    expect(await keysBelow('no/')).toEqual([]);
    for (const [input, message] of [
      ['s3://given/none/', 'there are no objects in s3://given/none/'],
      ['s3://', "not an S3 address: 's3://' (expected s3://<bucket>/<key>)"],
      [
        's3://given/notes/',
        "there are no objects in s3://given/notes/: names that begin with '_' or '.' are left out, and folders of such names",
      ],
    ] as const)
      await expect(findInputs([input], 'jsonl')).rejects.toThrow(new InputError(message));
    const noBucket = new InputError("not an S3 address for results: 's3:///no' (expected s3://<bucket>[/<prefix>])");
    await expect(openOutput('s3:///no')).rejects.toThrow(noBucket);
  });

  test('plans what it can of a prefix, and explains the other objects among the results until they can be planned', async () => {
    for (const name of ['a.jsonl', '_SUCCESS']) await put(`some-bad/${name}`, lines);
    await put('some-bad/b.jsonl.gz', gzipSync('{"n":1}\n').subarray(0, -12));
    await put('some-bad//c', lines);
    await using output = await openOutput('s3://results/rejecting');
    const plan = async (existing: 'refuse' | 'resume') => {
      const rejected: RejectedInput[] = [];
      const { numbers: pipeline } = (await loadConfig(pathToFileURL(configPath))).pipelines;
      if (pipeline === undefined) throw new Error('the config has no such pipeline');
      const jobs = openJobFolders(await findInputs(['s3://given/some-bad/'], 'jsonl'), {
        output,
        pipeline,
        pipelineName: 'numbers',
        existing,
        limit: undefined,
        signal: new AbortController().signal,
        onRejected: (input) => void rejected.push(input),
      });
      return { names: (await Array.fromAsync(jobs)).map(({ job }) => job.name), rejected };
    };
    const odd = {
      input: 's3://given/some-bad//c',
      reason: "it can't be run as '/c': it has a segment that is empty, '.' or '..'",
    };
    const damaged = 'Cannot decompress gzip: the object is cut short';
    expect(await plan('refuse')).toEqual({
      names: ['a.jsonl'],
      rejected: [odd, { input: 's3://given/some-bad/b.jsonl.gz', reason: damaged }],
    });
    expect(await keysBelow('rejecting/_rejected/')).toEqual(['numbers/%empty/c.json', 'numbers/b.jsonl.gz.json']);
    expect(JSON.parse(await textAt('rejecting/_rejected/numbers/b.jsonl.gz.json'))).toMatchObject({
      key: 'numbers/b.jsonl.gz',
      reason: damaged,
    });
    await put('some-bad/b.jsonl.gz', gzipSync(lines));
    expect(await plan('resume')).toEqual({ names: ['a.jsonl', 'b.jsonl.gz'], rejected: [odd] });
    expect(await keysBelow('rejecting/_rejected/')).toEqual(['numbers/%empty/c.json']);
  });

  test('notices an object that is replaced after it was planned: its bundles are missing', async () => {
    await put('changing.jsonl', lines);
    await using engine = await InferenceEngine.start({
      configUrl: pathToFileURL(configPath),
      pipeline: 'numbers',
      workers: 1,
    });
    await using output = await openOutput('s3://results/changed');
    const { signal } = new AbortController();
    const options = { output, pipeline: engine.pipeline, pipelineName: 'numbers', existing: 'refuse' } as const;
    const inputs = await findInputs(['s3://given/changing.jsonl'], 'jsonl');
    const jobs = await Array.fromAsync(openJobFolders(inputs, { ...options, limit: 15, signal }));
    const { etag = '' } = inputs[0] ?? {};
    expect(jobs[0]?.job.id).toBe(jobId(['given', 'changing.jsonl', etag, 'numbers', 15]));
    await put('changing.jsonl', `{"n":1}\n${lines}`);
    async function* planned(): AsyncGenerator<JobOutput> {
      yield* jobs;
    }
    const [result] = await Array.fromAsync(runJobs(planned(), engine, { signal }));
    expect(result).toMatchObject({
      status: 'incomplete',
      folder: 's3://results/changed/numbers/changing.jsonl',
      notes: [],
    });
    expect(result?.missing).toHaveLength(jobs[0]?.job.of ?? 0);
    const manifest = JSON.parse(await textAt('changed/numbers/changing.jsonl/_manifest.json')) as Tree;
    expect(manifest).toMatchObject({
      status: 'incomplete',
      missing: [{ range: { start: 0, end: 32 }, error: { name: 'SourceGone' } }, {}, {}, {}],
    });
    expect(await keysBelow('changed/numbers/changing.jsonl/')).toEqual(['_job.json', '_manifest.json']);
  });

  test('loads no SDK for files', async () => {
    const folder = await temporaryFolder();
    const input = await writeIn(folder, 'a.jsonl', '{"n":1}\n');
    const hook = `import { registerHooks } from 'node:module';
      registerHooks({ resolve(name, context, next) {
        if (name.startsWith('@aws-sdk/')) throw new Error('it loads the SDK');
        return next(name, context);
      } });`;
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hook)}` };
    expect(await fabric(runArgs('numbers', [input], join(folder, 'out')), { env })).toMatchObject({ status: 0 });
    const { stderr } = await fabric(runArgs('numbers', ['s3://given/numbers/'], join(folder, 'out')), { env });
    expect(stderr).toContain('it loads the SDK');
  });
});
