import type { Prices } from './prices.ts';

/** What running a pipeline takes, as it was measured on some machine. */
export interface Workload {
  /** CPU seconds of the engine and its model hosts for each element. */
  readonly cpuSecsPerElement: number;
  /** Seconds for each element, of one engine with `cores` on a machine that has nothing else to do. */
  readonly wallSecsPerElement: number;
  /** Cores that the engine counted on. */
  readonly cores: number;
  /** Whether it mostly waits, for endpoints or for a GPU: then more cores make it no faster. */
  readonly isWaiting: boolean;
  /** From the start of the engine until its models are loaded, and the CPU seconds that it takes. */
  readonly startSecs: number;
  readonly startCpuSecs: number;
  /** Of the engine and its model hosts together. */
  readonly peakMemoryMb: number;
  readonly elementsPerBundle: number;
  /** The share of elements that failed. */
  readonly failedShare: number;
  /** Objects that are read, and written, for each element beside those of its bundle: 1 where it is an object. */
  readonly readsPerElement: number;
  readonly writesPerElement: number;
}

/**
 * Seconds for each element on a machine with so many vCPUs, a vCPU being taken for as fast as a core of the machine that
 * was measured: its CPU time shared by all of them, and no less than what it took where it was measured, which shows what
 * does not run side by side.
 */
export function secsPerElement(workload: Workload, vcpus: number): number {
  const { cpuSecsPerElement, wallSecsPerElement, cores, isWaiting } = workload;
  const engineCores = Math.max(1, Math.floor(vcpus));
  const least = isWaiting ? wallSecsPerElement : wallSecsPerElement * Math.min(1, cores / engineCores);
  return Math.max(cpuSecsPerElement / vcpus, least);
}

/**
 * Requests that a bundle takes wherever it runs: its message is sent, received, hidden and deleted; what it is and whether
 * it is done already is looked up, it is read, and its part is written; where it has failures, they are staged and placed.
 */
const OF_BUNDLE = { messages: 4, reads: 8, writes: 1, writesOfFailures: 2 };

/** Full bundles that so many elements make, the last one by its part; where there are fewer elements than one holds, one. */
export function bundlesOf({ elementsPerBundle }: Workload, elements: number): number {
  return elements === 0 ? 0 : Math.max(1, elements / elementsPerBundle);
}

/** Dollars for the requests to S3 and SQS that so many elements take, in so many bundles. */
export function requestDollars(
  { failedShare, readsPerElement, writesPerElement }: Workload,
  { elements, bundles, prices }: { readonly elements: number; readonly bundles: number; readonly prices: Prices },
): number {
  // Each failure is a dead letter as well.
  const messages = bundles * OF_BUNDLE.messages + elements * failedShare;
  const reads = bundles * OF_BUNDLE.reads + elements * readsPerElement;
  const writesOfBundle = OF_BUNDLE.writes + (failedShare > 0 ? OF_BUNDLE.writesOfFailures : 0);
  const writes = bundles * writesOfBundle + elements * writesPerElement;
  return (
    (messages * prices.sqsMillionRequests) / 1e6 +
    (reads * prices.s3ThousandGets) / 1000 +
    (writes * prices.s3ThousandPuts) / 1000
  );
}

/**
 * Requests per second that S3 serves below one prefix:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
 */
const READS_PER_SEC = 5500;
const WRITES_PER_SEC = 3500;

/**
 * Estimates the minimum number of seconds that S3 needs for an input whose elements are objects below one prefix,
 * however many processes read them. S3 splits a busy prefix within 30 to 60 minutes, which the estimate ignores.
 */
export function requestSecs({ readsPerElement, writesPerElement }: Workload, elements: number): number {
  return Math.max((elements * readsPerElement) / READS_PER_SEC, (elements * writesPerElement) / WRITES_PER_SEC);
}

/** For each element, of full bundles. */
export function steadyRequestDollars(workload: Workload, prices: Prices): number {
  return requestDollars(workload, { elements: 1, bundles: 1 / workload.elementsPerBundle, prices });
}
