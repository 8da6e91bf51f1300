import { describeError } from '../../lib/errors.ts';
import { bundlesAtOnce } from '../../lib/jobs/consuming/bundles-at-once.ts';
import { orStopped } from '../../lib/jobs/consuming/or-stopped.ts';
import { QueueConsumer, type QueueConsumerOptions } from '../../lib/jobs/consuming/queue-consumer.ts';
import { stopTimes } from '../../lib/jobs/consuming/stop-times.ts';
import type { MessageQueue } from '../../lib/stores/message-queue.ts';
import type { Telemetry } from '../../lib/telemetry/telemetry.ts';
import type { RenewedProcessor } from '../serving/renewed-processor.ts';
import type { WorkerSettings } from '../settings.ts';
import type { Health } from './health.ts';

/** Options of a worker. */
export interface WorkerOptions extends Pick<WorkerSettings, 'stopTimeoutSecs' | 'visibilitySecs'> {
  readonly bundles: MessageQueue;
  readonly processor: RenewedProcessor;
  readonly telemetry: Telemetry;
  /** Called with the number of bundles in flight whenever it changes. */
  readonly onAtWork: (bundles: number) => void;
}

/** A long-running worker: loads its models, processes bundles until it is stopped, and requeues those that are unfinished. */
export class Worker {
  readonly #options: WorkerOptions;
  #state: Health['state'] = 'warming';
  #consumer: QueueConsumer | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  get health(): Health {
    const { isAlive = true, atWork = 0 } = this.#consumer ?? {};
    return { state: this.#state, isAlive, bundlesAtWork: atWork };
  }

  /** @returns the exit status of the process: 0 if it was stopped, 1 if its models can't be loaded */
  async run(signal: AbortSignal): Promise<0 | 1> {
    const { telemetry, processor } = this.#options;
    signal.addEventListener('abort', () => (this.#state = 'stopping'), { once: true });
    try {
      await orStopped(processor.warm(), signal);
      if (signal.aborted) return 0;
      const engine = await processor.warm();
      const consumer = this.#consume((lastTookMillis) => bundlesAtOnce(engine, lastTookMillis));
      this.#consumer = consumer;
      this.#state = 'serving';
      telemetry.info('the worker is warm and processes bundles');
      await consumer.run({ signal });
      return 0;
    } catch (error) {
      telemetry.error('the worker stops: its engine could not be started', { error: describeError(error) });
      return 1;
    }
  }

  #consume(atOnce: QueueConsumerOptions['atOnce']): QueueConsumer {
    const { bundles, processor, telemetry, stopTimeoutSecs, visibilitySecs, onAtWork } = this.#options;
    return new QueueConsumer({
      queue: bundles,
      process: (message, deadline) => processor.process(message, deadline),
      // A broken engine is replaced first: it would fail bundles that other workers could process.
      ready: async () => {
        await processor.warm();
      },
      atOnce,
      visibilitySecs,
      stopTimes: stopTimes(stopTimeoutSecs),
      onAtWork,
      telemetry,
    });
  }
}
