import { type Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Architecture } from '../lib/config/compute.ts';
import { acknowledgeTracing } from './acknowledgements.ts';

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
  /** What it may do, beside writing its logs. */
  readonly statements: readonly iam.PolicyStatement[];
  /** Whether it sends messages to its own queue on purpose. @default false: Lambda stops one that seems to */
  readonly feedsItself?: boolean;
}

/** A function with a role and logs of its own. */
export class FabricFunction extends Construct {
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
    this.function = new lambda.Function(this, 'Function', { ...settings(props), role, logGroup });
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
    ...(props.feedsItself === true ? { recursiveLoop: lambda.RecursiveLoop.ALLOW } : {}),
  };
}
