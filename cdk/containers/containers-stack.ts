import { Fn, NestedStack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { ContainerCompute } from '../../lib/config/compute.ts';
import type { FabricPipeline } from '../fabric-pipeline.ts';
import { ContainerService } from './container-service.ts';
import { ContainerNetworking, ZONES } from './network.ts';

/** Properties of a FabricContainersStack. */
export interface FabricContainersStackProps {
  /** Pipelines whose compute is a container. Their queues are in the parent stack. */
  readonly pipelines: readonly FabricPipeline[];
}

/**
 * The containers of a fabric: a network with a cluster and a service for each pipeline.
 *
 * The stack is nested in the fabric's stack, so that both are deployed and rolled back together, and a pipeline can move from
 * functions to containers and back: exports between separate stacks could not be removed.
 */
export class FabricContainersStack extends NestedStack {
  /** Network of all containers. */
  readonly networking: ContainerNetworking;
  /** Services by the name of their pipeline. */
  readonly services: ReadonlyMap<string, ContainerService>;

  constructor(scope: Construct, id: string, { pipelines }: FabricContainersStackProps) {
    super(scope, id, { description: 'Containers of an inference fabric' });
    const contained = pipelines.flatMap((pipeline) => {
      const { compute } = pipeline.access.pipeline;
      return compute.kind === 'container' ? [{ pipeline, compute }] : [];
    });
    this.networking = new ContainerNetworking(this, 'Network', {
      network: networkOf(contained),
      parameterServices: parameterServices(pipelines),
    });
    const { networking } = this;
    this.services = new Map(
      contained.map(({ pipeline: { access, code }, compute }) => {
        const { name } = access.pipeline;
        return [name, new ContainerService(this, name, { access, compute, code, networking })];
      }),
    );
  }

  /** Availability zones by index, as in a stack without a region, so that synthesis needs no lookups. */
  override get availabilityZones(): string[] {
    return Array.from({ length: ZONES }, (_, index) => Fn.select(index, Fn.getAzs()));
  }
}

/** Returns the network of all pipelines; `checkFabric` ensures that they have the same. */
function networkOf([first]: readonly { readonly compute: ContainerCompute }[]): ContainerCompute['network'] {
  return first?.compute.network ?? 'public';
}

/** Returns the services that hold secrets of handlers, and parameters of governors. */
function parameterServices(pipelines: readonly FabricPipeline[]): ReadonlySet<'secretsManager' | 'ssm'> {
  const secrets = pipelines.flatMap(({ access }) => access.pipeline.endpoints?.secrets ?? []);
  const isGoverned = pipelines.some(({ governedBy }) => governedBy !== undefined);
  const ofSecrets = secrets.flatMap((secret) =>
    'secretsManager' in secret ? (['secretsManager'] as const) : 'ssm' in secret ? (['ssm'] as const) : [],
  );
  return new Set([...ofSecrets, ...(isGoverned ? (['ssm'] as const) : [])]);
}
