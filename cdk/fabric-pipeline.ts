import { dirname } from 'node:path';
import { Aws, Duration } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Architecture, LambdaCompute } from '../lib/config/compute.ts';
import {
  acknowledgeEndpoints,
  acknowledgeModels,
  acknowledgeObjects,
  acknowledgeUnnamedDeadLetters,
} from './acknowledgements.ts';
import { bundledCode } from './bundling/bundled-code.ts';
import { ProcessorBundling } from './bundling/processor-bundling.ts';
import type { DescribedPipeline } from './fabric-description.ts';
import {
  allow,
  askedFor,
  parameterArn,
  readInput,
  readModels,
  readSecrets,
  removeOutput,
  sendTo,
  useKey,
  writeOutput,
} from './permissions.ts';
import { type PollerProps, QueueFunction } from './queue-function.ts';
import { DeadLetterQueue, MAX_RECEIVES, WorkQueue } from './queues.ts';

/** What all functions of a fabric share. */
export interface FabricResources {
  /** The fabric's own first. */
  readonly inputBuckets: readonly s3.IBucket[];
  readonly outputBucket: s3.IBucket;
  readonly encryptionKey: kms.IKey | undefined;
  readonly logRetention: logs.RetentionDays;
  /** Where a pipeline names none. */
  readonly architecture: Architecture;
  /** Under which SSM's Parameter Store has a parameter for each governed pipeline, by its name. */
  readonly parameters: string;
}

export interface FabricPipelineProps extends FabricResources {
  readonly pipeline: DescribedPipeline;
  readonly compute: LambdaCompute;
  /** Absolute. */
  readonly configPath: string;
  /** Absolute paths of what goes with the config. */
  readonly files: readonly string[];
}

/** A run takes one bundle, so that what a bundle costs is what a run costs, */
const ONE_BUNDLE = 1;
/** or as many as SQS hands over at once, where batches may cross bundles. */
const BUNDLES_TOGETHER = 10;
/** Lambda's longest. */
const MAX_WINDOW_SECS = 300;
/** The highest concurrency that Lambda's poller takes. Left out, it would stay at what a governor set before. */
const MOST_RUNS_AT_ONCE = 1000;

/** What one pipeline needs: queues for its bundles and its failures, and the function that processes them. */
export class FabricPipeline extends Construct {
  /** Where producers send elements, and intake bundles. */
  readonly bundleQueue: sqs.Queue;
  /** Bundles that failed time after time. */
  readonly bundleDeadLetters: sqs.Queue;
  /** Elements that failed. */
  readonly elementDeadLetters: sqs.Queue;
  readonly processor: lambda.Function;
  /** What takes bundles from their queue to the processor. */
  readonly poller: lambda.EventSourceMapping;
  /** The parameter with which its governor tells its processors how many they are. @default it has no governor */
  readonly governedBy: string | undefined;

  constructor(scope: Construct, id: string, props: FabricPipelineProps) {
    super(scope, id);
    const { encryptionKey, compute, pipeline } = props;
    this.governedBy = pipeline.endpoints === undefined ? undefined : `${props.parameters}/${pipeline.name}`;
    const timeout = Duration.seconds(compute.timeoutSecs);
    const window = batchingWindow(pipeline);
    const work = new WorkQueue(this, 'Bundles', { encryptionKey, functionTimeout: timeout, batchingWindow: window });
    this.bundleQueue = work.queue;
    this.bundleDeadLetters = work.deadLetters;
    this.elementDeadLetters = new DeadLetterQueue(this, 'FailedElements', { encryptionKey });
    acknowledgeUnnamedDeadLetters(this.elementDeadLetters);
    const poller: PollerProps = {
      queue: work.queue,
      batchSize: window === undefined ? ONE_BUNDLE : BUNDLES_TOGETHER,
      window,
      // A deploy must not undo what the governor has set, unless the pipeline has none any more: then it has to be said.
      maxConcurrency: this.governedBy === undefined ? (compute.maxConcurrency ?? MOST_RUNS_AT_ONCE) : undefined,
    };
    const processor = this.#processor(props, timeout, poller);
    this.processor = processor.function;
    this.poller = processor.poller;
  }

  #processor(props: FabricPipelineProps, timeout: Duration, poller: PollerProps): QueueFunction {
    const { compute, pipeline, configPath, files } = props;
    const architecture = compute.architecture ?? props.architecture;
    const bundling = new ProcessorBundling({ configPath, architecture, files });
    const processor = new QueueFunction(this, 'Processor', {
      description: `Processes bundles of ${pipeline.name}`,
      code: bundledCode(dirname(configPath), bundling),
      module: 'processor',
      architecture,
      memoryMb: compute.memoryMb,
      ephemeralStorageMb: compute.ephemeralStorageMb,
      timeout,
      environment: this.#environment(props, bundling.configModule),
      logRetention: props.logRetention,
      poller,
      statements: this.#statements(props),
    });
    acknowledgeObjects(processor, [...props.inputBuckets, props.outputBucket]);
    acknowledgeModels(processor, pipeline.modelObjects);
    acknowledgeEndpoints(processor, pipeline.endpoints?.permissions ?? []);
    return processor;
  }

  #environment(props: FabricPipelineProps, configModule: string): Readonly<Record<string, string>> {
    const queues = { bundles: this.bundleQueue.queueUrl, deadLetters: this.elementDeadLetters.queueUrl };
    return {
      FABRIC_OUTPUT_BUCKET: props.outputBucket.bucketName,
      FABRIC_INPUT_BUCKETS: JSON.stringify(props.inputBuckets.map(({ bucketName }) => bucketName)),
      FABRIC_QUEUES: JSON.stringify(queues),
      FABRIC_PIPELINE: props.pipeline.name,
      FABRIC_CONFIG: configModule,
      FABRIC_MAX_RECEIVES: String(MAX_RECEIVES),
      ...(this.governedBy === undefined ? {} : { FABRIC_CONCURRENCY_PARAMETER: this.governedBy }),
    };
  }

  #statements(props: FabricPipelineProps): readonly iam.PolicyStatement[] {
    const { inputBuckets, outputBucket, encryptionKey, compute, pipeline } = props;
    return [
      ...readInput(inputBuckets),
      ...writeOutput(outputBucket),
      removeOutput(outputBucket),
      sendTo([this.bundleQueue, this.elementDeadLetters]),
      ...readModels(pipeline.modelObjects, Aws.PARTITION),
      ...(encryptionKey === undefined ? [] : [useKey(encryptionKey.keyArn)]),
      ...askedFor([...(pipeline.endpoints?.permissions ?? []), ...(compute.permissions ?? [])]),
      ...readSecrets(pipeline.endpoints?.secrets ?? []),
      ...(this.governedBy === undefined ? [] : [allow(['ssm:GetParameter'], [parameterArn(this.governedBy)])]),
    ];
  }
}

function batchingWindow({ maxBatchDurationSecs }: DescribedPipeline): Duration | undefined {
  if (maxBatchDurationSecs === undefined) return undefined;
  return Duration.seconds(Math.min(MAX_WINDOW_SECS, Math.ceil(maxBatchDurationSecs)));
}
