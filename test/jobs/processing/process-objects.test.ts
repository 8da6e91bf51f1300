import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BundleProcessorOptions } from '../../../lib/jobs/processing/bundle-processor.ts';
import { getText, type ObjectStore } from '../../../lib/stores/object-store.ts';
import { startTestAws, type TestAws } from '../../embedded-aws.ts';
import { deadlineOf, unavailable } from '../memory-ports.ts';
import { type Bench, benchOn, engines, lettersIn } from './processor-bench.ts';
import { scriptedEngine } from './scripted-engine.ts';

let aws: TestAws;
beforeAll(async () => {
  aws = await startTestAws();
  for (const bucket of ['input', 'out']) await aws.createBucket(bucket);
});
afterAll(() => aws[Symbol.asyncDispose]());

const engineOf = engines();

async function bench(options: Partial<BundleProcessorOptions> = {}): Promise<Bench<ObjectStore>> {
  return benchOn({
    store: aws.store,
    engine: await engineOf('bytes'),
    pipelineName: 'bytes',
    inputBuckets: ['input'],
    ...options,
  });
}

interface Listed {
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
  readonly sequencer?: string;
}

/** Puts an object of so many bytes; gives what an event says of it. */
async function put(name: string, bytes: number, sequencer?: string): Promise<Listed> {
  const address = { bucket: 'input', key: `bytes/${name}` };
  const written = await aws.store.put(address, 'x'.repeat(bytes));
  return { ...address, etag: written?.etag ?? '', ...(sequencer === undefined ? {} : { sequencer }) };
}

function messageOf(...objects: readonly Listed[]) {
  return { version: 1, kind: 'objects', pipeline: 'bytes', objects };
}

async function answer(name: string) {
  const found = await getText(aws.store, { bucket: 'out', key: `bytes/${name}.json` });
  return found && { ...(JSON.parse(found.text) as object), metadata: found.info.metadata };
}

describe('objects that are one element each and of no job', () => {
  test('are each answered by one object, which says what version it answers; a failure is a dead letter as well', async () => {
    const { deliver, processor, deadLetters, telemetry } = await bench();
    const [good, bad, large] = [await put('a/good.bin', 5, '0A'), await put('bad.bin', 3), await put('large.bin', 101)];
    await processor.process(await deliver(messageOf(good, bad, large)), deadlineOf());
    expect(await answer('a/good.bin')).toMatchObject({
      id: 'a/good.bin#0',
      prediction: 5,
      metadata: { etag: good.etag, sequencer: '0A', 'last-modified': expect.stringMatching(/^\d+$/) as string },
    });
    const source = { bucket: 'input', key: 'bytes/bad.bin', etag: bad.etag };
    expect(await answer('bad.bin')).toMatchObject({ id: 'bad.bin#0', stage: 'map', source });
    expect(await answer('large.bin')).toMatchObject({ stage: 'read', error: { name: 'ElementTooLarge' } });
    expect(lettersIn(deadLetters.sent).toSorted((one, other) => one.id.localeCompare(other.id))).toMatchObject([
      { id: 'bad.bin#0', version: 1, pipeline: 'bytes', stage: 'map', source },
      { id: 'large.bin#0', stage: 'read' },
    ]);
    expect(telemetry.counts).toEqual({ elements_succeeded: 1, elements_failed: 2 });
  });

  test('that were answered are not run again; the dead letter of a failure is sent again', async () => {
    const { deliver, processor, deadLetters, telemetry } = await bench();
    const message = messageOf(await put('once.bin', 4), await put('again.bin', 3));
    await processor.process(await deliver(message), deadlineOf());
    const counts = { ...telemetry.counts };
    await processor.process(await deliver(message), deadlineOf());
    expect(telemetry.counts).toEqual(counts);
    expect(lettersIn(deadLetters.sent).map(({ id }) => id)).toEqual(['again.bin#0', 'again.bin#0']);
  });

  test('are answered for the newest version, in whatever order its events come', async () => {
    const { deliver, processor, deadLetters } = await bench();
    const older = await put('twice.bin', 4, '0055AED6DCD90281E5');
    await processor.process(await deliver(messageOf(older)), deadlineOf());
    const newer = await put('twice.bin', 7, '0055AED6DCD90281E6');
    await processor.process(await deliver(messageOf(newer)), deadlineOf());
    expect(await answer('twice.bin')).toMatchObject({ prediction: 7 });
    await processor.process(await deliver(messageOf(older)), deadlineOf());
    expect(await answer('twice.bin')).toMatchObject({ prediction: 7 });
    expect(deadLetters.sent).toEqual([]);
  });

  test('without sequencers are answered for what was written last, also within the same second', async () => {
    const { deliver, processor } = await bench();
    const older = await put('unsequenced.bin', 4);
    await processor.process(await deliver(messageOf(older)), deadlineOf());
    const newer = await put('unsequenced.bin', 7);
    for (const object of [newer, older]) await processor.process(await deliver(messageOf(object)), deadlineOf());
    expect(await answer('unsequenced.bin')).toMatchObject({ prediction: 7 });
  });

  test('that are gone are failures, until a newer version answers', async () => {
    const { deliver, processor, deadLetters } = await bench();
    const gone = await put('gone.bin', 4, '01');
    const newer = await put('gone.bin', 5, '02');
    await processor.process(await deliver(messageOf(gone)), deadlineOf());
    expect(await answer('gone.bin')).toMatchObject({ stage: 'read', error: { name: 'SourceGone' } });
    await processor.process(await deliver(messageOf(newer)), deadlineOf());
    expect(await answer('gone.bin')).toMatchObject({ prediction: 5 });
    expect(deadLetters.sent).toHaveLength(1);
  });

  test('of a bucket that is none of the inputs are failures, and are not read', async () => {
    const { deliver, processor } = await bench();
    await aws.store.put({ bucket: 'out', key: 'bytes/secret.bin' }, 'secret');
    const secret = { bucket: 'out', key: 'bytes/secret.bin', etag: 'e' };
    await processor.process(await deliver(messageOf(secret, await put('open.bin', 2))), deadlineOf());
    expect(await answer('secret.bin')).toMatchObject({ stage: 'read', error: { name: 'BucketNotAllowed' } });
    expect(await answer('open.bin')).toMatchObject({ prediction: 2 });
  });

  test('are answered once each by two processors that race', async () => {
    const { deliver, another, telemetry } = await bench();
    const message = messageOf(await put('raced-1.bin', 4), await put('raced-2.bin', 5));
    const received = [await deliver(message), await deliver(message)];
    await Promise.all(received.map((one) => another().process(one, deadlineOf())));
    expect(telemetry.counts).toEqual({ elements_succeeded: 2 });
  });

  test('are answered as far as a run came that failed', async () => {
    const names = ['first.bin', 'second.bin', 'third.bin'];
    const message = { ...messageOf(...(await Promise.all(names.map((name) => put(name, 4))))), pipeline: 'bytes' };
    const engine = scriptedEngine({
      elements: 3,
      chunkElements: 2,
      fails: () => false,
      afterChunk: () => {
        throw unavailable();
      },
    });
    const { deliver, processor } = await bench({ engine });
    await expect(processor.process(await deliver(message), deadlineOf())).rejects.toThrow('unavailable');
    expect(await Promise.all(names.map(async (name) => (await answer(name)) !== undefined))).toEqual([
      true,
      true,
      false,
    ]);
  });

  test('are handed back at the deadline', async () => {
    const { deliver, processor, bundles, drain } = await bench();
    const message = messageOf(await put('late.bin', 4));
    const received = await deliver(message);
    await processor.process(received, deadlineOf(abortedController()));
    await bundles.delete(received.receiptHandle);
    expect(await answer('late.bin')).toBeUndefined();
    expect(await drain()).toEqual([]);
    expect(await answer('late.bin')).toMatchObject({ prediction: 4 });
  });
});

function abortedController(): AbortController {
  const controller = new AbortController();
  controller.abort(new Error('time is over'));
  return controller;
}
