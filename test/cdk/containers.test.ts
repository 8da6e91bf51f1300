import { Match, Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { FabricStack } from '../../cdk/fabric-stack.ts';
import { workerSettings } from '../../functions/settings.ts';
import { CONTAINER_SCALING } from '../../lib/config/container-scaling.ts';
import { permissionsOf } from './permissions-of.ts';
import { CONTAINERS_CONFIG, PRIVATE_CONFIG, resourcesOf, synthesize, testApp } from './synthesize.ts';

function containersOf(configPath: string): { readonly main: Template; readonly nested: Template } {
  const { stack, template } = synthesize(() => ({ configPath }));
  const { containers } = stack.fabric;
  if (containers === undefined) throw new Error('there is no stack of containers');
  return { main: template, nested: Template.fromStack(containers) };
}

const { main, nested } = containersOf(CONTAINERS_CONFIG);
const { main: governing, nested: isolated } = containersOf(PRIVATE_CONFIG);

function propertiesOf(type: string, id: RegExp, template = nested): Readonly<Record<string, unknown>> {
  const [first, ...others] = resourcesOf(template, type, id);
  if (first === undefined || others.length > 0) throw new Error(`there is not one ${type} like ${id}`);
  return first.Properties;
}

interface ContainerProperties extends Readonly<Record<string, unknown>> {
  readonly Environment: readonly { readonly Name: string; readonly Value: unknown }[];
}

function workerOf(id: RegExp, template = nested): ContainerProperties {
  const containers = propertiesOf('AWS::ECS::TaskDefinition', id, template)['ContainerDefinitions'];
  const [worker] = containers as readonly ContainerProperties[];
  if (worker === undefined) throw new Error('the task has no container');
  return worker;
}

/** A variable's value, with something for each reference. */
function plain(value: unknown): string {
  if (typeof value === 'string') return value;
  const { 'Fn::Join': join } = value as { readonly 'Fn::Join'?: [string, unknown[]] };
  return join === undefined ? 'https://sqs/1/queue' : join[1].map(plain).join(join[0]);
}

function environmentOf(id: RegExp, template = nested): Readonly<Record<string, string>> {
  return Object.fromEntries(workerOf(id, template).Environment.map(({ Name, Value }) => [Name, plain(Value)]));
}

function policiesOf(id: RegExp): readonly Readonly<Record<string, unknown>>[] {
  return resourcesOf(nested, 'AWS::ApplicationAutoScaling::ScalingPolicy', id).map(({ Properties }) => Properties);
}

/** Of the alarms by which a service is scaled. */
function expressionsOf(id: RegExp): readonly (readonly string[])[] {
  return resourcesOf(isolated, 'AWS::CloudWatch::Alarm', id).map(({ Properties }) =>
    (Properties['Metrics'] as readonly { readonly Expression?: string }[]).flatMap(
      ({ Expression }) => Expression ?? [],
    ),
  );
}

describe('a fabric with pipelines in containers', () => {
  test('has their stack nested in its own, and none where no pipeline needs it', () => {
    expect(synthesize().stack.fabric.containers).toBeUndefined();
    synthesize().template.resourceCountIs('AWS::CloudFormation::Stack', 0);
    main.resourceCountIs('AWS::CloudFormation::Stack', 1);
    expect([...resourcesOf(main, 'AWS::ECS::Service'), ...resourcesOf(main, 'AWS::EC2::VPC')]).toEqual([]);
    nested.resourceCountIs('AWS::ECS::Cluster', 3);
    nested.resourceCountIs('AWS::ECS::Service', 3);
  });

  test('keeps their queues and alarms, and has no function for them', () => {
    expect(resourcesOf(main, 'AWS::SQS::Queue', /^Fabricgpu/)).toHaveLength(3);
    expect(resourcesOf(main, 'AWS::Lambda::EventSourceMapping', /^Fabric(gpu|group|cpu)/)).toEqual([]);
    expect(resourcesOf(main, 'AWS::Lambda::EventSourceMapping', /^Fabricsmall/)).toHaveLength(1);
    expect(resourcesOf(main, 'AWS::CloudWatch::Alarm', /gpu/)).toHaveLength(3);
  });

  test('decodes images on all vCPUs of a task, and on as many threads as Node has by itself at least', () => {
    const threads = [/gpu/, /cpu/].map((id) => environmentOf(id)['UV_THREADPOOL_SIZE']);
    expect(threads).toEqual(['4', '6']);
  });

  test('says what the worker asks for', () => {
    expect(workerSettings(environmentOf(/group/))).toMatchObject({
      pipeline: 'group',
      config: 'config/cdk/fixtures/containers.config.mjs',
      maxReceives: 5,
      stopTimeoutSecs: 60,
      visibilitySecs: 300,
      healthPort: 8080,
    });
    expect(environmentOf(/group/)).toHaveProperty('AWS_REGION');
  });
});

/** The fewest and the most tasks of services. */
function capacitiesOf(template: Template): unknown[] {
  return resourcesOf(template, 'AWS::ApplicationAutoScaling::ScalableTarget', /remote|local|group/).map(
    ({ Properties }) => [Properties['MinCapacity'], Properties['MaxCapacity']],
  );
}

describe('a governor of tasks', () => {
  const [governor] = resourcesOf(governing, 'AWS::Lambda::Function', /Governor/);
  const environment = governor?.Properties['Environment'];
  const { Variables } = environment as { readonly Variables: Readonly<Record<string, object>> };

  test('knows the service of a pipeline with remote models, which is in the nested stack, and its most tasks', () => {
    expect(resourcesOf(main, 'AWS::Lambda::Function', /Governor/)).toEqual([]);
    expect(JSON.stringify(Variables['FABRIC_GOVERNED'])).toMatch(
      /\{\\"remote\\":\{\\"service\\":\\"".*Outputs\.\w+remoteCluster\w+Ref.*"\/".*Outputs\.\w+remoteService\w+Name.*\\"queue\\":.*\\"ceiling\\":4\}\}/,
    );
  });

  test('may change how its services are scaled, and no poller', () => {
    const permissions = permissionsOf(governing, /GovernorRole/);
    const ofService = permissions.filter((permission) => permission.startsWith('ecs:'));
    expect(
      ofService.map((permission) => permission.replaceAll(/TestFabric\w+?remote(\w+?)[0-9A-F]{8}/g, '<$1>')),
    ).toEqual(
      ['DescribeServices', 'UpdateService'].map(
        (action) =>
          expect.stringMatching(
            new RegExp(
              `^ecs:${action} arn:Partition:ecs:Region:AccountId:service/.*Outputs\\.<Cluster>.*/.*Outputs\\.<Service>`,
            ),
          ) as unknown,
      ),
    );
    expect(permissions).toContain('application-autoscaling:DescribeScalableTargets *');
    expect(permissions.join()).not.toContain('lambda:');
    governing.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          {
            Effect: 'Allow',
            Action: 'application-autoscaling:RegisterScalableTarget',
            Resource: '*',
            Condition: { StringEquals: { 'application-autoscaling:service-namespace': 'ecs' } },
          },
        ]),
      },
    });
  });

  test('tells them how many they are by a parameter of the fabric’s stack, which they may read', () => {
    const { Parameters } = resourcesOf(governing, 'AWS::CloudFormation::Stack')[0]?.Properties ?? {};
    const stackName = Object.entries(Parameters as Readonly<Record<string, unknown>>).find(([name]) =>
      name.endsWith('AWSStackName'),
    );
    expect(stackName?.[1]).toEqual({ Ref: 'AWS::StackName' });
    const parameter = workerOf(/remote/, isolated).Environment.find(
      ({ Name }) => Name === 'FABRIC_CONCURRENCY_PARAMETER',
    );
    const [name, prefix] = [JSON.stringify(parameter?.Value), JSON.stringify(Variables['FABRIC_PARAMETERS'])];
    expect(name).toContain('/remote"');
    expect(name.replace(String(stackName?.[0]), 'AWS::StackName').replace('/remote"', '"')).toBe(prefix);
    expect(environmentOf(/local/, isolated)).not.toHaveProperty('FABRIC_CONCURRENCY_PARAMETER');
    expect(permissionsOf(isolated, /remoteTaskRole/)).toContainEqual(
      expect.stringMatching(/^ssm:GetParameter .*:parameter\/inference-fabric\/.*\/remote$/),
    );
    expect(permissionsOf(isolated, /localTaskRole/).join()).not.toContain('ssm:');
  });

  test('finds the least that it can set, so that its tasks begin with few, and all are there when it goes away', () => {
    expect(capacitiesOf(isolated)).toEqual([
      [0, 4],
      [0, 1],
    ]);
    expect(capacitiesOf(nested)).toEqual([[1, 9]]);
  });
});

describe('a task', () => {
  test('has its GPUs, vCPUs and memory', () => {
    expect(propertiesOf('AWS::ECS::TaskDefinition', /gpu/)).toMatchObject({
      Cpu: '3072',
      Memory: '12288',
      RequiresCompatibilities: ['MANAGED_INSTANCES'],
      RuntimePlatform: { CpuArchitecture: 'X86_64' },
    });
    expect(workerOf(/gpu/)).toMatchObject({ ResourceRequirements: [{ Type: 'GPU', Value: '1' }], Memory: 12_288 });
    expect(propertiesOf('AWS::ECS::TaskDefinition', /cpu/)).toMatchObject({ Cpu: '6144', Memory: '8192' });
    expect(workerOf(/cpu/)).not.toHaveProperty('ResourceRequirements');
    expect(propertiesOf('AWS::ECS::TaskDefinition', /group/)).toMatchObject({ RequiresCompatibilities: ['EC2'] });
  });

  test('can write to /tmp alone, has no capabilities, an init process, a health check, and time to stop', () => {
    for (const id of [/gpu/, /group/, /cpu/]) {
      expect(workerOf(id)).toMatchObject({
        ReadonlyRootFilesystem: true,
        MountPoints: [{ ContainerPath: '/tmp', ReadOnly: false, SourceVolume: 'tmp' }],
        LinuxParameters: { InitProcessEnabled: true, Capabilities: { Drop: ['ALL'] } },
        HealthCheck: { Command: ['CMD', 'node', 'health-check.mjs'], StartPeriod: 300, Interval: 30, Retries: 10 },
        LogConfiguration: { LogDriver: 'awslogs' },
      });
    }
    expect(workerOf(/gpu/)).toMatchObject({ StopTimeout: 90 });
    expect(workerOf(/group/)).toMatchObject({ StopTimeout: 60 });
    nested.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 30 });
  });

  test('uses its instance’s address in a public network, one on each; in a private one it has its own', () => {
    expect(propertiesOf('AWS::ECS::TaskDefinition', /gpu/)).toMatchObject({ NetworkMode: 'host' });
    expect(workerOf(/gpu/)).toMatchObject({ PortMappings: [{ ContainerPort: 8080, HostPort: 8080 }] });
    expect(propertiesOf('AWS::ECS::Service', /gpu/)).not.toHaveProperty('NetworkConfiguration');
    expect(propertiesOf('AWS::ECS::TaskDefinition', /local/, isolated)).toMatchObject({ NetworkMode: 'awsvpc' });
    expect(workerOf(/local/, isolated)).not.toHaveProperty('PortMappings');
    expect(propertiesOf('AWS::ECS::Service', /local/, isolated)).toMatchObject({
      NetworkConfiguration: { AwsvpcConfiguration: { SecurityGroups: [expect.anything()] } },
    });
  });

  test('may do what a processor may, take bundles, and protect tasks of its own cluster', () => {
    expect(permissionsOf(nested, /groupTaskRole/)).toEqual(
      expect.arrayContaining([
        'ecs:UpdateTaskProtection arn:Partition:ecs:Region:AccountId:task/<groupCluster>/*',
        's3:GetObject arn:Partition:s3:::models/large.onnx',
        'dynamodb:GetItem arn:aws:dynamodb:eu-west-1:123456789012:table/t',
      ]),
    );
    expect(new Set(permissionsOf(nested, /gpuTaskRole/).map((permission) => permission.split(' ')[0]))).toEqual(
      new Set([
        's3:AbortMultipartUpload',
        's3:DeleteObject',
        's3:GetObject',
        's3:GetObjectVersion',
        's3:ListBucket',
        's3:PutObject',
        'sqs:ChangeMessageVisibility',
        'sqs:DeleteMessage',
        'sqs:GetQueueAttributes',
        'sqs:ReceiveMessage',
        'sqs:SendMessage',
        'ecs:UpdateTaskProtection',
      ]),
    );
    expect(permissionsOf(nested, /TaskRole/).filter((permission) => permission.endsWith(' *'))).toEqual([]);
  });
});

describe('a service', () => {
  test('may be down for a deploy, is rolled back where it does not start, and says nothing of its count', () => {
    nested.allResourcesProperties('AWS::ECS::Service', {
      DeploymentConfiguration: {
        MinimumHealthyPercent: 0,
        MaximumPercent: 100,
        DeploymentCircuitBreaker: { Enable: true, Rollback: true },
      },
      AvailabilityZoneRebalancing: 'DISABLED',
      DesiredCount: Match.absent(),
      LaunchType: Match.absent(),
    });
  });

  test('scales from none, or what was said, to its most', () => {
    expect(propertiesOf('AWS::ApplicationAutoScaling::ScalableTarget', /gpu/)).toMatchObject({
      MinCapacity: 0,
      MaxCapacity: 4,
      ScalableDimension: 'ecs:service:DesiredCount',
    });
    expect(propertiesOf('AWS::ApplicationAutoScaling::ScalableTarget', /group/)).toMatchObject({
      MinCapacity: 1,
      MaxCapacity: 9,
    });
  });

  test('follows the bundles that there are, in steps, and sleeps where there are none', () => {
    expect(policiesOf(/gpu.*FollowBacklog/)[0]).toMatchObject({
      PolicyType: 'StepScaling',
      StepScalingPolicyConfiguration: {
        AdjustmentType: 'ExactCapacity',
        StepAdjustments: [
          { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 10, ScalingAdjustment: 1 },
          { MetricIntervalLowerBound: 10, MetricIntervalUpperBound: 20, ScalingAdjustment: 2 },
          { MetricIntervalLowerBound: 20, MetricIntervalUpperBound: 30, ScalingAdjustment: 3 },
          { MetricIntervalLowerBound: 30, ScalingAdjustment: 4 },
        ],
      },
    });
    expect(policiesOf(/gpu.*Sleep/)[0]).toMatchObject({
      StepScalingPolicyConfiguration: {
        AdjustmentType: 'ExactCapacity',
        StepAdjustments: [{ MetricIntervalUpperBound: 0, ScalingAdjustment: 0 }],
      },
    });
    expect(policiesOf(/group.*Sleep/)[0]).toMatchObject({
      StepScalingPolicyConfiguration: { StepAdjustments: [{ ScalingAdjustment: 1 }] },
    });
  });

  test('has an alarm for each of its policies', () => {
    const backlog = expect.arrayContaining([expect.objectContaining({ Expression: 'visible + taken' })]);
    expect(propertiesOf('AWS::CloudWatch::Alarm', /gpu.*Backlog/)).toMatchObject({
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      Threshold: 1,
      EvaluationPeriods: CONTAINER_SCALING.backlogMinutes,
      TreatMissingData: 'notBreaching',
      Metrics: backlog,
      AlarmActions: [{ Ref: expect.stringMatching(/gpu.*FollowBacklog/) }],
    });
    expect(propertiesOf('AWS::CloudWatch::Alarm', /gpu.*Idle/)).toMatchObject({
      ComparisonOperator: 'LessThanOrEqualToThreshold',
      Threshold: 0,
      EvaluationPeriods: CONTAINER_SCALING.idleMinutes,
      TreatMissingData: 'breaching',
      Metrics: backlog,
      AlarmActions: [{ Ref: expect.stringMatching(/gpu.*Sleep/) }],
    });
  });

  test('counts bundles that are held back where a remote model may have them wait, and nowhere else', () => {
    expect(expressionsOf(/remote/)).toEqual([['visible + taken + delayed'], ['visible + taken + delayed']]);
    expect(expressionsOf(/local/)).toEqual([['visible + taken'], ['visible + taken']]);
  });

  test('has its queue looked at within the six hours after which it would have no metrics', () => {
    const rule = propertiesOf('AWS::Events::Rule', /QueueLooks/, main);
    expect(rule['ScheduleExpression']).toBe(`rate(${CONTAINER_SCALING.lookHours} hours)`);
    expect(CONTAINER_SCALING.lookHours).toBeLessThan(6);
    expect(JSON.stringify(rule['Targets'])).toMatch(/lookAt.*gpuBundles/);
    expect(permissionsOf(main, /IntakeRole/).join()).toMatch(/sqs:GetQueueAttributes <Fabricgpu/);
    expect(resourcesOf(synthesize().template, 'AWS::Events::Rule', /QueueLooks/)).toEqual([]);
  });
});

describe('the instances', () => {
  test('are ECS’s own by default, of types that have what a task needs', () => {
    expect(propertiesOf('AWS::ECS::CapacityProvider', /gpu/)).toMatchObject({
      ManagedInstancesProvider: {
        InstanceLaunchTemplate: {
          CapacityOptionType: 'ON_DEMAND',
          InstanceRequirements: {
            VCpuCount: { Min: 3 },
            MemoryMiB: { Min: 13_654 },
            AcceleratorCount: { Min: 1 },
            AcceleratorManufacturers: ['nvidia'],
            CpuManufacturers: ['intel', 'amd'],
          },
        },
      },
    });
    expect(JSON.stringify(propertiesOf('AWS::ECS::CapacityProvider', /cpu/))).not.toContain('Accelerator');
  });

  test('are a group’s by option, from none upwards, spare ones where they may be, and scaled by ECS', () => {
    expect(propertiesOf('AWS::AutoScaling::AutoScalingGroup', /group/)).toMatchObject({
      MinSize: '0',
      MaxSize: '9',
      MixedInstancesPolicy: {
        InstancesDistribution: {
          OnDemandPercentageAboveBaseCapacity: 0,
          SpotAllocationStrategy: 'price-capacity-optimized',
        },
        LaunchTemplate: {
          Overrides: [
            {
              InstanceRequirements: {
                AllowedInstanceTypes: ['g6.*'],
                AcceleratorCount: { Min: 1 },
                VCpuCount: { Min: 3 },
              },
            },
          ],
        },
      },
    });
    expect(propertiesOf('AWS::ECS::CapacityProvider', /group/)).toMatchObject({
      AutoScalingGroupProvider: {
        ManagedScaling: { Status: 'ENABLED' },
        ManagedTerminationProtection: 'ENABLED',
      },
    });
    expect(propertiesOf('AWS::EC2::LaunchTemplate', /group/)).toMatchObject({
      LaunchTemplateData: {
        MetadataOptions: { HttpTokens: 'required' },
        BlockDeviceMappings: [{ Ebs: { Encrypted: true, VolumeSize: 80, VolumeType: 'gp3' } }],
      },
    });
    expect(JSON.stringify(nested.findParameters('*'))).toContain('amazon-linux-2023/gpu/recommended');
  });
});

describe('the network', () => {
  test('is public by default, with no way in, a way to S3 of its own, and nothing that is paid for at rest', () => {
    nested.resourceCountIs('AWS::EC2::InternetGateway', 1);
    nested.allResourcesProperties('AWS::EC2::Subnet', { MapPublicIpOnLaunch: true });
    for (const type of ['AWS::EC2::NatGateway', 'AWS::EC2::SecurityGroupIngress', 'Custom::VpcRestrictDefaultSG'])
      nested.resourceCountIs(type, 0);
    nested.allResourcesProperties('AWS::EC2::SecurityGroup', { SecurityGroupIngress: Match.absent() });
    nested.resourceCountIs('AWS::EC2::VPCEndpoint', 1);
    nested.allResourcesProperties('AWS::EC2::VPCEndpoint', { VpcEndpointType: 'Gateway' });
  });

  test('looks nothing up, in a stack with an account and a region neither', () => {
    const app = testApp();
    const env = { account: '123456789012', region: 'eu-west-1' };
    new FabricStack(app, 'Test', { env, fabric: { configPath: CONTAINERS_CONFIG } });
    expect(app.synth().manifest.missing).toBeUndefined();
  });

  test('has by option no way out but to what tasks need, secrets among it', () => {
    isolated.resourceCountIs('AWS::EC2::InternetGateway', 0);
    isolated.resourceCountIs('AWS::EC2::NatGateway', 0);
    const services = resourcesOf(isolated, 'AWS::EC2::VPCEndpoint').map(({ Properties }) =>
      JSON.stringify(Properties['ServiceName']).replace(
        /^.*"\.?([a-z0-9.-]+)"\]\]\}$|^"com.amazonaws.*\.(\w+)"$/,
        '$1$2',
      ),
    );
    const needed = [
      'ecr.api',
      'ecr.dkr',
      'ecs',
      'ecs-agent',
      'ecs-telemetry',
      'logs',
      'monitoring',
      's3',
      'secretsmanager',
    ];
    // SSM has what the governor says.
    expect(services.toSorted()).toEqual([...needed, 'sqs', 'ssm']);
    const ingress = resourcesOf(isolated, 'AWS::EC2::SecurityGroupIngress').map(({ Properties }) => Properties);
    expect(ingress).toEqual([expect.objectContaining({ FromPort: 443, ToPort: 443, IpProtocol: 'tcp' })]);
  });
});
