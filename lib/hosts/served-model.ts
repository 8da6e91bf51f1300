import { FabricError, ModelLoadError } from '../errors.ts';
import type { HeldModel, ModelVersion } from '../models/model-store.ts';
import type { HostPoolOptions, ServedAnswer } from './host-pool.ts';
import { ModelGeneration } from './model-generation.ts';
import type { ModelOrigin } from './model-origin.ts';
import type { RunRequest } from './model-host.ts';
import { privateBytes } from './private-bytes.ts';
import type { ModelInfo } from './protocol.ts';
import { type RefreshClock, SYSTEM_CLOCK } from './refresh-clock.ts';
import { checkSameInputs } from './same-inputs.ts';
import { VersionWatch } from './version-watch.ts';

export type { ServedAnswer } from './host-pool.ts';

export interface ServedModelOptions extends Omit<HostPoolOptions, 'model'> {
  /** Absent if the handler finds its model itself. */
  readonly origin?: ModelOrigin;
  /** Seconds between two looks for a new version. @default the engine does not look */
  readonly refreshSecs?: number;
  /**
   * True if a bound opens and closes the model all the time: a new version is then never loaded beside the one before it,
   * but tried when the model is opened. @default false
   */
  readonly isOnDemand?: boolean;
  /** Called on demand, if a new version arrives while the model is open: it is tried after the model was closed. */
  readonly onStale?: () => void;
  /** Receives the reasons why new versions were kept out. */
  readonly onWarning?: (message: string) => void;
  /** Called when a new version serves, and when one was kept out or could not be found. */
  readonly onRefresh?: (outcome: 'new' | 'failed') => void;
  /** @default the system's */
  readonly clock?: RefreshClock;
}

/** Result of a look: no other version, a new one that serves now, one that was kept out, or one that waits to be tried. */
export type Refreshed = 'same' | 'new' | 'kept out' | 'stale';

/**
 * One model as it is served: opened, its hosts load it; closed, they are gone, until it is opened again.
 *
 * All of its hosts hold one version. With `refreshSecs` a new one is loaded beside it, probed, and takes the batches that
 * come from then on; the old one answers what it has, and is gone. A version that can't be fetched or loaded, that does
 * not answer the probe as it should, or whose inputs are others, is kept out. On demand, a new version is fetched while
 * the one before it serves, and tried when the model is opened; where it is kept out, the one that served last is loaded.
 */
export class ServedModel implements AsyncDisposable {
  readonly #options: ServedModelOptions;
  readonly #clock: RefreshClock;
  readonly #watch: VersionWatch | undefined;
  /** All that have processes: the one that serves, one to come, those that are draining. */
  readonly #generations = new Set<ModelGeneration>();
  #current: ModelGeneration | undefined;
  #opening: Promise<ModelInfo> | undefined;
  #refreshing: Promise<Refreshed> | undefined;
  #closing = new AbortController();
  #cancelLook: (() => void) | undefined;
  #lookedAt = -Infinity;
  /** On demand: a new version is here, and has not been tried. */
  #isStale = false;
  /** Description of the version that served last, until another version has proved that it can serve. */
  #info: ModelInfo | undefined;
  #version: ModelVersion | undefined;

  constructor(options: ServedModelOptions) {
    const { origin, onWarning, onRefresh } = options;
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    const onFailure = (): void => onRefresh?.('failed');
    if (origin !== undefined) this.#watch = new VersionWatch({ origin, onWarning, onFailure });
  }

  /** Starts the model's hosts, if it is closed; resolves when the first has loaded it. @throws ModelLoadError */
  open(): Promise<ModelInfo> {
    this.#opening ??= this.#open(this.#closing.signal);
    return this.#opening;
  }

  /** Runs a batch. @throws HostDiedError, ModelLoadError */
  async run(request: RunRequest): Promise<ServedAnswer> {
    for (;;) {
      const generation = this.#current;
      if (generation === undefined) throw new TypeError('Cannot run a batch as the model is closed');
      try {
        return await generation.run(request);
      } catch (error) {
        // A version that was replaced, and whose hosts could not be: the new one takes what it leaves.
        const isReplaced = this.#current !== undefined && this.#current !== generation;
        if (!isReplaced || !(error instanceof ModelLoadError)) throw error;
      }
    }
  }

  /** Looks for a new version now, and lets it serve if it can; never rejects. */
  refresh(): Promise<Refreshed> {
    this.#refreshing ??= this.#refresh(this.#closing.signal).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Private bytes of its processes now, or about what the model added to them where the system does not tell. */
  async privateBytes(): Promise<number | undefined> {
    const pids = [...this.#generations].flatMap((generation) => generation.pids);
    if (pids.length === 0) return undefined;
    const bytes = await Promise.all(pids.map((pid) => privateBytes(pid)));
    const about = this.#info?.modelBytes;
    return bytes.reduce((sum, own = about) => (sum === undefined || own === undefined ? undefined : sum + own), 0);
  }

  /** Ends the hosts; resolves when their processes are gone. */
  async close(): Promise<void> {
    this.#cancelLook?.();
    this.#closing.abort(new ModelLoadError('the model was closed'));
    this.#current = undefined;
    const ending = [...this.#generations].map((generation) => this.#end(generation));
    await Promise.allSettled([...ending, this.#opening, this.#refreshing]);
    this.#closing = new AbortController();
    this.#opening = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #open(signal: AbortSignal): Promise<ModelInfo> {
    const former = this.#info;
    if (former === undefined) this.#lookedAt = this.#clock.now();
    else if (this.#options.isOnDemand === true && (await this.#openNewer(former, signal))) {
      this.#lookLater(signal);
      return this.#info ?? former;
    }
    const generation = this.#begin(signal, this.#reuseLast());
    this.#current = generation;
    const info = await generation.model;
    if (former !== undefined && former.digest !== info.digest) this.#checkReplaced(former, info);
    this.#accept(generation, info);
    this.#lookLater(signal);
    return info;
  }

  /** Looks for a new version if it is due, and loads it; false if there is no new version, or it can't serve. */
  async #openNewer(former: ModelInfo, signal: AbortSignal): Promise<boolean> {
    const { refreshSecs = Infinity } = this.#options;
    if (!this.#isStale && this.#clock.now() - this.#lookedAt < refreshSecs * 1000) return false;
    this.#isStale = false;
    const newer = await this.#look(signal);
    return newer !== undefined && (await this.#try(newer, former, signal)) === 'new';
  }

  async #refresh(signal: AbortSignal): Promise<Refreshed> {
    const former = this.#info;
    if (former === undefined || this.#current === undefined) return 'same';
    const newer = await this.#look(signal);
    if (newer === undefined) return 'same';
    return this.#options.isOnDemand === true
      ? this.#bringHere(newer, former, signal)
      : this.#try(newer, former, signal);
  }

  async #look(signal: AbortSignal): Promise<ModelVersion | undefined> {
    this.#lookedAt = this.#clock.now();
    return this.#watch?.newer(signal);
  }

  /** Fetches a version before it is tried, so that the one that serves is not given up for one that can't be had. */
  async #bringHere(version: ModelVersion, former: ModelInfo, signal: AbortSignal): Promise<Refreshed> {
    const { origin, loadTimeoutSecs, onStale } = this.#options;
    if (origin === undefined) return 'same';
    try {
      const held = await origin.fetch(version, signal, loadTimeoutSecs);
      await held.release();
      signal.throwIfAborted();
      if (held.digest === former.digest) {
        this.#watch?.isSame([version, held.version ?? version]);
        return 'same';
      }
      this.#isStale = true;
      onStale?.();
      return 'stale';
    } catch (error) {
      if (!signal.aborted) this.#watch?.keepOut([version], error);
      return 'kept out';
    }
  }

  /** Loads a version, and lets it serve where it can. Its number of hosts are all there before it does. */
  async #try(version: ModelVersion, former: ModelInfo, signal: AbortSignal): Promise<Refreshed> {
    const { origin, loadTimeoutSecs, onRefresh } = this.#options;
    if (origin === undefined) return 'same';
    let held: HeldModel | undefined;
    let next: ModelGeneration | undefined;
    try {
      held = await origin.fetch(version, signal, loadTimeoutSecs);
      const whole = held.version ?? version;
      if (held.digest === former.digest) {
        this.#watch?.isSame([version, whole]);
        return 'same';
      }
      next = this.#begin(signal, (closed) => origin.fetch(whole, closed, loadTimeoutSecs));
      const info = await next.ready;
      checkSameInputs(former, info);
      signal.throwIfAborted();
      this.#swap(next, info);
      onRefresh?.('new');
      return 'new';
    } catch (error) {
      if (next !== undefined) await this.#end(next);
      if (!signal.aborted) this.#watch?.keepOut([version, held?.version ?? version], error);
      return 'kept out';
    } finally {
      await held?.release();
    }
  }

  #swap(next: ModelGeneration, info: ModelInfo): void {
    const previous = this.#current;
    this.#current = next;
    this.#accept(next, info);
    if (previous !== undefined) void previous.drained().then(() => this.#end(previous));
  }

  #begin(signal: AbortSignal, take?: (signal: AbortSignal) => Promise<HeldModel>): ModelGeneration {
    signal.throwIfAborted();
    const { origin } = this.#options;
    const generation = new ModelGeneration({
      pool: this.#options,
      origin,
      ...(take === undefined ? {} : { acquire: take }),
    });
    this.#generations.add(generation);
    return generation;
  }

  async #end(generation: ModelGeneration): Promise<void> {
    await generation[Symbol.asyncDispose]();
    this.#generations.delete(generation);
  }

  #accept(generation: ModelGeneration, info: ModelInfo): void {
    this.#info = info;
    this.#version = generation.version;
    if (generation.version !== undefined) this.#watch?.serves(generation.version);
  }

  /** Returns a fetch of the version that served last, or if it no longer exists of the newest one. */
  #reuseLast(): ((signal: AbortSignal) => Promise<HeldModel>) | undefined {
    const { origin, loadTimeoutSecs } = this.#options;
    const version = this.#version;
    if (origin === undefined || version === undefined) return undefined;
    return async (signal) => {
      try {
        return await origin.fetch(version, signal, loadTimeoutSecs);
      } catch (error) {
        if (!(error instanceof FabricError) || error.code !== 'MODEL_REPLACED') throw error;
        return origin.fetchCurrent(signal, loadTimeoutSecs);
      }
    };
  }

  /** Checks and warns that the version that served last was overwritten while the model was closed. */
  #checkReplaced(former: ModelInfo, info: ModelInfo): void {
    checkSameInputs(former, info);
    const uri = this.#options.origin?.uri ?? 'that its handler loads';
    const advice = "with 'refreshSecs' new versions are looked for, and the one before is kept meanwhile";
    this.#options.onWarning?.(`the model ${uri} was replaced, and the one before is gone: ${advice}`);
  }

  #lookLater(signal: AbortSignal): void {
    const { refreshSecs } = this.#options;
    if (refreshSecs === undefined || this.#watch === undefined || signal.aborted) return;
    const look = (): void => void this.refresh().then((refreshed) => refreshed === 'stale' || this.#lookLater(signal));
    const sinceLook = this.#options.isOnDemand === true ? this.#clock.now() - this.#lookedAt : 0;
    this.#cancelLook = this.#clock.after(Math.max(0, refreshSecs * 1000 - sinceLook), look);
  }
}
