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

/** A service needs one task to learn what the endpoint accepts. */
const MIN_TASKS = 1;
/** A task with one bundle is busy, though it can process several. */
const BUNDLES_PER_TASK = 1;

/**
 * Opens the scaling of ECS services, where `maxConcurrency` is the maximum number of tasks. The minimum is the user's.
 *
 * If the new maximum is lower than the desired count, the desired count is lowered at once:
 * https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html. Busy tasks end later, after
 * they have read that there are too many tasks and removed their protection.
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
        least: Math.max(MIN_TASKS, MinCapacity),
        batchSize: BUNDLES_PER_TASK,
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
