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
  readonly bundleQueue: sqs.IQueue;
  /** What limits how many engines take its bundles: its function's poller, or its tasks' service. */
  readonly limits: lambda.EventSourceMapping | ContainerService;
  /** The most runs of its function, or tasks of its service, at once. @default what its poller can have */
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
 * Sets, once a minute, how many runs of its function, or tasks of its service, each governed pipeline may have at once, by
 * what its endpoints accept.
 *
 * Its own concurrency is not reserved, as that takes from what the account has: two runs that overlap decide the same.
 */
export class Governor extends Construct {
  readonly function: lambda.Function;

  constructor(scope: Construct, id: string, props: GovernorProps) {
    super(scope, id);
    const { code, architecture, logRetention, parameters } = props;
    const governor = new FabricFunction(this, 'Governor', {
      description: 'Sets how many processors and tasks may call endpoints at once',
      code,
      module: 'governor',
      architecture,
      memoryMb: MEMORY_MB,
      ephemeralStorageMb: STORAGE_MB,
      timeout: TIMEOUT,
      environment: environmentOf({ parameters, governed: governedOf(props) }),
      logRetention,
      statements: statements(props),
    });
    acknowledgeMetrics(governor);
    if (servicesOf(props).length > 0) acknowledgeScalableTargets(governor);
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

function statements(props: GovernorProps): readonly iam.PolicyStatement[] {
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
 * Application Auto Scaling sees to it that who changes how a service is scaled may change the service itself:
 * https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_permission_validation.html. That keeps the
 * governor to its own services; a scalable target's ARN has an id that a template can't know.
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
