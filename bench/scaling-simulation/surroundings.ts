import { container } from '../../lib/config/compute.ts';
import { instanceHourDollars } from '../../cli/estimate/costs/container-place.ts';
import { GPU_TYPES } from '../../cli/estimate/costs/instance-types.ts';
import { PRICES } from '../../cli/estimate/costs/prices.ts';
import type { Surroundings } from './simulate.ts';

/** Values that the design does not decide. Those without a source are assumptions; none was measured on AWS. */
export const SURROUNDINGS: Surroundings = {
  seed: 1,
  /** A datapoint is of a whole minute, and shown after that. */
  metricLagSecs: [60, 120],
  /** Until an instance is in the cluster, and then until it has an image of some GB. */
  bootSecs: [60, 120],
  imagePullSecs: [60, 150],
  modelLoadSecs: [20, 60],
  /** ECS's own default is not documented: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_InfrastructureOptimization.html */
  instanceIdleSecs: 300,
  /** About three a week: https://github.com/kedacore/keda/issues/7845 */
  phantomShare: 1 / 3000,
  /** Bundles of a task with three cores, if bundles take a while (lib/jobs/consuming/bundles-at-once.ts). */
  bundlesAtOnce: 4,
};

const INSTANCE = 'g6.xlarge';

/** An hour of an instance with one GPU, with its disk, address and ECS's fee. */
export function hourDollars(): number {
  const type = GPU_TYPES.find(({ name }) => name === INSTANCE);
  if (type === undefined) throw new Error(`there is no price of ${INSTANCE}`);
  return instanceHourDollars({ type, compute: container({ gpus: 1 }), prices: PRICES });
}
