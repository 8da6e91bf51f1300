import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Construct, type IDependable } from 'constructs';
import type { ContainerNetwork } from '../../lib/config/compute.ts';
import { acknowledgeNoFlowLogs } from '../acknowledgements.ts';

export interface NetworkProps {
  readonly network: ContainerNetwork;
  /** Services that handlers read secrets from, and workers what their governor says. */
  readonly parameterServices: ReadonlySet<'secretsManager' | 'ssm'>;
}

/** A zone that has no GPU to spare should not be the only one; an endpoint is paid for in each. */
export const ZONES = 2;
const HTTPS = ec2.Port.tcp(443);

/** What ECS needs to start a task and the worker to do its work, by the ids of their constructs. */
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
 * Where tasks run. Nothing gets in. `public` has a way out over the internet gateway, which costs nothing at rest;
 * `private` has none but to the services that are needed, over endpoints that are paid for by the hour. S3 is reached by a
 * gateway endpoint, which is free, in both; there is no NAT in either.
 */
export class ContainerNetworking extends Construct {
  readonly vpc: ec2.IVpc;
  readonly subnets: readonly ec2.ISubnet[];
  /** Of instances and tasks. */
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
      // Nothing is in the default group, and restricting it takes a function.
      restrictDefaultSecurityGroup: false,
    });
    acknowledgeNoFlowLogs(vpc);
    // CDK's classes are its interfaces but for exact optional properties.
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

/** The gateway endpoint to S3, in both kinds of networks. */
function gatewaysOf(vpc: ec2.Vpc): readonly IDependable[] {
  return vpc.node.findAll().filter((construct) => construct instanceof ec2.GatewayVpcEndpoint);
}
