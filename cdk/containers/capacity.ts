import { Aws, Names, Size } from 'aws-cdk-lib';
import * as autoscaling from 'aws-cdk-lib/aws-autoscaling';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { type ContainerCompute, INSTANCE_DISK_GIB, TASK_MEMORY_SHARE } from '../../lib/config/compute.ts';
import {
  acknowledgeAutoScalingGroup,
  acknowledgeInstanceRole,
  acknowledgeManagedInstances,
} from '../acknowledgements.ts';
import type { ContainerNetworking } from './network.ts';

/** Properties of the instances of one pipeline. */
export interface CapacityProps {
  /** Cluster of the pipeline. */
  readonly cluster: ecs.Cluster;
  /** Network of the instances. */
  readonly networking: ContainerNetworking;
  /** Compute options of the pipeline. */
  readonly compute: ContainerCompute;
}

const VOLUME = Size.gibibytes(INSTANCE_DISK_GIB);
const ROOT_DEVICE = '/dev/xvda';
/**
 * Maximum price of an on-demand instance type, in percent above the cheapest type that fits. EC2's default of 20 allows only
 * one type with a GPU, even if `instanceTypes` names others.
 */
const GPU_PRICE_PERCENTAGE = 100;
/** Required prefix of the role's name: AWS's policy allows ECS to pass only roles with this prefix. */
const INSTANCE_ROLE = 'ecsInstanceRole';
/** IAM limits names to 64 characters; names of regions have up to 14. */
const UNIQUE_CHARACTERS = 64 - INSTANCE_ROLE.length - 16;

/**
 * Adds the capacity provider of one pipeline: it has instances only while there are tasks.
 *
 * @returns the name of the capacity provider
 */
export function addCapacity(scope: Construct, id: string, props: CapacityProps): string {
  return props.compute.capacity === 'managed-instances'
    ? addManagedInstances(scope, id, props)
    : addAutoScalingGroup(scope, id, props);
}

function addManagedInstances(scope: Construct, id: string, { cluster, networking, compute }: CapacityProps): string {
  const { gpus, instanceTypes } = compute;
  const provider = new ecs.ManagedInstancesCapacityProvider(scope, id, {
    subnets: [...networking.subnets],
    securityGroups: [networking.securityGroup],
    capacityOptionType: compute.spot ? ecs.CapacityOptionType.SPOT : ecs.CapacityOptionType.ON_DEMAND,
    taskVolumeStorage: VOLUME,
    instanceRequirements: {
      vCpuCountMin: compute.cpu,
      memoryMin: Size.mebibytes(instanceMemoryMb(compute)),
      cpuManufacturers: [ec2.CpuManufacturer.INTEL, ec2.CpuManufacturer.AMD],
      ...(gpus > 0 && {
        acceleratorTypes: [ec2.AcceleratorType.GPU],
        acceleratorManufacturers: [ec2.AcceleratorManufacturer.NVIDIA],
        acceleratorCountMin: gpus,
        onDemandMaxPricePercentageOverLowestPrice: GPU_PRICE_PERCENTAGE,
      }),
      ...(instanceTypes !== undefined && { allowedInstanceTypes: [...instanceTypes] }),
    },
  });
  cluster.addManagedInstancesCapacityProvider(provider);
  nameByRegion(provider);
  acknowledgeManagedInstances(provider);
  return provider.capacityProviderName;
}

/** Adds the region to names of IAM, which are unique in an account: otherwise the stack could exist in only one region. */
function nameByRegion(provider: ecs.ManagedInstancesCapacityProvider): void {
  const unique = Names.uniqueResourceName(provider, { maxLength: UNIQUE_CHARACTERS });
  const name = `${INSTANCE_ROLE}${unique}-${Aws.REGION}`;
  const [role, profile] = ['InstanceRole', 'InstanceProfile'].map(
    (id) => provider.node.findChild(id).node.defaultChild,
  );
  if (role instanceof iam.CfnRole) role.roleName = name;
  if (profile instanceof iam.CfnInstanceProfile) profile.instanceProfileName = name;
}

function addAutoScalingGroup(scope: Construct, id: string, props: CapacityProps): string {
  const { cluster, networking, compute } = props;
  const within = new Construct(scope, id);
  const group = new autoscaling.AutoScalingGroup(within, 'Group', {
    vpc: networking.vpc,
    vpcSubnets: { subnets: [...networking.subnets] },
    minCapacity: 0,
    maxCapacity: compute.maxTasks,
    mixedInstancesPolicy: {
      launchTemplate: launchTemplate(within, props),
      instancesDistribution: {
        onDemandPercentageAboveBaseCapacity: compute.spot ? 0 : 100,
        spotAllocationStrategy: autoscaling.SpotAllocationStrategy.PRICE_CAPACITY_OPTIMIZED,
      },
      launchTemplateOverrides: [{ instanceRequirements: groupRequirements(compute) }],
    },
  });
  acknowledgeAutoScalingGroup(group);
  const provider = new ecs.AsgCapacityProvider(within, 'Provider', {
    autoScalingGroup: group,
    spotInstanceDraining: compute.spot,
  });
  cluster.addAsgCapacityProvider(provider);
  return provider.capacityProviderName;
}

function launchTemplate(scope: Construct, { networking, compute }: CapacityProps): ec2.LaunchTemplate {
  const hardware = compute.gpus > 0 ? ecs.AmiHardwareType.GPU : ecs.AmiHardwareType.STANDARD;
  const role = new iam.Role(scope, 'InstanceRole', { assumedBy: new iam.ServicePrincipal('ec2.amazonaws.com') });
  acknowledgeInstanceRole(role);
  return new ec2.LaunchTemplate(scope, 'Template', {
    machineImage: ecs.EcsOptimizedImage.amazonLinux2023(hardware),
    userData: ec2.UserData.forLinux(),
    role,
    securityGroup: networking.securityGroup,
    requireImdsv2: true,
    blockDevices: [
      {
        deviceName: ROOT_DEVICE,
        volume: ec2.BlockDeviceVolume.ebs(VOLUME.toGibibytes(), {
          volumeType: ec2.EbsDeviceVolumeType.GP3,
          encrypted: true,
        }),
      },
    ],
  });
}

function groupRequirements(compute: ContainerCompute): autoscaling.CfnAutoScalingGroup.InstanceRequirementsProperty {
  const { gpus, instanceTypes } = compute;
  return {
    vCpuCount: { min: compute.cpu },
    memoryMiB: { min: instanceMemoryMb(compute) },
    cpuManufacturers: ['intel', 'amd'],
    ...(gpus > 0 && {
      acceleratorTypes: ['gpu'],
      acceleratorManufacturers: ['nvidia'],
      acceleratorCount: { min: gpus },
      onDemandMaxPricePercentageOverLowestPrice: GPU_PRICE_PERCENTAGE,
    }),
    ...(instanceTypes !== undefined && { allowedInstanceTypes: [...instanceTypes] }),
  };
}

function instanceMemoryMb({ memoryMb }: ContainerCompute): number {
  return Math.ceil(memoryMb / TASK_MEMORY_SHARE);
}
