/** What becomes of one element that by itself weighs more than `maxBatchWeight`. */
export type OversizePolicy = 'alone' | 'fail';

/** How elements become batches: what every model handler's constructor takes beside its own options. */
export interface BatchingOptions<Input = unknown> {
  /**
   * The size that batches start from and never aim below, in elements. The end of a bundle, or a limit on bytes or
   * weight, may undercut it. Equal to `maxBatchSize` it fixes the size: nothing is learned, and batches are a pure
   * function of the bundle.
   * @default 1
   */
  readonly minBatchSize?: number;
  /**
   * The most elements in a batch. Always holds.
   * @default 1024
   */
  readonly maxBatchSize?: number;
  /**
   * The most bytes of tensors in a batch. Always holds, but for one element that is larger by itself, which goes alone.
   * @default 67108864 (64 MiB)
   */
  readonly maxBatchBytes?: number;
  /**
   * Lets batches cross bundles, and is the longest that an element waits for others, in seconds.
   * @default undefined: batches come from one bundle, and nothing waits
   */
  readonly maxBatchDurationSecs?: number;
  /**
   * The most weight in a batch, in the unit of `elementSizeFn`. Always holds, but for an oversize element (see
   * `oversizeElements`).
   * @default undefined: no limit
   */
  readonly maxBatchWeight?: number;
  /**
   * The weight of an element, 0 or more: its tokens, its bytes. Needs `maxBatchWeight`.
   * @default undefined: the handler's own measure, where it has one, otherwise 1
   */
  readonly elementSizeFn?: (value: Input) => number;
  /**
   * Whether an element that weighs more than `maxBatchWeight` is a batch by itself or fails. `'fail'` needs
   * `maxBatchWeight`.
   * @default 'alone'
   */
  readonly oversizeElements?: OversizePolicy;
  /**
   * The length of an element, 0 or more, by which it goes to a bucket.
   * @default undefined: the handler's own measure, where it has one
   */
  readonly batchLengthFn?: (value: Input) => number;
  /**
   * Lower bounds of the length buckets: ascending positive numbers. Elements of different buckets never share a batch.
   * Requires `batchLengthFn`, or a handler that measures lengths itself.
   * @default [16, 32, 64, 128, 256, 512] with `batchLengthFn`, otherwise none: one bucket
   */
  readonly batchBucketBoundaries?: readonly number[];
  /**
   * The largest share of a batch's time that its fixed cost should take, above 0 and at most 1.
   * @default 0.05
   */
  readonly targetBatchOverhead?: number;
  /**
   * The time that a batch should take at most, in seconds; a batch of `minBatchSize` may take longer.
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

/** What no batch may exceed. `maxBatchWeight` is `Infinity` where none is set. */
export interface BatchLimits {
  readonly maxBatchSize: number;
  readonly maxBatchBytes: number;
  readonly maxBatchWeight: number;
}

/** Measurements that the handler makes itself. */
export interface HandlerMeasures {
  /** True if it measures the length of an element when `batchLengthFn` is not set. @default false */
  readonly measuresLength?: boolean;
}

/** What decides the size that batches aim for. */
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
  /** Empty where there is one bucket. */
  readonly batchBucketBoundaries: readonly number[];
}

const DEFAULT_MAX_BATCH_BYTES = 64 * 1024 * 1024;

/** Beam's own, which suit tokens of text. */
const DEFAULT_BUCKET_BOUNDARIES = [16, 32, 64, 128, 256, 512];

/** `setTimeout` takes at most 2^31 - 1 ms; past that Node waits 1 ms. */
const LONGEST_TIMER_SECS = 2_147_483;

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
 * Puts the defaults in place and checks every option, so that none is ignored in silence.
 *
 * @throws {TypeError} when an option is not of its type
 * @throws {RangeError} when an option breaks its rule
 */
export function resolveBatching<Input = unknown>(
  options: BatchingOptions<Input> = {},
  { measuresLength = false }: HandlerMeasures = {},
): BatchingPolicy<Input> {
  checkTypes(options);
  const boundaries = options.batchBucketBoundaries ?? (options.batchLengthFn ? DEFAULT_BUCKET_BOUNDARIES : []);
  const policy: BatchingPolicy<Input> = {
    minBatchSize: options.minBatchSize ?? 1,
    maxBatchSize: options.maxBatchSize ?? 1024,
    maxBatchBytes: options.maxBatchBytes ?? DEFAULT_MAX_BATCH_BYTES,
    maxBatchDurationSecs: options.maxBatchDurationSecs,
    maxBatchWeight: options.maxBatchWeight ?? Infinity,
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
  // The keys of a literal that `satisfies` those of the options.
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
      holds: secs === undefined || (secs > 0 && secs <= LONGEST_TIMER_SECS),
      rule: `above 0 and at most ${LONGEST_TIMER_SECS}`,
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
