import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Bundle, BundleObject, BundleSource } from '../../lib/inference/bundle.ts';
import type { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { startTestAws, type TestAws } from '../embedded-aws.ts';
import { modelFile } from '../models/model-files.ts';
import { type BundleResult, type Outcome, processBundle, writeBundle } from './run-bundle.ts';
import { sharedEngines, startEngine } from './start-engine.ts';
import { temporaryFolder } from '../temporary-folder.ts';

let aws: TestAws;
beforeAll(async () => {
  aws = await startTestAws();
  for (const bucket of ['input', 'models']) await aws.createBucket(bucket);
});
afterAll(() => aws[Symbol.asyncDispose]());

const engineOf = sharedEngines('sources');
const NUMBERS = Array.from({ length: 600 }, (_, n) => n);

function valuesOf(outcomes: readonly Outcome[]): unknown[] {
  return outcomes.map(({ prediction }) => (prediction as { readonly value: unknown } | undefined)?.value);
}

async function put(key: string, text: string): Promise<{ readonly uri: string; readonly etag: string }> {
  const written = await aws.store.put({ bucket: 'input', key }, text);
  return { uri: `s3://input/${key}`, etag: written?.etag ?? '' };
}

function elementsBundle(elements: readonly unknown[], ordinals?: readonly number[]): Bundle {
  const source: BundleSource = { kind: 'elements', elements, ...(ordinals === undefined ? {} : { ordinals }) };
  return { name: 'm', source, address: { message: 'm' } };
}

async function runElements(elements: readonly unknown[], ids: readonly string[]): Promise<BundleResult> {
  return processBundle(await engineOf('messages'), elementsBundle(elements), ids);
}

/** An engine whose models are fetched into a folder of this test's own. */
async function startFetching(pipeline: string): Promise<InferenceEngine> {
  vi.stubEnv('FABRIC_TEST_FOLDER', await temporaryFolder());
  return startEngine('sources', pipeline);
}

describe('a bundle of elements that came by themselves', () => {
  test('has their own ids and keys, and their inputs as they are', async () => {
    const inputs = [{ n: 1, name: 'not me' }, [1, null], null, 'text', 0, { region: 'north', text: 'a\nb\u2028' }];
    const elements = inputs.map((input, n) => ({ id: n === 0 ? 7 : `e${n}`, ...(n === 1 ? { key: 12 } : {}), input }));
    const ids = ['7', 'e1', 'e2', 'e3', 'e4', 'e5'];
    const { outcomes } = await runElements(elements, ids);
    expect(outcomes.map(({ prediction }) => prediction)).toEqual(
      inputs.map((value, n) => ({ id: ids[n], key: [null, '12', null, null, null, 'north'][n], value, same: true })),
    );
  });

  test('fails those that are no such elements by themselves, with what came as their input', async () => {
    const wrong = [
      'text',
      null,
      [],
      {},
      { input: 1 },
      { id: '', input: 1 },
      { id: 1.5, input: 1 },
      { id: 'no input' },
      { id: 'bad key', key: {}, input: 1 },
    ];
    const ids = ['m#0', 'm#1', 'm#2', 'm#3', 'm#4', 'm#5', 'm#6', 'no input', 'bad key', 'good'];
    const { outcomes } = await runElements([...wrong, { id: 'good', input: 'fine', extra: true }], ids);
    for (const [ordinal, element] of wrong.entries()) {
      expect(outcomes[ordinal]).toMatchObject({
        stage: 'read',
        error: { name: 'InvalidElement' },
        input: JSON.stringify(element),
        source: { message: 'm', position: ordinal, ordinal },
      });
    }
    expect(outcomes[9]?.prediction).toMatchObject({ value: 'fine' });
  });

  test('fails one that is too large, and shows its beginning', async () => {
    const { outcomes } = await runElements(
      [
        { id: 'large', input: 'é'.repeat(50) },
        { id: 'fits', input: 'é'.repeat(49) },
        { id: '', input: 'é'.repeat(50) },
      ],
      ['large', 'fits', 'm#2'],
    );
    const error = { name: 'ElementTooLarge', message: 'The element is larger than maxElementBytes, 100 bytes' };
    expect(outcomes[0]).toMatchObject({ stage: 'read', error, input: `"${'é'.repeat(49)}` });
    expect(outcomes[1]?.prediction).toMatchObject({ value: 'é'.repeat(49) });
    expect(outcomes[2]).toMatchObject({ stage: 'read', error });
  });

  test('has its places in the bundle where it is only a part of it', async () => {
    const elements = ['a', 'throw', 'c'].map((input) => ({ id: input, input }));
    const engine = await engineOf('messages');
    const { outcomes } = await processBundle(engine, elementsBundle(elements, [3, 40, 41]), ['a', 'throw', 'c']);
    expect(outcomes[1]?.source).toEqual({ message: 'm', position: 40, ordinal: 40 });
    const left = { ...elementsBundle(elements, [3, 40, 41]), only: [3, 41] };
    expect(valuesOf((await processBundle(engine, left, ['a', 'c'])).outcomes)).toEqual(['a', 'c']);
  });
});

describe('a bundle of which some elements have their outcomes', () => {
  test.each([
    ['the first', { skipElements: 300 }, NUMBERS.slice(300)],
    ['none', { skipElements: 0 }, NUMBERS],
    ['all', { skipElements: 600 }, []],
    ['all but a few', { only: [0, 255, 256, 599] }, [0, 255, 256, 599]],
    ['all but some of the last', { skipElements: 250, only: [3, 249, 250, 251] }, [250, 251]],
    ['all but none', { only: [] }, []],
  ])('runs the others only, as they were: %s', async (_, rest, expected) => {
    const { bundle, ids } = await writeBundle(NUMBERS);
    const expectedIds = expected.map((n) => ids[n] ?? '');
    const { outcomes } = await processBundle(await engineOf('lines'), { ...bundle, ...rest }, expectedIds);
    expect(valuesOf(outcomes)).toEqual(expected);
  });

  test.each([
    ['in a thread', 1],
    ['in a process of its own', 2],
  ])('loses nothing, and gives nothing twice, where its worker is lost %s', async (_, receives) => {
    // Long enough for some outcomes to be out when the worker ends.
    const values = NUMBERS.map((n) => ([10, 420, 550].includes(n) ? 'end' : String(n).padEnd(3000)));
    const { bundle, ids } = await writeBundle(values);
    const only = NUMBERS.filter((n) => n !== 420);
    const rest = { ...bundle, receives, skipElements: 300, only };
    const expected = only.filter((n) => n >= 300);
    const expectedIds = expected.map((n) => ids[n] ?? '');
    const { outcomes, chunks } = await processBundle(await engineOf('lines'), rest, expectedIds);
    expect(chunks.length).toBeGreaterThan(2);
    const position = Number(ids[550]?.split('#')[1]);
    expect(outcomes.filter(({ stage }) => stage !== undefined)).toMatchObject([
      { stage: 'map', error: { name: 'WorkerCrashedError' }, source: { position, ordinal: 550 } },
    ]);
    expect(valuesOf(outcomes)).toEqual(expected.map((n) => (n === 550 ? undefined : values[n])));
  });

  test('does not even open the objects that have theirs', async () => {
    // To open a folder ends the run.
    const objects: BundleObject[] = Array.from({ length: 6 }, () => ({ uri: import.meta.dirname }));
    for (const n of [2, 3, 5]) objects[n] = await put(`o/${n}`, `content ${n}`);
    const source: BundleSource = { kind: 'objects', objects, firstIndex: 100 };
    const engine = await engineOf('objects');
    const bundle = { name: 'list', source, address: {}, skipElements: 2, only: [0, 2, 3, 5] };
    const { outcomes } = await processBundle(engine, bundle, ['list#102', 'list#103', 'list#105']);
    expect(outcomes.map(({ prediction }) => prediction)).toEqual(['content 2', 'content 3', 'content 5']);
    await expect(processBundle(engine, { ...bundle, skipElements: 0 }, [])).rejects.toThrow('not a file');
  });
});

describe('a bundle in S3', () => {
  const lines = ['1', '"throw"', '3', '"é"'].map((line) => `${line}\n`);
  const range = { start: 2, end: Buffer.byteLength(lines.join('')) };

  function rangeOf(object: { readonly uri: string; readonly etag: string }, rest: Partial<Bundle> = {}): Bundle {
    return { name: 'n', source: { kind: 'range', ...object, range }, address: { key: 'n', range }, ...rest };
  }

  test('is read by its range, and says of each failure where it was', async () => {
    const object = await put('lines/à b+c.jsonl', lines.join(''));
    const { outcomes } = await processBundle(await engineOf('lines'), rangeOf(object), ['n#2', 'n#10', 'n#12']);
    expect(valuesOf(outcomes)).toEqual([undefined, 3, 'é']);
    expect(outcomes[0]).toMatchObject({
      stage: 'map',
      error: { name: 'TypeError', message: 'as it was told' },
      source: { key: 'n', range, position: 2, ordinal: 0 },
    });
  });

  test('is one failure where it is gone, or another content came', async () => {
    const object = await put('replaced', lines.join(''));
    await put('replaced', 'anything else');
    for (const source of [object, { uri: 's3://input/none', etag: 'e' }]) {
      const { outcomes } = await processBundle(await engineOf('lines'), rangeOf(source), [`n#2-${range.end}`]);
      expect(outcomes).toMatchObject([
        { stage: 'read', error: { name: 'SourceGone' }, source: { key: 'n', position: 2, ordinal: 0 } },
      ]);
    }
  });

  test.each([{ skipElements: 1 }, { only: [0] }])('is to be tried again where it is gone after %o', async (rest) => {
    const bundle = rangeOf({ uri: 's3://input/none', etag: 'e' }, rest);
    await expect(processBundle(await engineOf('lines'), bundle, [])).rejects.toMatchObject({
      name: 'SourceGone',
      code: 'SOURCE_GONE',
      disposition: 'retry',
      message: expect.stringContaining('s3://input/none'),
    });
  });

  test('is to be tried again where it has fewer elements than it had', async () => {
    const bundle = rangeOf(await put('short', lines.join('')), { skipElements: 4 });
    const error = { code: 'SOURCE_CHANGED', disposition: 'retry', message: expect.stringContaining('3 of at least 4') };
    await expect(processBundle(await engineOf('lines'), bundle, [])).rejects.toMatchObject(error);
  });

  test('fails each object of a list that is gone, replaced or not to be read', async () => {
    const good = await put('list/good', 'good');
    const replaced = await put('list/replaced', 'replaced');
    await put('list/replaced', 'by another');
    const failure = { name: 'InvalidEntry', message: 'not an object of this fabric' };
    const objects = [good, replaced, { uri: 's3://input/list/none' }, { ...good, failure }];
    const source: BundleSource = { kind: 'objects', objects, firstIndex: 5 };
    const ids = ['l#5', 'l#6', 'l#7', 'l#8'];
    const { outcomes } = await processBundle(await engineOf('objects'), { name: 'l', source, address: {} }, ids);
    expect(outcomes[0]?.prediction).toBe('good');
    expect(outcomes.slice(1)).toMatchObject([
      { stage: 'read', error: { name: 'SourceGone' }, source: { position: 6, ordinal: 1 } },
      { stage: 'read', error: { name: 'SourceGone' } },
      {
        stage: 'read',
        error: failure,
        input: { uri: good.uri, contentType: 'application/octet-stream' },
        source: { position: 8, ordinal: 3 },
      },
    ]);
  });
});

test('what is no fault of an element ends process() with its code and disposition', async () => {
  const uri = await temporaryFolder();
  const source: BundleSource = { kind: 'range', uri, range: { start: 0, end: 10 } };
  const engine = await engineOf('lines');
  for (const receives of [1, 2]) {
    const running = processBundle(engine, { name: 'n', source, address: {}, receives }, []);
    await expect(running).rejects.toMatchObject({ code: 'SOURCE_NOT_A_FILE', disposition: 'fatal' });
  }
});

describe('a model in S3', () => {
  test('is fetched before it is loaded, and has the digest of its file', async () => {
    const bytes = await readFile(modelFile('double.onnx'));
    await aws.store.put({ bucket: 'models', key: 'v1/double.onnx' }, bytes);
    await using engine = await startFetching('fetched');
    const { bundle, ids } = await writeBundle([{ x: [1, 2, 3] }]);
    const { outcomes, summary } = await processBundle(engine, bundle, ids);
    expect(outcomes[0]?.prediction).toEqual({ y: [2, 4, 6] });
    const digest = createHash('sha256').update(bytes).digest('hex');
    expect(summary.models).toEqual({ [digest.slice(0, 12)]: digest });
  });

  test('that is not there ends the run, with its address', async () => {
    await using engine = await startFetching('absent');
    await expect(engine.ready()).rejects.toMatchObject({
      name: 'ModelLoadError',
      disposition: 'fatal',
      message: 'Cannot fetch the model s3://models/absent.onnx: there is no such object',
    });
  });
});
