import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { acknowledgeMetrics } from './acknowledgements.ts';
import { FabricFunction } from './fabric-function.ts';
import { allow, parameterArn } from './permissions.ts';
import type { FabricResources } from './pipeline-access.ts';

/** A pipeline with a remote model. */
export interface GovernedPipeline {
  readonly bundleQueue: sqs.IQueue;
  /** Of its function. */
  readonly poller: lambda.EventSourceMapping;
  /** The most runs of its function at once. @default what its poller can have */
  readonly ceiling?: number | undefined;
}

export interface GovernorProps extends FabricResources {
  /** Of which the governor is a module. */
  readonly code: lambda.Code;
  readonly governed: ReadonlyMap<string, GovernedPipeline>;
}

const EVERY = Duration.minutes(1);
/** Over before the next run begins. */
const TIMEOUT = Duration.seconds(50);
const MEMORY_MB = 256;
const STORAGE_MB = 512;

/**
 * Sets, once a minute, how many runs of its function each governed pipeline may have at once, by what its endpoints accept.
 *
 * Its own concurrency is not reserved, as that takes from what the account has: two runs that overlap decide the same.
 */
export class Governor extends Construct {
  readonly function: lambda.Function;

  constructor(scope: Construct, id: string, props: GovernorProps) {
    super(scope, id);
    const { code, architecture, logRetention, parameters } = props;
    const governor = new FabricFunction(this, 'Governor', {
      description: 'Sets how many processors may call endpoints at once',
      code,
      module: 'governor',
      architecture,
      memoryMb: MEMORY_MB,
      ephemeralStorageMb: STORAGE_MB,
      timeout: TIMEOUT,
      environment: { FABRIC_PARAMETERS: parameters, FABRIC_GOVERNED: JSON.stringify(governedOf(props)) },
      logRetention,
      statements: statements(props),
    });
    acknowledgeMetrics(governor);
    this.function = governor.function;
    // The next run does what this one could not.
    const once = { retryAttempts: 0, maxEventAge: EVERY };
    this.function.configureAsyncInvoke(once);
    new events.Rule(this, 'EveryMinute', {
      description: 'Runs the governor',
      schedule: events.Schedule.rate(EVERY),
      targets: [new LambdaFunction(this.function, once)],
    });
  }
}

function governedOf({ governed }: GovernorProps): Readonly<Record<string, unknown>> {
  const entries = Array.from(governed, ([name, { poller, bundleQueue, ceiling }]) => [
    name,
    { poller: poller.eventSourceMappingId, queue: bundleQueue.queueUrl, ceiling },
  ]);
  return Object.fromEntries(entries) as Readonly<Record<string, unknown>>;
}

function statements({ governed, parameters }: GovernorProps): readonly iam.PolicyStatement[] {
  const pipelines = [...governed.values()];
  return [
    allow(['cloudwatch:GetMetricData'], ['*']),
    allow(
      ['lambda:GetEventSourceMapping', 'lambda:UpdateEventSourceMapping'],
      pipelines.map(({ poller }) => poller.eventSourceMappingArn),
    ),
    allow(
      ['sqs:GetQueueAttributes'],
      pipelines.map(({ bundleQueue }) => bundleQueue.queueArn),
    ),
    allow(
      ['ssm:GetParameter', 'ssm:PutParameter'],
      Array.from(governed.keys(), (name) => parameterArn(`${parameters}/${name}`)),
    ),
  ];
}
