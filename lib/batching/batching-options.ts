/** Treatment of one element that by itself weighs more than `maxBatchWeight`. */
export type OversizePolicy = 'alone' | 'fail';

/** Batching options, which every model handler's constructor accepts in addition to its own options. */
export interface BatchingOptions<Input = unknown> {
  /**
   * Minimum batch size in elements, and the first size that is tried. The end of a bundle, or a limit on bytes or
   * weight, can make a batch smaller. If it equals `maxBatchSize`, the size is fixed: nothing is learned, and batches
   * are a pure function of the bundle.
   * @default 1
   */
  readonly minBatchSize?: number;
  /**
   * Maximum elements in a batch. Never exceeded.
   * @default 1024
   */
  readonly maxBatchSize?: number;
  /**
   * Maximum bytes of tensors in a batch. Exceeded only by one element that is larger by itself, which is a batch alone.
   * @default 67108864 (64 MiB)
   */
  readonly maxBatchBytes?: number;
  /**
   * Maximum seconds that an element waits for others. If set, a batch can join elements of several bundles.
   * @default undefined: a batch has elements of one bundle, and none waits
   */
  readonly maxBatchDurationSecs?: number;
  /**
   * Maximum weight of a batch, in the unit of `elementSizeFn`. Exceeded only by an oversize element (see
   * `oversizeElements`).
   * @default undefined: no limit
   */
  readonly maxBatchWeight?: number;
  /**
   * Returns the weight of an element, 0 or more: its tokens, its bytes. Requires `maxBatchWeight`.
   * @default undefined: the handler's own measure, if it has one, otherwise 1
   */
  readonly elementSizeFn?: (value: Input) => number;
  /**
   * Treatment of an element that weighs more than `maxBatchWeight`: a batch by itself, or a failure. `'fail'` requires
   * `maxBatchWeight`.
   * @default 'alone'
   */
  readonly oversizeElements?: OversizePolicy;
  /**
   * Returns the length of an element, 0 or more, which decides its bucket.
   * @default undefined: the handler's own measure, if it has one
   */
  readonly batchLengthFn?: (value: Input) => number;
  /**
   * Lower bounds of the length buckets: ascending positive numbers. Elements of different buckets never share a batch.
   * Requires `batchLengthFn`, or a handler that measures lengths itself.
   * @default [16, 32, 64, 128, 256, 512] with `batchLengthFn`, otherwise none: one bucket
   */
  readonly batchBucketBoundaries?: readonly number[];
  /**
   * Target for the share of a batch's time that is fixed cost, above 0 and at most 1.
   * @default 0.05
   */
  readonly targetBatchOverhead?: number;
  /**
   * Target for the maximum seconds of a batch; a batch of `minBatchSize` can take longer.
   * @default 1
   */
  readonly targetBatchDurationSecs?: number;
}

/** Names of these options; a handler adds its own. */
export const BATCHING_OPTIONS = {
  minBatchSize: true,
  maxBatchSize: true,
  maxBatchBytes: true,
  maxBatchDurationSecs: true,
  maxBatchWeight: true,
  elementSizeFn: true,
  oversizeElements: true,
  batchLengthFn: true,
  batchBucketBoundaries: true,
  targetBatchOverhead: true,
  targetBatchDurationSecs: true,
} as const satisfies Record<keyof BatchingOptions, true>;

/** Limits of every batch. `maxBatchWeight` is `Infinity` if it is not set. */
export interface BatchLimits {
  readonly maxBatchSize: number;
  readonly maxBatchBytes: number;
  readonly maxBatchWeight: number;
  /** True if each element of a batch weighs as much as its heaviest, as elements are padded. @default false */
  readonly isWeightPadded?: boolean;
}

/** Measurements that the handler makes itself. */
export interface HandlerMeasures {
  /** True if it measures the length of an element when `batchLengthFn` is not set. @default false */
  readonly measuresLength?: boolean;
  /** Bucket boundaries if `batchBucketBoundaries` is not set. @default none, or with `batchLengthFn` Beam's */
  readonly defaultBoundaries?: readonly number[] | undefined;
  /** True if elements are padded to the heaviest of their batch. @default false */
  readonly padsWeight?: boolean;
}

/** Options that decide the target size of batches. */
export interface BatchTargets {
  readonly minBatchSize: number;
  readonly maxBatchSize: number;
  readonly targetBatchOverhead: number;
  readonly targetBatchDurationSecs: number;
}

/** `BatchingOptions` with every default in place, checked and frozen. */
export interface BatchingPolicy<Input = unknown> extends BatchLimits, BatchTargets {
  readonly maxBatchDurationSecs: number | undefined;
  readonly elementSizeFn: ((value: Input) => number) | undefined;
  readonly oversizeElements: OversizePolicy;
  readonly batchLengthFn: ((value: Input) => number) | undefined;
  /** Empty if there is one bucket. */
  readonly batchBucketBoundaries: readonly number[];
}

const DEFAULT_MAX_BATCH_BYTES = 64 * 1024 * 1024;

/** Beam's defaults, which suit tokens of text. */
const DEFAULT_BUCKET_BOUNDARIES = [16, 32, 64, 128, 256, 512];

/** Maximum of `setTimeout`, 2^31 - 1 ms, in seconds; above it Node waits 1 ms. */
const MAX_TIMER_SECS = 2_147_483;

const TYPES = {
  minBatchSize: 'number',
  maxBatchSize: 'number',
  maxBatchBytes: 'number',
  maxBatchDurationSecs: 'number',
  maxBatchWeight: 'number',
  elementSizeFn: 'function',
  oversizeElements: 'string',
  batchLengthFn: 'function',
  batchBucketBoundaries: 'list',
  targetBatchOverhead: 'number',
  targetBatchDurationSecs: 'number',
} as const satisfies Record<keyof BatchingOptions, string>;

interface Rule {
  readonly option: keyof BatchingOptions;
  readonly holds: boolean;
  readonly rule: string;
}

/**
 * Adds the defaults and checks every option, so that none is ignored without an error.
 *
 * @throws {TypeError} if an option is not of its type
 * @throws {RangeError} if an option breaks its rule
 */
export function resolveBatching<Input = unknown>(
  options: BatchingOptions<Input> = {},
  { measuresLength = false, defaultBoundaries, padsWeight = false }: HandlerMeasures = {},
): BatchingPolicy<Input> {
  checkTypes(options);
  const defaults = defaultBoundaries ?? (options.batchLengthFn ? DEFAULT_BUCKET_BOUNDARIES : []);
  const boundaries = options.batchBucketBoundaries ?? defaults;
  const policy: BatchingPolicy<Input> = {
    minBatchSize: options.minBatchSize ?? 1,
    maxBatchSize: options.maxBatchSize ?? 1024,
    maxBatchBytes: options.maxBatchBytes ?? DEFAULT_MAX_BATCH_BYTES,
    maxBatchDurationSecs: options.maxBatchDurationSecs,
    maxBatchWeight: options.maxBatchWeight ?? Infinity,
    ...(padsWeight ? { isWeightPadded: true } : {}),
    elementSizeFn: options.elementSizeFn,
    oversizeElements: options.oversizeElements ?? 'alone',
    batchLengthFn: options.batchLengthFn,
    batchBucketBoundaries: Object.freeze([...boundaries]),
    targetBatchOverhead: options.targetBatchOverhead ?? 0.05,
    targetBatchDurationSecs: options.targetBatchDurationSecs ?? 1,
  };
  for (const { option, holds, rule } of [...rulesOfTargets(policy), ...rulesOfLimits(policy, options)]) {
    if (!holds) throw new RangeError(broken(option, rule, policy[option]));
  }
  if (options.batchBucketBoundaries !== undefined && options.batchLengthFn === undefined && !measuresLength) {
    const rule = "left out where nothing measures the length of an element (set 'batchLengthFn')";
    throw new RangeError(broken('batchBucketBoundaries', rule, options.batchBucketBoundaries));
  }
  return Object.freeze(policy);
}

function checkTypes<Input>(options: BatchingOptions<Input>): void {
  // The keys of a literal that `satisfies` the options' keys.
  for (const option of Object.keys(TYPES) as (keyof BatchingOptions)[]) {
    const value: unknown = options[option];
    const type = Array.isArray(value) ? 'list' : typeof value;
    if (value !== undefined && type !== TYPES[option]) {
      throw new TypeError(broken(option, `a ${TYPES[option]}`, value));
    }
  }
}

function rulesOfTargets(policy: BatchTargets): Rule[] {
  const { minBatchSize, maxBatchSize, targetBatchOverhead, targetBatchDurationSecs } = policy;
  return [
    { option: 'minBatchSize', holds: isPositiveInteger(minBatchSize), rule: 'a positive integer' },
    { option: 'maxBatchSize', holds: isPositiveInteger(maxBatchSize), rule: 'a positive integer' },
    { option: 'minBatchSize', holds: minBatchSize <= maxBatchSize, rule: `at most 'maxBatchSize' (${maxBatchSize})` },
    {
      option: 'targetBatchOverhead',
      holds: targetBatchOverhead > 0 && targetBatchOverhead <= 1,
      rule: 'above 0 and at most 1',
    },
    { option: 'targetBatchDurationSecs', holds: isPositive(targetBatchDurationSecs), rule: 'a positive number' },
  ];
}

function rulesOfLimits<Input>(policy: BatchingPolicy<Input>, options: BatchingOptions<Input>): Rule[] {
  const { maxBatchDurationSecs: secs, maxBatchWeight: weight, batchBucketBoundaries: boundaries } = options;
  return [
    { option: 'maxBatchBytes', holds: isPositiveInteger(policy.maxBatchBytes), rule: 'a positive integer' },
    {
      option: 'maxBatchDurationSecs',
      holds: secs === undefined || (secs > 0 && secs <= MAX_TIMER_SECS),
      rule: `above 0 and at most ${MAX_TIMER_SECS}`,
    },
    { option: 'maxBatchWeight', holds: weight === undefined || isPositive(weight), rule: 'a positive number' },
    {
      option: 'elementSizeFn',
      holds: weight !== undefined || options.elementSizeFn === undefined,
      rule: "left out where 'maxBatchWeight' is not set",
    },
    {
      option: 'oversizeElements',
      holds: policy.oversizeElements === 'alone' || policy.oversizeElements === 'fail',
      rule: "'alone' or 'fail'",
    },
    {
      option: 'oversizeElements',
      holds: weight !== undefined || policy.oversizeElements === 'alone',
      rule: "'alone' where 'maxBatchWeight' is not set",
    },
    {
      option: 'batchBucketBoundaries',
      holds: boundaries === undefined || isAscending(boundaries),
      rule: 'a list of ascending positive numbers, at least one',
    },
  ];
}

function broken(option: string, rule: string, value: unknown): string {
  const current = Array.isArray(value) ? `[${value.join(', ')}]` : typeof value === 'function' ? 'a function' : value;
  return `Cannot batch as '${option}' must be ${rule}: current value is ${String(current)}`;
}

function isPositiveInteger(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

function isPositive(value: number): boolean {
  return Number.isFinite(value) && value > 0;
}

function isAscending(boundaries: readonly number[]): boolean {
  return boundaries.length > 0 && boundaries.every((it, i) => isPositive(it) && it > (boundaries[i - 1] ?? 0));
}
