import {
  type Architecture,
  LAMBDA_MEMORY_MB_PER_VCPU,
  type LambdaCompute,
  maxRunsAtOnce,
} from '../../../lib/config/compute.ts';
import type { Burst, Place } from './place.ts';
import type { Prices } from './prices.ts';
import {
  bundlesOf,
  requestDollars,
  requestSecs,
  secsPerElement,
  steadyRequestDollars,
  type Workload,
} from './workload.ts';

/** https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html: five batches at once, then 300 more per minute, up to 1,000. */
const RUNS_AT_FIRST = 5;
const MORE_RUNS_PER_SEC = 5;
const MAX_RUNS = 1000;
/** Seconds that a function waits for S3 and SQS per bundle. An assumption: nothing was measured on AWS. */
export const ROUND_TRIP_SECS = 0.15;
/** Ephemeral storage that is free of charge. */
const FREE_DISK_MB = 512;

export interface LambdaPlaceOptions {
  readonly architecture: Architecture;
  readonly compute: Pick<LambdaCompute, 'memoryMb' | 'ephemeralStorageMb' | 'maxConcurrency'>;
  readonly prices: Prices;
}

/** Returns the seconds that one run of the function takes for one bundle. */
export function lambdaBundleSecs(workload: Workload, memoryMb: number): number {
  const perElement = secsPerElement(workload, memoryMb / LAMBDA_MEMORY_MB_PER_VCPU);
  return workload.elementsPerBundle * perElement + ROUND_TRIP_SECS;
}

/** Describes a function of AWS Lambda: one run per bundle, and one cold start per concurrent run. */
export function lambdaPlace(workload: Workload, { architecture, compute, prices }: LambdaPlaceOptions): Place {
  const { memoryMb, ephemeralStorageMb } = compute;
  const limit = Math.min(maxRunsAtOnce(compute) ?? MAX_RUNS, MAX_RUNS);
  const vcpus = memoryMb / LAMBDA_MEMORY_MB_PER_VCPU;
  const secDollars =
    (memoryMb / 1024) * (architecture === 'arm64' ? prices.lambdaArm64GbSec : prices.lambdaX86GbSec) +
    (Math.max(0, ephemeralStorageMb - FREE_DISK_MB) / 1024) * prices.lambdaDiskGbSec;
  const bundleSecs = lambdaBundleSecs(workload, memoryMb);
  // Starting is billed: https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/
  const coldSecs = Math.max(workload.startSecs, workload.startCpuSecs / vcpus);
  const bundleDollars = bundleSecs * secDollars + prices.lambdaMillionRequests / 1e6;
  const steadyDollars = bundleDollars / workload.elementsPerBundle + steadyRequestDollars(workload, prices);

  const burst = (elements: number): Burst => {
    const bundles = bundlesOf(workload, elements);
    // A last bundle that is not full takes less time, but the same round trips.
    const workSecs = elements * secsPerElement(workload, vcpus) + bundles * ROUND_TRIP_SECS;
    const { atOnce, secs } = ramp(workSecs, { bundles, limit });
    const requests =
      (bundles * prices.lambdaMillionRequests) / 1e6 + requestDollars(workload, { elements, bundles, prices });
    return {
      secs: coldSecs + Math.max(secs, Math.min(bundleSecs, workSecs), requestSecs(workload, elements)),
      atOnce,
      dollars: (workSecs + atOnce * coldSecs) * secDollars + requests,
    };
  };
  return { name: `Lambda ${architecture}`, secsPerElement: secsPerElement(workload, vcpus), steadyDollars, burst };
}

/** Returns the seconds that work takes while Lambda adds runs, and the number of runs at the end. */
function ramp(workSecs: number, { bundles, limit }: { readonly bundles: number; readonly limit: number }) {
  const max = Math.min(limit, bundles);
  const first = Math.min(RUNS_AT_FIRST, max);
  const rampSecs = (max - first) / MORE_RUNS_PER_SEC;
  const doneInRamp = first * rampSecs + (MORE_RUNS_PER_SEC / 2) * rampSecs ** 2;
  if (workSecs >= doneInRamp) {
    return { atOnce: max, secs: max === 0 ? 0 : rampSecs + (workSecs - doneInRamp) / max };
  }
  // The solution of first · t + MORE_RUNS_PER_SEC / 2 · t² = workSecs.
  const secs = (Math.sqrt(first ** 2 + 2 * MORE_RUNS_PER_SEC * workSecs) - first) / MORE_RUNS_PER_SEC;
  return { atOnce: first + MORE_RUNS_PER_SEC * secs, secs };
}
