import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Pipeline } from '../../config/pipeline.ts';
import { keyCohorts } from '../../config/key-cohorts.ts';
import { groupElements, type GroupingStaging, startGrouping } from '../../formats/grouping/group-elements.ts';
import { bundleRange, type GroupedPlan, type ObjectPlan } from '../../formats/plan.ts';
import { keyReader } from '../../inference/element-key.ts';
import { writeAtomically } from '../../stores/atomic-file.ts';
import type { ByteSource } from '../../stores/byte-source.ts';
import { openFileSource } from '../../stores/file-source.ts';
import { shiftedSource } from '../../stores/shifted-source.ts';

/** An object whose elements are to be grouped by key. */
export interface UnsortedObject {
  /** Name of its results. */
  readonly name: string;
  readonly source: ByteSource;
  /** The bundles that it would have if it were not grouped. */
  readonly plan: ObjectPlan;
  /** True if it is read from its decompressed bundles, one by one. */
  readonly isStaged: boolean;
}

export interface GroupFilesOptions {
  readonly pipeline: Pipeline;
  /** The folder for all that is staged of the job. */
  readonly staged: string;
  readonly chunkPath: (bundle: number) => string;
  readonly signal: AbortSignal | undefined;
  /** Told what share is done, from 0 to 1. */
  readonly onProgress?: ((share: number) => void) | undefined;
}

/** A run groups from the start to the end, in a folder that is its own. */
const ONLY_STEP = 'run';

/** Where a bundle of a compressed object is decompressed to, before its elements are grouped. */
export function unsortedPath(staged: string, bundle: number): string {
  return join(staged, 'unsorted', String(bundle));
}

/** Groups an object's elements by key, to a file for each bundle, then deletes its other staged files. */
export async function groupFiles(object: UnsortedObject, options: GroupFilesOptions): Promise<GroupedPlan> {
  const { pipeline, staged, chunkPath, signal, onProgress } = options;
  const runs = join(staged, 'runs');
  const piecePath = (run: string, piece: number): string => join(runs, run, String(piece));
  const staging: GroupingStaging = {
    writePiece: (run, piece, bytes) => writeAtomically(piecePath(run, piece), bytes),
    writeBundle: (_, bundle, bytes) => writeAtomically(chunkPath(bundle), bytes),
    settle: () => Promise.resolve(),
    openPiece: ({ name }, piece) => openFileSource(piecePath(name, piece)),
  };
  const { input } = pipeline;
  const keyOf = keyReader(input.key, object.name);
  const openBundle = bundleOpener(object, staged);
  const cohorts = keyCohorts(pipeline);
  const outcome = await groupElements(startGrouping(object.plan), {
    name: object.name,
    input,
    keyOf,
    cohorts,
    openBundle,
    staging,
    step: ONLY_STEP,
    stop: signal,
    onProgress,
  });
  await Promise.all([runs, dirname(unsortedPath(staged, 0))].map((path) => rm(path, { recursive: true, force: true })));
  if (outcome.kind === 'grouped') return outcome.plan;
  signal?.throwIfAborted();
  throw new TypeError('Cannot group by key: it stopped without a request to stop');
}

function bundleOpener({ source, plan, isStaged }: UnsortedObject, staged: string) {
  return async (bundle: number): Promise<ByteSource & Partial<AsyncDisposable>> => {
    if (!isStaged) return { byteLength: source.byteLength, read: (...args) => source.read(...args) };
    const chunk = await openFileSource(unsortedPath(staged, bundle));
    const shifted = shiftedSource(chunk, bundleRange(plan, bundle).start);
    return { ...shifted, [Symbol.asyncDispose]: () => chunk[Symbol.asyncDispose]() };
  };
}
