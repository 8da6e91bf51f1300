import type { Deadline } from '../../../lib/jobs/fabric-ports.ts';
import { orStopped } from '../../../lib/jobs/consuming/or-stopped.ts';
import { QueueConsumer, type QueueConsumerOptions } from '../../../lib/jobs/consuming/queue-consumer.ts';
import { stopTimes } from '../../../lib/jobs/consuming/stop-times.ts';
import type { MessageQueue, ReceiveOptions } from '../../../lib/stores/message-queue.ts';
import { VirtualClock } from '../../remote/virtual-clock.ts';
import { type MemoryQueue, memoryQueue } from '../memory-ports.ts';

export const VISIBILITY_SECS = 90;
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

/** How often a receiver that waits looks for a message. */
const LOOK_MILLIS = SECOND;

export interface ConsumerBench {
  readonly clock: VirtualClock;
  readonly queue: MemoryQueue;
  /** The same queue with a wait for the first message, in the clock's time. */
  readonly polled: MessageQueue;
  readonly warnings: string[];
  /** How many messages were at work, each time that has changed. */
  readonly atWork: number[];
  readonly send: (...bodies: readonly string[]) => Promise<void>;
  /** A consumer of the queue that runs until it is stopped. */
  readonly start: (options: StartOptions) => StartedConsumer;
}

export interface StartOptions extends Partial<QueueConsumerOptions> {
  readonly process: QueueConsumerOptions['process'];
}

export interface StartedConsumer {
  readonly consumer: QueueConsumer;
  readonly ended: Promise<void>;
  readonly stop: () => void;
}

/** A queue and its consumers in virtual time. */
export function consumerBench(): ConsumerBench {
  const clock = new VirtualClock();
  const queue = memoryQueue({ now: () => clock.now() });
  const polled = longPolling(queue, clock);
  const warnings: string[] = [];
  const atWork: number[] = [];
  return {
    clock,
    queue,
    polled,
    warnings,
    atWork,
    send: (...bodies) => queue.send(bodies.map((body) => ({ body }))),
    start(options) {
      const aborter = new AbortController();
      const consumer = new QueueConsumer({
        queue: polled,
        ready: async () => {},
        atOnce: () => 3,
        visibilitySecs: VISIBILITY_SECS,
        stopTimes: stopTimes(30),
        onAtWork: (messages) => void atWork.push(messages),
        telemetry: { info() {}, error() {}, warn: (message) => void warnings.push(message) },
        clock,
        random: () => 1,
        ...options,
      });
      return { consumer, ended: consumer.run({ signal: aborter.signal }), stop: () => aborter.abort() };
    },
  };
}

function longPolling(queue: MemoryQueue, clock: VirtualClock): MessageQueue {
  return {
    send: (messages, options) => queue.send(messages, options),
    delete: (handle, options) => queue.delete(handle, options),
    changeVisibility: (handle, secs, options) => queue.changeVisibility(handle, secs, options),
    async receive(options: ReceiveOptions) {
      const until = clock.now() + options.waitSecs * SECOND;
      for (;;) {
        const messages = await queue.receive(options);
        if (messages.length > 0 || clock.now() >= until) return messages;
        const looks = clock.sleep(LOOK_MILLIS);
        await (options.signal === undefined ? looks : orStopped(looks, options.signal));
      }
    },
  };
}

/** Rejects as soon as the deadline's signal comes. */
export function untilBrokenOff({ signal }: Deadline): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
