import { Aws, Duration } from 'aws-cdk-lib';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { environmentOf } from '../functions/environment.ts';
import { LAMBDA_MAX_TIMEOUT_SECS, LAMBDA_MEMORY_MB_PER_VCPU } from '../lib/config/compute.ts';
import { acknowledgeObjects } from './acknowledgements.ts';
import type { FabricPipeline } from './fabric-pipeline.ts';
import { ownersOf } from './bucket-owners.ts';
import { finalizerBuckets, intakeBuckets } from './bucket-access.ts';
import { allow, sendTo, useKeys } from './permissions.ts';
import type { FabricResources } from './pipeline-access.ts';
import { MAX_RECEIVE_MESSAGES, MAX_RECEIVES } from '../lib/config/delivery.ts';
import { QueueFunction, type QueueFunctionProps } from './queue-function.ts';

/** Properties of the control functions. */
export interface ControlFunctionsProps extends FabricResources {
  /** Code of both functions. */
  readonly code: lambda.Code;
  /** Queue of S3's events. */
  readonly intakeQueue: sqs.Queue;
  /** Queue of jobs to end. */
  readonly finalizerQueue: sqs.Queue;
  /** Pipelines by name. */
  readonly pipelines: ReadonlyMap<string, FabricPipeline>;
}

/** Lambda's maximum, as planning can require reading a whole object, and a job can have many parts. */
export const CONTROL_TIMEOUT = Duration.seconds(LAMBDA_MAX_TIMEOUT_SECS);

/** Memory that comes with one core. */
const INTAKE_MEMORY_MB = LAMBDA_MEMORY_MB_PER_VCPU;
const FINALIZER_MEMORY_MB = 1024;
const STORAGE_MB = 1024;
/** Time for which events are gathered for one invocation of intake. */
export const INTAKE_WINDOW = Duration.seconds(1);
const INTAKE_BATCH = { batchSize: 100, window: INTAKE_WINDOW };
const FINALIZER_BATCH = { batchSize: MAX_RECEIVE_MESSAGES };
/** Bus of the events of ended jobs: the account's default bus. */
const EVENT_BUS = 'default';

/** Functions that all pipelines share: intake plans jobs, and the finalizer ends them. */
export class ControlFunctions extends Construct {
  /** Plans jobs of dropped files. */
  readonly intake: lambda.Function;
  /** Ends jobs. */
  readonly finalizer: lambda.Function;

  constructor(scope: Construct, id: string, props: ControlFunctionsProps) {
    super(scope, id);
    const intake = new QueueFunction(this, 'Intake', intakeProps(props));
    acknowledgeObjects(intake, intakeBuckets(props, namesOf(props)).keys);
    const finalizer = new QueueFunction(this, 'Finalizer', finalizerProps(props));
    acknowledgeObjects(finalizer, finalizerBuckets(props, namesOf(props)).keys);
    this.intake = intake.function;
    this.finalizer = finalizer.function;
  }
}

function intakeProps(props: ControlFunctionsProps): QueueFunctionProps {
  const { inputBuckets, outputBucket, intakeQueue, finalizerQueue } = props;
  const bundleQueues = eachPipeline(props, ({ bundleQueue }) => bundleQueue);
  const queues = {
    intake: intakeQueue.queueUrl,
    finalizer: finalizerQueue.queueUrl,
    bundles: urlsOf(bundleQueues),
  };
  return {
    ...functionSettings(props),
    description: 'Plans jobs of dropped files',
    module: 'intake',
    memoryMb: INTAKE_MEMORY_MB,
    poller: { queue: intakeQueue, ...INTAKE_BATCH },
    environment: environmentOf({
      outputBucket: outputBucket.bucketName,
      inputBuckets: inputBuckets.map(({ bucketName }) => bucketName),
      bucketOwners: ownersOf([outputBucket, ...inputBuckets]),
      queues,
      maxReceives: MAX_RECEIVES,
    }),
    statements: [
      ...intakeBuckets(props, namesOf(props)).statements,
      sendTo([intakeQueue, finalizerQueue, ...Object.values(bundleQueues)]),
      ...useKeys([props.encryptionKey]),
    ],
  };
}

function finalizerProps(props: ControlFunctionsProps): QueueFunctionProps {
  const { outputBucket, finalizerQueue } = props;
  const deadLetters = eachPipeline(props, ({ elementDeadLetters }) => elementDeadLetters);
  const queues = { finalizer: finalizerQueue.queueUrl, deadLetters: urlsOf(deadLetters) };
  const bus = `arn:${Aws.PARTITION}:events:${Aws.REGION}:${Aws.ACCOUNT_ID}:event-bus/${EVENT_BUS}`;
  return {
    ...functionSettings(props),
    description: 'Ends jobs whose bundles are done',
    module: 'finalizer',
    memoryMb: FINALIZER_MEMORY_MB,
    poller: { queue: finalizerQueue, ...FINALIZER_BATCH },
    environment: environmentOf({
      outputBucket: outputBucket.bucketName,
      bucketOwners: ownersOf([outputBucket]),
      queues,
      eventBus: EVENT_BUS,
    }),
    statements: [
      ...finalizerBuckets(props, namesOf(props)).statements,
      sendTo([finalizerQueue, ...Object.values(deadLetters)]),
      allow(['events:PutEvents'], [bus]),
      ...useKeys([props.encryptionKey]),
    ],
  };
}

/** Returns the settings of both functions. */
function functionSettings({
  code,
  architecture,
  logRetention,
}: ControlFunctionsProps): Pick<
  QueueFunctionProps,
  'code' | 'architecture' | 'logRetention' | 'timeout' | 'ephemeralStorageMb'
> {
  return { code, architecture, logRetention, timeout: CONTROL_TIMEOUT, ephemeralStorageMb: STORAGE_MB };
}

function namesOf({ pipelines }: ControlFunctionsProps): readonly string[] {
  return [...pipelines.keys()];
}

function eachPipeline(
  { pipelines }: ControlFunctionsProps,
  queueOf: (pipeline: FabricPipeline) => sqs.Queue,
): Readonly<Record<string, sqs.Queue>> {
  return Object.fromEntries(Array.from(pipelines, ([name, pipeline]) => [name, queueOf(pipeline)]));
}

function urlsOf(queues: Readonly<Record<string, sqs.Queue>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(queues).map(([name, { queueUrl }]) => [name, queueUrl]));
}
