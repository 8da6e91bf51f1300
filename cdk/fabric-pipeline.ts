import { dirname } from 'node:path';
import { Duration } from 'aws-cdk-lib';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { environmentOf } from '../functions/environment.ts';
import { DEFAULT_LAMBDA, type LambdaCompute, maxRunsAtOnce } from '../lib/config/compute.ts';
import { bundlePolling } from '../lib/config/delivery.ts';
import { acknowledgeUnnamedDeadLetters } from './acknowledgements.ts';
import { bundledCode } from './bundling/bundled-code.ts';
import type { UserCode } from './bundling/engine-bundling.ts';
import { ProcessorBundling } from './bundling/processor-bundling.ts';
import type { DescribedPipeline } from './fabric-description.ts';
import {
  acknowledgePipeline,
  bundleSettings,
  type FabricResources,
  type PipelineAccess,
  pipelineStatements,
} from './pipeline-access.ts';
import { type PollerProps, QueueFunction } from './queue-function.ts';
import { DeadLetterQueue, WorkQueue } from './queues.ts';

export interface FabricPipelineProps extends FabricResources, UserCode {
  readonly pipeline: DescribedPipeline;
}

type Polling = Pick<PollerProps, 'batchSize' | 'window'>;

/** What one pipeline needs: queues for its bundles and its failures, and the function that processes them, if one does. */
export class FabricPipeline extends Construct {
  /** Where producers send elements, and intake bundles. */
  readonly bundleQueue: sqs.Queue;
  /** Bundles that failed time after time. */
  readonly bundleDeadLetters: sqs.Queue;
  /** Elements that failed. */
  readonly elementDeadLetters: sqs.Queue;
  /** Absent where containers process the bundles. */
  readonly processor: lambda.Function | undefined;
  /** What takes bundles from their queue to the processor. */
  readonly poller: lambda.EventSourceMapping | undefined;
  /** The parameter with which its governor tells its processors or tasks how many they are. @default it has no governor */
  readonly governedBy: string | undefined;
  /** What a processor of its bundles works with. */
  readonly access: PipelineAccess;
  /** What a processor of its bundles is made of, beside the engine. */
  readonly code: UserCode;

  constructor(scope: Construct, id: string, props: FabricPipelineProps) {
    super(scope, id);
    const { encryptionKey, pipeline } = props;
    const { compute } = pipeline;
    this.governedBy = pipeline.endpoints === undefined ? undefined : `${props.parameters}/${pipeline.name}`;
    const { batchSize, batchWindowSecs } = bundlePolling(pipeline.maxBatchDurationSecs);
    const window = batchWindowSecs === undefined ? undefined : Duration.seconds(batchWindowSecs);
    const work = new WorkQueue(this, 'Bundles', {
      encryptionKey,
      // A worker in a container says with each receive how long it hides a message.
      functionTimeout: Duration.seconds((compute.kind === 'lambda' ? compute : DEFAULT_LAMBDA).timeoutSecs),
      batchingWindow: window,
    });
    this.bundleQueue = work.queue;
    this.bundleDeadLetters = work.deadLetters;
    this.elementDeadLetters = new DeadLetterQueue(this, 'FailedElements', { encryptionKey });
    acknowledgeUnnamedDeadLetters(this.elementDeadLetters);
    const { bundleQueue, elementDeadLetters, governedBy } = this;
    this.code = { configPath: props.configPath, files: props.files };
    this.access = { ...props, bundleQueue, elementDeadLetters, governedBy };
    const processor = compute.kind === 'lambda' ? this.#processor(props, compute, { batchSize, window }) : undefined;
    this.processor = processor?.function;
    this.poller = processor?.poller;
  }

  #processor(props: FabricPipelineProps, compute: LambdaCompute, polling: Polling): QueueFunction {
    const { pipeline, configPath, files } = props;
    const architecture = compute.architecture ?? props.architecture;
    const bundling = new ProcessorBundling({ configPath, architecture, files });
    const processor = new QueueFunction(this, 'Processor', {
      description: `Processes bundles of ${pipeline.name}`,
      code: bundledCode(dirname(configPath), bundling),
      module: 'processor',
      architecture,
      memoryMb: compute.memoryMb,
      ephemeralStorageMb: compute.ephemeralStorageMb,
      timeout: Duration.seconds(compute.timeoutSecs),
      environment: environmentOf(bundleSettings(this.access, bundling.configModule)),
      logRetention: props.logRetention,
      poller: this.#poller(compute, polling),
      statements: pipelineStatements(this.access),
    });
    acknowledgePipeline(processor, this.access);
    return processor;
  }

  #poller(compute: LambdaCompute, polling: Polling): PollerProps {
    return {
      queue: this.bundleQueue,
      ...polling,
      // A deploy must not undo what the governor has set, unless the pipeline has none any more: then it has to be said.
      maxConcurrency: this.governedBy === undefined ? maxRunsAtOnce(compute) : undefined,
    };
  }
}
