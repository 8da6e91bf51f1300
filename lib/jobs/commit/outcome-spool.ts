import { rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { OutcomeChunk, OutcomeSink } from '../../inference/bundle.ts';
import { count, emptyTally, type Tally } from '../../inference/tally.ts';
import { openSpool, type Spool } from '../../stores/atomic-file.ts';
import { freeBytes } from '../../stores/free-bytes.ts';
import { makeTemporaryFolder } from '../../stores/left-files.ts';

/** A point at which a spool's outcomes may end, as lengths of its files and what they hold. */
interface Cut {
  readonly tally: Tally;
  readonly results: number;
  readonly errors: number;
}

/**
 * The outcomes of one attempt at a bundle, on local disk until they are committed. The folder is gone when it is disposed.
 *
 * What it says and holds is always a prefix of the bundle's outcomes, whenever a run is broken off: a chunk counts once it
 * is written, and `close` waits for one that is being written.
 */
export class OutcomeSpool implements OutcomeSink, AsyncDisposable {
  readonly tally: Tally = emptyTally();
  readonly results: Spool;
  readonly errors: Spool;
  readonly #folder: string;
  #writing: Promise<void> = Promise.resolve();
  #isWhole = true;
  /** Its state when it last ended with a batch. */
  #cut: Cut = { tally: emptyTally(), results: 0, errors: 0 };

  private constructor(folder: string, results: Spool, errors: Spool) {
    this.#folder = folder;
    this.results = results;
    this.errors = errors;
  }

  static async open(): Promise<OutcomeSpool> {
    const folder = await makeTemporaryFolder('outcomes');
    const [results, errors] = await Promise.all([
      openSpool(join(folder, 'results')),
      openSpool(join(folder, 'errors')),
    ]);
    return new OutcomeSpool(folder, results, errors);
  }

  /** True if the files hold what the tally says and nothing else: a failed write may have left a piece of a chunk. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Writes a chunk, and gives its memory back. */
  write(chunk: OutcomeChunk): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write(chunk));
    return this.#writing;
  }

  /** Puts outcomes that an earlier attempt had before its own; there must be none yet. */
  async begin(
    tally: Omit<Tally, 'failed'>,
    lines: { readonly results: AsyncIterable<Uint8Array>; readonly errors: AsyncIterable<Uint8Array> },
  ): Promise<void> {
    for await (const bytes of lines.results) await this.results.write(bytes);
    for await (const bytes of lines.errors) await this.errors.write(bytes);
    this.tally.total = tally.total;
    this.tally.succeeded = tally.succeeded;
    this.tally.failed = tally.total - tally.succeeded;
    Object.assign(this.tally.failedByStage, tally.failedByStage);
    Object.assign(this.tally.models, tally.models);
    if (tally.providers !== undefined) this.tally.providers = tally.providers;
    if (tally.usage !== undefined) this.tally.usage = tally.usage;
    if (tally.measures !== undefined) this.tally.measures = tally.measures;
    this.#cut = this.#here();
  }

  /**
   * Drops the outcomes after the last whole batch of a fixed size, so that the next attempt makes the same batches; not
   * if that would leave at most `least` outcomes. The spool is closed.
   */
  async cutAtBatch(least: number): Promise<void> {
    await this.close();
    const { tally, results, errors } = this.#cut;
    if (tally.total <= least || tally.total === this.tally.total) return;
    await Promise.all([truncate(this.results.path, results), truncate(this.errors.path, errors)]);
    // Tokens counted after the cut are in the answers that are kept. The measured work was done.
    const { measures } = this.tally;
    delete this.tally.usage;
    Object.assign(this.tally, tally, measures === undefined ? {} : { measures });
  }

  #here(): Cut {
    const { failedByStage, models } = this.tally;
    const tally = { ...this.tally, failedByStage: { ...failedByStage }, models: { ...models } };
    return { tally, results: this.results.byteLength, errors: this.errors.byteLength };
  }

  /** Waits for a chunk that is being written, of a run that was broken off. */
  async settled(): Promise<void> {
    // The writer has the error.
    await this.#writing.catch(() => {});
  }

  /** Ends the files; nothing is written afterwards. */
  async close(): Promise<void> {
    await this.settled();
    await Promise.all([this.results.close(), this.errors.close()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #write(chunk: OutcomeChunk): Promise<void> {
    const { results, errors } = chunk;
    this.#isWhole = false;
    await this.results.write(results);
    await this.errors.write(errors);
    this.#isWhole = true;
    count(this.tally, chunk);
    if (chunk.isMidBatch !== true) this.#cut = this.#here();
    freeBytes(results);
    freeBytes(errors);
  }
}
