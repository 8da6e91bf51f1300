import { mkdir, readFile, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, describe, test } from 'vitest';
import type { Job } from '../../../lib/jobs/job.ts';
import { temporaryFolder } from '../../temporary-folder.ts';
import { contentsBelow, filesBelow, inputRunner, manifestIn } from './run-inputs.ts';

const run = inputRunner();

interface Line {
  readonly id: string;
  readonly key?: string;
  readonly prediction?: number;
  readonly stage?: string;
  readonly input?: unknown;
  readonly source?: { readonly range: { readonly start: number }; readonly position: number; readonly ordinal: number };
}

/** So many lines of five keys, in turn; one fails, and one is no JSON. */
function keyedLines(count: number): string {
  const lines = Array.from({ length: count }, (_, n) =>
    JSON.stringify(n === 12 ? { n, k: 'k2', bad: true } : { n, k: `k${n % 5}` }),
  );
  return `${lines.with(8, '{"n":8,"k":"k3"').join('\n')}\n`;
}

async function writeInput(content: string | Uint8Array, name = 'n.jsonl'): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

/** The lines of a folder's parts, in their order; those of results, then those of errors. */
function linesOf(contents: Readonly<Record<string, string>>, folder: 'part-' | '_errors/errors-'): Line[] {
  return Object.entries(contents)
    .filter(([path]) => path.startsWith(folder))
    .flatMap(([, text]) => text.split('\n').filter(Boolean))
    .map((line) => JSON.parse(line) as Line);
}

function position({ id }: Line): number {
  return Number(id.split('#')[1]);
}

/** A failure, but for the bundle that it was in. */
function essence({ source, ...line }: Line): unknown {
  return { ...line, position: source?.position };
}

async function runOf(pipeline: string, input: string, options: { limit?: number } = {}) {
  const output = join(await temporaryFolder(), 'out');
  await run(pipeline, [input], { output, ...options });
  const folder = join(output, pipeline, 'n.jsonl');
  return { output, folder, input, contents: await contentsBelow(folder) };
}

describe('a job that is grouped by key', () => {
  test('has the lines of one that is not, by key, and within a key in the order of the input', async () => {
    const input = await writeInput(keyedLines(60));
    const grouped = await runOf('grouped', input);
    const plain = await runOf('keyed', input);
    const lines = linesOf(grouped.contents, 'part-');
    const keys = lines.map(({ key = '' }) => key);
    expect(keys).toEqual(keys.toSorted((one, other) => one.localeCompare(other)));
    expect(lines.toSorted((one, other) => position(one) - position(other))).toEqual(linesOf(plain.contents, 'part-'));
    for (const key of new Set(keys)) {
      const places = lines.filter((line) => line.key === key).map(position);
      expect(places).toEqual(places.toSorted((one, other) => one - other));
    }
    expect((await manifestIn(grouped.folder)).parts.length).toBeGreaterThan(5);
    expect(await filesBelow(join(grouped.output, '.fabric'))).not.toContainEqual(
      expect.stringMatching(/chunks|runs|unsorted/),
    );
  });

  test('says where each failure came from: its place in the input, and in its bundle', async () => {
    const input = await writeInput(keyedLines(60));
    const grouped = linesOf((await runOf('grouped', input)).contents, '_errors/errors-');
    const plain = linesOf((await runOf('keyed', input)).contents, '_errors/errors-').toReversed();
    expect(grouped.map(essence)).toEqual(plain.map(essence));
    expect(grouped.map(({ stage, key }) => [stage, key])).toEqual([
      ['map', 'k2'],
      ['read', undefined],
    ]);
    expect(grouped[1]?.input).toBe('{"n":8,"k":"k3"');
    expect(grouped[1]?.source).toMatchObject({ uri: input, range: { start: expect.any(Number) } });
  });

  test('has the same lines from compressed input', async () => {
    const text = keyedLines(60);
    const output = join(await temporaryFolder(), 'out');
    await run('grouped', [await writeInput(gzipSync(text), 'n.jsonl.gz')], { output });
    const packed = linesOf(await contentsBelow(join(output, 'grouped/n.jsonl.gz')), 'part-');
    const plain = linesOf((await runOf('grouped', await writeInput(text))).contents, 'part-');
    expect(packed.map((line) => JSON.stringify(line).replace('.gz#', '#'))).toEqual(
      plain.map((line) => JSON.stringify(line)),
    );
    expect(await filesBelow(join(output, '.fabric'))).not.toContainEqual(expect.stringMatching(/chunks|unsorted/));
  });

  test('takes the first elements of the input where there is a limit', async () => {
    const { contents, folder } = await runOf('grouped', await writeInput(keyedLines(60)), { limit: 7 });
    expect(linesOf(contents, 'part-').map(({ prediction }) => prediction)).toEqual([0, 10, 2, 12, 4, 6, 8]);
    expect((await manifestIn(folder)).counts.total).toBe(7);
  });

  test('goes on where it was stopped as if it had not been, also where what was staged is gone', async () => {
    const input = await writeInput(keyedLines(60));
    const { contents, folder, output } = await runOf('grouped', input);
    const other = join(await temporaryFolder(), 'out');
    const stop = new AbortController();
    const stopped = run('grouped', [input], { output: other, signal: stop.signal, onPart: () => stop.abort() });
    await expect(stopped).rejects.toThrow();
    await run('grouped', [input], { output: other, existing: 'resume' });
    expect(await contentsBelow(join(other, 'grouped/n.jsonl'))).toEqual(contents);

    // A part that was removed has lost its chunk: it is grouped again.
    const { id } = JSON.parse(await readFile(join(folder, '_job.json'), 'utf8')) as Job;
    const part = Object.keys(contents).find((path) => path.startsWith('part-00003')) ?? '';
    await unlink(join(folder, part));
    await rm(join(output, '.fabric/grouped', id, part.replace('.jsonl', '.note.json')));
    await run('grouped', [input], { output, existing: 'resume' });
    expect(await contentsBelow(folder)).toEqual(contents);
  });

  test('has nothing missing where the machine went down and took what was just staged with it', async () => {
    const input = await writeInput(keyedLines(60));
    const { contents } = await runOf('grouped', input);
    const output = join(await temporaryFolder(), 'out');
    const stop = new AbortController();
    const stopped = run('grouped', [input], { output, signal: stop.signal, onPart: () => stop.abort() });
    await expect(stopped).rejects.toThrow();
    const staged = (await filesBelow(join(output, '.fabric'))).filter((path) => path.includes('/chunks/'));
    expect(staged.length).toBeGreaterThan(1);
    await truncate(join(output, '.fabric', staged.at(-1) ?? ''), 0);
    await run('grouped', [input], { output, existing: 'resume' });
    expect(await contentsBelow(join(output, 'grouped/n.jsonl'))).toEqual(contents);
  });

  test('does not go on with bundles that were cut otherwise', async () => {
    const input = await writeInput(keyedLines(60));
    const { folder, output } = await runOf('grouped', input);
    const job = await readFile(join(folder, '_job.json'), 'utf8');
    // As another version of the code might have recorded it.
    await writeFile(join(folder, '_job.json'), job.replace(/"starts":\[0,\d+/, '"starts":[0,1'));
    await unlink(join(folder, (await filesBelow(folder)).find((path) => path.startsWith('part-00003')) ?? ''));
    await expect(run('grouped', [input], { output, existing: 'resume' })).rejects.toThrow(
      `the results in ${folder} are of bundles that another version of inference-fabric cut at other places`,
    );
  });

  test.each([
    ['n.jsonl', (text: string) => text],
    ['n.jsonl.gz', gzipSync],
  ])('leaves nothing behind where it is stopped while %s is grouped', async (name, content) => {
    const input = await writeInput(content(keyedLines(60)), name);
    const output = join(await temporaryFolder(), 'out');
    const stop = new AbortController();
    let seen = 0;
    const onGrouping = (grouped: string, share: number): void => {
      expect(grouped).toBe(name);
      if (share <= 0.7) return;
      seen += 1;
      stop.abort(new Error('enough'));
    };
    await expect(run('grouped', [input], { output, signal: stop.signal, onGrouping })).rejects.toThrow('enough');
    expect(seen).toBe(1);
    expect(await filesBelow(output)).toEqual([]);
    await run('grouped', [input], { output });
    expect((await manifestIn(join(output, 'grouped', name))).counts.total).toBe(60);
  });

  test('starts anew where it is stopped before it is planned', async () => {
    const input = await writeInput(keyedLines(60));
    const output = join(await temporaryFolder(), 'out');
    const reason = new Error('enough');
    await expect(run('grouped', [input], { output, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await run('grouped', [input], { output });
    expect((await manifestIn(join(output, 'grouped/n.jsonl'))).counts.total).toBe(60);
  });
});

describe('a key that is a segment', () => {
  test('is of the path of each object below its folder, the folder in front', async () => {
    const input = join(await temporaryFolder(), 'pictures');
    for (const name of ['de/a', 'fr/b', 'fr/deep/c', 'd']) {
      await mkdir(dirname(join(input, name)), { recursive: true });
      await writeFile(join(input, name), name);
    }
    const output = join(await temporaryFolder(), 'out');
    await run('keys', [input], { output });
    const lines = linesOf(await contentsBelow(join(output, 'keys/pictures')), 'part-');
    expect(lines.map(({ key, prediction }) => [key, prediction])).toEqual([
      ['d', 'd'],
      ['de', 'de'],
      ['fr', 'fr'],
      ['fr', 'fr'],
    ]);
  });

  test('is of what an object by itself is called', async () => {
    const folder = await temporaryFolder();
    for (const name of ['de/a', 'fr/b']) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), name);
    }
    const output = join(await temporaryFolder(), 'out');
    await run('keys', [join(folder, '*/*')], { output });
    const answers = await contentsBelow(join(output, 'keys'));
    const keys = Object.entries(answers).map(([path, text]) => [path, (JSON.parse(text) as Line).key]);
    expect(keys).toEqual([
      ['de/a.json', 'a'],
      ['fr/b.json', 'b'],
    ]);
  });
});
