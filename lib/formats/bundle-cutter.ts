import type { StageBundle } from './format.ts';
import { tooManyElements } from './input-limits.ts';
import type { RecordRun } from './records.ts';

export interface BundleCutterOptions {
  readonly bundleBytes: number;
  readonly stage?: StageBundle | undefined;
  /** Maximum number of records that are cut into bundles. @default any number */
  readonly maxRecords?: number | undefined;
  /** An object with more records is refused. @default any number */
  readonly maxElements?: number;
  /** Earlier cuts; the first record that is added is the one at their last start, which is cut again. Not with `stage`. */
  readonly from?: Cuts | undefined;
}

/** The starts of bundles, and the number of records before each, if it was counted. */
export interface Cuts {
  readonly starts: readonly number[];
  readonly firstIndexes?: readonly number[];
  readonly elementsBefore?: number;
}

/**
 * Cuts records into bundles: each starts at the first record that begins at or after a multiple of `bundleBytes`, so
 * that the cuts depend on the bytes alone. It holds the bytes of one bundle, only if they are staged.
 */
export class BundleCutter {
  readonly #options: BundleCutterOptions;
  readonly #starts: number[];
  readonly #firstIndexes: number[];
  /** The next bundle starts at the first record at or after this. */
  #target = 0;
  #records: number;
  #bundle: Buffer[] = [];
  #end: number | undefined;

  constructor(options: BundleCutterOptions) {
    this.#options = options;
    const { starts = [], firstIndexes = [], elementsBefore = 0 } = options.from ?? {};
    this.#starts = starts.slice(0, -1);
    this.#firstIndexes = firstIndexes.slice(0, -1);
    this.#records = firstIndexes.at(-1) ?? elementsBefore;
  }

  get starts(): readonly number[] {
    return this.#starts;
  }

  /** The number of records before each bundle. */
  get firstIndexes(): readonly number[] {
    return this.#firstIndexes;
  }

  /** Records before the last start. */
  get recordsBefore(): number {
    return this.#firstIndexes.at(-1) ?? 0;
  }

  /** The start of the record after the last one of `maxRecords`; undefined until it was added. */
  get end(): number | undefined {
    return this.#end;
  }

  /** @throws FabricError `TOO_MANY_ELEMENTS` */
  async add(run: RecordRun): Promise<void> {
    const { maxRecords, maxElements = Infinity } = this.#options;
    let kept = 0;
    for (const start of recordStarts(run)) {
      if (this.#records === maxRecords) {
        this.#end = run.position + start;
        this.#keep(run, kept, start);
        return;
      }
      if (this.#records >= maxElements) throw tooManyElements(maxElements);
      if (run.position + start >= this.#target) {
        this.#keep(run, kept, start);
        await this.#cut(run.position + start);
        kept = start;
      }
      this.#records++;
    }
    this.#keep(run, kept, run.bytes.length);
  }

  /** Stages the last bundle. */
  async finish(): Promise<void> {
    if (this.#starts.length > 0) await this.#options.stage?.(this.#starts.length - 1, Buffer.concat(this.#bundle));
    this.#bundle = [];
  }

  async #cut(position: number): Promise<void> {
    await this.finish();
    this.#starts.push(position);
    this.#firstIndexes.push(this.#records);
    this.#target = (Math.floor(position / this.#options.bundleBytes) + 1) * this.#options.bundleBytes;
  }

  #keep(run: RecordRun, from: number, to: number): void {
    if (this.#options.stage === undefined || from === to) return;
    // The rest of a record that is too large only keeps the offsets of the records after it in the same bundle. The bytes
    // before show a reader that it is too large, and past the target no record of this bundle follows.
    if (run.kind === 'rest' && run.position >= this.#target) return;
    this.#bundle.push(run.bytes.subarray(from, to));
  }
}

function recordStarts(run: RecordRun): readonly number[] {
  if (run.kind === 'rest') return [];
  return run.kind === 'failed' ? [0] : [0, ...run.ends.slice(0, -1)];
}
