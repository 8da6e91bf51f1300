import { rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { configDigest } from '../../config/config-digest.ts';
import type { Pipeline } from '../../config/fabric.ts';
import { groupsByKey } from '../../config/group-by-key.ts';
import type { StageBundle } from '../../formats/bundle-cutter.ts';
import { compressionOf } from '../../formats/compression.ts';
import { planObject } from '../../formats/plan-object.ts';
import { locationOf, openSource, parseS3Uri, type SourceLocation } from '../../stores/open-source.ts';
import { bundlesOf, type Job, jobId, type JobPlan } from '../job.ts';
import { groupFiles, unsortedPath, writeChunk } from './group-files.ts';
import type { RunInput } from './run-input.ts';

export interface PlanJobOptions {
  readonly pipeline: Pipeline;
  readonly pipelineName: string;
  /** Only the first so many elements. */
  readonly limit?: number | undefined;
  /** Where bundles are staged, of an object that is compressed or grouped by key: all of a job's in a folder of their own. */
  readonly chunkPath: (id: string, bundle: number) => string;
  readonly signal?: AbortSignal;
}

/** Plans an object or a folder. @throws FabricError where an object as a whole can't be read. */
export async function planJob(input: RunInput, options: PlanJobOptions): Promise<Job> {
  const { pipeline, pipelineName, limit } = options;
  const id = await inputId(input, options);
  const plan = input.kind === 'object' ? await planObjectJob(input, id, options) : planFolderJob(input, options);
  return {
    version: 1,
    id,
    pipeline: pipelineName,
    name: input.name,
    source: { ...locationOf(input), ...(limit === undefined ? {} : { limit }) },
    of: bundlesOf(plan),
    plan,
    config: configDigest(pipeline),
  };
}

/**
 * A file's job is known by its path, size and modification time, a folder's by those of its files. An object's in S3 is
 * known by its version, as where the fabric is deployed; a prefix's by those of its objects.
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
  for (const location of input.objects ?? [input]) {
    if (parseS3Uri(location.uri) !== undefined) {
      parts.push(location.uri, versionOf(location));
      continue;
    }
    const { size, mtimeMs } = await stat(location.uri);
    parts.push(location.uri, size, mtimeMs);
  }
  return jobId(parts);
}

function versionOf({ versionId, etag }: SourceLocation): string {
  return versionId ?? etag ?? '';
}

function planFolderJob({ objects = [] }: RunInput, { pipeline, limit }: PlanJobOptions): JobPlan {
  const planned = objects.slice(0, limit).map((object) => (object.etag === undefined ? object.uri : object));
  return { kind: 'objects', objects: planned, bundleElements: pipeline.input.bundleElements };
}

async function planObjectJob(input: RunInput, id: string, options: PlanJobOptions): Promise<JobPlan> {
  const { pipeline, limit, chunkPath, signal } = options;
  await using source = await openSource(locationOf(input));
  const compression = compressionOf(input.uri);
  const isGrouped = groupsByKey(pipeline.input);
  const staged = dirname(chunkPath(id, 0));
  // How many bundles there will be is not known before the end, so chunks are called by their numbers alone.
  if (compression !== undefined || isGrouped) await rm(staged, { recursive: true, force: true });
  const stage: StageBundle = (bundle, bytes) =>
    writeChunk(isGrouped ? unsortedPath(staged, bundle) : chunkPath(id, bundle), bytes);
  const plan = await planObject(source, pipeline.input, {
    ...(compression === undefined ? {} : { compression, stage }),
    ...(limit === undefined ? {} : { limit }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (!isGrouped) return { kind: 'object', object: plan, chunked: compression !== undefined };
  const unsorted = { name: input.name, source, plan, isStaged: compression !== undefined };
  const object = await groupFiles(unsorted, { pipeline, staged, chunkPath: (bundle) => chunkPath(id, bundle), signal });
  return { kind: 'object', object, chunked: true };
}
