import type { ModelInfo } from './protocol.ts';

/** One of the models that were asked for, by its place: it is in memory until it is released, or it can't be loaded. */
export type ResidentLease = { readonly model: number } & (
  | { readonly ok: true; readonly info: ModelInfo }
  | { readonly ok: false; readonly error: Error }
);

export interface LeaseRequest {
  /** Any one of these will do; those that would suit best come first. */
  readonly wanted: readonly number[];
  /** How often a request that came later was given a model before this one was. */
  readonly bypasses: number;
}

interface Waiting extends LeaseRequest {
  bypasses: number;
  readonly resolve: (lease: ResidentLease) => void;
  readonly reject: (reason: unknown) => void;
}

/** The requests for models that wait, the oldest first. */
export class LeaseQueue implements Iterable<LeaseRequest> {
  readonly #waiting = new Map<LeaseRequest, Waiting>();

  /** Waits for a lease. @throws the signal's reason; `onLeave` is called as the request leaves for it. */
  async wait(wanted: readonly number[], onLeave: () => void, signal?: AbortSignal): Promise<ResidentLease> {
    const { promise, resolve, reject } = Promise.withResolvers<ResidentLease>();
    const request: Waiting = { wanted, bypasses: 0, resolve, reject };
    const leave = (): void => {
      if (!this.#waiting.delete(request)) return;
      reject(signal?.reason);
      onLeave();
    };
    this.#waiting.set(request, request);
    signal?.addEventListener('abort', leave, { once: true });
    try {
      return await promise;
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  /** Answers a request; where it is with a model, those that came before it were bypassed. */
  answer(request: LeaseRequest, lease: ResidentLease): void {
    const answered = this.#waiting.get(request);
    if (answered === undefined) return;
    for (const older of lease.ok ? this.#waiting.values() : []) {
      if (older === answered) break;
      older.bypasses += 1;
    }
    this.#waiting.delete(request);
    answered.resolve(lease);
  }

  rejectAll(error: Error): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(error);
  }

  wants(model: number): boolean {
    return [...this].some(({ wanted }) => wanted.includes(model));
  }

  [Symbol.iterator](): IterableIterator<LeaseRequest> {
    return this.#waiting.keys();
  }
}

/** Those that are left when each of the models that are on their way has been set aside for one that wants it. */
export function withoutModelUnderWay(
  requests: Iterable<LeaseRequest>,
  underWay: readonly number[],
): readonly LeaseRequest[] {
  const left = [...requests];
  for (const model of underWay) {
    const index = left.findIndex(({ wanted }) => wanted.includes(model));
    if (index >= 0) left.splice(index, 1);
  }
  return left;
}

/** The models that requests want: by how many of them do, then by the oldest one's order. */
export function mostWanted(requests: readonly LeaseRequest[]): readonly number[] {
  const counts = new Map<number, number>();
  for (const { wanted } of requests) {
    for (const model of wanted) counts.set(model, (counts.get(model) ?? 0) + 1);
  }
  return [...counts].sort(([, one], [, other]) => other - one).map(([model]) => model);
}
