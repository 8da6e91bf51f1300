import { Match, Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { FabricStack } from '../../cdk/fabric-stack.ts';
import { workerSettings } from '../../functions/settings.ts';
import { permissionsOf } from './permissions-of.ts';
import { CONTAINERS_CONFIG, PRIVATE_CONFIG, resourcesOf, synthesize, testApp } from './synthesize.ts';

function containersOf(configPath: string): { readonly main: Template; readonly nested: Template } {
  const { stack, template } = synthesize(() => ({ configPath }));
  const { containers } = stack.fabric;
  if (containers === undefined) throw new Error('there is no stack of containers');
  return { main: template, nested: Template.fromStack(containers) };
}

const { main, nested } = containersOf(CONTAINERS_CONFIG);
const isolated = containersOf(PRIVATE_CONFIG).nested;

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

  test('has no governor for one with remote models', () => {
    const { template } = synthesize(() => ({ configPath: PRIVATE_CONFIG }));
    expect(resourcesOf(template, 'AWS::Lambda::Function', /Governor/)).toEqual([]);
    expect(environmentOf(/remote/, isolated)).not.toHaveProperty('FABRIC_CONCURRENCY_PARAMETER');
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

describe('a task', () => {
  test('has its GPUs, vCPUs and memory', () => {
    expect(propertiesOf('AWS::ECS::TaskDefinition', /gpu/)).toMatchObject({
      Cpu: '3072',
      Memory: '12288',
      RequiresCompatibilities: ['MANAGED_INSTANCES'],
      RuntimePlatform: { CpuArchitecture: 'X86_64' },
    });
    expect(workerOf(/gpu/)).toMatchObject({ ResourceRequirements: [{ Type: 'GPU', Value: '1' }], Memory: 12_288 });
    expect(propertiesOf('AWS::ECS::TaskDefinition', /cpu/)).toMatchObject({ Cpu: '4096', Memory: '8192' });
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

  test('follows the bundles for each task, wakes where nobody takes any, and sleeps where there are none', () => {
    const [follow, wake, sleep] = [/gpu.*FollowBacklog/, /gpu.*Wake/, /gpu.*Sleep/].map((id) => policiesOf(id)[0]);
    expect(follow).toMatchObject({
      PolicyType: 'TargetTrackingScaling',
      TargetTrackingScalingPolicyConfiguration: {
        TargetValue: 10,
        CustomizedMetricSpecification: {
          Metrics: [
            { Id: 'visible', MetricStat: { Metric: { MetricName: 'ApproximateNumberOfMessagesVisible' } } },
            { Id: 'taken', MetricStat: { Metric: { MetricName: 'ApproximateNumberOfMessagesNotVisible' } } },
            { Id: 'tasks', MetricStat: { Metric: { MetricName: 'CPUUtilization' }, Stat: 'SampleCount' } },
            { Id: 'backlog', Expression: '(visible + taken) / tasks', ReturnData: true },
          ],
        },
      },
    });
    expect(wake).toMatchObject({
      StepScalingPolicyConfiguration: {
        AdjustmentType: 'ChangeInCapacity',
        StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 1 }],
      },
    });
    expect(sleep).toMatchObject({
      StepScalingPolicyConfiguration: {
        AdjustmentType: 'ExactCapacity',
        StepAdjustments: [{ MetricIntervalUpperBound: 0, ScalingAdjustment: 0 }],
      },
    });
    expect(policiesOf(/group.*Sleep/)[0]).toMatchObject({
      StepScalingPolicyConfiguration: { StepAdjustments: [{ ScalingAdjustment: 1 }] },
    });
  });

  test('has an alarm for each of its steps', () => {
    expect(propertiesOf('AWS::CloudWatch::Alarm', /gpu.*Waiting/)).toMatchObject({
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      Threshold: 1,
      EvaluationPeriods: 1,
      TreatMissingData: 'notBreaching',
      Metrics: expect.arrayContaining([expect.objectContaining({ Expression: 'IF(visible > 0 AND taken < 1, 1, 0)' })]),
      AlarmActions: [{ Ref: expect.stringMatching(/gpu.*Wake/) }],
    });
    expect(propertiesOf('AWS::CloudWatch::Alarm', /gpu.*Idle/)).toMatchObject({
      ComparisonOperator: 'LessThanOrEqualToThreshold',
      Threshold: 0,
      TreatMissingData: 'breaching',
      Metrics: expect.arrayContaining([expect.objectContaining({ Expression: 'visible + taken' })]),
      AlarmActions: [{ Ref: expect.stringMatching(/gpu.*Sleep/) }],
    });
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
    expect(services.toSorted()).toEqual([...needed, 'sqs']);
    const ingress = resourcesOf(isolated, 'AWS::EC2::SecurityGroupIngress').map(({ Properties }) => Properties);
    expect(ingress).toEqual([expect.objectContaining({ FromPort: 443, ToPort: 443, IpProtocol: 'tcp' })]);
  });
});
