import { array, assert, asyncProperty, boolean, integer, record } from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Deadline } from '../../../lib/jobs/fabric-ports.ts';
import type { ReceivedMessage } from '../../../lib/stores/message-queue.ts';
import { unavailable } from '../memory-ports.ts';
import { consumerBench, HOUR, MINUTE, SECOND, VISIBILITY_SECS, untilBrokenOff } from './consumer-bench.ts';

describe('a queue consumer that receives', () => {
  test('keeps a message from others for hours while it is at work, and deletes it then', async () => {
    const { clock, queue, start, send } = consumerBench();
    await send('long');
    const received: number[] = [];
    const process = async ({ receiveCount }: ReceivedMessage): Promise<void> => {
      received.push(receiveCount);
      await clock.sleep(6 * HOUR);
    };
    const consumers = [start({ process }), start({ process })];
    await clock.advance(5.9 * HOUR);
    expect(queue.waiting).toHaveLength(1);
    await clock.advance(0.2 * HOUR);
    expect(queue.waiting).toEqual([]);
    expect(received).toEqual([1]);
    for (const { stop } of consumers) stop();
    await clock.run(Promise.all(consumers.map(({ ended }) => ended)));
  });

  test('hides what it receives for its own short time, whatever the queue has: a killed one is soon replaced', async () => {
    const { clock, queue, start, send } = consumerBench();
    await send('killed');
    start({ process: () => new Promise(() => {}) });
    await clock.advance(SECOND);
    expect(queue.nextVisibleAt).toBe(VISIBILITY_SECS * SECOND);
  });

  test('tries a heartbeat that fails again, in time', async () => {
    const { clock, queue, start, send, warnings } = consumerBench();
    await send('long');
    let beats = 0;
    queue.faults.before = ({ operation }) => {
      if (operation !== 'changeVisibility') return;
      beats += 1;
      if (beats % 4 !== 0) throw unavailable();
    };
    const received: number[] = [];
    const process = async ({ receiveCount }: ReceivedMessage): Promise<void> => {
      received.push(receiveCount);
      await clock.sleep(HOUR);
    };
    start({ process });
    start({ process });
    await clock.advance(2 * HOUR);
    expect(received).toEqual([1]);
    expect(queue.waiting).toEqual([]);
    expect(new Set(warnings)).toEqual(new Set(['could not extend the visibility timeout of an in-flight message']));
  });

  test('gives a heartbeat up that has no answer, and tries it again', async () => {
    const { clock, queue, polled, start, send } = consumerBench();
    await send('long');
    let beats = 0;
    const silent = {
      ...polled,
      changeVisibility: async (handle: string, secs: number, { signal }: { readonly signal?: AbortSignal } = {}) => {
        beats += 1;
        if (beats > 1) return queue.changeVisibility(handle, secs);
        await new Promise((_, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason as Error));
        });
      },
    };
    const received: number[] = [];
    const process = async ({ receiveCount }: ReceivedMessage): Promise<void> => {
      received.push(receiveCount);
      await clock.sleep(10 * MINUTE);
    };
    start({ process, queue: silent });
    start({ process });
    await clock.advance(20 * MINUTE);
    expect(received).toEqual([1]);
  });

  test('breaks a message off an hour before SQS cannot hide it any longer, and never hides it beyond that', async () => {
    const { clock, queue, polled, start, send } = consumerBench();
    await send('endless');
    let hiddenUntil = 0;
    const watched = {
      ...polled,
      changeVisibility: async (handle: string, secs: number) => {
        hiddenUntil = clock.now() + secs * SECOND;
        await queue.changeVisibility(handle, secs);
      },
    };
    let brokenOffAt = 0;
    let remaining = Infinity;
    const process = async (_: ReceivedMessage, deadline: Deadline): Promise<void> => {
      await untilBrokenOff(deadline).catch(() => {});
      brokenOffAt = clock.now();
      remaining = deadline.remainingMillis();
      await clock.sleep(2 * HOUR);
    };
    start({ process, queue: watched, atOnce: () => 1 });
    await clock.advance(12.5 * HOUR);
    expect(brokenOffAt).toBe(11 * HOUR);
    expect(remaining).toBeGreaterThan(MINUTE);
    expect(hiddenUntil).toBeGreaterThan(11.9 * HOUR);
    expect(hiddenUntil).toBeLessThanOrEqual(12 * HOUR);
  });

  test('has no more at work than it may, asks for no more, and starts the next when one is done', async () => {
    const { clock, polled, queue, start, send, atWork } = consumerBench();
    await send(...Array.from({ length: 20 }, (_, n) => String(n)));
    const asked: number[] = [];
    const watched = {
      ...polled,
      receive: (options: Parameters<typeof polled.receive>[0]) => {
        asked.push(options.maxMessages);
        return polled.receive(options);
      },
    };
    const done: string[] = [];
    const process = async ({ body }: ReceivedMessage): Promise<void> => {
      await clock.sleep(body === '0' ? HOUR : MINUTE);
      done.push(body);
    };
    start({ process, queue: watched, atOnce: () => 3 });
    // The first of all takes the hour; the others go past it, two at a time.
    await clock.advance(11 * MINUTE);
    expect(done).toHaveLength(19);
    expect(queue.waiting).toHaveLength(1);
    expect(Math.max(...atWork)).toBe(3);
    expect(asked.slice(0, 4)).toEqual([3, 1, 1, 1]);
  });

  test('has as many at work as it may by how long the last one took', async () => {
    const { clock, start, send, atWork } = consumerBench();
    await send(...Array.from({ length: 40 }, (_, n) => String(n)));
    const process = async ({ body }: ReceivedMessage): Promise<void> =>
      clock.sleep((Number(body) < 20 ? 1 : 60) * SECOND);
    start({ process, atOnce: (lastTookMillis = Infinity) => (lastTookMillis > 30 * SECOND ? 2 : 6) });
    await clock.advance(0);
    expect(atWork.at(-1)).toBe(2);
    await clock.advance(4 * SECOND);
    expect(Math.max(...atWork)).toBe(6);
    await clock.advance(5 * MINUTE);
    atWork.length = 0;
    await clock.advance(5 * MINUTE);
    expect(Math.max(...atWork)).toBe(2);
  });

  test('waits longer each time that the queue cannot be read, and no longer once it can', async () => {
    const { clock, queue, start, warnings, send } = consumerBench();
    const triedAt: number[] = [];
    queue.faults.before = ({ operation }) => {
      if (operation !== 'receive') return;
      triedAt.push(clock.now() / SECOND);
      if (triedAt.length < 9) throw unavailable();
    };
    const { consumer } = start({ process: async () => {} });
    await clock.advance(2 * MINUTE);
    expect(triedAt.slice(0, 9)).toEqual([0, 1, 3, 7, 15, 31, 61, 91, 121].filter((at) => at <= 120));
    expect(warnings).toHaveLength(8);
    await send('late');
    await clock.advance(2 * SECOND);
    expect(queue.waiting).toEqual([]);
    expect(consumer.isAlive).toBe(true);
  });

  test('leaves it to what failed when its message comes again', async () => {
    const { clock, queue, start, send } = consumerBench();
    await send('failing');
    const receivedAt: number[] = [];
    const process = async ({ receiptHandle }: ReceivedMessage, { hold }: Deadline): Promise<void> => {
      receivedAt.push(clock.now() / SECOND);
      await clock.sleep(MINUTE);
      await hold?.end();
      await queue.changeVisibility(receiptHandle, 300);
      throw new Error('no');
    };
    start({ process });
    await clock.advance(15 * MINUTE);
    expect(receivedAt).toEqual([0, 360, 720]);
  });

  test('deletes what is done in spite of errors, and else lets it come again', async () => {
    const { clock, queue, start, send, warnings } = consumerBench();
    await send('one');
    let tries = 0;
    queue.faults.before = ({ operation }) => {
      if (operation === 'delete' && (tries += 1) < 8) throw unavailable();
    };
    const received: number[] = [];
    start({ process: async ({ receiveCount }) => void received.push(receiveCount) });
    await clock.advance(MINUTE);
    expect(warnings).toEqual(['a message that is done could not be deleted']);
    await clock.advance(MINUTE);
    expect(received).toEqual([1, 2]);
    expect(queue.waiting).toEqual([]);
  });

  test('receives nothing before it is ready, and ends with what makes it unready, after what is at work', async () => {
    const { clock, queue, start, send } = consumerBench();
    await send('one', 'two');
    const isReady = Promise.withResolvers<void>();
    let looks = 0;
    const ready = (): Promise<void> => {
      looks += 1;
      return looks === 1 ? isReady.promise : Promise.reject(new Error('broken'));
    };
    const { ended } = start({ ready, process: () => clock.sleep(5 * SECOND) });
    const failure = expect(clock.run(ended)).rejects.toThrow('broken');
    expect(queue.waiting).toHaveLength(2);
    isReady.resolve();
    await failure;
    expect(queue.waiting).toEqual([]);
  });

  test('is not alive when a look at the queue does not end', async () => {
    const { clock, polled, start } = consumerBench();
    const { consumer } = start({ queue: { ...polled, receive: () => new Promise(() => {}) }, process: async () => {} });
    await clock.advance(MINUTE);
    expect(consumer.isAlive).toBe(true);
    await clock.advance(5 * MINUTE);
    expect(consumer.isAlive).toBe(false);
  });
});

describe('queue consumers', () => {
  test('take every message to its end, and none at the same time as another, whatever fails in between', async () => {
    const message = record({ secs: integer({ min: 0, max: 600 }), fails: integer({ min: 0, max: 2 }) });
    const script = record({ messages: array(message, { maxLength: 20 }), faults: array(boolean(), { maxLength: 40 }) });
    await assert(
      asyncProperty(script, async ({ messages, faults }) => {
        const { clock, queue, start, send } = consumerBench();
        await send(...messages.map((_, n) => String(n)));
        let last = false;
        queue.faults.before = ({ operation }) => {
          // Never two in a row, so that a heartbeat is late and not given up; what is done is deleted in the end.
          last = !last && operation !== 'send' && faults.pop() === true;
          if (last) throw unavailable();
        };
        const atWork = new Set<string>();
        const done = new Map<string, number>();
        const process = async ({ body, receiveCount }: ReceivedMessage): Promise<void> => {
          expect(atWork).not.toContain(body);
          atWork.add(body);
          const { secs = 0, fails = 0 } = messages[Number(body)] ?? {};
          await clock.sleep(secs * SECOND);
          atWork.delete(body);
          if (receiveCount <= fails) throw new Error('no');
          done.set(body, (done.get(body) ?? 0) + 1);
        };
        const consumers = [start({ process }), start({ process, atOnce: () => 1 })];
        await clock.advance(5 * HOUR);
        expect(queue.waiting).toEqual([]);
        expect([...done.values()]).toEqual(messages.map(() => 1));
        for (const { stop } of consumers) stop();
        await clock.run(Promise.all(consumers.map(({ ended }) => ended)));
      }),
      { numRuns: 10 },
    );
  });
});
