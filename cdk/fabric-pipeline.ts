import { dirname } from 'node:path';
import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { environmentOf, METRIC_NAMESPACE } from '../functions/environment.ts';
import { DEFAULT_LAMBDA, type LambdaCompute, maxRunsAtOnce } from '../lib/config/compute.ts';
import { bundlePolling } from '../lib/config/delivery.ts';
import type { FabricCounter } from '../lib/telemetry/telemetry.ts';
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

/** Properties of a FabricPipeline. */
export interface FabricPipelineProps extends FabricResources, UserCode {
  /** Description of the pipeline. */
  readonly pipeline: DescribedPipeline;
}

type Polling = Pick<PollerProps, 'batchSize' | 'window'>;

/** Resources of one pipeline: queues for its bundles and its failures, and the function that processes them, if there is one. */
export class FabricPipeline extends Construct {
  /** Queue of bundles, from intake, and of elements, from producers. */
  readonly bundleQueue: sqs.Queue;
  /** Dead-letter queue of bundles that failed in all tries. */
  readonly bundleDeadLetters: sqs.Queue;
  /** Queue of failed elements. */
  readonly elementDeadLetters: sqs.Queue;
  /** Function that processes bundles; undefined if containers process them. */
  readonly processor: lambda.Function | undefined;
  /** Event source mapping that invokes the processor; undefined without a processor. */
  readonly poller: lambda.EventSourceMapping | undefined;
  /** Name of the parameter in which the governor publishes the number of processors or tasks; undefined without a governor. */
  readonly governedBy: string | undefined;
  /** Resources that a processor of its bundles accesses. */
  readonly access: PipelineAccess;
  /** User code of a processor of its bundles. */
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
      // A worker in a container sets the visibility timeout with each receive.
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

  /** Allows a principal to read the results of this pipeline. */
  grantReadResults(grantee: iam.IGrantable): iam.Grant {
    return this.access.outputBucket.grantRead(grantee, `${this.access.pipeline.name}/*`);
  }

  /** Returns a metric of this pipeline: by default its sum over 5 minutes. */
  metric(metricName: FabricCounter, options: cloudwatch.MetricOptions = {}): cloudwatch.Metric {
    const dimensionsMap = { pipeline: this.access.pipeline.name };
    const metric = { namespace: METRIC_NAMESPACE, metricName, dimensionsMap, statistic: cloudwatch.Stats.SUM };
    return new cloudwatch.Metric({ ...metric, ...options }).attachTo(this);
  }

  /** Returns the metric of elements with a prediction. */
  metricElementsSucceeded(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('elements_succeeded', options);
  }

  /** Returns the metric of failed elements. */
  metricElementsFailed(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('elements_failed', options);
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
      // A deployment must not overwrite the governor's value. A pipeline that no longer has a governor gets its maximum again.
      maxConcurrency: this.governedBy === undefined ? maxRunsAtOnce(compute) : undefined,
    };
  }
}
