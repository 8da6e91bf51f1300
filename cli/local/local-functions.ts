import { availableParallelism } from 'node:os';
import { bundlePolling, MAX_RECEIVE_MESSAGES, MAX_RECEIVES } from '../../lib/config/delivery.ts';
import { createFinalizerHandler } from '../../functions/finalizer/handler.ts';
import { createIntakeHandler } from '../../functions/intake/handler.ts';
import { createProcessorHandler } from '../../functions/processor/handler.ts';
import type { Fabric } from '../../lib/config/fabric.ts';
import type { Pipeline } from '../../lib/config/pipeline.ts';
import { pipelineFacts } from '../../lib/config/pipeline-facts.ts';
import { pipelineModels } from '../../lib/config/pipeline-models.ts';
import { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import type { FabricPorts, JobEvent } from '../../lib/jobs/fabric-ports.ts';
import type { MessageQueue } from '../../lib/stores/message-queue.ts';
import { memoryRoom } from './memory-room.ts';
import { type LocalQueue, type LocalQueues } from './local-queues.ts';
import { type PollerOptions, QueuePoller } from './poller.ts';

export interface LocalFunctionsOptions extends FabricPorts {
  /** Config module, and the fabric that it exports. */
  readonly configUrl: URL;
  readonly fabric: Fabric;
  readonly queues: LocalQueues;
  readonly inputBuckets: readonly string[];
  /** Worker threads of each engine. @default number of cores */
  readonly workers?: number | undefined;
  /** Timeout of a processor's invocation, in seconds. @default 900, the maximum on AWS */
  readonly timeoutSecs?: number | undefined;
  /** Called with each line that model handlers print. @default the output is dropped */
  readonly onOutput?: ((line: string) => void) | undefined;
  readonly notify: (event: JobEvent) => Promise<void>;
}

/** Batch of intake: objects that are one element each and arrive together share bundles. */
const INTAKE_BATCH = { batchSize: 1000, batchWindowSecs: 0.3, maxConcurrency: 2 };
const FINALIZER_BATCH = { batchSize: MAX_RECEIVE_MESSAGES, maxConcurrency: 4 };
/** Bundles in flight per worker: one that is processed, and one that is read next. */
const BUNDLES_PER_WORKER = 2;

/** Runs the functions behind pollers until this is disposed of, which aborts running work and waits for it. */
export function startLocalFunctions(options: LocalFunctionsOptions): AsyncDisposable {
  const pollers: QueuePoller[] = [];
  const engines = new AsyncDisposableStack();
  const poll = ({ name, queue }: LocalQueue, rest: Omit<PollerOptions, 'name' | 'queue' | 'telemetry'>): void => {
    pollers.push(new QueuePoller({ name, queue, telemetry: options.telemetry, ...rest }));
  };
  const { queues, fabric } = options;
  poll(queues.intake, { handler: intakeHandler(options), ...INTAKE_BATCH });
  for (const [name, pipeline] of Object.entries(fabric.pipelines)) {
    const bundles = existing(queues.bundles, name);
    const processor = engines.use(processorHandler(name, bundles.queue, options));
    poll(bundles, { handler: processor.handler, ...bundleBatch(pipeline, options) });
  }
  poll(queues.finalizer, { handler: finalizerHandler(options), ...FINALIZER_BATCH });
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(pollers.map((poller) => poller[Symbol.asyncDispose]()));
      await engines.disposeAsync();
      await Promise.all(pollers.map((poller) => poller.drain()));
    },
  };
}

function intakeHandler({ fabric, queues, inputBuckets, ...ports }: LocalFunctionsOptions) {
  const { intake, finalizer, bundles } = queues;
  return createIntakeHandler({
    ...portsOf(ports),
    inputBuckets,
    stagingRoom: memoryRoom,
    maxReceives: MAX_RECEIVES,
    pipelines: pipelineFacts(fabric),
    queues: {
      intake: intake.queue,
      finalizer: finalizer.queue,
      bundles: Object.fromEntries([...bundles].map(([pipeline, { queue }]) => [pipeline, queue])),
    },
    jobQueues: (pipeline) => ({ bundles: existing(bundles, pipeline).url, finalizer: finalizer.url }),
  });
}

function processorHandler(pipeline: string, bundles: MessageQueue, options: LocalFunctionsOptions) {
  const { queues, inputBuckets, configUrl, workers, onOutput } = options;
  return createProcessorHandler({
    ...portsOf(options),
    pipelineName: pipeline,
    bundles,
    deadLetters: existing(queues.deadLetters, pipeline),
    inputBuckets,
    maxReceives: MAX_RECEIVES,
    startEngine: () =>
      InferenceEngine.start({
        configUrl,
        pipeline,
        onWarning: (message) => options.telemetry.warn(message, { pipeline }),
        ...(workers === undefined ? {} : { workers }),
        ...(onOutput === undefined ? {} : { onOutput }),
      }),
  });
}

function finalizerHandler({ fabric, queues, notify, ...ports }: LocalFunctionsOptions) {
  const pipelines = Object.entries(pipelineFacts(fabric)).map(
    ([name, facts]) => [name, { facts, deadLetters: existing(queues.deadLetters, name) }] as const,
  );
  return createFinalizerHandler({
    ...portsOf(ports),
    queue: queues.finalizer.queue,
    pipelines: Object.fromEntries(pipelines),
    notify,
  });
}

/** Returns how a pipeline's bundles are polled: as when deployed, but one process does the work of several functions. */
function bundleBatch(
  pipeline: Pipeline,
  { workers = availableParallelism(), timeoutSecs }: LocalFunctionsOptions,
): Omit<PollerOptions, 'name' | 'queue' | 'handler'> {
  const waits = pipelineModels(pipeline).flatMap(({ handler }) => handler.options.maxBatchDurationSecs ?? []);
  return {
    ...bundlePolling(waits.length === 0 ? undefined : Math.min(...waits)),
    maxConcurrency: workers * BUNDLES_PER_WORKER,
    ...(timeoutSecs === undefined ? {} : { timeoutSecs }),
  };
}

function portsOf({ output, telemetry, now }: FabricPorts): FabricPorts {
  return { output, telemetry, now };
}

function existing<T>(map: ReadonlyMap<string, T>, pipeline: string): T {
  const found = map.get(pipeline);
  if (found === undefined) throw new RangeError(`there is no pipeline '${pipeline}'`);
  return found;
}
