import { type Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Architecture } from '../lib/config/compute.ts';
import { acknowledgeTracing } from './acknowledgements.ts';

/** Properties of a function. */
export interface FabricFunctionProps {
  /** Description of the function. */
  readonly description: string;
  /** Code with the module. */
  readonly code: lambda.Code;
  /** Module in the code that exports `handler`, without its extension. */
  readonly module: string;
  /** Architecture of the function. */
  readonly architecture: Architecture;
  /** Memory in MiB. */
  readonly memoryMb: number;
  /** Disk in MiB. */
  readonly ephemeralStorageMb: number;
  /** Timeout of the function. */
  readonly timeout: Duration;
  /** Environment variables. */
  readonly environment: Readonly<Record<string, string>>;
  /** Retention of the logs. */
  readonly logRetention: logs.RetentionDays;
  /** Permissions, in addition to writing logs. */
  readonly statements: readonly iam.PolicyStatement[];
  /** True if the function sends messages to its own queue; Lambda otherwise stops it as a recursive loop. @default false */
  readonly feedsItself?: boolean;
}

/** A Lambda function with a separate role and log group. */
export class FabricFunction extends Construct {
  /** The Lambda function. */
  readonly function: lambda.Function;

  constructor(scope: Construct, id: string, props: FabricFunctionProps) {
    super(scope, id);
    const logGroup = new logs.LogGroup(this, 'Logs', {
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = new iam.Role(this, 'Role', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(role);
    for (const statement of props.statements) role.addToPolicy(statement);
    this.function = new lambda.Function(this, 'Function', { ...lambdaProps(props), role, logGroup });
    acknowledgeTracing(role);
  }
}

/** Returns the properties of the Lambda function without its role and log group. */
function lambdaProps(props: FabricFunctionProps): lambda.FunctionProps {
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
    ...(props.feedsItself === true ? { recursiveLoop: lambda.RecursiveLoop.ALLOW } : {}),
  };
}
