import { MAX_RECEIVES } from '../../lib/config/delivery.ts';
import type { Fabric } from '../../lib/config/fabric.ts';
import type { Pipeline } from '../../lib/config/pipeline.ts';
import { pipelineNamed } from '../../lib/config/load-config.ts';
import { type PipelineFacts, pipelineFacts } from '../../lib/config/pipeline-facts.ts';
import type { JobEvent } from '../../lib/jobs/fabric-ports.ts';
import { Finalizer } from '../../lib/jobs/finalizing/finalizer.ts';
import { Intake } from '../../lib/jobs/intake/intake.ts';
import { BundleProcessor } from '../../lib/jobs/processing/bundle-processor.ts';
import type { ReceivedMessage } from '../../lib/stores/message-queue.ts';
import { SILENT } from '../../lib/telemetry/telemetry.ts';
import { type MemoryQueue, memoryQueue } from '../../test/jobs/memory-ports.ts';
import { Violation } from '../violation.ts';
import { Deaths, type Faults } from './fault-injector.ts';
import { FaultyProcess, RUN_MILLIS } from './faulty-process.ts';
import { simulatedEngine } from './simulated-engine.ts';
import { shuffled } from './chance.ts';
import { Turns } from './turns.ts';
import type { World } from './world.ts';

/** Maximum number of steps until a fabric has come to rest: a job that is watched for 3 days has 4,400 looks. */
const MAX_STEPS = 20_000;
/** Most calls of a process before its deadline comes, where one comes. */
const MAX_CALLS = 16;
const MAX_CHUNK_ELEMENTS = 6;
const VISIBILITY_SECS = 90;

/** Queues of the fabric that have a parking queue. */
const QUEUES = ['intake', 'bundles', 'finalizer'] as const;
type QueueName = (typeof QUEUES)[number];

export interface FaultyFabricOptions {
  readonly world: World;
  readonly pipeline: string;
  readonly faults: Faults;
}

interface Runner {
  readonly name: 'intake' | 'processor' | 'finalizer';
  readonly queue: MemoryQueue;
  handle(message: ReceivedMessage, process: FaultyProcess): Promise<void>;
}

/** An event of an ended job, and when it came. */
export interface TimedEvent extends JobEvent {
  readonly at: number;
}

/**
 * The fabric of one pipeline over a world's stores and its own queues, on a clock that jumps to when the next message can
 * be received. Every message is taken by a separate process, which may be refused, get no answers, reach its deadline, or
 * die; and any message may be delivered twice, to two processes at once.
 */
export class FaultyFabric {
  readonly events: TimedEvent[] = [];
  readonly letters: MemoryQueue;
  readonly queues: Readonly<Record<QueueName, MemoryQueue>>;
  /** Messages that were received five times and not deleted. */
  readonly parked: Readonly<Record<QueueName, MemoryQueue>>;
  readonly #options: FaultyFabricOptions;
  readonly #turns: Turns;
  readonly #facts: Readonly<Record<string, PipelineFacts>>;
  readonly #pipeline: Pipeline;
  readonly pipeline: string;

  constructor(options: FaultyFabricOptions) {
    const { world, pipeline } = options;
    const { clock, newId, random, fabric } = world;
    const open = (rest: object = {}): MemoryQueue => memoryQueue({ now: clock.now, newId, ...rest });
    const both = QUEUES.map((name) => [name, open()] as const);
    this.parked = byName(both);
    const limits = { maxReceives: MAX_RECEIVES, visibilitySecs: VISIBILITY_SECS };
    this.queues = byName(both.map(([name, deadLetters]) => [name, open({ ...limits, deadLetters })] as const));
    this.letters = open();
    this.#options = options;
    this.#turns = new Turns(random);
    this.pipeline = pipeline;
    this.#pipeline = pipelineNamed(fabric, pipeline);
    this.#facts = factsOf(fabric, pipeline);
    world.failNetwork(options.faults);
  }

  /** Runs until no queue has a message. `between` is called before each round of messages. */
  async settle(between: (steps: number) => Promise<void> = () => Promise.resolve()): Promise<void> {
    const runners = this.#runners();
    for (let steps = 0; steps < MAX_STEPS; steps += 1) {
      await between(steps);
      let idle = true;
      for (const runner of shuffled(runners, this.#options.world.random)) {
        for (const message of await runner.queue.receive({ maxMessages: 3, waitSecs: 0 })) {
          idle = false;
          await this.#deliver(runner, message);
        }
      }
      if (idle && !this.#sleep()) return;
    }
    throw new Violation('job that does not end', `the fabric did not come to rest in ${MAX_STEPS} steps`);
  }

  /** Moves the clock forward to the next message that can be received; returns false without messages. */
  #sleep(): boolean {
    const times = QUEUES.flatMap((name) => this.queues[name].nextVisibleAt ?? []);
    if (times.length === 0) return false;
    this.#options.world.clock.advanceTo(Math.min(...times));
    return true;
  }

  async #deliver(runner: Runner, message: ReceivedMessage): Promise<void> {
    const messages = [message];
    // Its visibility timeout ends while it is in flight.
    if (this.#options.faults.happens(`${runner.name} delivered twice`))
      messages.push({ ...message, receiveCount: message.receiveCount + 1 });
    const processes = messages.map(() => this.#process(runner.name));
    for (const process of processes) this.#turns.begin(process);
    await Promise.all(processes.map((process, index) => this.#handle(runner, messages[index] ?? message, process)));
  }

  #process(name: Runner['name']): FaultyProcess {
    const { faults, world } = this.#options;
    const { random } = world;
    if (faults instanceof Deaths) faults.started(name);
    const deadlineAfter = faults.happens(`${name} deadline`) ? Math.floor(random() * MAX_CALLS) : undefined;
    const millisLeft = random() < 0.5 ? RUN_MILLIS * 0.9 : RUN_MILLIS * 0.1;
    return new FaultyProcess({ name, faults, turns: this.#turns, deadlineAfter, millisLeft });
  }

  async #handle(runner: Runner, message: ReceivedMessage, process: FaultyProcess): Promise<void> {
    try {
      await runner.handle(message, process);
      // A function's poller deletes what the function returns as done; a process that died returns nothing.
      if (!process.killed) await runner.queue.delete(message.receiptHandle);
    } catch {
      // The message is delivered again.
    } finally {
      this.#turns.end(process);
    }
  }

  #runners(): readonly Runner[] {
    return [
      { name: 'intake', queue: this.queues.intake, handle: (message, process) => this.#intake(message, process) },
      {
        name: 'processor',
        queue: this.queues.bundles,
        handle: (message, process) => this.#processor(message, process),
      },
      {
        name: 'finalizer',
        queue: this.queues.finalizer,
        handle: (message, process) => this.#finalizer(message, process),
      },
    ];
  }

  #ports(process: FaultyProcess) {
    const { store, output, clock } = this.#options.world;
    return { output: { store: process.store(store), bucket: output }, telemetry: SILENT, now: clock.now };
  }

  async #intake(message: ReceivedMessage, process: FaultyProcess): Promise<void> {
    const { world, pipeline } = this.#options;
    const { intake, bundles, finalizer } = this.queues;
    const runner = new Intake({
      ...this.#ports(process),
      inputBuckets: [world.input],
      maxReceives: MAX_RECEIVES,
      pipelines: this.#facts,
      queues: {
        intake: process.queue(intake),
        finalizer: process.queue(finalizer),
        bundles: { [pipeline]: process.queue(bundles) },
      },
      jobQueues: () => ({ bundles: 'bundles', finalizer: 'finalizer' }),
    });
    const failed = await runner.handle([message], process.deadline);
    if (failed.length > 0) throw new Error('intake failed');
  }

  #processor(message: ReceivedMessage, process: FaultyProcess): Promise<void> {
    const { world, pipeline } = this.#options;
    const { store, folder, random, input } = world;
    return new BundleProcessor({
      ...this.#ports(process),
      engine: simulatedEngine({
        pipeline: this.#pipeline,
        store: process.store(store),
        folder,
        chunkElements: 1 + Math.floor(random() * MAX_CHUNK_ELEMENTS),
        step: () => process.step(),
      }),
      pipelineName: pipeline,
      bundles: process.queue(this.queues.bundles),
      deadLetters: process.queue(this.letters),
      inputBuckets: [input],
      maxReceives: MAX_RECEIVES,
    }).process(message, process.deadline);
  }

  #finalizer(message: ReceivedMessage, process: FaultyProcess): Promise<void> {
    const { world, pipeline } = this.#options;
    const facts = this.#facts[pipeline];
    return new Finalizer({
      ...this.#ports(process),
      queue: process.queue(this.queues.finalizer),
      pipelines: facts === undefined ? {} : { [pipeline]: { facts, deadLetters: process.queue(this.letters) } },
      notify: async (event) => {
        this.events.push({ ...event, at: world.clock.now() });
      },
    }).process(message, process.deadline);
  }
}

function factsOf(fabric: Fabric, pipeline: string): Readonly<Record<string, PipelineFacts>> {
  return Object.fromEntries(Object.entries(pipelineFacts(fabric)).filter(([name]) => name === pipeline));
}

function byName(queues: readonly (readonly [QueueName, MemoryQueue])[]): Record<QueueName, MemoryQueue> {
  // One for each name, as they are made from all of them.
  return Object.fromEntries(queues) as Record<QueueName, MemoryQueue>;
}
