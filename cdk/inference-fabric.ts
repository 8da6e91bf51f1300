import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Duration, Names, ScopedAws } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { type Architecture, maxRunsAtOnce } from '../lib/config/compute.ts';
import { FabricAlarms } from './alarms.ts';
import { InputBucket, OutputBucket } from './buckets.ts';
import { bundledCode } from './bundling/bundled-code.ts';
import { ControlBundling } from './bundling/control-bundling.ts';
import { checkFabric } from './check-fabric.ts';
import { FabricContainersStack } from './containers/containers-stack.ts';
import { QueueLooks } from './containers/queue-looks.ts';
import { CONTROL_TIMEOUT, ControlFunctions, INTAKE_WINDOW } from './control-functions.ts';
import { describeFabric, type FabricDescription } from './fabric-description.ts';
import { FabricPipeline } from './fabric-pipeline.ts';
import { type GovernedPipeline, Governor } from './governor.ts';
import type { InferenceFabricProps } from './inference-fabric-props.ts';
import { notifyOfObjects } from './intake-notifications.ts';
import type { FabricResources } from './pipeline-access.ts';
import { WorkQueue } from './queues.ts';
import { sharedFiles } from './shared-files.ts';

/** Short failures do no harm, as processors adapt to what endpoints accept without a governor. */
const MAX_GOVERNOR_FAILURE_MINUTES = 15;

/**
 * The resources of a configuration: files dropped in `inputBucket` under the name of a pipeline become predictions and
 * explained failures in `outputBucket`.
 *
 * The buckets are kept when the stack is destroyed.
 *
 * @example
 * ```ts
 * const fabric = new InferenceFabric(stack, 'Fabric', {
 *   configPath: 'fabric.config.ts',
 *   alarmTopic: new Topic(stack, 'Alarms'),
 *   oldestMessageAge: Duration.hours(2),
 * });
 * ```
 */
export class InferenceFabric extends Construct {
  /** Bucket for dropped files. */
  readonly inputBucket: s3.Bucket;
  /** Bucket for results: the given one, or a new one. */
  readonly outputBucket: s3.IBucket;
  /** Queue of S3's events; `inputBucket` and `inputBuckets` can send to it. */
  readonly intakeQueue: sqs.Queue;
  /** Queue of jobs to end. */
  readonly finalizerQueue: sqs.Queue;
  /** Function that plans jobs of dropped files. */
  readonly intake: lambda.Function;
  /** Function that ends jobs. */
  readonly finalizer: lambda.Function;
  /** Function that sets the number of engines that call endpoints; undefined if no pipeline has a remote model. */
  readonly governor: lambda.Function | undefined;
  /** Pipelines by name. */
  readonly pipelines: ReadonlyMap<string, FabricPipeline>;
  /** Nested stack of containers; undefined if no pipeline runs in containers. */
  readonly containers: FabricContainersStack | undefined;
  /** Alarms of all queues, and of the governor. */
  readonly alarms: readonly cloudwatch.Alarm[];

  /** @throws ConfigError if the configuration is wrong or can't be deployed */
  constructor(scope: Construct, id: string, props: InferenceFabricProps) {
    super(scope, id);
    const { encryptionKey } = props;
    const fabric = describeFabric(props.configPath);
    checkFabric(this, fabric, props);

    this.inputBucket = new InputBucket(this, 'Input', props);
    this.outputBucket = props.outputBucket ?? asBucket(new OutputBucket(this, 'Output', props));
    const resources: FabricResources = {
      inputBuckets: [asBucket(this.inputBucket), ...(props.inputBuckets ?? [])],
      outputBucket: this.outputBucket,
      encryptionKey,
      logRetention: props.logRetention ?? logs.RetentionDays.ONE_MONTH,
      architecture: architectureOf(this, props),
      // Scoped: in a nested stack the plain pseudo parameter would be the name of the nested stack.
      parameters: `/inference-fabric/${new ScopedAws(this).stackName}/${Names.uniqueId(this)}`,
    };
    const queueProps = { encryptionKey, functionTimeout: CONTROL_TIMEOUT };
    const intake = new WorkQueue(this, 'IntakeQueue', { ...queueProps, batchingWindow: INTAKE_WINDOW });
    const finalizer = new WorkQueue(this, 'FinalizerQueue', queueProps);
    this.intakeQueue = intake.queue;
    this.finalizerQueue = finalizer.queue;
    this.pipelines = this.#pipelines(fabric, props, resources);
    const inContainers = [...this.pipelines.values()].filter(({ processor }) => processor === undefined);
    this.containers =
      inContainers.length === 0
        ? undefined
        : new FabricContainersStack(this, 'Containers', { pipelines: inContainers });
    const governed = governedOf(this.pipelines, this.containers);
    const code = bundledCode(dirname(fabric.configPath), new ControlBundling(fabric.facts, governed.size > 0));
    const control = new ControlFunctions(this, 'Control', {
      ...resources,
      code,
      intakeQueue: intake.queue,
      finalizerQueue: finalizer.queue,
      pipelines: this.pipelines,
    });
    this.intake = control.intake;
    this.finalizer = control.finalizer;
    this.governor =
      governed.size === 0 ? undefined : new Governor(this, 'Governing', { ...resources, code, governed }).function;
    if (inContainers.length > 0) {
      const queues = inContainers.map(({ bundleQueue }) => bundleQueue);
      new QueueLooks(this, 'QueueLooks', { intake: control.intake, queues });
    }
    const others = props.inputBuckets ?? [];
    notifyOfObjects({ bucket: this.inputBucket, queue: intake.queue, others, encryptionKey });
    this.alarms = this.#alarms(props, { intake, finalizer });
  }

  #pipelines(
    fabric: FabricDescription,
    props: InferenceFabricProps,
    resources: FabricResources,
  ): ReadonlyMap<string, FabricPipeline> {
    const { configPath } = fabric;
    const files = (props.files ?? []).map((path) => resolve(dirname(configPath), path));
    const models = sharedFiles(
      fabric.pipelines.map(({ modelFiles }) => modelFiles),
      (path) => statSync(path).size,
    );
    return new Map(
      fabric.pipelines.map((pipeline, index) => {
        const own = [...new Set([...files, ...(models[index] ?? [])])];
        return [
          pipeline.name,
          new FabricPipeline(this, pipeline.name, { ...resources, pipeline, configPath, files: own }),
        ];
      }),
    );
  }

  #alarms(
    { alarmTopic, oldestMessageAge = Duration.hours(12) }: InferenceFabricProps,
    { intake, finalizer }: { readonly intake: WorkQueue; readonly finalizer: WorkQueue },
  ): readonly cloudwatch.Alarm[] {
    const alarms = new FabricAlarms(this, 'Alarms', { topic: alarmTopic, oldestMessageAge });
    const age = oldestMessageAge.toHumanString();
    alarms.watchDeadLetters('Intake', intake.deadLetters, 'Dropped files could not be planned.');
    alarms.watchDeadLetters('Finalizer', finalizer.deadLetters, 'Jobs could not be ended.');
    for (const [name, { bundleQueue, bundleDeadLetters, elementDeadLetters }] of this.pipelines) {
      alarms.watchDeadLetters(`${name}-bundles`, bundleDeadLetters, `Bundles of ${name} failed in all tries.`);
      alarms.watchDeadLetters(`${name}-elements`, elementDeadLetters, `Elements of ${name} failed.`);
      alarms.watchAge(`${name}-age`, bundleQueue, `A bundle of ${name} has waited for more than ${age}.`);
    }
    if (this.governor !== undefined) {
      const minutes = MAX_GOVERNOR_FAILURE_MINUTES;
      const alarmDescription = `The governor has failed for ${minutes} minutes.`;
      alarms.watchEveryMinute('Governor', this.governor, { minutes, alarmDescription });
    }
    return alarms.all;
  }
}

function governedOf(
  pipelines: ReadonlyMap<string, FabricPipeline>,
  containers: FabricContainersStack | undefined,
): ReadonlyMap<string, GovernedPipeline> {
  const entries = Array.from(pipelines).flatMap(([name, pipeline]): [string, GovernedPipeline][] => {
    const { bundleQueue, governedBy, access } = pipeline;
    const { compute } = access.pipeline;
    const limits = pipeline.poller ?? containers?.services.get(name);
    if (governedBy === undefined || limits === undefined) return [];
    const ceiling = compute.kind === 'lambda' ? maxRunsAtOnce(compute) : compute.maxTasks;
    return [[name, { bundleQueue, limits, ceiling }]];
  });
  return new Map(entries);
}

/** CDK's classes implement its interfaces except for exact optional properties. */
function asBucket(bucket: s3.Bucket): s3.IBucket {
  return bucket as s3.IBucket;
}

function architectureOf(scope: Construct, { architecture }: InferenceFabricProps): Architecture {
  const context: unknown = scope.node.tryGetContext('architecture');
  // `checkFabric` refuses any other value.
  return architecture ?? (context as Architecture | undefined) ?? 'arm64';
}
