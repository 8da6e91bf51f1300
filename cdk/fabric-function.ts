import { type Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Architecture } from '../lib/config/compute.ts';
import { acknowledgeTracing } from './acknowledgements.ts';
import { takeFrom } from './permissions.ts';

/** How Lambda gathers a queue's messages for a run of the function. */
export interface PollerProps {
  readonly queue: sqs.IQueue;
  readonly batchSize: number;
  /** @default none: a run starts with what is there */
  readonly window?: Duration | undefined;
  /** @default the account's limit */
  readonly maxConcurrency?: number | undefined;
}

export interface FabricFunctionProps {
  readonly description: string;
  readonly code: lambda.Code;
  /** The module in the code, without an extension, that exports `handler`. */
  readonly module: string;
  readonly architecture: Architecture;
  readonly memoryMb: number;
  readonly ephemeralStorageMb: number;
  readonly timeout: Duration;
  readonly environment: Readonly<Record<string, string>>;
  readonly logRetention: logs.RetentionDays;
  readonly poller: PollerProps;
  /** What it may do, beside taking its messages and writing its logs. */
  readonly statements: readonly iam.PolicyStatement[];
}

/** A function that works off a queue, with a role and logs of its own. */
export class FabricFunction extends Construct {
  readonly function: lambda.Function;

  constructor(scope: Construct, id: string, props: FabricFunctionProps) {
    super(scope, id);
    const { poller } = props;
    const logGroup = new logs.LogGroup(this, 'Logs', {
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = new iam.Role(this, 'Role', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(role);
    for (const statement of [takeFrom(poller.queue), ...props.statements]) role.addToPolicy(statement);
    this.function = new lambda.Function(this, 'Function', { ...settings(props), role, logGroup });
    this.function.addEventSourceMapping('Poller', {
      eventSourceArn: poller.queue.queueArn,
      batchSize: poller.batchSize,
      reportBatchItemFailures: true,
      ...(poller.window === undefined ? {} : { maxBatchingWindow: poller.window }),
      ...(poller.maxConcurrency === undefined ? {} : { maxConcurrency: poller.maxConcurrency }),
    });
    acknowledgeTracing(role);
  }
}

function settings(props: FabricFunctionProps): lambda.FunctionProps {
  return {
    description: props.description,
    code: props.code,
    handler: `${props.module}.handler`,
    runtime: lambda.Runtime.NODEJS_24_X,
    architecture: props.architecture === 'arm64' ? lambda.Architecture.ARM_64 : lambda.Architecture.X86_64,
    memorySize: props.memoryMb,
    ephemeralStorageSize: Size.mebibytes(props.ephemeralStorageMb),
    timeout: props.timeout,
    environment: { ...props.environment },
    tracing: lambda.Tracing.ACTIVE,
    loggingFormat: lambda.LoggingFormat.JSON,
    // It sends messages to its own queue on purpose: work goes on in the next run, bounded by its age.
    recursiveLoop: lambda.RecursiveLoop.ALLOW,
  };
}
