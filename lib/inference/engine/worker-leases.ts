import { carryError } from '../../errors.ts';
import type { LeaseOptions } from '../../hosts/lease-queue.ts';
import type { FromWorker, ModelLease, ToWorker } from '../worker-protocol.ts';

export interface WorkerLeasesOptions {
  /** Leases one of the models; rejects if the signal is aborted because the lease is no longer needed. */
  readonly onLease: (
    models: readonly number[],
    options: LeaseOptions & { readonly signal: AbortSignal },
  ) => Promise<ModelLease>;
  readonly onRelease: (model: number) => void;
  readonly post: (message: ToWorker) => void;
}

/** The models that one worker holds or waits for, as its engine knows them: they go back with the worker. */
export class WorkerLeases {
  readonly #options: WorkerLeasesOptions;
  readonly #waiting = new Map<number, AbortController>();
  /** How often it holds each model. */
  readonly #held = new Map<number, number>();
  #isGone = false;

  constructor(options: WorkerLeasesOptions) {
    this.#options = options;
  }

  handle(message: Extract<FromWorker, { kind: 'lease' | 'cancelLease' | 'release' }>): void {
    switch (message.kind) {
      case 'lease':
        void this.#lease(message);
        return;
      case 'cancelLease':
        this.#waiting.get(message.request)?.abort();
        return;
      case 'release':
        return this.#release(message.model);
    }
  }

  /** The worker is gone. */
  giveBack(): void {
    this.#isGone = true;
    for (const aborter of this.#waiting.values()) aborter.abort();
    for (const [model, times] of this.#held) for (let time = 0; time < times; time += 1) this.#release(model);
  }

  async #lease({ request, models, group }: Extract<FromWorker, { kind: 'lease' }>): Promise<void> {
    const aborter = new AbortController();
    this.#waiting.set(request, aborter);
    let lease: ModelLease;
    try {
      lease = await this.#options.onLease(models, { signal: aborter.signal, group });
    } catch (error) {
      if (aborter.signal.aborted) return;
      lease = { model: models[0] ?? 0, ok: false, error: { ...carryError(error), disposition: 'retry' } };
    } finally {
      this.#waiting.delete(request);
    }
    if (lease.ok) this.#held.set(lease.model, (this.#held.get(lease.model) ?? 0) + 1);
    if (this.#isGone && lease.ok) this.#release(lease.model);
    // The worker releases it if it has cancelled the request meanwhile.
    else this.#options.post({ kind: 'leased', request, lease });
  }

  #release(model: number): void {
    const times = this.#held.get(model) ?? 0;
    if (times === 0) return;
    if (times === 1) this.#held.delete(model);
    else this.#held.set(model, times - 1);
    this.#options.onRelease(model);
  }
}
