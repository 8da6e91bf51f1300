import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { workerSettings } from '../../functions/settings.ts';
import { permissionsOf } from './permissions-of.ts';
import { type Resource, resourcesOf, synthesize } from './synthesize.ts';
import { main, nested, isolated, propertiesOf, workerOf, environmentOf } from './container-templates.ts';

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
  test.each([
    ['public', nested, ['AWS::EC2::Route', 'AWS::EC2::VPCGatewayAttachment', 'AWS::EC2::VPCEndpoint']],
    ['private', isolated, ['AWS::EC2::VPCEndpoint', 'AWS::EC2::SubnetRouteTableAssociation']],
  ] as const)('starts after the policies of its roles and a %s network, and ends before them', (_, template, types) => {
    const resources = template.toJSON().Resources as Record<string, Resource>;
    const idsOf = (type: string): readonly string[] => Object.keys(template.findResources(type));
    for (const [id, service] of Object.entries(
      template.findResources('AWS::ECS::Service') as Record<string, Resource>,
    )) {
      const reached = new Set<string>();
      const reach = (one: string): void => {
        if (reached.has(one) || resources[one] === undefined) return;
        reached.add(one);
        for (const next of resources[one]?.DependsOn ?? []) reach(next);
        for (const next of JSON.stringify(resources[one]).matchAll(/"(?:Ref|Fn::GetAtt)":\[?"(\w+)"/g))
          reach(next[1] ?? '');
      };
      reach(id);
      const construct = id.replace(/Service[0-9A-F]{8}$/, '');
      const policies = idsOf('AWS::IAM::Policy').filter((policy) =>
        new RegExp(`^${construct}(?:TaskRole|ExecutionRole)`).test(policy),
      );
      expect(policies).toHaveLength(2);
      expect(service.DependsOn).toEqual(expect.arrayContaining(policies));
      for (const type of types) {
        expect(idsOf(type).length).toBeGreaterThan(0);
        expect(idsOf(type).filter((needed) => !reached.has(needed))).toEqual([]);
      }
    }
  });

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
});
