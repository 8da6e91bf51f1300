import { configDigest } from '../../lib/config/config-digest.ts';
import type { InferenceEngine } from '../../lib/inference/engine.ts';
import { BundleProcessor } from '../../lib/jobs/processing/bundle-processor.ts';
import type { Deadline, JobEvent, PipelineFacts } from '../../lib/jobs/fabric-ports.ts';
import { Finalizer } from '../../lib/jobs/finalizing/finalizer.ts';
import { Intake } from '../../lib/jobs/intake/intake.ts';
import type { MessageQueue, ReceivedMessage } from '../../lib/stores/message-queue.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import { SILENT } from '../../lib/telemetry/telemetry.ts';
import { memoryQueue } from '../jobs/memory-ports.ts';
import { type Faults, FaultyProcess } from './fault-injector.ts';

export const PIPELINE = 'double';
const MAX_RECEIVES = 5;
/** A fabric that has not come to rest after so many messages never will. */
const MAX_STEPS = 5000;
/** The longest that a run may be let go on before its deadline comes, where one does. */
const MAX_RUN_MILLIS = 12;

export interface FaultyFabricOptions {
  readonly store: ObjectStore;
  readonly engine: InferenceEngine;
  readonly input: string;
  readonly output: string;
  readonly faults: Faults;
  readonly random: () => number;
}

interface Runner {
  readonly queue: MessageQueue;
  readonly name: string;
  take(message: ReceivedMessage, process: FaultyProcess, deadline: Deadline): Promise<void>;
}

/**
 * The whole fabric over one store and its own queues, on a clock that jumps to when the next message can be received.
 * Every message is taken by a process of its own, which may be refused, get no answers, run out of time, or die; and any
 * message may be delivered twice, to two of them at once.
 */
export class FaultyFabric {
  readonly events: JobEvent[] = [];
  readonly #options: FaultyFabricOptions;
  #clock = Date.UTC(2026, 0, 1);
  readonly #now = (): number => this.#clock;
  readonly #parked = memoryQueue({ now: this.#now });
  readonly letters = memoryQueue({ now: this.#now });
  readonly intake = this.#queue();
  readonly bundles = this.#queue();
  readonly finalizer = this.#queue();

  constructor(options: FaultyFabricOptions) {
    this.#options = options;
  }

  /** Runs until no queue holds a message. `between` is called before each message is taken. */
  async settle(between: (steps: number) => Promise<void> = () => Promise.resolve()): Promise<void> {
    const runners = this.#runners();
    for (let steps = 0; steps < MAX_STEPS; steps += 1) {
      await between(steps);
      const order = runners.toSorted(() => this.#options.random() - 0.5);
      let idle = true;
      for (const runner of order) {
        for (const message of await runner.queue.receive({ maxMessages: 3, waitSecs: 0 })) {
          idle = false;
          await this.#deliver(runner, message);
        }
      }
      if (idle && !this.#sleep()) return;
    }
    throw new Error('the fabric never came to rest');
  }

  /** Puts the clock forward to when a message can be received; false where there is none. */
  #sleep(): boolean {
    const times = [this.intake, this.bundles, this.finalizer].flatMap(({ nextVisibleAt }) => nextVisibleAt ?? []);
    if (times.length === 0) return false;
    this.#clock = Math.max(this.#clock, Math.min(...times));
    return true;
  }

  #queue() {
    return memoryQueue({ now: this.#now, maxReceives: MAX_RECEIVES, deadLetters: this.#parked, visibilitySecs: 90 });
  }

  async #deliver(runner: Runner, message: ReceivedMessage): Promise<void> {
    const runs = [this.#take(runner, message)];
    // Its visibility ran out while it was being worked on.
    if (this.#options.faults.happens(`${runner.name} delivered twice`)) {
      runs.push(this.#take(runner, { ...message, receiveCount: message.receiveCount + 1 }));
    }
    await Promise.all(runs);
  }

  async #take(runner: Runner, message: ReceivedMessage): Promise<void> {
    const { faults, random } = this.#options;
    const process = new FaultyProcess(faults, runner.name);
    const controller = new AbortController();
    const timer = faults.happens(`${runner.name} deadline`)
      ? setTimeout(() => controller.abort(new Error('the deadline')), random() * MAX_RUN_MILLIS)
      : undefined;
    try {
      await runner.take(message, process, { signal: controller.signal, remainingMillis: () => 60_000 });
      // A function's poller deletes what it says is done; a process that died has said nothing.
      if (!process.killed) await runner.queue.delete(message.receiptHandle);
    } catch {
      // The message comes again.
    } finally {
      clearTimeout(timer);
    }
  }

  #runners(): readonly Runner[] {
    const { store, engine, input, output: bucket } = this.#options;
    const { pipeline } = engine;
    const facts: PipelineFacts = { input: pipeline.input, output: pipeline.output, config: configDigest(pipeline) };
    const portsOf = (process: FaultyProcess) => ({
      output: { store: process.store(store), bucket },
      telemetry: SILENT,
      now: this.#now,
    });
    return [
      {
        name: 'intake',
        queue: this.intake,
        take: async (message, process, deadline) => {
          const intake = new Intake({
            ...portsOf(process),
            inputBuckets: [input],
            maxReceives: MAX_RECEIVES,
            pipelines: { [PIPELINE]: facts },
            queues: {
              intake: process.queue(this.intake),
              finalizer: process.queue(this.finalizer),
              bundles: { [PIPELINE]: process.queue(this.bundles) },
            },
            jobQueues: () => ({ bundles: 'bundles', finalizer: 'finalizer' }),
          });
          const failed = await intake.take([message], deadline);
          if (failed.length > 0) throw new Error('intake failed');
        },
      },
      {
        name: 'processor',
        queue: this.bundles,
        take: (message, process, deadline) =>
          new BundleProcessor({
            ...portsOf(process),
            engine,
            pipelineName: PIPELINE,
            bundles: process.queue(this.bundles),
            deadLetters: process.queue(this.letters),
            inputBuckets: [input],
            maxReceives: MAX_RECEIVES,
          }).process(message, deadline),
      },
      {
        name: 'finalizer',
        queue: this.finalizer,
        take: (message, process, deadline) =>
          new Finalizer({
            ...portsOf(process),
            queue: process.queue(this.finalizer),
            pipelines: { [PIPELINE]: { facts, deadLetters: process.queue(this.letters) } },
            notify: async (event) => {
              this.events.push(event);
            },
          }).process(message, deadline),
      },
    ];
  }
}
