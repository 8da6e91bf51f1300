import type { PipelineInput } from '../../config/pipeline.ts';
import type { StagingRoom } from '../../formats/input-limits.ts';
import type { GroupingBounds } from '../../formats/grouping/group-elements.ts';
import type { IntakeProgress } from './intake-state.ts';
import type { JobPlan } from '../job.ts';
import type { OutputBucket } from '../fabric-ports.ts';

export interface PlanningOptions {
  readonly input: PipelineInput;
  /** Keys that belong together, where elements are grouped by key. */
  readonly cohorts: readonly (readonly string[])[];
  /** The store reads the objects of all buckets; what is staged goes to the output bucket. */
  readonly output: OutputBucket;
  readonly inputBuckets: readonly string[];
  /** Returns the room where decompressed bytes are staged. @default no bound */
  readonly stagingRoom?: (() => StagingRoom) | undefined;
  readonly groupingBounds?: GroupingBounds | undefined;
  /** How far an earlier run came. */
  readonly progress: IntakeProgress;
  /** Aborted when this run is to end. */
  readonly stop: AbortSignal;
}

/** The plan, or how far this run came. */
export type PlanningOutcome =
  | { readonly kind: 'planned'; readonly plan: JobPlan }
  | { readonly kind: 'stopped'; readonly progress: IntakeProgress };
