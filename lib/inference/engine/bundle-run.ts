import { type CarriedError, FabricError, restoreError } from '../../errors.ts';
import type { Bundle, BundleSummary, OutcomeChunk, OutcomeSink } from '../bundle.ts';
import type { EndpointBusyError } from '../../remote/endpoint/endpoint-error.ts';
import { AnswerJournal } from './answer-journal.ts';
import type { AskingBundle } from './engine-model.ts';
import { count, emptyTally } from '../tally.ts';
import type { KnownFailure } from '../worker-protocol.ts';

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

export interface BundleRunOptions {
  /** Milliseconds for which a stopped bundle waits for its requests in flight. @default 0 */
  readonly drainMillis?: number;
  /**
   * The longest that the endpoint may want to be left alone, in milliseconds; for longer, the bundle is given up.
   * @default as long as it takes
   */
  readonly patienceMillis?: number;
  /** Earlier answers of remote models. @default no answers */
  readonly journal?: AnswerJournal;
}

/** A bundle, the number of its task, and where its outcomes go. */
export interface BundleRequest {
  readonly task: number;
  readonly bundle: Bundle;
  readonly sink: OutcomeSink;
}

/** One `process` call, as its engine sees it: a bundle that may go through several workers until it is done. */
export class BundleRun implements AskingBundle {
  readonly task: number;
  readonly bundle: Bundle;
  readonly #sink: OutcomeSink;
  readonly journal: AnswerJournal;
  readonly patienceMillis: number | undefined;
  readonly #drainMillis: number;
  readonly #stop = new AbortController();
  readonly #kill = new AbortController();
  /** Requests to endpoints that are in flight or wait for their turn. */
  readonly #requests = new Set<Promise<unknown>>();
  #hasAsked = false;
  readonly #summary = Promise.withResolvers<BundleSummary>();
  readonly #known: KnownFailure[] = [];
  /** Counts of the received outcomes. A restarted worker may have had others for those that it did not send again. */
  readonly #tally = emptyTally();
  /** How many there were when they last ended with a batch of a fixed size. */
  #atBatch = 0;
  #writing: Promise<void> = Promise.resolve();
  #losses = 0;
  #settled = false;
  #onAbort: (() => void) | undefined;

  constructor({ task, bundle, sink }: BundleRequest, options: BundleRunOptions = {}) {
    this.task = task;
    this.bundle = bundle;
    this.#sink = sink;
    this.journal = options.journal ?? new AnswerJournal();
    this.patienceMillis = options.patienceMillis;
    this.#drainMillis = options.drainMillis ?? 0;
  }

  get stopSignal(): AbortSignal {
    return this.#stop.signal;
  }

  get killSignal(): AbortSignal {
    return this.#kill.signal;
  }

  track(request: Promise<unknown>): void {
    this.#hasAsked = true;
    this.#requests.add(request);
    void request.finally(() => this.#requests.delete(request));
  }

  giveUp(error: EndpointBusyError): void {
    this.journal.retryAfterMillis = Math.max(this.journal.retryAfterMillis ?? 0, error.retryAfterMillis);
    this.abort(error);
  }

  get isAsking(): boolean {
    return this.#requests.size > 0;
  }

  /** Resolves when no request to an endpoint is in flight or waiting. */
  async answered(): Promise<void> {
    while (this.#requests.size > 0) await Promise.allSettled(this.#requests);
  }

  get summary(): Promise<BundleSummary> {
    return this.#summary.promise;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Resolves when it is settled, however it ended. */
  get ended(): Promise<unknown> {
    return this.#summary.promise.catch(() => {});
  }

  /** True if it must run in a separate process: it has ended a worker before, for an unknown reason. */
  get needsProcess(): boolean {
    return (this.bundle.receives ?? 1) > 1 || this.#losses > 0;
  }

  /** Elements that ended workers. */
  get known(): readonly KnownFailure[] {
    return this.#known;
  }

  /**
   * The part of the bundle that a worker must still run, and the number of its outcomes to skip because they have arrived
   * already. After requests to endpoints only batches of a fixed size run again: answers are lost with the outcomes.
   */
  get rest(): { readonly bundle: Bundle; readonly skip: number } {
    const { total } = this.#tally;
    const next = this.#ordinalAfter(this.#atBatch);
    if (!this.#hasAsked || next === undefined) return { bundle: this.bundle, skip: total };
    return { bundle: { ...this.bundle, skipElements: next }, skip: total - this.#atBatch };
  }

  /** Returns the ordinal of the element after a number of outcomes, if the number determines it. */
  #ordinalAfter(outcomes: number): number | undefined {
    const { source, only, skipElements = 0 } = this.bundle;
    if (only !== undefined || (source.kind === 'elements' && source.ordinals !== undefined)) return undefined;
    return skipElements + outcomes;
  }

  /** @param abort - tells the worker that holds it to stop. */
  assigned(abort: () => void): void {
    this.#onAbort = abort;
    if (this.#settled) abort();
  }

  /** Writes a chunk after those before it; resolves once it is written. */
  async write(chunk: OutcomeChunk): Promise<void> {
    count(this.#tally, chunk);
    if (chunk.isMidBatch !== true) this.#atBatch = this.#tally.total;
    // A bundle that goes on may go on before a chunk that ends within a batch.
    const next = this.#ordinalAfter(this.#atBatch);
    this.#writing = this.#writing.then(async () => {
      if (this.#settled) return;
      await this.#sink.write(chunk);
      if (next !== undefined) this.journal.forgetBefore(next);
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

  /** Makes no more requests to endpoints, and ends when those in flight have been answered or have timed out. */
  abort(reason: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort(reason);
    if (this.#requests.size === 0 || this.#drainMillis === 0) this.#reject(reason);
    else void this.#drain().then(() => this.#reject(reason));
  }

  async #drain(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#drainMillis);
    await Promise.race([this.answered(), promise]);
    clearTimeout(timer);
  }

  /** Its worker was lost at an element, which fails for it when the bundle starts over. */
  lostAt(failure: KnownFailure): void {
    const { ordinal, stage, error } = failure;
    const isKnown = this.#known.some((known) => known.ordinal === ordinal && known.stage === stage);
    // That the element is left out there did not help.
    if (isKnown) this.lost(error.message);
    else this.#known.push(failure);
  }

  /** Its worker was lost at no element that could be named. */
  lost(cause: string): void {
    this.#losses += 1;
    if (this.#losses >= MAX_UNEXPLAINED_LOSSES) this.#reject(new WorkerLostError(cause));
  }

  #reject(error: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#stop.abort(error);
    this.#kill.abort(error);
    this.#summary.reject(error);
    this.#onAbort?.();
  }
}
