import { bundleCount, type GroupedPlan, type ObjectPlan } from '../plan.ts';
import { isStop } from '../is-stop.ts';
import { mergeRuns } from './merge-runs.ts';
import type { OpenPiece, SortedRun } from './run-reader.ts';
import { type ElementPlace, sortElements, type SortElementsOptions } from './sort-elements.ts';

/** Bytes of elements that are sorted in memory; it takes two or three times this, while sorted ones are written. */
const RUN_BYTES = 32 * 1024 * 1024;
/** Runs that are merged at once: two reads of each are in memory. More than 64 runs of 32 MiB are merged in several steps. */
const RUNS_MERGED_AT_ONCE = 64;
const READ_BYTES = 256 * 1024;
/** Maximum factor by which reads are larger if there are few runs. */
const MAX_READ_FACTOR = 16;
/** Share of the time that sorting takes, as an estimate for progress. */
const SORT_SHARE = 0.6;

/**
 * Progress of grouping; plain JSON. First, elements are sorted in runs that fit into memory; then the runs are merged, the
 * last time into bundles (an external merge sort).
 *
 * `written` counts the pieces so far. For the current merge, `pieces` has the bytes of each piece that it wrote, and
 * `cursor` is its place in each run. `id` names these sorted runs, and all results of merging them.
 */
export type GroupingState =
  | {
      readonly phase: 'sort';
      /** Plan of the object without grouping, by which it is read. */
      readonly plan: ObjectPlan;
      /** True if the object is read from staged bundles, because it is compressed. */
      readonly isStaged?: boolean | undefined;
      /** The first element that is in no run. */
      readonly from: ElementPlace;
      readonly runs: readonly SortedRun[];
      readonly written: number;
    }
  | {
      readonly phase: 'merge';
      readonly id: string;
      readonly header?: readonly string[] | undefined;
      readonly runs: readonly SortedRun[];
      readonly pieces: readonly number[];
      readonly cursor?: readonly number[] | undefined;
      readonly written: number;
    };

type SortState = Extract<GroupingState, { phase: 'sort' }>;
type MergeState = Extract<GroupingState, { phase: 'merge' }>;

/** Place where elements are staged. A piece can be written again, with the same bytes. */
export interface GroupingStaging {
  /** Starts to write a piece of a run; returns when there is room for more. */
  writePiece(run: string, piece: number, bytes: Uint8Array): Promise<void>;
  /** @param id - of the runs that the bundles are made of. */
  writeBundle(id: string, bundle: number, bytes: Uint8Array): Promise<void>;
  /** Waits until all started writes have ended. */
  settle(): Promise<void>;
  readonly openPiece: OpenPiece;
}

/** Bounds of memory; tests set their own. */
export interface GroupingBounds {
  readonly runBytes: number;
  readonly runsMergedAtOnce: number;
  readonly readBytes: number;
}

export interface GroupElementsOptions extends Pick<
  SortElementsOptions,
  'name' | 'input' | 'keyOf' | 'cohorts' | 'openBundle'
> {
  readonly staging: GroupingStaging;
  /**
   * Unique name of this step, for the runs that it sorts. So runs of two steps that read the same elements are never mixed,
   * even with other code or another version of Node.js. Merging only copies.
   */
  readonly step: string;
  /** Called with the share that is done, from 0 to 1. */
  readonly onProgress?: ((share: number) => void) | undefined;
  /** Aborted when the step must end. */
  readonly stop?: AbortSignal | undefined;
  readonly bounds?: GroupingBounds | undefined;
}

/** The plan and the id of its bundles, or the state of a step that was stopped. */
export type GroupingOutcome =
  | { readonly kind: 'grouped'; readonly plan: GroupedPlan; readonly id: string }
  | { readonly kind: 'stopped'; readonly state: GroupingState };

/** Returns the state in which grouping starts. @param plan - of the object without grouping. */
export function startGrouping(plan: ObjectPlan, { isStaged }: { readonly isStaged?: boolean } = {}): GroupingState {
  return { phase: 'sort', plan, isStaged, from: { bundle: 0, element: 0 }, runs: [], written: 0 };
}

/**
 * Writes an object's elements to bundles by their keys: those of a cohort are together, and in a cohort those of a key, in
 * the order of the input. Elements without a key, such as those that could not be read, come last.
 *
 * It writes the same bundles however often it is stopped and continued from its state. Memory is bounded for any object
 * and any keys.
 */
export async function groupElements(from: GroupingState, options: GroupElementsOptions): Promise<GroupingOutcome> {
  const { staging, stop } = options;
  const grouping = new Grouping(from, options);
  try {
    const { plan, id } = await grouping.run();
    await staging.settle();
    return { kind: 'grouped', plan, id };
  } catch (error) {
    // All pieces that the state counts must be written.
    await staging.settle();
    if (!isStop(error, stop)) throw error;
    return { kind: 'stopped', state: grouping.state };
  }
}

class Grouping {
  readonly #options: GroupElementsOptions;
  readonly #bounds: GroupingBounds;
  readonly #reading: { readonly signal?: AbortSignal };
  #state: GroupingState;

  constructor(state: GroupingState, options: GroupElementsOptions) {
    const usual = { runBytes: RUN_BYTES, runsMergedAtOnce: RUNS_MERGED_AT_ONCE, readBytes: READ_BYTES };
    this.#state = state;
    this.#options = options;
    this.#bounds = options.bounds ?? usual;
    this.#reading = options.stop === undefined ? {} : { signal: options.stop };
  }

  get state(): GroupingState {
    return this.#state;
  }

  async run(): Promise<{ readonly plan: GroupedPlan; readonly id: string }> {
    const { staging, input } = this.#options;
    let state = this.#state.phase === 'sort' ? await this.#sort(this.#state) : this.#state;
    while (state.runs.length > this.#bounds.runsMergedAtOnce) state = await this.#mergeSome(state);
    const { id } = state;
    const write = (bundle: number, bytes: Uint8Array): Promise<void> => staging.writeBundle(id, bundle, bytes);
    const { pieces, header } = await this.#merge(state, state.runs, { write, pieceBytes: input.bundleBytes });
    const starts: number[] = [];
    let byteLength = 0;
    for (const bytes of pieces) {
      starts.push(byteLength);
      byteLength += bytes;
    }
    return { plan: { kind: 'grouped', byteLength, starts, ...(header === undefined ? {} : { header }) }, id };
  }

  async #sort(from: SortState): Promise<MergeState> {
    const { staging, stop, step: id, onProgress } = this.#options;
    const sorting = { ...this.#options, ...this.#reading, runBytes: this.#bounds.runBytes };
    const { plan } = from;
    const runs = [...from.runs];
    let { written } = from;
    for await (const { bytes, next } of sortElements(plan, from.from, sorting)) {
      const name = runName(id, 0, runs.length);
      await staging.writePiece(name, 0, bytes);
      runs.push({ name, level: 0, pieces: [bytes.length] });
      written += 1;
      this.#state = { ...from, from: next, runs, written };
      onProgress?.((SORT_SHARE * next.bundle) / bundleCount(plan));
      stop?.throwIfAborted();
    }
    await staging.settle();
    return this.#become({ phase: 'merge', id, header: plan.header, runs, pieces: [], written });
  }

  /** Merges some runs into one: those that were merged least, and no more than needed. */
  async #mergeSome(state: MergeState): Promise<MergeState> {
    const { staging } = this.#options;
    const { runsMergedAtOnce, runBytes: pieceBytes } = this.#bounds;
    const { id, runs } = state;
    const level = Math.min(...runs.map((run) => run.level));
    const first = runs.findIndex((run) => run.level === level);
    const some = runs.slice(first, first + Math.min(runsMergedAtOnce, runs.length - runsMergedAtOnce + 1));
    const run = { name: runName(id, level + 1, first), level: level + 1 };
    const write = (piece: number, bytes: Uint8Array): Promise<void> => staging.writePiece(run.name, piece, bytes);
    const { pieces, written, header } = await this.#merge(state, some, { write, pieceBytes });
    await staging.settle();
    const merged = runs.toSpliced(first, some.length, { ...run, pieces });
    return this.#become({ phase: 'merge', id, header, runs: merged, pieces: [], written });
  }

  async #merge(from: MergeState, runs: readonly SortedRun[], { write, pieceBytes }: MergeTarget): Promise<MergeState> {
    const { staging, stop, onProgress } = this.#options;
    const isLast = runs === from.runs;
    const { readBytes: least, runsMergedAtOnce } = this.#bounds;
    // Few runs are read in larger pieces: in a store, each read is a request.
    const readBytes = least * Math.max(1, Math.min(MAX_READ_FACTOR, Math.floor(runsMergedAtOnce / runs.length)));
    const merging = { ...this.#reading, open: staging.openPiece, readBytes, pieceBytes, cursor: from.cursor };
    // The list can be very long: the states of one merge share it.
    const pieces = [...from.pieces];
    let state: MergeState = { ...from, pieces };
    for await (const { bytes, cursor } of mergeRuns(runs, merging)) {
      await write(pieces.length, bytes);
      pieces.push(bytes.length);
      state = this.#become({ ...state, cursor, written: state.written + 1 });
      if (isLast) onProgress?.(SORT_SHARE + ((1 - SORT_SHARE) * cursor.reduce(add, 0)) / bytesOf(runs));
      stop?.throwIfAborted();
    }
    return state;
  }

  #become(state: MergeState): MergeState {
    this.#state = state;
    return state;
  }
}

interface MergeTarget {
  readonly write: (piece: number, bytes: Uint8Array) => Promise<void>;
  readonly pieceBytes: number;
}

function runName(id: string, level: number, index: number): string {
  return `${id}-${level}-${index}`;
}

function bytesOf(runs: readonly SortedRun[]): number {
  return runs.flatMap(({ pieces }) => pieces).reduce(add, 0);
}

function add(sum: number, bytes: number): number {
  return sum + bytes;
}
