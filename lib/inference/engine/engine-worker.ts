import { type CarriedError, carryError, type ErrorDescription } from '../../errors.ts';
import { rangeBytes } from '../../formats/plan.ts';
import type { Bundle } from '../bundle.ts';
import type { BundleRun } from './bundle-run.ts';
import type { MissingField } from '../missing-field.ts';
import type { Standing } from '../progress.ts';
import { sendBundle } from '../sent-bundle.ts';
import { openWorkerProcess, openWorkerThread, type WorkerChannel } from './worker-channel.ts';
import { FUNCTION_TIMEOUT_SECS, type FunctionStage, functionTimeout, ownWorkTimeout } from '../stages.ts';
import { WorkerLeases, type WorkerLeasesOptions } from './worker-leases.ts';
import type { FromWorker, InferRequest, RecoveredSize, ToWorker, WorkerSetup } from '../worker-protocol.ts';

/** How often a worker is looked at for standing still. */
const WATCH_MILLIS = 100;
/** One bundle is read while the batches of the one before it still run. */
const MAX_BUNDLES = 2;
/** Maximum number of short bundles that wait for a shared batch, if bundles share batches. */
const MAX_SHORT_BUNDLES = 32;
/** Maximum elements of a short bundle, which uses little memory and would be a small batch by itself. */
const SHORT_ELEMENTS = 32;
const SHORT_OBJECTS = 4;
const SHORT_BYTES = 64 * 1024;
/** A worker is not ended sooner for standing still at no known place: it may be packing a large batch. */
const MIN_STILL_MILLIS = 3000;

const NO_STAGE: FunctionStage = { name: '', timeoutSecs: FUNCTION_TIMEOUT_SECS, isOption: false };

export interface EngineWorkerOptions extends Omit<WorkerLeasesOptions, 'post'> {
  readonly kind: 'thread' | 'process';
  readonly setup: WorkerSetup;
  /** True if bundles share batches. */
  readonly sharesBatches: boolean;
  /** The stages at which functions run, by the code that progress gives them. */
  readonly stages: readonly FunctionStage[];
  /** How long it may stand still outside of functions, as one does that spins after it has waited. */
  readonly stillSecs: number;
  readonly onInfer: (request: number, body: InferRequest) => void;
  readonly onOneRow: (model: number) => void;
  readonly onRecovered: (model: number, size: RecoveredSize) => void;
  readonly onMissingField: (missing: MissingField) => void;
  /** It could take another bundle. */
  readonly onFree: () => void;
  readonly onSetupFailed: (error: CarriedError) => void;
  /** It is gone, and these bundles were its own. */
  readonly onLost: (runs: readonly BundleRun[]) => void;
}

/**
 * The engine's side of a worker: its bundles, and a watch on its progress. A worker that is in one function for longer than
 * the step's `timeoutSecs` is ended, the element in that function fails, and its bundles go to another worker. A worker
 * that hangs elsewhere is ended too, and its bundles go to separate processes, which find the element.
 */
export class EngineWorker {
  readonly #options: EngineWorkerOptions;
  readonly #channel: WorkerChannel;
  readonly #runs = new Map<number, BundleRun>();
  readonly #reading = new Set<number>();
  readonly #watch: NodeJS.Timeout;
  readonly #leases: WorkerLeases;
  #seen: { readonly ticket: number; readonly since: number } | undefined;
  /** Where it stood when it was ended for that; it may have gone on since. */
  #stuck: (Standing & { readonly error: ErrorDescription }) | undefined;
  #started = false;
  #pulse = 0;
  /** Looks in a row that found no pulse: looks and not time, as the whole machine may have slept. */
  #looksWithoutPulse = 0;
  #closed = false;

  constructor(options: EngineWorkerOptions) {
    this.#options = options;
    const open = options.kind === 'thread' ? openWorkerThread : openWorkerProcess;
    this.#channel = open(options.setup, {
      onMessage: (message) => this.#handle(message),
      onExit: (cause) => this.#lost(cause),
    });
    this.#leases = new WorkerLeases({ ...options, post: (message) => this.post(message) });
    this.#watch = setInterval(() => this.#look(), WATCH_MILLIS).unref();
  }

  hasRoomFor({ bundle }: BundleRun): boolean {
    const most = this.#options.sharesBatches && isShort(bundle) ? MAX_SHORT_BUNDLES : MAX_BUNDLES;
    return !this.#closed && this.#reading.size === 0 && this.#runs.size < most;
  }

  get load(): number {
    return this.#runs.size;
  }

  post(message: ToWorker, transfer?: readonly ArrayBuffer[]): void {
    if (!this.#closed) this.#channel.post(message, transfer);
  }

  /** Gives it a bundle. One that cannot be sent fails, and the worker is as free as before. */
  give(run: BundleRun): void {
    const { task, known } = run;
    try {
      const { bundle, skip } = run.rest;
      this.post({ kind: 'bundle', task, known, skip, bundle: sendBundle(bundle) });
    } catch (error) {
      run.fail(carryError(error));
      if (this.#options.kind === 'process') this.#end();
      return;
    }
    this.#runs.set(task, run);
    this.#reading.add(task);
    run.assigned(() => this.post({ kind: 'abort', task }));
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#watch);
    await this.#channel.kill();
    this.#leases.giveBack();
  }

  #handle(message: FromWorker): void {
    if (this.#closed) return;
    switch (message.kind) {
      case 'started':
        this.#started = true;
        return;
      case 'setupFailed':
        this.#options.onSetupFailed(message.error);
        for (const run of this.#runs.values()) run.fail(message.error);
        return;
      case 'infer':
        return this.#options.onInfer(message.request, message.body);
      case 'lease':
      case 'cancelLease':
      case 'release':
        return this.#leases.handle(message);
      case 'recovered':
        return this.#options.onRecovered(message.model, message.size);
      case 'oneRow':
        return this.#options.onOneRow(message.model);
      case 'missingField':
        return this.#options.onMissingField(message.missing);
      case 'outcomes':
        void this.#runs
          .get(message.task)
          ?.write(message.chunk)
          .then(() => this.post({ kind: 'written', task: message.task }));
        return;
      case 'readDone':
        this.#reading.delete(message.task);
        return this.#options.onFree();
      case 'done':
        void this.#runs.get(message.task)?.done(message.summary);
        return this.#finish(message.task);
      case 'failed':
        this.#runs.get(message.task)?.fail(message.error);
        return this.#finish(message.task);
    }
  }

  #finish(task: number): void {
    this.#runs.delete(task);
    this.#reading.delete(task);
    if (this.#options.kind === 'process') this.#end();
    else this.#options.onFree();
  }

  /** Ends a process, which is for one bundle: that is no loss. */
  #end(): void {
    void this.close().then(() => this.#options.onLost([]));
  }

  #look(): void {
    this.#lookForPulse();
    const at = this.#channel.standing();
    const now = performance.now();
    if (at === undefined || at.ticket !== this.#seen?.ticket) {
      this.#seen = at === undefined ? undefined : { ticket: at.ticket, since: now };
      return;
    }
    if (now - this.#seen.since >= this.#limitOf(at).timeoutSecs * 1000) this.#endStuck(at);
  }

  /** Ends it for standing at an element for too long. */
  #endStuck(at: Standing): void {
    if (this.#stuck !== undefined) return;
    const stage = this.#limitOf(at);
    const message = at.isOwnWork ? ownWorkTimeout(stage) : functionTimeout(stage);
    this.#stuck = { ...at, error: { name: 'TimeoutError', message } };
    void this.#channel.kill();
  }

  /** Returns how long it may stand there. A function has exactly its limit. */
  #limitOf({ stage, isOwnWork }: Standing): FunctionStage {
    const limit = this.#options.stages[stage] ?? NO_STAGE;
    return isOwnWork ? { ...limit, timeoutSecs: Math.max(MIN_STILL_MILLIS / 1000, limit.timeoutSecs) } : limit;
  }

  #lookForPulse(): void {
    const pulse = this.#channel.pulse();
    const still = this.#started && this.#runs.size > 0 && pulse === this.#pulse;
    this.#looksWithoutPulse = still ? this.#looksWithoutPulse + 1 : 0;
    this.#pulse = pulse;
    const timeoutMillis = Math.max(MIN_STILL_MILLIS, this.#options.stillSecs * 1000);
    if (this.#looksWithoutPulse !== Math.ceil(timeoutMillis / WATCH_MILLIS)) return;
    const at = this.#channel.standing();
    if (at === undefined) void this.#channel.kill();
    else this.#endStuck(at);
  }

  #lost(cause: string): void {
    clearInterval(this.#watch);
    this.#leases.giveBack();
    if (this.#closed) return;
    this.#closed = true;
    // The death of a thread fails no element: its last place may not be the cause. A process runs one element at a time.
    const named = this.#stuck ?? (this.#options.kind === 'process' ? this.#channel.standing() : undefined);
    for (const run of this.#runs.values()) this.#blame(run, named, cause);
    this.#options.onLost([...this.#runs.values()].filter((run) => !run.settled));
  }

  #blame(run: BundleRun, at: Standing | undefined, cause: string): void {
    if (at?.task === run.task) {
      const crash = {
        name: 'WorkerCrashedError',
        message: `the worker ${cause} in ${this.#options.stages[at.stage]?.name ?? 'a function'}`,
      };
      run.lostAt({ ordinal: at.ordinal, stage: at.stage, error: this.#stuck?.error ?? crash });
    } else if (at === undefined) run.lost(cause);
  }
}

function isShort({ source }: Bundle): boolean {
  switch (source.kind) {
    case 'range':
    case 'grouped':
      return rangeBytes(source.range) <= SHORT_BYTES;
    case 'objects':
      return source.objects.length <= SHORT_OBJECTS;
    case 'elements':
      return source.elements.length <= SHORT_ELEMENTS;
  }
}
