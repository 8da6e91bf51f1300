import { describe, expect, test } from 'vitest';
import type { BundleMessage } from '../../../lib/elements/messages.ts';
import { recordJob } from '../../../lib/jobs/job-record.ts';
import { Intake } from '../../../lib/jobs/intake/intake.ts';
import { sendBundles } from '../../../lib/jobs/sending/send-bundles.ts';
import type { ByteRange } from '../../../lib/stores/byte-source.ts';
import type { MessageQueue } from '../../../lib/stores/message-queue.ts';
import type { ObjectStore } from '../../../lib/stores/object-store.ts';
import { SILENT } from '../../../lib/telemetry/telemetry.ts';
import { factsOf } from './intake-under-test.ts';
import { deadlineOf, memoryObjectStore, memoryQueue } from '../memory-ports.ts';
import { received, s3Event } from './s3-event.ts';

const TERABYTE = 2 ** 40;
const MIB = 1024 * 1024;
const BUNDLES = TERABYTE / (4 * MIB);

/** A store whose input bucket holds objects of 1 TB, made when a range of them is read. */
function hugeObjects(): {
  store: ObjectStore & ReturnType<typeof memoryObjectStore>;
  asked: (ByteRange | undefined)[];
} {
  const store = memoryObjectStore();
  const asked: (ByteRange | undefined)[] = [];
  const info = { etag: 'huge', byteLength: TERABYTE, lastModified: new Date(0), metadata: {} };
  const line = Buffer.from('aaaaaaa,bbbbbbb\n');
  async function* made({ start, end }: ByteRange): AsyncGenerator<Uint8Array> {
    for (let at = start; at < end; at += 64 * 1024) {
      const length = Math.min(64 * 1024, end - at);
      yield Buffer.alloc(length + line.length, line).subarray(at % line.length, (at % line.length) + length);
    }
  }
  return {
    asked,
    store: {
      ...store,
      head: (address, options) => (address.bucket === 'in' ? Promise.resolve(info) : store.head(address, options)),
      get(address, options = {}) {
        if (address.bucket !== 'in') return store.get(address, options);
        asked.push(options.range);
        return Promise.resolve({ info, chunks: made(options.range ?? { start: 0, end: TERABYTE }) });
      },
    },
  };
}

/** A queue that keeps nothing but how many messages came, and the last one. */
function countingQueue(): MessageQueue & { sent: number; last: string; most: number } {
  const queue = {
    ...memoryQueue(),
    sent: 0,
    last: '',
    most: 0,
    send(messages: readonly { readonly body: string }[]): Promise<void> {
      queue.sent += messages.length;
      queue.most = Math.max(queue.most, messages.length);
      queue.last = messages.at(-1)?.body ?? '';
      return Promise.resolve();
    },
  };
  return queue;
}

/** Runs work, and gives the most memory that the process took beside what it had. */
async function memoryOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage().rss;
  let most = before;
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 10);
  await work();
  clearInterval(watch);
  return Math.max(most, process.memoryUsage().rss) - before;
}

describe('Intake of an object of 1 TB', () => {
  test.each([
    ['jsonl/huge.jsonl', 0],
    ['csv/huge.csv', 16],
  ])('plans it without reading more than its header: %s', async (key, start) => {
    const { store, asked } = hugeObjects();
    const output = { store, bucket: 'out' };
    const clock = { now: () => 0 };
    const finalizer = memoryQueue(clock);
    const bundles = countingQueue();
    const intake = new Intake({
      output,
      telemetry: SILENT,
      ...clock,
      maxReceives: 5,
      inputBuckets: ['in'],
      pipelines: { jsonl: factsOf('jsonl'), csv: factsOf('csv', { quotedNewlines: false }) },
      queues: { intake: memoryQueue(clock), finalizer, bundles: { jsonl: bundles, csv: bundles } },
      jobQueues: () => ({ bundles: 'b', finalizer: 'f' }),
    });
    // The time is over when the finalizer has been told, so that the bundles are left to other runs.
    const controller = new AbortController();
    finalizer.faults.after = () => controller.abort();
    const event = received(s3Event([{ bucket: 'in', key, etag: 'huge' }]));
    const bytes = await memoryOf(() => intake.handle([event], deadlineOf(controller)));
    expect(store.text('out', `${key}/_job.json`)?.length).toBeLessThan(1000);
    expect(store.json('out', `${key}/_job.json`)).toMatchObject({
      of: BUNDLES,
      plan: { object: { kind: 'ranges', start, byteLength: TERABYTE } },
    });
    expect(bundles.sent).toBe(0);
    expect(asked.length).toBeLessThan(4);
    expect(bytes).toBeLessThan(300 * MIB);
  });

  test('sends its bundles without ever holding all their messages', async () => {
    const output = { store: memoryObjectStore(), bucket: 'out' };
    const recorded = await recordJob(
      {
        version: 1,
        id: 'a'.repeat(64),
        pipeline: 'jsonl',
        name: 'huge.jsonl',
        source: { uri: 's3://in/jsonl/huge.jsonl', etag: 'huge', format: 'jsonl' },
        of: BUNDLES,
        plan: {
          kind: 'object',
          object: { kind: 'ranges', start: 0, byteLength: TERABYTE, bundleBytes: 4 * MIB },
          chunked: false,
        },
        config: 'c',
      },
      output,
    );
    const queue = countingQueue();
    const bytes = await memoryOf(() => sendBundles(recorded, { queue, output, deadline: deadlineOf() }));
    expect(queue.sent).toBe(BUNDLES);
    expect(queue.most).toBeLessThan(1000);
    expect((JSON.parse(queue.last) as BundleMessage).source.range.end).toBe(TERABYTE);
    expect(bytes).toBeLessThan(300 * MIB);
  });
});
