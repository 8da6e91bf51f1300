import type { ErrorDescription } from '../errors.ts';
import type { Providers } from '../inference/bundle.ts';
import { addMeasures, type Measures, roundMeasures } from '../inference/measures.ts';
import { joinProviders } from '../inference/tally.ts';
import { addUsage, type TokenUsage } from '../remote/token-usage.ts';
import type { ByteRange } from '../stores/byte-source.ts';
import type { Job } from './job.ts';
import type { PartNote } from './part-note.ts';

/**
 * - `complete`: every bundle has its part, and the failures are within the pipeline's limits.
 * - `limited`: the same for a sample, the first elements of a source that has more.
 * - `incomplete`: some bundles never got a part.
 * - `stopped`: too many elements failed.
 */
export type JobStatus = 'complete' | 'limited' | 'incomplete' | 'stopped';

/** A bundle that has no part, with the error that its last try ended with, where one is known. */
export interface MissingBundle {
  readonly name: string;
  /** Bytes of the source that it covers, if known. */
  readonly range?: ByteRange;
  readonly error?: ErrorDescription;
}

/** End of a job. */
export interface JobEnd {
  readonly status: JobStatus;
  /** Reason that the job was stopped, as a sentence; absent if it was not stopped. */
  readonly reason?: string | undefined;
  /** @default none */
  readonly missing?: readonly MissingBundle[];
}

export interface Counts {
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
}

export interface Manifest {
  readonly version: 1;
  readonly job: string;
  readonly pipeline: string;
  readonly source: Job['source'];
  readonly status: JobStatus;
  /** Reason that the job was stopped. */
  readonly reason?: string;
  readonly counts: Counts;
  readonly failedByStage: Readonly<Record<string, number>>;
  readonly parts: readonly { readonly name: string; readonly elements: number; readonly bytes: number }[];
  /** Bundles without a part, the first 10,000 of them; absent if every bundle has one. */
  readonly missing?: readonly MissingBundle[];
  /** Number of bundles without a part; absent if every bundle has one. */
  readonly missingCount?: number;
  /** The models that made the predictions, by what the lines show of them: their full digests. */
  readonly models: Readonly<Record<string, string>>;
  /** Execution providers of models that asked for a device, by the name in the lines; absent if no model did. */
  readonly providers?: Providers;
  /** Tokens that remote models counted for the elements; absent if no model did. */
  readonly usage?: TokenUsage;
  /** Sum of the measures of the parts; absent if no part has any. */
  readonly measures?: Measures;
  readonly config: string;
  readonly timings: { readonly bundleMillis: number };
}

/** A manifest stays a file that can be opened, also where a job of 250,000 bundles never ran. */
export const MAX_NAMED_MISSING = 10_000;

/** Counts of the elements of some parts. */
export interface PartCounts extends Counts {
  readonly failedByStage: Readonly<Record<string, number>>;
}

export function countParts(notes: Iterable<Pick<PartNote, 'elements' | 'succeeded' | 'failedByStage'>>): PartCounts {
  let total = 0;
  let succeeded = 0;
  const failedByStage: Record<string, number> = {};
  for (const note of notes) {
    total += note.elements;
    succeeded += note.succeeded;
    for (const [stage, failed] of Object.entries(note.failedByStage))
      failedByStage[stage] = (failedByStage[stage] ?? 0) + failed;
  }
  return { total, succeeded, failed: total - succeeded, failedByStage };
}

/** The manifest of a job whose parts these are, in order. */
export function manifestOf(job: Job, { status, reason, missing = [] }: JobEnd, notes: readonly PartNote[]): Manifest {
  const { failedByStage, ...counts } = countParts(notes);
  const models: Record<string, string> = {};
  let providers: Providers | undefined;
  let usage: TokenUsage | undefined;
  let measures: Measures | undefined;
  let bundleMillis = 0;
  for (const note of notes) {
    bundleMillis += note.elapsedMillis;
    Object.assign(models, note.models);
    providers = joinProviders(providers, note.providers);
    usage = addUsage(usage, note.usage);
    measures = addMeasures(measures, note.measures);
  }
  return {
    version: 1,
    job: job.id,
    pipeline: job.pipeline,
    source: job.source,
    status,
    ...(reason === undefined ? {} : { reason }),
    counts,
    failedByStage,
    parts: notes.map(({ name, elements, bytes }) => ({ name, elements, bytes })),
    ...(missing.length === 0 ? {} : { missing: missing.slice(0, MAX_NAMED_MISSING), missingCount: missing.length }),
    models,
    ...(providers === undefined ? {} : { providers }),
    ...(usage === undefined ? {} : { usage }),
    ...(measures === undefined ? {} : { measures: roundMeasures(measures) }),
    config: job.config,
    timings: { bundleMillis: Math.round(bundleMillis) },
  };
}
