import type { BundleSummary, Providers } from '../inference/bundle.ts';
import { type Measures, roundMeasures } from '../inference/measures.ts';
import type { TokenUsage } from '../remote/token-usage.ts';

/** Facts about a committed part, kept beside it. */
export interface PartNote {
  readonly job: string;
  readonly name: string;
  readonly elements: number;
  readonly bytes: number;
  readonly succeeded: number;
  readonly failedByStage: Readonly<Record<string, number>>;
  readonly models: Readonly<Record<string, string>>;
  /** Execution providers of models that asked for a device; absent if none did. */
  readonly providers?: Providers;
  /** Tokens that remote models counted for the elements; absent if no model did. */
  readonly usage?: TokenUsage;
  /** Absent for parts of earlier versions. */
  readonly measures?: Measures;
  /** Name of the staged errors, which are copied to `_errors/` once the part exists; absent if no element failed. */
  readonly errors?: string;
  readonly elapsedMillis: number;
}

/** Facts that can grow with the pipeline: stages, models, execution providers, token counts and measures. */
export type NoteDetails = Pick<PartNote, 'failedByStage' | 'models' | 'providers' | 'usage' | 'measures'>;

export interface NotedPart {
  readonly job: string;
  readonly name: string;
  readonly bytes: number;
  /** Name of the staged errors, if there are any. */
  readonly errors: string | undefined;
}

/** Outcomes of the elements of a part. */
export interface NotedOutcomes extends Pick<
  BundleSummary,
  'total' | 'succeeded' | 'failedByStage' | 'models' | 'elapsedMillis'
> {
  readonly providers?: Providers | undefined;
  readonly usage?: TokenUsage | undefined;
  readonly measures?: Measures | undefined;
}

export function partNote({ job, name, bytes, errors }: NotedPart, outcomes: NotedOutcomes): PartNote {
  const { total, succeeded, failedByStage, models, providers, usage, measures, elapsedMillis } = outcomes;
  return {
    job,
    name,
    elements: total,
    bytes,
    succeeded,
    failedByStage,
    models,
    ...(providers === undefined ? {} : { providers }),
    ...(usage === undefined ? {} : { usage }),
    ...(measures === undefined ? {} : { measures: roundMeasures(measures) }),
    ...(errors === undefined ? {} : { errors }),
    elapsedMillis: Math.round(elapsedMillis),
  };
}
