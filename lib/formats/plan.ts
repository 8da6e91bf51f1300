import type { BundleRange, ObjectDialect } from './format.ts';

/** `[start, byteLength)` of an object, cut unread every `bundleBytes`: any size is planned at once, without a list. */
export interface RangesPlan {
  readonly kind: 'ranges';
  /** Where the first element may start: behind the header of a CSV file, else 0. */
  readonly start: number;
  /** The end of the last bundle, exclusive. */
  readonly byteLength: number;
  readonly bundleBytes: number;
  readonly header?: readonly string[];
  readonly dialect?: ObjectDialect;
}

/** Cut by a first pass where elements start, by uncompressed bytes; a bundle ends where the next one starts. */
export interface CutsPlan {
  readonly kind: 'cuts';
  /** The end of the last bundle, exclusive. */
  readonly byteLength: number;
  readonly starts: readonly number[];
  /** The index of each bundle's first element, for a JSON array. */
  readonly firstIndexes?: readonly number[];
  /** Elements before the last start, in a plan that another step goes on from. */
  readonly elementsBefore?: number;
  readonly header?: readonly string[];
  readonly dialect?: ObjectDialect;
}

/**
 * Elements that were grouped by key, and staged bundle by bundle. Offsets are those in all that is staged; elements keep
 * their positions in the object.
 */
export interface GroupedPlan {
  readonly kind: 'grouped';
  /** The end of the last bundle, exclusive. */
  readonly byteLength: number;
  readonly starts: readonly number[];
  readonly header?: readonly string[];
}

/** How an object is cut into bundles; plain JSON, as it is recorded in `job.json`. */
export type ObjectPlan = RangesPlan | CutsPlan | GroupedPlan;

export function bundleCount(plan: ObjectPlan): number {
  if (plan.kind !== 'ranges') return plan.starts.length;
  return Math.ceil(Math.max(0, plan.byteLength - plan.start) / plan.bundleBytes);
}

type Heading = Pick<BundleRange, 'header' | 'dialect'>;

/** Returns the columns and the dialect of an object, without those that are absent. */
export function headingOf({ header, dialect }: Heading): Heading {
  return { ...(header === undefined ? {} : { header }), ...(dialect === undefined ? {} : { dialect }) };
}

/** What the bundle covers, by its index from 0. */
export function bundleRange(plan: ObjectPlan, index: number): BundleRange {
  const heading = headingOf(plan);
  if (plan.kind === 'ranges' && Number.isInteger(index) && index >= 0 && index < bundleCount(plan)) {
    const start = plan.start + index * plan.bundleBytes;
    const startsLine = index === 0 && start > 0 ? { startsLine: true } : {};
    return { start, end: Math.min(start + plan.bundleBytes, plan.byteLength), ...startsLine, ...heading };
  }
  const start = plan.kind === 'ranges' ? undefined : plan.starts[index];
  if (plan.kind === 'ranges' || start === undefined) {
    throw new RangeError(
      `Cannot find the bundle as 'index' must be from 0 to below ${bundleCount(plan)}: current value is ${index}`,
    );
  }
  const end = plan.starts[index + 1] ?? plan.byteLength;
  if (plan.kind === 'grouped') return { start, end, ...heading };
  const firstIndex = plan.firstIndexes?.[index];
  return { start, end, aligned: true, ...(firstIndex === undefined ? {} : { firstIndex }), ...heading };
}
