import type { ByteRange } from '../stores/byte-source.ts';

/** Properties of how an object is written, detected from its first bytes. */
export interface ObjectDialect {
  /** CSV: the column separator that its first line names, as `sep=;` does. */
  readonly delimiter?: string;
  /** True if lines end with a carriage return and no line feed. */
  readonly carriageReturns?: true;
}

/**
 * The part of an object that one bundle covers. An element belongs to the bundle in whose range its first byte is. In a
 * range of a `rows` plan, `start` and `end` are indexes of elements, and `bytes` is given.
 */
export interface BundleRange extends ByteRange {
  /** True if the range was cut where elements start: a reader needs neither the byte before it nor any byte after it. */
  readonly aligned?: boolean;
  /** True if a line starts where the range does, such as after a byte order mark. A range from 0 needs no mark. */
  readonly startsLine?: boolean;
  /** JSON arrays: the index of the first element. */
  readonly firstIndex?: number;
  /** Bytes of the object that hold the range's elements. @default end - start */
  readonly bytes?: number;
  /** The columns, for formats that have them. */
  readonly header?: readonly string[];
  readonly dialect?: ObjectDialect;
  /** Where the values of the range's rows are, if that is planned. */
  readonly pages?: RowPages;
}

/** Where the values of some rows are, for each column: `[start, end)`, and the number of the first row that is there. */
export type RowPages = readonly (readonly [firstRow: number, start: number, end: number])[];

/** `[start, byteLength)` of an object, cut unread every `bundleBytes`: any size is planned at once, without a list. */
export interface RangesPlan {
  readonly kind: 'ranges';
  /** First byte at which an element can start: after the header of a CSV file, else 0. */
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
  /** Elements before the last start, in a plan that another step continues. */
  readonly elementsBefore?: number;
  readonly header?: readonly string[];
  readonly dialect?: ObjectDialect;
}

/**
 * Cut by the number of elements, for a format that finds any element by its index, such as one with fixed-width records
 * or with row groups. Objects of these formats cannot be compressed as a whole.
 */
export interface RowsPlan {
  readonly kind: 'rows';
  /** Index of each bundle's first element. */
  readonly starts: readonly number[];
  /** Where the values of each bundle are; null for a bundle of which that is not known. @default not known */
  readonly pages?: readonly (RowPages | null)[];
  /** Elements in all bundles. */
  readonly rows: number;
  /** Bytes of the object that hold these elements. */
  readonly byteLength: number;
  readonly header?: readonly string[];
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

/** How an object is cut into bundles; plain JSON, as it is recorded in `_job.json`. */
export type ObjectPlan = RangesPlan | CutsPlan | RowsPlan | GroupedPlan;

/** The plan of an object without elements. */
export const EMPTY_PLAN: CutsPlan = { kind: 'cuts', byteLength: 0, starts: [] };

export function bundleCount(plan: ObjectPlan): number {
  if (plan.kind !== 'ranges') return plan.starts.length;
  return Math.ceil(Math.max(0, plan.byteLength - plan.start) / plan.bundleBytes);
}

type Heading = Pick<BundleRange, 'header' | 'dialect'>;

/** Returns the columns and the dialect of an object, without those that are absent. */
export function headingOf({ header, dialect }: Heading): Heading {
  return { ...(header === undefined ? {} : { header }), ...(dialect === undefined ? {} : { dialect }) };
}

/** Returns the part of the object that a bundle covers. @param index - of the bundle, from 0. */
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
  if (plan.kind === 'rows') {
    const end = plan.starts[index + 1] ?? plan.rows;
    const bytes = Math.ceil((plan.byteLength * (end - start)) / plan.rows);
    const pages = plan.pages?.[index] ?? undefined;
    return { start, end, bytes, ...heading, ...(pages === undefined ? {} : { pages }) };
  }
  const end = plan.starts[index + 1] ?? plan.byteLength;
  if (plan.kind === 'grouped') return { start, end, ...heading };
  const firstIndex = plan.firstIndexes?.[index];
  return { start, end, aligned: true, ...(firstIndex === undefined ? {} : { firstIndex }), ...heading };
}

/** Returns the bytes of the object that hold a range's elements. */
export function rangeBytes({ start, end, bytes = end - start }: ByteRange & Pick<BundleRange, 'bytes'>): number {
  return bytes;
}
