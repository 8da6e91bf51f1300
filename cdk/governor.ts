import { Aws, Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { environmentOf, type GovernedPipelines, type GovernedPollers } from '../functions/environment.ts';
import { acknowledgeMetrics, acknowledgeScalableTargets } from './acknowledgements.ts';
import type { ContainerService } from './containers/container-service.ts';
import { FabricFunction } from './fabric-function.ts';
import { allow, ownParameterArn } from './permissions.ts';
import type { FabricResources } from './pipeline-access.ts';

/** A pipeline with a remote model. */
export interface GovernedPipeline {
  /** Queue of its bundles. */
  readonly bundleQueue: sqs.IQueue;
  /** Poller of its function or service of its tasks, which limits the number of engines. */
  readonly limits: lambda.EventSourceMapping | ContainerService;
  /** Maximum number of invocations of its function, or tasks of its service. @default - the maximum of the poller */
  readonly ceiling?: number | undefined;
}

/** Properties of the governor. */
export interface GovernorProps extends FabricResources {
  /** Code with the governor's module. */
  readonly code: lambda.Code;
  /** Governed pipelines by name. */
  readonly governed: ReadonlyMap<string, GovernedPipeline>;
}

const EVERY = Duration.minutes(1);
/** A run ends before the next one starts. */
const TIMEOUT = Duration.seconds(50);
const MEMORY_MB = 256;
const STORAGE_MB = 512;

/**
 * Sets the maximum number of invocations or tasks of each governed pipeline once a minute, by what its endpoints accept.
 *
 * It reserves no concurrency, which would reduce that of the account: two runs that overlap make the same decision.
 */
export class Governor extends Construct {
  /** The governor's function. */
  readonly function: lambda.Function;

  constructor(scope: Construct, id: string, props: GovernorProps) {
    super(scope, id);
    const { code, architecture, logRetention, parameters } = props;
    const governor = new FabricFunction(this, 'Governor', {
      description: 'Sets the maximum number of processors and tasks that call endpoints',
      code,
      module: 'governor',
      architecture,
      memoryMb: MEMORY_MB,
      ephemeralStorageMb: STORAGE_MB,
      timeout: TIMEOUT,
      environment: environmentOf({ parameters, governed: governedOf(props) }),
      logRetention,
      statements: governorStatements(props),
    });
    acknowledgeMetrics(governor);
    if (servicesOf(props).length > 0) acknowledgeScalableTargets(governor);
    this.function = governor.function;
    // A failed run is not repeated: the next run does its work.
    const once = { retryAttempts: 0, maxEventAge: EVERY };
    this.function.configureAsyncInvoke(once);
    new events.Rule(this, 'EveryMinute', {
      description: 'Runs the governor',
      schedule: events.Schedule.rate(EVERY),
      targets: [new LambdaFunction(this.function, once)],
    });
  }
}

function governedOf({ governed }: GovernorProps): GovernedPipelines['governed'] {
  const entries = Array.from(governed, ([name, { limits, bundleQueue, ceiling }]): [string, GovernedPollers] => [
    name,
    {
      ...(limits instanceof lambda.EventSourceMapping
        ? { poller: limits.eventSourceMappingId }
        : { service: limits.clusterAndService }),
      queue: bundleQueue.queueUrl,
      ceiling,
    },
  ]);
  return Object.fromEntries(entries);
}

function servicesOf({ governed }: GovernorProps): readonly ContainerService[] {
  return [...governed.values()].flatMap(({ limits }) => (limits instanceof lambda.EventSourceMapping ? [] : limits));
}

function governorStatements(props: GovernorProps): readonly iam.PolicyStatement[] {
  const { governed, parameters } = props;
  const pipelines = [...governed.values()];
  const pollers = pipelines.flatMap(({ limits }) => (limits instanceof lambda.EventSourceMapping ? limits : []));
  const services = servicesOf(props);
  return [
    allow(['cloudwatch:GetMetricData'], ['*']),
    ...(pollers.length === 0 ? [] : [changePollers(pollers)]),
    ...(services.length === 0 ? [] : changeScaling(services)),
    allow(
      ['sqs:GetQueueAttributes'],
      pipelines.map(({ bundleQueue }) => bundleQueue.queueArn),
    ),
    allow(
      ['ssm:GetParameter', 'ssm:PutParameter'],
      Array.from(governed.keys(), (name) => ownParameterArn(`${parameters}/${name}`)),
    ),
  ];
}

function changePollers(pollers: readonly lambda.EventSourceMapping[]): iam.PolicyStatement {
  return allow(
    ['lambda:GetEventSourceMapping', 'lambda:UpdateEventSourceMapping'],
    pollers.map(({ eventSourceMappingArn }) => eventSourceMappingArn),
  );
}

/**
 * Returns the permissions to change the scaling of services. Application Auto Scaling checks that the caller can also change
 * the service itself, which restricts the governor to these services; the ARN of a scalable target has an unknown id:
 * https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_permission_validation.html.
 */
function changeScaling(services: readonly ContainerService[]): readonly iam.PolicyStatement[] {
  const ofServices = { 'application-autoscaling:service-namespace': 'ecs' };
  return [
    allow(['application-autoscaling:DescribeScalableTargets'], ['*']),
    new iam.PolicyStatement({
      actions: ['application-autoscaling:RegisterScalableTarget'],
      resources: ['*'],
      conditions: { StringEquals: ofServices },
    }),
    allow(
      ['ecs:DescribeServices', 'ecs:UpdateService'],
      services.map(
        ({ clusterAndService }) =>
          `arn:${Aws.PARTITION}:ecs:${Aws.REGION}:${Aws.ACCOUNT_ID}:service/${clusterAndService}`,
      ),
    ),
  ];
}
