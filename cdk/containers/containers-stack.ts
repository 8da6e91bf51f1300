import { Fn, NestedStack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { ContainerCompute } from '../../lib/config/compute.ts';
import type { FabricPipeline } from '../fabric-pipeline.ts';
import { ContainerService } from './container-service.ts';
import { ContainerNetworking, ZONES } from './network.ts';

export interface FabricContainersStackProps {
  /** Those whose compute is a container; their queues stay where they are. */
  readonly pipelines: readonly FabricPipeline[];
}

/**
 * The containers of a fabric: a network, and in it a cluster and a service for each pipeline.
 *
 * It is nested in the fabric's stack, so that the two are deployed and rolled back together, and a pipeline can go from
 * functions to containers and back: values that are exported from one stack to another could not go away.
 */
export class FabricContainersStack extends NestedStack {
  readonly networking: ContainerNetworking;
  /** By pipeline. */
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

  /** As they are for a stack without a region: nothing is looked up for one that has one either. */
  override get availabilityZones(): string[] {
    return Array.from({ length: ZONES }, (_, index) => Fn.select(index, Fn.getAzs()));
  }
}

/** `checkFabric` has seen to it that they agree. */
function networkOf([first]: readonly { readonly compute: ContainerCompute }[]): ContainerCompute['network'] {
  return first?.compute.network ?? 'public';
}

/** What a governor says is a parameter, too. */
function parameterServices(pipelines: readonly FabricPipeline[]): ReadonlySet<'secretsManager' | 'ssm'> {
  const secrets = pipelines.flatMap(({ access }) => access.pipeline.endpoints?.secrets ?? []);
  const isGoverned = pipelines.some(({ governedBy }) => governedBy !== undefined);
  const ofSecrets = secrets.flatMap((secret) =>
    'secretsManager' in secret ? (['secretsManager'] as const) : 'ssm' in secret ? (['ssm'] as const) : [],
  );
  return new Set([...ofSecrets, ...(isGoverned ? (['ssm'] as const) : [])]);
}
