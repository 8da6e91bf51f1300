import type { Prices } from './prices.ts';

/** Resources that a pipeline needs, as measured on one machine. */
export interface Workload {
  /** CPU seconds of the engine and its model hosts, per element. */
  readonly cpuSecsPerElement: number;
  /** Seconds per element of one engine with `cores`, on an otherwise idle machine. */
  readonly wallSecsPerElement: number;
  /** Number of cores of the engine. */
  readonly cores: number;
  /** True if the pipeline mostly waits for endpoints or for a GPU, so that more cores do not make it faster. */
  readonly isWaiting: boolean;
  /** Seconds and CPU seconds from the start of the engine until its models are loaded. */
  readonly startSecs: number;
  readonly startCpuSecs: number;
  /** Peak memory of the engine and its model hosts together. */
  readonly peakMemoryMb: number;
  readonly elementsPerBundle: number;
  /** Share of elements that failed. */
  readonly failedShare: number;
  /** Objects that are read and written per element, in addition to those of its bundle: 1 if each element is an object. */
  readonly readsPerElement: number;
  readonly writesPerElement: number;
}

/**
 * Returns the seconds per element on a machine with a number of vCPUs, each as fast as a core of the measured machine: the
 * CPU time is shared by all of them. The result is never less than the measured time, which includes work that does not
 * run in parallel.
 */
export function secsPerElement(workload: Workload, vcpus: number): number {
  const { cpuSecsPerElement, wallSecsPerElement, cores, isWaiting } = workload;
  const engineCores = Math.max(1, Math.floor(vcpus));
  const least = isWaiting ? wallSecsPerElement : wallSecsPerElement * Math.min(1, cores / engineCores);
  return Math.max(cpuSecsPerElement / vcpus, least);
}

/**
 * Requests per bundle in every place. Its message is sent, received, extended and deleted. Its plan and its state are
 * looked up, it is read, and its part is written. Failures are staged and moved.
 */
const BUNDLE_REQUESTS = { messages: 4, reads: 8, writes: 1, writesOfFailures: 2 };

/** Returns the number of full bundles of an input; the last one counts as a fraction. At least one, if there are elements. */
export function bundlesOf({ elementsPerBundle }: Workload, elements: number): number {
  return elements === 0 ? 0 : Math.max(1, elements / elementsPerBundle);
}

/** Returns the dollars for the requests to S3 and SQS of a number of elements and bundles. */
export function requestDollars(
  { failedShare, readsPerElement, writesPerElement }: Workload,
  { elements, bundles, prices }: { readonly elements: number; readonly bundles: number; readonly prices: Prices },
): number {
  // Each failure also becomes a dead letter.
  const messages = bundles * BUNDLE_REQUESTS.messages + elements * failedShare;
  const reads = bundles * BUNDLE_REQUESTS.reads + elements * readsPerElement;
  const writesOfBundle = BUNDLE_REQUESTS.writes + (failedShare > 0 ? BUNDLE_REQUESTS.writesOfFailures : 0);
  const writes = bundles * writesOfBundle + elements * writesPerElement;
  return (
    (messages * prices.sqsMillionRequests) / 1e6 +
    (reads * prices.s3ThousandGets) / 1000 +
    (writes * prices.s3ThousandPuts) / 1000
  );
}

/**
 * Requests per second that S3 serves under one prefix:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
 */
const READS_PER_SEC = 5500;
const WRITES_PER_SEC = 3500;

/**
 * Estimates the minimum number of seconds that S3 needs for an input whose elements are objects under one prefix,
 * however many processes read them. S3 splits a busy prefix within 30 to 60 minutes, which the estimate ignores.
 */
export function requestSecs({ readsPerElement, writesPerElement }: Workload, elements: number): number {
  return Math.max((elements * readsPerElement) / READS_PER_SEC, (elements * writesPerElement) / WRITES_PER_SEC);
}

/** Returns the dollars per element for requests, with full bundles. */
export function steadyRequestDollars(workload: Workload, prices: Prices): number {
  return requestDollars(workload, { elements: 1, bundles: 1 / workload.elementsPerBundle, prices });
}
