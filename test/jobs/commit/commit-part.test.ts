import { describe, expect, onTestFinished, test } from 'vitest';
import { commitPart } from '../../../lib/jobs/commit/commit-part.ts';
import { OutcomeSpool } from '../../../lib/jobs/commit/outcome-spool.ts';
import { partPlace } from '../../../lib/jobs/output-layout.ts';
import { FOLDER_NAMES } from '../../../lib/jobs/part-names.ts';
import { readPart } from '../../../lib/jobs/commit/part-metadata.ts';
import type { ObjectStore } from '../../../lib/stores/object-store.ts';
import { memoryObjectStore } from '../memory-ports.ts';

const JOB = 'a'.repeat(64);
const place = partPlace(
  { folder: 'double/numbers.jsonl', names: FOLDER_NAMES, job: { pipeline: 'double', id: JOB, of: 340 } },
  12,
);

async function spoolOf(predictions: number, failures = 0): Promise<OutcomeSpool> {
  const spool = await OutcomeSpool.open();
  onTestFinished(() => spool[Symbol.asyncDispose]());
  const encoder = new TextEncoder();
  await spool.write({
    results: encoder.encode('{"id":"r"}\n'.repeat(predictions)),
    errors: encoder.encode('{"id":"e"}\n'.repeat(failures)),
    elements: predictions + failures,
    succeeded: predictions,
    failed: failures === 0 ? {} : { map: failures },
    models: {},
  });
  return spool;
}

function outputOf() {
  const store = memoryObjectStore();
  return { store, bucket: 'out' };
}

describe('commitPart', () => {
  test('commits a bundle without an outcome as an empty part, with no errors', async () => {
    const output = outputOf();
    const { part, won } = await commitPart(place, await spoolOf(0), { output, models: {}, elapsedMillis: 1.4 });
    expect(won).toBe(true);
    expect(part.note).toEqual({
      job: JOB,
      name: 'part-00012-of-00340.jsonl',
      elements: 0,
      bytes: 0,
      succeeded: 0,
      failedByStage: {},
      models: {},
      elapsedMillis: 1,
    });
    expect(await readPart(place, output)).toEqual(part);
    expect(output.store.keys('out')).toEqual([place.part]);
  });

  test('stages errors before the part, which names them', async () => {
    const output = outputOf();
    const { part } = await commitPart(place, await spoolOf(2, 1), { output, models: {}, elapsedMillis: 1 });
    const puts = output.store.calls.filter(({ operation }) => operation === 'put').map(({ key }) => key);
    expect(puts).toEqual([part.note.errors, place.part]);
    expect(output.store.text('out', part.note.errors ?? '')).toBe('{"id":"e"}\n');
  });

  test('keeps the metadata below 2 KB with sixty models, all of which are there to be read', async () => {
    const output = outputOf();
    const labels = Array.from({ length: 60 }, (_, index) => index.toString(16).padStart(12, '0'));
    const models = Object.fromEntries(labels.map((label) => [label, label.padEnd(64, 'f')]));
    await commitPart(place, await spoolOf(1, 1), { output, models, elapsedMillis: 1 });
    const metadata = (await output.store.head({ bucket: 'out', key: place.part }))?.metadata ?? {};
    const bytes = Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
    expect(bytes).toBeLessThan(2048);
    expect((await readPart(place, output))?.note.models).toEqual(models);
  });

  test.each([
    ['errors', '.fabric/other/secret.errors.jsonl', false],
    ['errors', 'other/secret.jsonl', false],
    ['details-key', 'other/secret.jsonl', false],
    ['errors', `.fabric/double/${JOB}/part-00013-of-00340.1.errors.jsonl`, false],
    ['errors', `.fabric/${JOB}x/part-00012-of-00340.1.errors.jsonl`, false],
    ['errors', `.fabric/double/${JOB}/part-00012-of-00340.1.errors.jsonl`, true],
    // As earlier versions staged them.
    ['errors', `.fabric/${JOB}/part-00012-of-00340.1.errors.jsonl`, true],
  ])('is read as a part where its %s is %s: %s', async (name, key, isPart) => {
    const output = outputOf();
    const metadata = { job: JOB, name: 'part-00012-of-00340.jsonl', elements: '1', details: '{}', [name]: key };
    await output.store.put({ bucket: 'out', key: place.part }, '', { metadata });
    expect((await readPart(place, output)) !== undefined).toBe(isPart);
    expect(output.store.calls.filter(({ operation }) => operation === 'get')).toEqual([]);
  });

  test('says what models ran on, where its outcomes say so or it is told, and nothing of it elsewhere', async () => {
    const output = outputOf();
    const spool = await spoolOf(1);
    spool.tally.providers = { abc: ['cuda'] };
    const own = await commitPart(place, spool, { output, models: { abc: 'abcdef' }, elapsedMillis: 1 });
    expect((await readPart(place, output))?.note).toMatchObject({
      models: { abc: 'abcdef' },
      providers: { abc: ['cuda'] },
    });
    const told = {
      output,
      models: {},
      providers: { abc: ['cpu', 'cuda'] },
      only: { ifMatch: own.part.etag },
      elapsedMillis: 1,
    };
    await commitPart(place, await spoolOf(1), told);
    expect((await readPart(place, output))?.note.providers).toEqual({ abc: ['cpu', 'cuda'] });
  });

  test('says what tokens were counted, beside sixty models too', async () => {
    const output = outputOf();
    const usage = { inputTokens: 9e12, cachedInputTokens: 8e12, outputTokens: 7e12, reasoningTokens: 6e12 };
    const spool = await spoolOf(1, 1);
    spool.tally.usage = usage;
    const models = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`model ${index}`, `model ${index}`]));
    const own = await commitPart(place, spool, { output, models, elapsedMillis: 1 });
    expect((await readPart(place, output))?.note).toMatchObject({ models, usage });
    const replaced = { output, models: {}, usage: { ...usage, inputTokens: 1 }, only: { ifMatch: own.part.etag } };
    await commitPart(place, await spoolOf(1), { ...replaced, elapsedMillis: 1 });
    expect((await readPart(place, output))?.note.usage).toEqual(replaced.usage);
  });

  test('of two that commit, the second goes on from what the first one committed', async () => {
    const output = outputOf();
    const first = await commitPart(place, await spoolOf(2, 1), { output, models: {}, elapsedMillis: 1 });
    const second = await commitPart(place, await spoolOf(3), { output, models: {}, elapsedMillis: 1 });
    expect(second).toEqual({ part: first.part, won: false });
  });

  test('whose own put succeeded unheard is committed by it', async () => {
    const output = outputOf();
    const own = { ...output, store: putTwice(output.store) };
    const { part, won } = await commitPart(place, await spoolOf(2, 1), { output: own, models: {}, elapsedMillis: 1 });
    expect(won).toBe(true);
    expect(await readPart(place, output)).toEqual(part);
  });

  test('replaces the part that it is told to, and no other', async () => {
    const output = outputOf();
    const { part } = await commitPart(place, await spoolOf(2, 1), { output, models: {}, elapsedMillis: 1 });
    const only = { ifMatch: part.etag };
    const options = { output, models: {}, elapsedMillis: 1, only };
    const replaced = await commitPart(place, await spoolOf(3), options);
    expect(replaced).toMatchObject({ won: true, part: { note: { succeeded: 3 } } });
    expect(await commitPart(place, await spoolOf(9), options)).toEqual({ ...replaced, won: false });
  });

  test("refuses to take another job's part for its own", async () => {
    const output = outputOf();
    const other = { ...place, job: 'b' };
    await commitPart(other, await spoolOf(1), { output, models: {}, elapsedMillis: 1 });
    await expect(commitPart(place, await spoolOf(1), { output, models: {}, elapsedMillis: 1 })).rejects.toThrow(
      `Cannot commit ${place.part}: it holds results of another job`,
    );
  });
});

/** A store whose puts are made again, as when their answers are lost. */
function putTwice(store: ObjectStore): ObjectStore {
  const put: ObjectStore['put'] = async (...args) => {
    await store.put(...args);
    return store.put(...args);
  };
  return { ...store, put };
}
