import { createHash } from 'node:crypto';
import type { ErrorDescription } from '../errors.ts';
import { DEFAULT_PART_FORMAT } from '../formats/parts/part-formats.ts';
import type { PartFormat } from '../formats/parts/part-writer.ts';
import { bundleCount, type BundleRange, bundleRange, type ObjectPlan } from '../formats/plan.ts';
import type { Bundle, BundleObject } from '../inference/bundle.ts';
import { locationOf, parseS3Uri, s3Uri, type SourceLocation } from '../stores/open-source.ts';
import { chunkKey } from './output-layout.ts';

/**
 * Cuts of a job into bundles: ranges of one object (`chunked` if their bytes are staged), or runs of a list of whole
 * objects, which are paths, or in S3 URIs with what was planned of them. The objects of a `listed` plan are staged, a list
 * for each bundle.
 *
 * Several may group an object by key at once: `staged` names the chunks of the one whose plan was recorded.
 */
export type JobPlan =
  | { readonly kind: 'object'; readonly object: ObjectPlan; readonly chunked: boolean; readonly staged?: string }
  | {
      readonly kind: 'objects';
      readonly objects: readonly (string | PlannedObject)[];
      readonly bundleElements: number;
    }
  | { readonly kind: 'listed'; readonly count: number; readonly bundleElements: number };

/** One object of a list. */
export interface PlannedObject extends SourceLocation {
  /** Reason that it must not be read: its element fails with this. */
  readonly failure?: ErrorDescription;
}

/** Source of a job's elements: a path, or `s3://<bucket>/<object key>` with the version that was planned. */
export interface JobSource {
  readonly uri: string;
  readonly versionId?: string;
  readonly etag?: string;
  /** Format that the object was planned in. */
  readonly format?: string;
  /** Maximum number of elements that were requested, from the first on. */
  readonly limit?: number;
  /** True if the source has no more elements than the limit, so that all of them are planned. */
  readonly isWhole?: true;
}

/** The recorded plan of a job: `_job.json`. */
export interface Job {
  readonly version: 1;
  readonly id: string;
  readonly pipeline: string;
  /** Rest of the job's address after the pipeline, and start of the ids of its elements. */
  readonly name: string;
  readonly source: JobSource;
  /** Its bundles. */
  readonly of: number;
  readonly plan: JobPlan;
  /** Format of its parts. @default JSON lines */
  readonly parts?: PartFormat;
  /** Digest of the pipeline's configuration. */
  readonly config: string;
}

/** Valid characters of a job's id. It names the staging folder, so it must not lead out of it. */
const JOB_ID = /^[\w-][\w.-]*$/;

/** Parses a recorded plan; undefined if the text is not a plan, even if its file is named like one. */
export function parseJob(text: string): Job | undefined {
  try {
    const job = JSON.parse(text) as Partial<Job> | null;
    if (typeof job?.id !== 'string' || !JOB_ID.test(job.id) || typeof job.of !== 'number') return undefined;
    // A file that has all of these is a plan of this fabric.
    return typeof job.plan === 'object' && job.plan !== null ? (job as Job) : undefined;
  } catch {
    return undefined;
  }
}

/** Returns whether a job is a sample: its source has more elements than its limit. */
export function isLimited({ source }: Pick<Job, 'source'>): boolean {
  return source.limit !== undefined && source.isWhole !== true;
}

/** Digits of a job's id that an `@` folder shows. */
const SHOWN_DIGITS = 12;

/** A job's id: a pure function of what identifies its source. */
export function jobId(parts: readonly (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** Returns what a new job records of the format of its parts: nothing for the default one. */
export function recordedParts({ format, join, schema, compression }: PartFormat): Pick<Job, 'parts'> {
  if (format === DEFAULT_PART_FORMAT.format) return {};
  const table = {
    ...(join === undefined ? {} : { join }),
    ...(schema === undefined ? {} : { schema }),
    ...(compression === undefined ? {} : { compression }),
  };
  return { parts: { format, ...table } };
}

export function shownJobId(id: string): string {
  return id.slice(0, SHOWN_DIGITS);
}

export function bundlesOf(plan: JobPlan): number {
  if (plan.kind === 'object') return bundleCount(plan.object);
  const count = plan.kind === 'objects' ? plan.objects.length : plan.count;
  return Math.ceil(count / plan.bundleElements);
}

/**
 * One bundle of a job.
 *
 * @param chunkPath - where the bundle is staged, if it is.
 */
export function bundleOf(job: Job, index: number, chunkPath: string): Bundle {
  const { plan, name, source } = job;
  if (plan.kind === 'objects') {
    const first = index * plan.bundleElements;
    const objects = plan.objects.slice(first, first + plan.bundleElements).map((object) => bundleObject(object, job));
    return { name, source: { kind: 'objects', objects, firstIndex: first }, address: { uri: source.uri } };
  }
  if (plan.kind === 'listed') throw new TypeError("Cannot make a bundle of a 'listed' plan: its objects are staged");
  const range = bundleRange(plan.object, index);
  const object = locationOf(source);
  const address = { ...object, range: { start: range.start, end: range.end } };
  if (plan.object.kind === 'grouped') {
    return { name, source: { kind: 'grouped', uri: chunkPath, ...groupedRange(range) }, address };
  }
  if (!plan.chunked) return { name, source: { kind: 'range', ...object, range }, address };
  return { name, source: { kind: 'range', uri: chunkPath, range, chunk: true }, address };
}

function bundleObject(planned: string | PlannedObject, job: Job): BundleObject {
  const object: PlannedObject = typeof planned === 'string' ? { uri: planned } : planned;
  const { failure } = object;
  const path = pathInFolder(object, job);
  return Object.assign(locationOf(object), { path }, failure === undefined ? {} : { failure });
}

function groupedRange({ start, end, header }: BundleRange) {
  return { range: { start, end }, ...(header === undefined ? {} : { header }) };
}

/** An object's path below the job's folder, with the folder's name in front. */
function pathInFolder({ uri }: SourceLocation, { name, source }: Job): string {
  const below = uri.slice(source.uri.length);
  return below.startsWith('/') ? name + below : `${name}/${below}`;
}

/** Facts that a bundle of a job in a store needs beside the plan. */
export interface StoredBundleOptions {
  /** Where the chunks of an object that was staged are. */
  readonly outputBucket: string;
  /** Objects of this bundle, for a `listed` plan. */
  readonly objects?: readonly BundleObject[];
}

/** One bundle of a job whose source is an object in a store. */
export function storedBundleOf(job: Job, index: number, { outputBucket, objects }: StoredBundleOptions): Bundle {
  const { plan, name, source } = job;
  const { uri, ...version } = locationOf(source);
  const object = parseS3Uri(uri);
  const address = { ...(object === undefined ? { uri } : { bucket: object.bucket, key: object.key }), ...version };
  if (plan.kind === 'listed') {
    const firstIndex = index * plan.bundleElements;
    return { name, source: { kind: 'objects', objects: objects ?? [], firstIndex }, address };
  }
  const bundle = bundleOf(
    job,
    index,
    s3Uri(outputBucket, chunkKey(job, index, plan.kind === 'object' ? plan.staged : undefined)),
  );
  if (bundle.source.kind !== 'range' && bundle.source.kind !== 'grouped') return bundle;
  const { start, end } = bundle.source.range;
  return { name, source: bundle.source, address: { ...address, range: { start, end } } };
}
