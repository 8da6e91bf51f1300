import type { ModelInfo } from './protocol.ts';

/** A model that can be loaded into memory and removed from it, any number of times. */
export interface Loadable {
  /** Starts its processes; resolves when it is loaded. Called only while it is closed. */
  open(): Promise<ModelInfo>;
  /**
   * Resolves when its processes are gone; never rejects. Called after each `open`, also after one that failed. Only a
   * disposal calls it during an `open`, which it ends.
   */
  close(): Promise<void>;
  /** Private bytes of its processes now; undefined where they are not known. */
  privateBytes(): Promise<number | undefined>;
}

/** The bound that a model had to leave memory for: that of how many there are, or that of their bytes. */
export type MemoryBound = 'models' | 'bytes';

/** One model, and what is known of it. Its state goes round: closed, opening, open, closing. */
export class ResidentModel {
  readonly index: number;
  readonly loadable: Loadable;
  state: 'closed' | 'opening' | 'open' | 'closing' = 'closed';
  /** Description of the loaded model, while it is open. */
  info: ModelInfo | undefined;
  leases = 0;
  /** Rises with each use of any of the models. */
  lastUsed = 0;
  /** No longer leased, and closed as soon as it has no leases. */
  isLeaving = false;
  /** Where its last stay in memory ended for others' sake. */
  evictedBy: MemoryBound | undefined;
  /** As last measured, while it is open. */
  bytes: number | undefined;
  #peakBytes: number | undefined;
  #earlierPeakBytes: number | undefined;
  #closing: Promise<void> | undefined;

  constructor(index: number, loadable: Loadable) {
    this.index = index;
    this.loadable = loadable;
  }

  get isIdle(): boolean {
    return this.state === 'open' && this.leases === 0;
  }

  get canBeTaken(): boolean {
    return this.state === 'open' && !this.isLeaving;
  }

  /** The most bytes that it was seen to have, in this stay in memory and the one before. */
  get knownBytes(): number | undefined {
    if (this.#peakBytes === undefined) return this.#earlierPeakBytes;
    return Math.max(this.#peakBytes, this.#earlierPeakBytes ?? 0);
  }

  /** Where it can't be measured, what is known of it stays as it is. */
  async measure(): Promise<void> {
    const bytes = await this.loadable.privateBytes().catch(() => undefined);
    if (bytes === undefined || this.state === 'closing' || this.state === 'closed') return;
    this.bytes = bytes;
    this.#peakBytes = Math.max(bytes, this.#peakBytes ?? 0);
  }

  /** Resolves when it is closed. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.state = 'closing';
    this.info = undefined;
    this.isLeaving = false;
    this.bytes = undefined;
    this.#earlierPeakBytes = this.#peakBytes ?? this.#earlierPeakBytes;
    this.#peakBytes = undefined;
    await this.loadable.close();
    this.state = 'closed';
    this.#closing = undefined;
  }
}
