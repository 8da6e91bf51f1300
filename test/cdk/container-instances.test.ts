import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { FabricStack } from '../../cdk/fabric-stack.ts';
import { CONTAINERS_CONFIG, resourcesOf, testApp } from './synthesize.ts';
import { nested, isolated, propertiesOf } from './container-templates.ts';

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
            OnDemandMaxPricePercentageOverLowestPrice: 100,
            CpuManufacturers: ['intel', 'amd'],
          },
        },
      },
    });
    expect(JSON.stringify(propertiesOf('AWS::ECS::CapacityProvider', /cpu/))).not.toContain('Accelerator');
    expect(JSON.stringify(propertiesOf('AWS::ECS::CapacityProvider', /cpu/))).not.toContain('OnDemandMaxPrice');
  });

  test('have roles and profiles whose names, unique in an account, have the region, and that ECS may pass', () => {
    const names = [
      ...resourcesOf(nested, 'AWS::IAM::Role').flatMap(({ Properties }) => Properties['RoleName'] ?? []),
      ...resourcesOf(nested, 'AWS::IAM::InstanceProfile').flatMap(
        ({ Properties }) => Properties['InstanceProfileName'] ?? [],
      ),
    ] as { readonly 'Fn::Join': readonly [string, readonly unknown[]] }[];
    // A role and a profile of each of two providers; the group's have names that CloudFormation makes.
    expect(names).toHaveLength(4);
    for (const { 'Fn::Join': join } of names) {
      const [start, region, ...rest] = join[1];
      expect(start).toMatch(/^ecsInstanceRole\w+-$/);
      expect([region, ...rest]).toEqual([{ Ref: 'AWS::Region' }]);
      expect(String(start).length + 'ap-southeast-1'.length).toBeLessThanOrEqual(64);
    }
    expect(new Set(names.map((name) => JSON.stringify(name))).size).toBe(2);
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
                OnDemandMaxPricePercentageOverLowestPrice: 100,
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
