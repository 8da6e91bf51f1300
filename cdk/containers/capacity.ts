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

export interface CapacityProps {
  readonly cluster: ecs.Cluster;
  readonly networking: ContainerNetworking;
  readonly compute: ContainerCompute;
}

const VOLUME = Size.gibibytes(INSTANCE_DISK_GIB);
const ROOT_DEVICE = '/dev/xvda';
/**
 * EC2 drops instance types on demand whose price is more than this percentage above the cheapest one that fits. Its
 * default, 20, leaves one type with a GPU, also where `instanceTypes` names others.
 */
const GPU_PRICE_PERCENTAGE = 100;
/** The role's name must start with this: AWS's policy lets ECS pass roles of such names alone. */
const INSTANCE_ROLE = 'ecsInstanceRole';
/** IAM's limit on names is 64 characters; the longest names of regions have 14. */
const UNIQUE_CHARACTERS = 64 - INSTANCE_ROLE.length - 16;

/**
 * The instances of one pipeline's tasks: as many as its tasks need, and none without a task.
 *
 * @returns the name of their capacity provider.
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

/** IAM's names are unique in an account: without the region a stack of the same name in another region could not be made. */
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
