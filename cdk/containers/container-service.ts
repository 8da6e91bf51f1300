import { Aws, Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct, type IDependable } from 'constructs';
import { environmentOf } from '../../functions/environment.ts';
import type { ContainerCompute } from '../../lib/config/compute.ts';
import {
  acknowledgeEnvironment,
  acknowledgeImagePulls,
  acknowledgeNoContainerInsights,
  acknowledgeOwnTasks,
} from '../acknowledgements.ts';
import type { UserCode } from '../bundling/engine-bundling.ts';
import { acknowledgePipeline, bundleSettings, type PipelineAccess, pipelineStatements } from '../pipeline-access.ts';
import { allow, consumeFrom } from '../permissions.ts';
import { addCapacity } from './capacity.ts';
import type { ContainerNetworking } from './network.ts';
import { TaskScaling } from './scaling.ts';
import { workerImage } from './worker-image.ts';

/** Properties of the service of one pipeline. */
export interface ContainerServiceProps {
  /** Resources that the tasks access. */
  readonly access: PipelineAccess;
  /** Compute options of the pipeline. */
  readonly compute: ContainerCompute;
  /** User code of the pipeline. */
  readonly code: UserCode;
  /** Network of the tasks. */
  readonly networking: ContainerNetworking;
}

const CPU_UNITS = 1024;
/** Port of the worker's health endpoint on 127.0.0.1. */
const HEALTH_PORT = 8080;
/** Models have ten minutes to load: a start period of five minutes, then ten failures at intervals of 30 s. */
const HEALTH_CHECK: ecs.HealthCheck = {
  command: ['CMD', 'node', 'health-check.mjs'],
  startPeriod: Duration.minutes(5),
  interval: Duration.seconds(30),
  timeout: Duration.seconds(5),
  retries: 10,
};
/** Default size of Node's thread pool, which decodes images; the pool has a thread for each vCPU if there are more. */
const MIN_POOL_THREADS = 4;
/** The only writable folder of a task. */
const TEMPORARY = { name: 'tmp', path: '/tmp' };

/** The workers of one pipeline: image, permissions, instances and scaling. */
export class ContainerService extends Construct {
  /** Cluster of this pipeline only, as a task can change the protection of all tasks in its cluster; clusters are free. */
  readonly cluster: ecs.Cluster;
  /** Definition of the tasks. */
  readonly taskDefinition: ecs.TaskDefinition;
  /** Service that runs the tasks. */
  readonly service: ecs.CfnService;
  /** `<cluster>/<service>`, as in the resource ids of Application Auto Scaling. */
  readonly clusterAndService: string;

  constructor(scope: Construct, id: string, props: ContainerServiceProps) {
    super(scope, id);
    const { access, compute, networking } = props;
    const cluster = new ecs.Cluster(this, 'Cluster', {
      vpc: networking.vpc,
      containerInsightsV2: ecs.ContainerInsights.DISABLED,
    });
    acknowledgeNoContainerInsights(cluster);
    this.cluster = cluster;
    this.taskDefinition = this.#define(props);
    const capacityProvider = addCapacity(this, 'Capacity', { cluster, networking, compute });
    this.service = this.#serve(props, capacityProvider);
    // A group's provider must belong to the cluster before a service can use it. Tasks need the policies of their roles and the
    // network from their start until their end, also while the stack is deleted.
    this.service.node.addDependency(cluster, ...this.#roles(), ...networking.connectivity);
    this.clusterAndService = `${cluster.clusterName}/${this.service.attrName}`;
    const { bundleQueue, governedBy } = access;
    const isGoverned = governedBy !== undefined;
    new TaskScaling(this, 'Scaling', { cluster, service: this.service, bundleQueue, compute, isGoverned });
  }

  #define(props: ContainerServiceProps): ecs.TaskDefinition {
    const { compute, code } = props;
    const isManaged = compute.capacity === 'managed-instances';
    const executionRole = this.#role('ExecutionRole');
    acknowledgeImagePulls(executionRole);
    const task = new ecs.TaskDefinition(this, 'Task', {
      compatibility: isManaged ? ecs.Compatibility.MANAGED_INSTANCES : ecs.Compatibility.EC2,
      networkMode: hasOwnInterface(compute) ? ecs.NetworkMode.AWS_VPC : ecs.NetworkMode.HOST,
      cpu: String(compute.cpu * CPU_UNITS),
      memoryMiB: String(compute.memoryMb),
      ...(isManaged && {
        runtimePlatform: {
          cpuArchitecture: ecs.CpuArchitecture.X86_64,
          operatingSystemFamily: ecs.OperatingSystemFamily.LINUX,
        },
      }),
      volumes: [{ name: TEMPORARY.name }],
      taskRole: this.#taskRole(props),
      executionRole,
    });
    acknowledgeEnvironment(task);
    const { image, configModule } = workerImage(this, compute.gpus > 0 ? 'gpu' : 'cpu', code);
    task
      .addContainer('Worker', { ...this.#container(props, configModule), image })
      .addMountPoints({ sourceVolume: TEMPORARY.name, containerPath: TEMPORARY.path, readOnly: false });
    return task;
  }

  #container(
    { access, compute }: ContainerServiceProps,
    configModule: string,
  ): Omit<ecs.ContainerDefinitionOptions, 'image'> {
    const logGroup = new logs.LogGroup(this, 'Logs', {
      retention: access.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    return {
      memoryLimitMiB: compute.memoryMb,
      ...(compute.gpus > 0 && { gpuCount: compute.gpus }),
      environment: {
        ...environmentOf({
          ...bundleSettings(access, configModule),
          stopTimeoutSecs: compute.stopTimeoutSecs,
          visibilitySecs: compute.visibilitySecs,
          healthPort: HEALTH_PORT,
        }),
        AWS_REGION: Aws.REGION,
        UV_THREADPOOL_SIZE: String(Math.max(MIN_POOL_THREADS, compute.cpu)),
      },
      logging: ecs.LogDrivers.awsLogs({ logGroup, streamPrefix: 'worker' }),
      stopTimeout: Duration.seconds(compute.stopTimeoutSecs),
      healthCheck: HEALTH_CHECK,
      readonlyRootFilesystem: true,
      linuxParameters: this.#linux(),
      // Tasks that share an instance's network interface can't share ports, so an instance runs one task.
      ...(!hasOwnInterface(compute) && { portMappings: [{ containerPort: HEALTH_PORT, hostPort: HEALTH_PORT }] }),
    };
  }

  #linux(): ecs.LinuxParameters {
    const linux = new ecs.LinuxParameters(this, 'Linux', { initProcessEnabled: true });
    linux.dropCapabilities(ecs.Capability.ALL);
    return linux;
  }

  #taskRole({ access }: ContainerServiceProps): iam.Role {
    const { cluster } = this;
    const role = this.#role('TaskRole');
    const ownTasks = `arn:${Aws.PARTITION}:ecs:${Aws.REGION}:${Aws.ACCOUNT_ID}:task/${cluster.clusterName}/*`;
    const statements = [
      consumeFrom(access.bundleQueue),
      ...pipelineStatements(access),
      allow(['ecs:UpdateTaskProtection'], [ownTasks]),
    ];
    for (const statement of statements) role.addToPolicy(statement);
    acknowledgePipeline(role, access);
    acknowledgeOwnTasks(role, cluster);
    return role;
  }

  /** Returns the roles; a dependency on a role includes its policies. */
  #roles(): readonly IDependable[] {
    return this.node.children.filter((construct) => construct instanceof iam.Role);
  }

  #role(id: string): iam.Role {
    return new iam.Role(this, id, { assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com') });
  }

  #serve({ compute, networking }: ContainerServiceProps, capacityProvider: string): ecs.CfnService {
    return new ecs.CfnService(this, 'Service', {
      cluster: this.cluster.clusterArn,
      taskDefinition: this.taskDefinition.taskDefinitionArn,
      capacityProviderStrategy: [{ capacityProvider, weight: 1 }],
      // Without a desired count a deployment keeps the number of tasks.
      deploymentConfiguration: {
        minimumHealthyPercent: 0,
        maximumPercent: 100,
        deploymentCircuitBreaker: { enable: true, rollback: true },
      },
      availabilityZoneRebalancing: ecs.AvailabilityZoneRebalancing.DISABLED,
      enableEcsManagedTags: true,
      propagateTags: ecs.PropagatedTagSource.SERVICE,
      ...(hasOwnInterface(compute) && {
        networkConfiguration: {
          awsvpcConfiguration: {
            subnets: networking.subnets.map(({ subnetId }) => subnetId),
            securityGroups: [networking.securityGroup.securityGroupId],
          },
        },
      }),
    });
  }
}

/**
 * Returns true if a task has a separate network interface. Such an interface never has a public address, so tasks in a public
 * network use their instance's interface: https://github.com/aws/containers-roadmap/issues/423.
 */
function hasOwnInterface({ network }: ContainerCompute): boolean {
  return network === 'private';
}
