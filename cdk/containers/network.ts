import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Construct, type IDependable } from 'constructs';
import type { ContainerNetwork } from '../../lib/config/compute.ts';
import { acknowledgeNoFlowLogs } from '../acknowledgements.ts';

/** Properties of the network of containers. */
export interface NetworkProps {
  /** Kind of the network: with an internet gateway, or with endpoints only. */
  readonly network: ContainerNetwork;
  /** Services from which handlers read secrets, and workers the parameter of their governor. */
  readonly parameterServices: ReadonlySet<'secretsManager' | 'ssm'>;
}

/** Two, as one zone can be short of GPU instances; each endpoint is billed once for each zone. */
export const ZONES = 2;
const HTTPS = ec2.Port.tcp(443);

/** Services that ECS needs to start a task, and that workers need, by construct id. */
const SERVICES: Readonly<Record<string, ec2.InterfaceVpcEndpointAwsService>> = {
  EcrApi: ec2.InterfaceVpcEndpointAwsService.ECR,
  EcrDkr: ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
  Ecs: ec2.InterfaceVpcEndpointAwsService.ECS,
  EcsAgent: ec2.InterfaceVpcEndpointAwsService.ECS_AGENT,
  EcsTelemetry: ec2.InterfaceVpcEndpointAwsService.ECS_TELEMETRY,
  Logs: ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
  Monitoring: ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_MONITORING,
  Sqs: ec2.InterfaceVpcEndpointAwsService.SQS,
};

/**
 * The network of tasks, without inbound traffic. Tasks in `public` reach the internet through a gateway, which costs nothing when
 * idle. Tasks in `private` reach only the AWS services that they need, through endpoints that are billed by the hour. Both have
 * a free gateway endpoint for S3, and neither has a NAT gateway.
 */
export class ContainerNetworking extends Construct {
  /** VPC of all tasks. */
  readonly vpc: ec2.IVpc;
  /** Subnets of the tasks, one in each zone. */
  readonly subnets: readonly ec2.ISubnet[];
  /** Security group of instances and tasks. */
  readonly securityGroup: ec2.SecurityGroup;
  /** Routes and endpoints that a task needs from its start to its end. */
  readonly connectivity: readonly IDependable[];

  constructor(scope: Construct, id: string, { network, parameterServices }: NetworkProps) {
    super(scope, id);
    const subnetType = network === 'public' ? ec2.SubnetType.PUBLIC : ec2.SubnetType.PRIVATE_ISOLATED;
    const vpc = new ec2.Vpc(this, 'Vpc', {
      maxAzs: ZONES,
      natGateways: 0,
      subnetConfiguration: [{ name: 'Tasks', subnetType, ...(network === 'public' && { mapPublicIpOnLaunch: true }) }],
      gatewayEndpoints: { S3: { service: ec2.GatewayVpcEndpointAwsService.S3 } },
      // The default group is unused, and restricting it requires a custom resource with a function.
      restrictDefaultSecurityGroup: false,
    });
    acknowledgeNoFlowLogs(vpc);
    // CDK's classes implement its interfaces except for exact optional properties.
    this.vpc = vpc as ec2.IVpc;
    this.subnets = network === 'public' ? this.vpc.publicSubnets : this.vpc.isolatedSubnets;
    this.securityGroup = new ec2.SecurityGroup(this, 'Tasks', {
      vpc: this.vpc,
      description: 'Tasks: no way in',
      allowAllOutbound: true,
    });
    const endpoints = network === 'private' ? this.#addEndpoints(parameterServices) : [];
    const routes = this.subnets.map(({ internetConnectivityEstablished }) => internetConnectivityEstablished);
    this.connectivity = [...routes, ...endpoints, ...gatewaysOf(vpc)];
  }

  #addEndpoints(parameterServices: NetworkProps['parameterServices']): readonly IDependable[] {
    const group = new ec2.SecurityGroup(this, 'Endpoints', {
      vpc: this.vpc,
      description: 'Endpoints: HTTPS from tasks',
      allowAllOutbound: false,
    });
    group.addIngressRule(this.securityGroup, HTTPS, 'Tasks and their instances');
    const services = {
      ...SERVICES,
      ...(parameterServices.has('secretsManager') && { Secrets: ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER }),
      ...(parameterServices.has('ssm') && { Ssm: ec2.InterfaceVpcEndpointAwsService.SSM }),
    };
    return Object.entries(services).map(([id, service]) =>
      this.vpc.addInterfaceEndpoint(id, {
        service,
        securityGroups: [group],
        open: false,
        subnets: { subnets: [...this.subnets] },
      }),
    );
  }
}

/** Returns the gateway endpoint of S3. */
function gatewaysOf(vpc: ec2.Vpc): readonly IDependable[] {
  return vpc.node.findAll().filter((construct) => construct instanceof ec2.GatewayVpcEndpoint);
}
