import { randomUUID } from 'node:crypto';
import { compressionOf } from '../../formats/compression.ts';
import type { InputOptions } from '../../formats/format.ts';
import {
  groupElements,
  type GroupElementsOptions,
  type GroupingStaging,
  type GroupingState,
} from '../../formats/grouping/group-elements.ts';
import { bundleRange } from '../../formats/plan.ts';
import { keyReader } from '../../inference/element-key.ts';
import type { ByteSource } from '../../stores/byte-source.ts';
import { openObjectSource } from '../../stores/object-source.ts';
import { shiftedSource } from '../../stores/shifted-source.ts';
import type { OutputBucket } from '../fabric-ports.ts';
import { chunkKey, type JobName, runPieceKey, unsortedKey } from '../output-layout.ts';
import { addressOf, type IntakeObject, jobNameOf } from './intake-state.ts';
import type { PlanningOptions, PlanningOutcome } from './planning.ts';
import { WorkInFlight } from './work-in-flight.ts';

/** Maximum chunks that are being put at once, and their maximum bytes. */
const CHUNKS_IN_FLIGHT = 8;
const CHUNK_BYTES_IN_FLIGHT = 64 * 1024 * 1024;
/** Enough digits that no two runs which group one object share them. */
const STEP_DIGITS = 8;

export function chunksAtOnce({ bundleBytes }: InputOptions): number {
  return Math.max(1, Math.min(CHUNKS_IN_FLIGHT, Math.floor(CHUNK_BYTES_IN_FLIGHT / bundleBytes)));
}

/** Groups an object's elements by key, from where an earlier run stopped, until all is staged or this one is to end. */
export async function groupStoredObject(
  object: IntakeObject,
  state: GroupingState,
  { input, cohorts, output, groupingBounds: bounds, stop }: PlanningOptions,
): Promise<PlanningOutcome> {
  const outcome = await groupElements(state, {
    name: object.name,
    input,
    cohorts,
    keyOf: keyReader(input.key, object.name),
    openBundle: bundleOpener(object, state, output),
    staging: new StoredGroups(jobNameOf(object), output, chunksAtOnce(input)),
    step: randomUUID().slice(0, STEP_DIGITS),
    stop,
    bounds,
  });
  if (outcome.kind === 'stopped') return { kind: 'stopped', progress: { kind: 'group', state: outcome.state } };
  return { kind: 'planned', plan: { kind: 'object', object: outcome.plan, chunked: true, staged: outcome.id } };
}

/**
 * Reads a compressed object from its decompressed bundles. Any other object is opened with the first bundle that is read:
 * sorted elements no longer need it.
 */
function bundleOpener(
  object: IntakeObject,
  state: GroupingState,
  { store, bucket }: OutputBucket,
): GroupElementsOptions['openBundle'] {
  const { name } = object;
  // States of earlier versions do not have it: those versions decided by the name.
  if (state.phase !== 'sort' || !(state.isStaged ?? compressionOf(name) !== undefined)) {
    let opened: Promise<ByteSource> | undefined;
    return async () => {
      opened ??= openObjectSource(store, addressOf(object));
      const source = await opened;
      // It stays open for the next bundle.
      return { byteLength: source.byteLength, read: (...args) => source.read(...args) };
    };
  }
  const { plan } = state;
  return async (bundle) => {
    const chunk = await openObjectSource(store, { bucket, key: unsortedKey(jobNameOf(object), bundle) });
    return shiftedSource(chunk, bundleRange(plan, bundle).start);
  };
}

/** Staging of a job's groups in the output bucket. An existing object stays: any run writes the same bytes to it. */
class StoredGroups implements GroupingStaging {
  readonly #job: JobName;
  readonly #output: OutputBucket;
  readonly #pieces = new WorkInFlight(1);
  readonly #bundles: WorkInFlight;

  constructor(job: JobName, output: OutputBucket, bundlesAtOnce: number) {
    this.#job = job;
    this.#output = output;
    this.#bundles = new WorkInFlight(bundlesAtOnce);
  }

  writePiece(run: string, piece: number, bytes: Uint8Array): Promise<void> {
    return this.#pieces.begin(() => this.#put(runPieceKey(this.#job, run, piece), bytes));
  }

  writeBundle(id: string, bundle: number, bytes: Uint8Array): Promise<void> {
    return this.#bundles.begin(() => this.#put(chunkKey(this.#job, bundle, id), bytes));
  }

  async settle(): Promise<void> {
    await this.#pieces.end();
    await this.#bundles.end();
  }

  readonly openPiece: GroupingStaging['openPiece'] = ({ name }, piece) => {
    const { store, bucket } = this.#output;
    return openObjectSource(store, { bucket, key: runPieceKey(this.#job, name, piece) });
  };

  #put(key: string, bytes: Uint8Array): Promise<unknown> {
    const { store, bucket } = this.#output;
    return store.put({ bucket, key }, bytes, { only: 'absent' });
  }
}
