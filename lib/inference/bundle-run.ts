import { type CarriedError, FabricError, restoreError } from '../errors.ts';
import type { Bundle, BundleSummary, OutcomeChunk, OutcomeSink } from './bundle.ts';
import { count, emptyTally } from './tally.ts';
import type { KnownFailure } from './worker-protocol.ts';

/** A bundle is given up when it has lost this many workers without a cause that can be named. */
const MAX_UNEXPLAINED_LOSSES = 3;

/** A worker was lost again and again, at no element that could be named. */
class WorkerLostError extends FabricError {
  override readonly name = 'WorkerLostError';
  constructor(cause: string) {
    super('WORKER_LOST', `the worker of a bundle was lost ${MAX_UNEXPLAINED_LOSSES} times: ${cause}`, {
      disposition: 'retry',
    });
  }
}

/** One `process` call, as its engine sees it: a bundle that may go through several workers until it is done. */
export class BundleRun {
  readonly task: number;
  readonly bundle: Bundle;
  readonly #sink: OutcomeSink;
  readonly #summary = Promise.withResolvers<BundleSummary>();
  readonly #known: KnownFailure[] = [];
  /** Of the outcomes that came: a worker that started over may have seen others for those that it did not send again. */
  readonly #tally = emptyTally();
  #writing: Promise<void> = Promise.resolve();
  #losses = 0;
  #settled = false;
  #onAbort: (() => void) | undefined;

  constructor(task: number, bundle: Bundle, sink: OutcomeSink) {
    this.task = task;
    this.bundle = bundle;
    this.#sink = sink;
  }

  get summary(): Promise<BundleSummary> {
    return this.#summary.promise;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Whether it has to run in a process of its own: it has ended a worker before, and nobody knows why. */
  get needsProcess(): boolean {
    return (this.bundle.receives ?? 1) > 1 || this.#losses > 0;
  }

  /** Elements that ended workers. */
  get known(): readonly KnownFailure[] {
    return this.#known;
  }

  /** Outcomes that have come so far. */
  get received(): number {
    return this.#tally.total;
  }

  /** @param abort - tells the worker that holds it to stop. */
  assigned(abort: () => void): void {
    this.#onAbort = abort;
    if (this.#settled) abort();
  }

  /** Writes a chunk after those before it; resolves once it is written. */
  async write(chunk: OutcomeChunk): Promise<void> {
    count(this.#tally, chunk);
    this.#writing = this.#writing.then(async () => {
      if (!this.#settled) await this.#sink.write(chunk);
    });
    try {
      await this.#writing;
    } catch (error) {
      this.#reject(error);
    }
  }

  async done(summary: BundleSummary): Promise<void> {
    await this.#writing.catch(() => {});
    this.#settled = true;
    this.#summary.resolve({ ...summary, ...this.#tally });
  }

  fail(error: CarriedError): void {
    this.#reject(restoreError(error));
  }

  abort(reason: unknown): void {
    this.#reject(reason);
  }

  /** Its worker was lost at an element, which fails for it when the bundle starts over. */
  lostAt(failure: KnownFailure): void {
    this.#known.push(failure);
  }

  /** Its worker was lost at no element that could be named. */
  lost(cause: string): void {
    this.#losses += 1;
    if (this.#losses >= MAX_UNEXPLAINED_LOSSES) this.#reject(new WorkerLostError(cause));
  }

  #reject(error: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#summary.reject(error);
    this.#onAbort?.();
  }
}
