import { ModelLoadError } from '../errors.ts';
import type { ModelVersion } from '../models/model-store.ts';
import type { ModelOrigin } from './model-origin.ts';

export interface VersionWatchOptions {
  readonly origin: Pick<ModelOrigin, 'uri' | 'look'>;
  /** Receives the reason why a new version was kept out, once for each version. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Called for each version that was kept out, and for each failed look. */
  readonly onFailure: () => void;
}

/** Looks for new versions of a model, and knows which were tried. */
export class VersionWatch {
  readonly #options: VersionWatchOptions;
  /** Ids of the version that serves: the same content can have several. */
  readonly #serving = new Set<string>();
  readonly #keptOut = new Set<string>();
  #warned: string | undefined;
  #lookFailure: string | undefined;

  constructor(options: VersionWatchOptions) {
    this.#options = options;
  }

  /** A version that serves now, instead of those before; it may be the one that did. */
  serves({ id }: ModelVersion): void {
    if (this.#serving.has(id)) return;
    this.#forget();
    this.#serving.clear();
    this.#serving.add(id);
  }

  /** A version that is the one that serves, by other ids. */
  isSame(versions: readonly ModelVersion[]): void {
    for (const { id } of versions) this.#serving.add(id);
  }

  /** A version that should serve from now on, where there is one; never rejects. */
  async newer(signal: AbortSignal): Promise<ModelVersion | undefined> {
    const { origin } = this.#options;
    try {
      const version = await origin.look(signal);
      this.#lookFailure = undefined;
      const serves = this.#serving.has(version.id);
      if (serves) this.#forget();
      return serves || this.#keptOut.has(version.id) ? undefined : version;
    } catch (error) {
      if (signal.aborted) return undefined;
      this.#options.onFailure();
      const { message } = error as Error;
      const what = `no new version of the model ${origin.uri} can be found, and the one before it serves on`;
      if (this.#lookFailure !== message) this.#options.onWarning?.(`${what}: ${message}`);
      this.#lookFailure = message;
      return undefined;
    }
  }

  /** A version, by all its ids, can't serve. Where that is the model's own fault, it is not tried again before there was another. */
  keepOut(versions: readonly ModelVersion[], error: unknown): void {
    const isForGood = error instanceof ModelLoadError && error.disposition !== 'retry';
    if (isForGood) for (const { id } of versions) this.#keptOut.add(id);
    this.#options.onFailure();
    const what = `a new version of the model ${this.#options.origin.uri} is kept out, and the one before it serves on`;
    if (this.#warned !== versions[0]?.id) this.#options.onWarning?.(`${what}: ${(error as Error).message}`);
    this.#warned = versions[0]?.id;
  }

  #forget(): void {
    this.#keptOut.clear();
    this.#warned = undefined;
  }
}
