import { rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { configDigest } from '../../config/config-digest.ts';
import type { Pipeline } from '../../config/pipeline.ts';
import { groupsByKey } from '../../config/group-by-key.ts';
import { planningInput } from '../../config/pipeline-fields.ts';
import { type OpenedObject, openObject } from '../../formats/compression.ts';
import type { StageBundle } from '../../formats/format.ts';
import { type PlanObjectOptions, planPrefix } from '../../formats/plan-object.ts';
import type { ObjectPlan } from '../../formats/plan.ts';
import { writeAtomically } from '../../stores/atomic-file.ts';
import { locationOf, openSource, parseS3Uri, type SourceLocation } from '../../stores/open-source.ts';
import { bundlesOf, type Job, jobId, type JobPlan, type JobSource, recordedParts } from '../job.ts';
import { groupFiles, unsortedPath } from './group-files.ts';
import type { FoundObject, RunInput } from './run-input.ts';
import { readingInput } from './unreadable-input.ts';

export interface PlanJobOptions {
  readonly pipeline: Pipeline;
  readonly pipelineName: string;
  /** The job's id, if the caller has it already. @default `inputId` */
  readonly id?: string;
  /** Maximum number of elements, from the first on. */
  readonly limit?: number | undefined;
  /** Returns where a bundle of a compressed or grouped object is staged: each job has a separate folder. */
  readonly chunkPath: (id: string, bundle: number) => string;
  readonly signal?: AbortSignal;
  /** Told what share of an object is grouped by key, from 0 to 1. */
  readonly onGrouping?: ((name: string, share: number) => void) | undefined;
}

/** Plans an object or a folder. @throws UnreadableInputError if an object as a whole can't be read. */
export async function planJob(input: RunInput, options: PlanJobOptions): Promise<Job> {
  const { pipeline, pipelineName, limit, id = await inputId(input, options) } = options;
  const { plan, isPrefix } =
    input.kind === 'object'
      ? await readingInput(input.uri, () => planObjectJob(input, id, options), options.signal)
      : planFolderJob(input.kind === 'folder' ? input.objects : [], options);
  return {
    version: 1,
    id,
    pipeline: pipelineName,
    name: input.name,
    source: { ...locationOf(input), ...(limit === undefined ? {} : limited(limit, isPrefix)) },
    of: bundlesOf(plan),
    plan,
    ...recordedParts(pipeline.output),
    config: configDigest(pipeline),
  };
}

/**
 * A file's job is known by its path, size and modification time, a folder's by those of its files. An object's in S3 is
 * known by its version, as where the fabric is deployed; a prefix's by those of its objects.
 *
 * @throws the system's error if an input that is a single file is gone.
 */
export async function inputId(
  input: RunInput,
  { pipelineName, limit }: Pick<PlanJobOptions, 'pipelineName' | 'limit'>,
): Promise<string> {
  const object = input.kind === 'folder' ? undefined : parseS3Uri(input.uri);
  if (object !== undefined) {
    const { bucket, key } = object;
    return jobId([bucket, key, versionOf(input), pipelineName, ...(limit === undefined ? [] : [limit])]);
  }
  const parts: (string | number)[] = [pipelineName, limit ?? 'all'];
  for (const location of input.kind === 'folder' ? input.objects : [input]) {
    if (parseS3Uri(location.uri) !== undefined) {
      parts.push(location.uri, versionOf(location));
      continue;
    }
    parts.push(location.uri, ...(await fileVersion(location, input.kind)));
  }
  return jobId(parts);
}

/** Returns what identifies a version of a file. In a folder, a file that can't be read is only one failed element. */
async function fileVersion(
  { uri, failure }: FoundObject,
  kind: RunInput['kind'],
): Promise<readonly (string | number)[]> {
  if (failure !== undefined) return [failure.name];
  const stats = kind === 'folder' ? await stat(uri).catch(() => undefined) : await stat(uri);
  return stats === undefined ? ['SourceGone'] : [stats.size, stats.mtimeMs];
}

/** Returns the fields of a job's source for a limit. */
function limited(limit: number, isPrefix: boolean): Pick<JobSource, 'limit' | 'isWhole'> {
  return isPrefix ? { limit } : { limit, isWhole: true };
}

/** A plan, and whether the limit left elements out. */
interface PlannedSource<Plan> {
  readonly plan: Plan;
  readonly isPrefix: boolean;
}

function versionOf({ versionId, etag }: SourceLocation): string {
  return versionId ?? etag ?? '';
}

function planFolderJob(objects: readonly FoundObject[], { pipeline, limit }: PlanJobOptions): PlannedSource<JobPlan> {
  const planned = objects
    .slice(0, limit)
    .map((object) => (object.etag === undefined && object.failure === undefined ? object.uri : object));
  const plan = { kind: 'objects', objects: planned, bundleElements: pipeline.input.bundleElements } as const;
  return { plan, isPrefix: planned.length < objects.length };
}

async function planObjectJob(input: RunInput, id: string, options: PlanJobOptions): Promise<PlannedSource<JobPlan>> {
  const { pipeline, chunkPath, signal } = options;
  await using opened = await openSource(locationOf(input));
  const object = await openObject(opened, input.uri, signal === undefined ? {} : { signal });
  const { source } = object;
  if (object.compression === undefined && !groupsByKey(pipeline.input)) {
    const { plan, isPrefix } = await planPrefix(source, planningInput(pipeline), {
      ...planningOf(options),
      name: input.name,
    });
    return { plan: { kind: 'object', object: plan, chunked: false }, isPrefix };
  }
  const staged = dirname(chunkPath(id, 0));
  // How many bundles there will be is not known before the end, so chunks are called by their numbers alone.
  await rm(staged, { recursive: true, force: true });
  try {
    const { plan, isPrefix } = await stageObject({ ...object, name: input.name }, { ...options, id, staged });
    return { plan: { kind: 'object', object: plan, chunked: true }, isPrefix };
  } catch (error) {
    // The next run stages them again.
    await rm(staged, { recursive: true, force: true });
    throw error;
  }
}

function planningOf({ limit, signal }: PlanJobOptions): Pick<PlanObjectOptions, 'limit' | 'signal'> {
  return { ...(limit === undefined ? {} : { limit }), ...(signal === undefined ? {} : { signal }) };
}

/** Decompresses what is compressed, and groups what is to be grouped, to a file for each bundle. */
async function stageObject(
  { name, source, compression }: OpenedObject & { readonly name: string },
  options: PlanJobOptions & { readonly id: string; readonly staged: string },
): Promise<PlannedSource<ObjectPlan>> {
  const { pipeline, id, staged, signal, onGrouping } = options;
  const chunkPath = (bundle: number): string => options.chunkPath(id, bundle);
  const isGrouped = groupsByKey(pipeline.input);
  const stage: StageBundle = (bundle, bytes) =>
    writeAtomically(isGrouped ? unsortedPath(staged, bundle) : chunkPath(bundle), bytes);
  const decompressed = compression === undefined ? {} : { compression, stage };
  const prefix = await planPrefix(source, planningInput(pipeline), { ...decompressed, ...planningOf(options), name });
  const { plan, isPrefix } = prefix;
  if (!isGrouped) return { plan, isPrefix };
  const onProgress = (share: number): void => onGrouping?.(name, share);
  const unsorted = { name, source, plan, isStaged: compression !== undefined };
  return { plan: await groupFiles(unsorted, { pipeline, staged, chunkPath, signal, onProgress }), isPrefix };
}
