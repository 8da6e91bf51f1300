import { BundleMeter } from '../../lib/inference/worker/bundle-meter.ts';
import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pipeline } from '../../lib/config/pipeline.ts';
import { elementInput } from '../../lib/config/pipeline-fields.ts';
import { ElementReadError } from '../../lib/errors.ts';
import type { Bundle, BundleObject, BundleSource, BundleSummary, OutcomeSink } from '../../lib/inference/bundle.ts';
import type { InferenceEngine, ProcessOptions } from '../../lib/inference/engine/engine.ts';
import { ModelLink } from '../../lib/inference/worker/model-link.ts';
import { OutcomeLines } from '../../lib/inference/worker/outcome-lines.ts';
import { progressBuffer, sharedProgress } from '../../lib/inference/progress.ts';
import { readBundle } from '../../lib/inference/worker/read-bundle.ts';
import { FUNCTION_TIMEOUT_SECS, functionStages, pipelineSteps } from '../../lib/inference/stages.ts';
import { runSteps, type StepContext } from '../../lib/inference/worker/steps/run-steps.ts';
import { count, emptyTally } from '../../lib/inference/tally.ts';
import { openObjectSource, openWholeObject } from '../../lib/stores/object-source.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import { type SourceLocation, parseS3Uri } from '../../lib/stores/open-source.ts';

export interface SimulatedEngineOptions {
  readonly pipeline: Pipeline;
  /** Store that its sources are read from. */
  readonly store: ObjectStore;
  /** Where it keeps what it has read, while it runs. */
  readonly folder: string;
  /** Elements that go out together. */
  readonly chunkElements: number;
  /** Called before each chunk of outcomes. */
  readonly step: () => Promise<void>;
}

type Engine = Pick<InferenceEngine, 'pipeline' | 'process'>;

/**
 * An engine without threads and processes, for pipelines without models: it reads, runs the steps and writes lines with
 * the code of a worker. Outcomes go out a few at a time, so that a run which is broken off has some of them.
 */
export function simulatedEngine(options: SimulatedEngineOptions): Engine {
  const { pipeline } = options;
  return {
    pipeline,
    process: (bundle, sink, processOptions) => run(bundle, sink, { ...options, ...processOptions }),
  };
}

type RunOptions = SimulatedEngineOptions & ProcessOptions;

async function run(bundle: Bundle, sink: OutcomeSink, options: RunOptions): Promise<BundleSummary> {
  const { pipeline, signal = new AbortController().signal } = options;
  const files: string[] = [];
  try {
    const local = { ...bundle, source: await localSource(bundle.source, files, options) };
    const input = elementInput(pipeline);
    const pages = readBundle(local, { input, signal, hasOutcomes: false });
    return await write(runSteps(pages, pipelineSteps(pipeline), contextOf(pipeline)), bundle, sink, options);
  } finally {
    await Promise.all(files.map((file) => rm(file, { force: true })));
  }
}

async function write(
  pages: ReturnType<typeof runSteps>,
  { address }: Bundle,
  sink: OutcomeSink,
  { pipeline, chunkElements, step, signal }: RunOptions,
): Promise<BundleSummary> {
  const lines = new OutcomeLines({ join: pipeline.output.join, address, shownPlace: (at) => at });
  const tally = emptyTally();
  for await (const page of pages) {
    for (let start = 0; start < page.length; start += chunkElements) {
      await step();
      signal?.throwIfAborted();
      const end = Math.min(start + chunkElements, page.length);
      for (let next = start; next < end;) next = lines.addUntilReady(page, { start: next, end, due: false });
      const chunk = lines.drain();
      if (chunk === undefined) continue;
      count(tally, chunk);
      await sink.write(chunk);
    }
  }
  return { ...tally, elapsedMillis: 0 };
}

function contextOf(pipeline: Pipeline): StepContext {
  return {
    models: [],
    stages: functionStages(pipeline),
    link: new ModelLink(() => {}, []),
    scope: {
      task: 0,
      progress: sharedProgress(progressBuffer()),
      timeoutSecs: FUNCTION_TIMEOUT_SECS,
      oneByOne: false,
      known: new Map(),
      meter: new BundleMeter(),
    },
  };
}

/** Returns the source with its objects as files: a worker would read them through its own client. */
async function localSource(source: BundleSource, files: string[], options: RunOptions): Promise<BundleSource> {
  switch (source.kind) {
    case 'range':
    case 'grouped': {
      const { versionId: _version, etag: _etag, ...rest } = { versionId: undefined, etag: undefined, ...source };
      return { ...rest, uri: await localFile(source, files, options) };
    }
    case 'objects': {
      const objects: BundleObject[] = [];
      for (const { versionId, etag, ...object } of source.objects) {
        const version = { ...(versionId === undefined ? {} : { versionId }), ...(etag === undefined ? {} : { etag }) };
        const uri =
          object.failure === undefined ? await localFile({ ...object, ...version }, files, options, true) : object.uri;
        objects.push({ ...object, uri });
      }
      return { ...source, objects };
    }
    case 'elements':
      return source;
  }
}

/** The path of a file with an object's bytes; of none where the object is gone. */
async function localFile(
  { uri, ...version }: SourceLocation,
  files: string[],
  { store, folder, signal }: RunOptions,
  isWhole = false,
): Promise<string> {
  const address = parseS3Uri(uri);
  const path = join(folder, randomUUID());
  if (address === undefined) return uri;
  const location = {
    ...address,
    ...(version.versionId === undefined ? {} : { versionId: version.versionId }),
    ...(version.etag === undefined ? {} : { etag: version.etag }),
  };
  const options = signal === undefined ? {} : { signal };
  try {
    await using source = await (isWhole ? openWholeObject : openObjectSource)(store, location, options);
    const chunks: Uint8Array[] = [];
    for await (const chunk of source.read({ start: 0, end: source.byteLength }, options)) chunks.push(chunk);
    await writeFile(path, Buffer.concat(chunks));
    files.push(path);
  } catch (error) {
    if (!(error instanceof ElementReadError) || error.name !== 'SourceGone') throw error;
  }
  return path;
}
