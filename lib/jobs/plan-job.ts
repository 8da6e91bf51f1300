import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { configDigest } from '../config/config-digest.ts';
import type { Pipeline } from '../config/fabric.ts';
import { compressionOf } from '../formats/compression.ts';
import { planObject } from '../formats/plan-object.ts';
import { openFileSource } from '../stores/file-source.ts';
import { bundlesOf, type Job, jobId, type JobPlan } from './job.ts';
import type { LocalInput } from './local-inputs.ts';

export interface PlanJobOptions {
  readonly pipeline: Pipeline;
  readonly pipelineName: string;
  /** Only the first so many elements. */
  readonly limit?: number | undefined;
  /** Where the uncompressed bytes of a compressed object's bundles go. */
  readonly chunkPath: (id: string, bundle: number) => string;
  readonly signal?: AbortSignal;
}

/** Plans a file or a folder. @throws FabricError where an object as a whole can't be read. */
export async function planJob(input: LocalInput, options: PlanJobOptions): Promise<Job> {
  const { pipeline, pipelineName, limit } = options;
  const id = await inputId(input, options);
  const plan = input.kind === 'object' ? await planObjectJob(input, id, options) : planFolderJob(input, options);
  return {
    version: 1,
    id,
    pipeline: pipelineName,
    name: input.name,
    source: { uri: input.path, ...(limit === undefined ? {} : { limit }) },
    of: bundlesOf(plan),
    plan,
    config: configDigest(pipeline),
  };
}

/** A file's job is known by its path, size and modification time; a folder's by those of its files. */
export async function inputId(
  input: LocalInput,
  { pipelineName, limit }: Pick<PlanJobOptions, 'pipelineName' | 'limit'>,
): Promise<string> {
  const parts: (string | number)[] = [pipelineName, limit ?? 'all'];
  for (const path of input.objects ?? [input.path]) {
    const { size, mtimeMs } = await stat(path);
    parts.push(path, size, mtimeMs);
  }
  return jobId(parts);
}

function planFolderJob({ objects = [] }: LocalInput, { pipeline, limit }: PlanJobOptions): JobPlan {
  return { kind: 'objects', objects: objects.slice(0, limit), bundleElements: pipeline.input.bundleElements };
}

async function planObjectJob(
  { path }: LocalInput,
  id: string,
  { pipeline, limit, chunkPath, signal }: PlanJobOptions,
): Promise<JobPlan> {
  await using source = await openFileSource(path);
  const compression = compressionOf(path);
  const stage = async (bundle: number, bytes: Uint8Array): Promise<void> => {
    // How many bundles there will be is not known before the end, so chunks are called by their numbers alone.
    const chunk = chunkPath(id, bundle);
    if (bundle === 0) await rm(dirname(chunk), { recursive: true, force: true });
    await mkdir(dirname(chunk), { recursive: true });
    await writeFile(chunk, bytes);
  };
  const object = await planObject(source, pipeline.input, {
    ...(compression === undefined ? {} : { compression, stage }),
    ...(limit === undefined ? {} : { limit }),
    ...(signal === undefined ? {} : { signal }),
  });
  return { kind: 'object', object, chunked: compression !== undefined };
}
