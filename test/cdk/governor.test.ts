import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { describeFabric } from '../../cdk/fabric-description.ts';
import { permissionsOf } from './permissions-of.ts';
import { REMOTE_CONFIG, resourcesOf, synthesize } from './synthesize.ts';

const { template, stack } = synthesize(() => ({ configPath: REMOTE_CONFIG }));
const plain = synthesize().template;

function mappingOf(id: RegExp): Readonly<Record<string, unknown>> | undefined {
  return resourcesOf(template, 'AWS::Lambda::EventSourceMapping', id)[0]?.Properties;
}

function environmentOf(id: RegExp): Readonly<Record<string, unknown>> {
  const environment = resourcesOf(template, 'AWS::Lambda::Function', id)[0]?.Properties['Environment'];
  return (environment as { readonly Variables: Readonly<Record<string, unknown>> }).Variables;
}

/** A text as CloudFormation puts it together, with its references by name. */
function joined(value: unknown): string {
  if (typeof value === 'string') return value;
  const { Ref, 'Fn::Join': join } = value as { readonly Ref?: string; readonly 'Fn::Join'?: [string, unknown[]] };
  if (Ref !== undefined) return Ref.replace('AWS::', '').replace(/[0-9A-F]{8}$/, '');
  return (join?.[1] ?? []).map(joined).join(join?.[0]);
}

/** A parameter's permission, whatever its construct is called. */
function withoutDigest(permission: string): string {
  return permission.replace(/TestFabric[0-9A-F]{8}/, 'TestFabric');
}

/** With nothing that differs only because constructs are called after their pipelines. */
function processorPermissions(pipeline: string): readonly string[] {
  return permissionsOf(template, new RegExp(`${pipeline}ProcessorRole`))
    .map((permission) => withoutDigest(permission).replaceAll(`Fabric${pipeline}`, 'Fabric<name>'))
    .toSorted();
}

describe('the description of a pipeline with remote models', () => {
  const described = new Map(describeFabric(REMOTE_CONFIG).pipelines.map((pipeline) => [pipeline.name, pipeline]));
  const invoke = { actions: ['sagemaker:InvokeEndpoint'], resources: ['arn:aws:sagemaker:*:*:endpoint/churn'] };
  const secrets = [{ secretsManager: 'openai', field: 'key' }, { ssm: '/keys/openai:3' }];

  test('says what its handlers need, each thing once, in whichever branch or mapping they are', () => {
    expect(described.get('local')).not.toHaveProperty('endpoints');
    expect(described.get('remote')?.endpoints).toEqual({ permissions: [invoke], secrets });
    expect(described.get('mixed')?.endpoints).toEqual({
      permissions: [invoke],
      secrets: [...secrets, { secretsManager: expect.stringContaining(':secret:versioned-a1B2c3') }, { ssm: 'plain' }],
    });
  });
});

/** Returns what a pipeline's processor may do that one of a pipeline without remote models may not. */
function additionalPermissions(pipeline: string): readonly string[] {
  const own = (permission: string): string => permission.replace('/local/', `/${pipeline}/`);
  const local = new Set(processorPermissions('local').map(own));
  return processorPermissions(pipeline).filter((permission) => !local.has(permission));
}

describe('a pipeline with a remote model', () => {
  test("leaves its poller's concurrency to the governor, whose ceiling is its own", () => {
    expect(mappingOf(/remoteProcessor/)).not.toHaveProperty('ScalingConfig');
    expect(mappingOf(/localProcessor/)).toMatchObject({ ScalingConfig: { MaximumConcurrency: 7 } });
    const governed = JSON.parse(joined(environmentOf(/Governor/)['FABRIC_GOVERNED'])) as unknown;
    expect(governed).toEqual({
      remote: { poller: 'FabricremoteProcessorFunctionPoller', queue: 'FabricremoteBundlesQueue', ceiling: 40 },
      mixed: { poller: 'FabricmixedProcessorFunctionPoller', queue: 'FabricmixedBundlesQueue', ceiling: 100 },
    });
  });

  test('knows the parameter that its governor writes', () => {
    const prefix = joined(environmentOf(/Governor/)['FABRIC_PARAMETERS']);
    expect(prefix).toMatch(/^\/inference-fabric\/StackName\/TestFabric[0-9A-F]{8}$/);
    expect(joined(environmentOf(/remoteProcessor/)['FABRIC_CONCURRENCY_PARAMETER'])).toBe(`${prefix}/remote`);
    expect(environmentOf(/localProcessor/)).not.toHaveProperty('FABRIC_CONCURRENCY_PARAMETER');
  });

  test('may do what its handlers ask for, read their secrets and its parameter, and nothing else', () => {
    const both = [
      'sagemaker:InvokeEndpoint arn:aws:sagemaker:*:*:endpoint/churn',
      'secretsmanager:GetSecretValue arn:Partition:secretsmanager:Region:AccountId:secret:openai-??????',
      'ssm:GetParameter arn:Partition:ssm:Region:AccountId:parameter/keys/openai',
    ];
    const parameters =
      'ssm:GetParameter arn:Partition:ssm:Region:AccountId:parameter/inference-fabric/StackName/TestFabric';
    const decrypt = 'kms:Decrypt arn:aws:kms:eu-west-1:123456789012:key/k';
    expect(additionalPermissions('remote')).toEqual([...both, decrypt, `${parameters}/remote`].toSorted());
    expect(additionalPermissions('mixed')).toEqual(
      [
        ...both,
        'secretsmanager:GetSecretValue arn:aws:secretsmanager:eu-west-1:123456789012:secret:versioned-a1B2c3',
        'ssm:GetParameter arn:Partition:ssm:Region:AccountId:parameter/plain',
        `${parameters}/mixed`,
      ].toSorted(),
    );
  });
});

describe('the governor', () => {
  test('runs once a minute, is over before the next, and is not tried again', () => {
    const [rule, ...others] = resourcesOf(template, 'AWS::Events::Rule');
    expect(others).toEqual([]);
    expect(rule?.Properties).toMatchObject({
      ScheduleExpression: 'rate(1 minute)',
      State: 'ENABLED',
      Targets: [{ RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 } }],
    });
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 0,
      MaximumEventAgeInSeconds: 60,
    });
    template.resourceCountIs('AWS::Lambda::Permission', 1);
    template.hasResourceProperties('AWS::Lambda::Permission', {
      Principal: 'events.amazonaws.com',
      SourceArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('EveryMinute'), 'Arn'] },
    });
  });

  test("is a function like the others, but for a queue's", () => {
    const [governor] = resourcesOf(template, 'AWS::Lambda::Function', /Governor/);
    expect(governor?.Properties).toMatchObject({
      Handler: 'governor.handler',
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Timeout: 50,
      TracingConfig: { Mode: 'Active' },
      LoggingConfig: { LogFormat: 'JSON', LogGroup: { Ref: expect.stringContaining('GovernorLogs') } },
    });
    expect(governor?.Properties).not.toHaveProperty('RecursiveLoop');
    // It would take from what the account has for all.
    expect(governor?.Properties).not.toHaveProperty('ReservedConcurrentExecutions');
    expect(mappingOf(/Governor/)).toBeUndefined();
    const [intake] = resourcesOf(template, 'AWS::Lambda::Function', /Intake/);
    expect(governor?.Properties['Code']).toEqual(intake?.Properties['Code']);
    expect(stack.fabric.governor).toBeDefined();
  });

  test("may read metrics, change its pipelines' pollers, look at their queues, and keep their parameters", () => {
    const parameters = 'arn:Partition:ssm:Region:AccountId:parameter/inference-fabric/StackName/TestFabric';
    const poller = 'arn:Partition:lambda:Region:AccountId:event-source-mapping:';
    const each = ['remote', 'mixed'].flatMap((name) => [
      `lambda:GetEventSourceMapping ${poller}<Fabric${name}ProcessorFunctionPoller>`,
      `lambda:UpdateEventSourceMapping ${poller}<Fabric${name}ProcessorFunctionPoller>`,
      `sqs:GetQueueAttributes <Fabric${name}BundlesQueue>`,
      `ssm:GetParameter ${parameters}/${name}`,
      `ssm:PutParameter ${parameters}/${name}`,
    ]);
    expect(permissionsOf(template, /GovernorRole/).map(withoutDigest)).toEqual(
      [
        'cloudwatch:GetMetricData *',
        'logs:CreateLogStream <FabricGoverningGovernorLogs>',
        'logs:PutLogEvents <FabricGoverningGovernorLogs>',
        'xray:PutTelemetryRecords *',
        'xray:PutTraceSegments *',
        ...each,
      ].toSorted(),
    );
  });

  test('is an alarm when it has failed for fifteen minutes', () => {
    const [alarm, ...others] = resourcesOf(template, 'AWS::CloudWatch::Alarm', /Governor/);
    expect(others).toEqual([]);
    expect(alarm?.Properties).toMatchObject({
      Namespace: 'AWS/Lambda',
      MetricName: 'Errors',
      Period: 60,
      EvaluationPeriods: 15,
      Threshold: 0,
      TreatMissingData: 'notBreaching',
      AlarmDescription: 'The governor has failed for 15 minutes.',
    });
  });

  test('is not there where no pipeline has a remote model, nor is anything that goes with it', () => {
    for (const type of ['AWS::Events::Rule', 'AWS::Lambda::Permission', 'AWS::Lambda::EventInvokeConfig'])
      plain.resourceCountIs(type, 0);
    expect(resourcesOf(plain, 'AWS::Lambda::Function', /Govern/)).toEqual([]);
    expect(JSON.stringify(plain.toJSON())).not.toMatch(
      /ssm:|cloudwatch:GetMetricData|secretsmanager:|FABRIC_CONCURRENCY/,
    );
  });
});
