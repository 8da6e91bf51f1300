import {
  ApplicationAutoScalingClient,
  ConcurrentUpdateException,
  DescribeScalableTargetsCommand,
  RegisterScalableTargetCommand,
} from '@aws-sdk/client-application-auto-scaling';
import { FabricError } from '../../lib/errors.ts';
import { clientConfig } from '../../lib/stores/aws-client.ts';
import type { EcsService } from '../settings.ts';
import type { Pollers } from './ports.ts';

/** Of a service without a task none is left to take a bundle and show what the endpoint accepts. */
const LEAST_TASKS = 1;
/** A task takes several bundles, but who has one is at work. */
const BUNDLES_AT_WORK = 1;

/**
 * The scaling of ECS services: `maxConcurrency` is the most tasks that it may ask for. The fewest stay what the user said.
 *
 * When the most falls under the tasks that are wanted now, fewer are wanted at once:
 * https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html. Tasks at work end later, when
 * they have heard that they are too many and gave up their protection.
 */
export function openServicePollers(): Pollers<EcsService> {
  const client = new ApplicationAutoScalingClient(clientConfig({}));
  return {
    async read(service, { signal }) {
      const { ScalableDimension, ServiceNamespace, ResourceId } = targetOf(service);
      const command = new DescribeScalableTargetsCommand({
        ServiceNamespace,
        ScalableDimension,
        ResourceIds: [ResourceId],
      });
      const { ScalableTargets: [target] = [] } = await client.send(command, { abortSignal: signal });
      if (target === undefined)
        throw new FabricError('NOT_SCALED', `${ResourceId} is not scaled by Application Auto Scaling`, {
          disposition: 'retry',
        });
      const { MinCapacity = 0, MaxCapacity, SuspendedState } = target;
      return {
        isEnabled: SuspendedState?.DynamicScalingOutSuspended !== true,
        least: Math.max(LEAST_TASKS, MinCapacity),
        batchSize: BUNDLES_AT_WORK,
        ...(MaxCapacity === undefined ? {} : { maxConcurrency: MaxCapacity }),
      };
    },
    async setMaxConcurrency(service, concurrency, { signal }) {
      const command = new RegisterScalableTargetCommand({ ...targetOf(service), MaxCapacity: concurrency });
      try {
        await client.send(command, { abortSignal: signal });
        return true;
      } catch (error) {
        if (error instanceof ConcurrentUpdateException) return false;
        throw error;
      }
    },
  };
}

function targetOf({ cluster, service }: EcsService) {
  return {
    ServiceNamespace: 'ecs',
    ScalableDimension: 'ecs:service:DesiredCount',
    ResourceId: `service/${cluster}/${service}`,
  } as const;
}
