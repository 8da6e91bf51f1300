import { setImmediate } from 'node:timers/promises';
import type { SQSEvent } from 'aws-lambda';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type PollerOptions, QueuePoller } from '../../../cli/local/poller.ts';
import type { SqsHandler } from '../../../functions/sqs-handler.ts';
import { FakeQueue } from './fake-queue.ts';
import { eventually } from '../../eventually.ts';

const NO_FAILURES = { batchItemFailures: [] };

function queueOf(count: number, body = 'b'): FakeQueue {
  const queue = new FakeQueue();
  void queue.send(Array.from({ length: count }, () => ({ body })));
  return queue;
}

function poll(queue: FakeQueue, handler: SqsHandler, options: Partial<PollerOptions> = {}): QueuePoller {
  const poller = new QueuePoller({ queue, handler, name: 'bundles', ...options });
  onTestFinished(async () => poller[Symbol.asyncDispose]());
  return poller;
}

/** A handler that keeps what it was given. */
function recorder(answer: SqsHandler = async () => NO_FAILURES): { readonly batches: string[][]; handler: SqsHandler } {
  const batches: string[][] = [];
  return {
    batches,
    handler: (event, context) => {
      batches.push(idsOf(event));
      return answer(event, context);
    },
  };
}

function idsOf({ Records }: SQSEvent): string[] {
  return Records.map((record) => record.messageId);
}

describe('a poller', () => {
  test('gives messages as Lambda does, and deletes them when the handler is done', async () => {
    const queue = queueOf(1, 'hello');
    const events: SQSEvent[] = [];
    poll(queue, async (event, context) => {
      expect(context.getRemainingTimeInMillis()).toBeGreaterThan(899_000);
      expect(context.getRemainingTimeInMillis()).toBeLessThanOrEqual(900_000);
      events.push(event);
      return NO_FAILURES;
    });
    await eventually(() => expect(queue.deleted).toEqual(['m0']));
    expect(events[0]?.Records).toMatchObject([
      {
        messageId: 'm0',
        body: 'hello',
        receiptHandle: 'm0',
        md5OfBody: '5d41402abc4b2a76b9719d911017c592',
        eventSource: 'aws:sqs',
        attributes: { ApproximateReceiveCount: '1', SentTimestamp: '1' },
      },
    ]);
  });

  test('closes a batch without a window as soon as one request has brought messages', async () => {
    const { batches, handler } = recorder();
    const queue = queueOf(14);
    poll(queue, handler);
    await eventually(() => expect(queue.deleted).toHaveLength(14));
    expect(batches.map((batch) => batch.length)).toEqual([10, 4]);
  });

  test('closes a batch at its size, before its window ends', async () => {
    const { batches, handler } = recorder();
    const queue = queueOf(50);
    poll(queue, handler, { batchSize: 25, batchWindowSecs: 300 });
    await eventually(() => expect(queue.deleted).toHaveLength(50));
    expect(batches.map((batch) => batch.length)).toEqual([25, 25]);
  });

  test('closes a batch at the end of its window, with what came meanwhile', async () => {
    const { batches, handler } = recorder();
    const queue = queueOf(3);
    const startedAt = performance.now();
    poll(queue, handler, { batchSize: 100, batchWindowSecs: 0.3 });
    await queue.send([{ body: 'late' }]);
    await eventually(() => expect(queue.deleted).toHaveLength(4));
    expect(batches).toEqual([['m0', 'm1', 'm2', 'm3']]);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(300);
  });

  test('closes a batch at 6 MB, and starts the next with the message that did not fit', async () => {
    const { batches, handler } = recorder();
    // 30 of 200 KiB are just under 6 MiB, but for what each record has around its body.
    const queue = queueOf(61, 'x'.repeat(200 * 1024));
    poll(queue, handler, { batchSize: 1000, batchWindowSecs: 300 });
    await eventually(() => expect(queue.deleted).toHaveLength(60));
    expect(batches.map((batch) => batch.length)).toEqual([30, 30]);
    expect(batches.flat()).toEqual(Array.from({ length: 60 }, (_, index) => `m${index}`));
  });

  test('leaves the messages that the handler names, and they come again', async () => {
    const queue = queueOf(3);
    const counts: string[] = [];
    poll(queue, async ({ Records }) => {
      counts.push(...Records.map((record) => `${record.messageId}:${record.attributes.ApproximateReceiveCount}`));
      const failed = Records.filter((record) => record.attributes.ApproximateReceiveCount === '1').slice(1, 2);
      return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
    });
    await eventually(() => expect(queue.deleted).toEqual(['m0', 'm2']));
    expect(queue.left).toEqual(['m1']);
    queue.reappear();
    await eventually(() => expect(queue.deleted).toEqual(['m0', 'm2', 'm1']));
    expect(counts).toEqual(['m0:1', 'm1:1', 'm2:1', 'm1:2']);
  });

  test.each<readonly [string, SqsHandler]>([
    ['throws', async () => Promise.reject(new Error('boom'))],
    ['names a message that it was not given', async () => ({ batchItemFailures: [{ itemIdentifier: 'other' }] })],
    ['names nothing as failed', async () => ({ batchItemFailures: [{ itemIdentifier: '' }] })],
  ])('leaves the whole batch where the handler %s, and goes on with the next', async (_what, answer) => {
    const queue = queueOf(2);
    const { batches, handler } = recorder(answer);
    const errors: string[] = [];
    const telemetry = { info() {}, warn() {}, error: (message: string) => void errors.push(message), count() {} };
    poll(queue, handler, { telemetry });
    await eventually(() => expect(errors).toEqual(['a batch of 2 failed']));
    expect(queue.deleted).toEqual([]);
    expect(queue.left).toEqual(['m0', 'm1']);
    await queue.send([{ body: 'next' }]);
    await eventually(() => expect(batches).toEqual([['m0', 'm1'], ['m2']]));
  });

  test('leaves the whole batch where the handler does not end in time', async () => {
    const queue = queueOf(2);
    const errors: unknown[] = [];
    const telemetry = {
      info() {},
      warn() {},
      error: (_: string, fields: unknown) => void errors.push(fields),
      count() {},
    };
    const late = Promise.withResolvers<typeof NO_FAILURES>();
    const poller = poll(queue, () => late.promise, { timeoutSecs: 0.05, telemetry });
    await eventually(() =>
      expect(errors).toEqual([
        { queue: 'bundles', error: { name: 'Error', message: 'the function timed out after 0.05 s' } },
      ]),
    );
    late.resolve(NO_FAILURES);
    await poller.drain();
    await setImmediate();
    expect(queue.left).toEqual(['m0', 'm1']);
    expect(queue.deleted).toEqual([]);
  });

  test('runs as many invocations at a time as it may, and no more', async () => {
    const queue = queueOf(9);
    const gates: PromiseWithResolvers<void>[] = [];
    let most = 0;
    let running = 0;
    const poller = poll(
      queue,
      async () => {
        most = Math.max(most, (running += 1));
        const gate = Promise.withResolvers<void>();
        gates.push(gate);
        await gate.promise;
        running -= 1;
        return NO_FAILURES;
      },
      { batchSize: 1, maxConcurrency: 3 },
    );
    for (let done = 0; done < 9; done += 1) {
      await eventually(() => expect(gates.length).toBeGreaterThan(done));
      if (done === 0) await eventually(() => expect(gates).toHaveLength(3));
      expect(poller.busy).toBe(true);
      gates[done]?.resolve();
    }
    await eventually(() => expect(queue.deleted).toHaveLength(9));
    expect(most).toBe(3);
  });

  test('drains: what runs ends, and nothing new is taken', async () => {
    const queue = queueOf(1);
    const gate = Promise.withResolvers<void>();
    const { batches, handler } = recorder(async () => {
      await gate.promise;
      return NO_FAILURES;
    });
    const poller = poll(queue, handler, { batchSize: 1, maxConcurrency: 1 });
    await eventually(() => expect(batches).toHaveLength(1));
    await queue.send([{ body: 'never taken' }]);
    const drained = poller.drain();
    gate.resolve();
    await drained;
    expect(queue.deleted).toEqual(['m0']);
    expect(batches).toHaveLength(1);
  });

  test('is disposed of at once, whatever runs', async () => {
    const queue = queueOf(1);
    const { batches, handler } = recorder(() => new Promise(() => {}));
    const poller = poll(queue, handler, { maxConcurrency: 1 });
    await eventually(() => expect(batches).toHaveLength(1));
    await poller[Symbol.asyncDispose]();
    expect(queue.left).toEqual(['m0']);
  });

  test.each<readonly [Partial<PollerOptions>, RegExp]>([
    [{ batchSize: 0 }, /'batchSize' must be from 1 to 10000: current value is 0/],
    [{ batchSize: 11 }, /'batchSize' must be at most 10 without a window: current value is 11/],
    [{ batchWindowSecs: 301 }, /'batchWindowSecs' must be from 0 to 300: current value is 301/],
    [{ maxConcurrency: 0 }, /'maxConcurrency' must be 1 or more: current value is 0/],
    [{ timeoutSecs: 901 }, /'timeoutSecs' must be up to 900: current value is 901/],
  ])('refuses %o', (options, message) => {
    expect(
      () => new QueuePoller({ queue: new FakeQueue(), handler: async () => NO_FAILURES, name: 'q', ...options }),
    ).toThrow(message);
  });
});
