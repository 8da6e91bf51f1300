import { describe, expect, test } from 'vitest';
import type { Deadline } from '../../../lib/jobs/fabric-ports.ts';
import type { ReceivedMessage } from '../../../lib/stores/message-queue.ts';
import { unavailable } from '../memory-ports.ts';
import { consumerBench, HOUR, MINUTE, SECOND, untilBrokenOff } from './consumer-bench.ts';

describe('a queue consumer that is told to stop', () => {
  test('receives nothing more, and ends when what is at work has', async () => {
    const { clock, queue, start, send, atWork } = consumerBench();
    await send('one', 'two', 'three', 'four', 'five');
    const { ended, stop } = start({ process: () => clock.sleep(10 * SECOND) });
    await clock.advance(5 * SECOND);
    stop();
    await clock.run(ended);
    expect(clock.now()).toBe(10 * SECOND);
    expect(queue.waiting.map(({ body }) => body)).toEqual(['four', 'five']);
    expect(atWork).toEqual([1, 2, 3, 2, 1, 0]);
  });

  test('ends at once where it waits for a message, for room to be ready, or for a queue that cannot be read', async () => {
    const waits: Parameters<ReturnType<typeof consumerBench>['start']>[0][] = [
      { process: async () => {} },
      { process: async () => {}, ready: () => new Promise(() => {}) },
    ];
    for (const options of waits) {
      const { clock, queue, polled, start } = consumerBench();
      const aborting = {
        ...polled,
        receive: ({ signal }: { readonly signal?: AbortSignal | undefined }) => {
          const aborted = Promise.withResolvers<never>();
          signal?.addEventListener('abort', () => aborted.reject(signal.reason as Error));
          return aborted.promise;
        },
      };
      const { ended, stop } = start({ queue: aborting, ...options });
      await clock.advance(SECOND);
      stop();
      await clock.run(ended);
      expect(clock.now()).toBe(SECOND);
      expect(queue.waiting).toEqual([]);
    }
    const { clock, queue, start } = consumerBench();
    queue.faults.before = () => {
      throw unavailable();
    };
    const { ended, stop } = start({ process: async () => {} });
    await clock.advance(40 * SECOND);
    stop();
    await clock.run(ended);
    expect(clock.now()).toBe(40 * SECOND);
  });

  test('breaks off what is not done in time, acknowledges what was handed back, and gives back only what could not be', async () => {
    const { clock, queue, start, send } = consumerBench();
    await send('quick', 'handed back', 'not handed back', 'deaf');
    const brokenOffAt: Record<string, number> = {};
    const process = async ({ body }: ReceivedMessage, deadline: Deadline): Promise<void> => {
      if (body === 'quick') return clock.sleep(7 * SECOND);
      if (body === 'deaf') return clock.sleep(HOUR);
      const reason = await untilBrokenOff(deadline).catch((error: unknown) => error);
      brokenOffAt[body] = clock.now() / SECOND;
      if (body === 'not handed back') throw reason;
      await clock.sleep(SECOND);
    };
    const { ended, stop } = start({ process, atOnce: () => 10 });
    await clock.advance(MINUTE);
    const { visible } = watchVisibility(queue, () => clock.now() - MINUTE);
    // 30 s, of which 8 are to finish and 6 to hand back.
    expect(queue.waiting).toHaveLength(3);
    stop();
    await send('not received');
    await clock.run(ended);
    expect(brokenOffAt).toEqual({ 'handed back': 68, 'not handed back': 68 });
    expect(clock.now()).toBe(74 * SECOND);
    expect(queue.waiting.map(({ body }) => body)).toEqual(['not handed back', 'deaf', 'not received']);
    expect(visible).toEqual([8, 14]);
  });

  test('makes visible at once what comes when it stops already', async () => {
    const { clock, queue, polled, start, send } = consumerBench();
    const late = {
      ...polled,
      receive: async (options: Parameters<typeof polled.receive>[0]) => {
        const { signal, ...rest } = options;
        return signal?.aborted === true ? [] : polled.receive(rest);
      },
    };
    let started = 0;
    const { ended, stop } = start({ queue: late, process: async () => void (started += 1) });
    await clock.advance(SECOND);
    stop();
    await send('late');
    await clock.run(ended);
    expect(started).toBe(0);
    expect(queue.nextVisibleAt).toBe(clock.now());
  });
});

/** When messages were made visible at once, in seconds. */
function watchVisibility(queue: ReturnType<typeof consumerBench>['queue'], now: () => number) {
  const visible: number[] = [];
  const change = queue.changeVisibility.bind(queue);
  queue.changeVisibility = async (handle, secs, options) => {
    if (secs === 0) visible.push(now() / SECOND);
    await change(handle, secs, options);
  };
  return { visible };
}
