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

export interface LeaseOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * Name of the requests that share their work: a model that one of them got is of no use to the others, which wait for
   * the other models that they named. @default the request is in no group
   */
  readonly group?: string | undefined;
}

interface Waiting extends LeaseRequest {
  wanted: readonly number[];
  bypasses: number;
  readonly group: string | undefined;
  readonly resolve: (lease: ResidentLease) => void;
  readonly reject: (reason: unknown) => void;
}

/** The requests for models that wait, the oldest first. */
export class LeaseQueue implements Iterable<LeaseRequest> {
  readonly #waiting = new Map<LeaseRequest, Waiting>();

  /** Waits for a lease. @throws the signal's reason; `onLeave` is called as the request leaves for it. */
  async wait(
    wanted: readonly number[],
    onLeave: () => void,
    { signal, group }: LeaseOptions = {},
  ): Promise<ResidentLease> {
    const { promise, resolve, reject } = Promise.withResolvers<ResidentLease>();
    const request: Waiting = { wanted, group, bypasses: 0, resolve, reject };
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

  /**
   * Answers a request; where it is with a model, those that came before it were bypassed. Others of its group no longer
   * want the model, unless they want no other: a model that is being loaded for one of them stays wanted.
   */
  answer(request: LeaseRequest, lease: ResidentLease): void {
    const answered = this.#waiting.get(request);
    if (answered === undefined) return;
    for (const older of lease.ok ? this.#waiting.values() : []) {
      if (older === answered) break;
      older.bypasses += 1;
    }
    this.#waiting.delete(request);
    for (const other of this.#waiting.values()) {
      if (other.group === undefined || other.group !== answered.group) continue;
      const left = other.wanted.filter((model) => model !== lease.model);
      if (left.length > 0) other.wanted = left;
    }
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
