import { EndpointError } from '../../lib/remote/endpoint/endpoint-error.ts';
import { RemoteModelHandler, type RemoteModelHandlerOptions } from '../../lib/remote/remote-model-handler.ts';
import type { VirtualClock } from './virtual-clock.ts';

export interface SimulatedEndpointOptions {
  readonly clock: VirtualClock;
  readonly random: () => number;
  /** Requests a second; a bucket of `burst` that is full at first. */
  readonly quota: number;
  readonly burst: number;
  /** From this to that, in milliseconds, alike. */
  readonly latency: readonly [least: number, most: number];
  /** `Retry-After` of throttled requests. @default none */
  readonly retryAfterMillis?: number;
}

/** Requests of one moment. */
export interface Arrival {
  readonly at: number;
  readonly answer: 'accepted' | 'throttled' | 'failed';
}

/** A model behind a quota, in virtual time. A refusal takes as long as an answer. */
export class SimulatedEndpoint {
  readonly #options: SimulatedEndpointOptions;
  readonly arrivals: Arrival[] = [];
  /** True if it answers every request with 503. */
  isDown = false;
  #quota: number;
  #tokens: number;
  #at: number;

  constructor(options: SimulatedEndpointOptions) {
    this.#options = options;
    this.#quota = options.quota;
    this.#tokens = options.burst;
    this.#at = options.clock.now();
  }

  set quota(quota: number) {
    this.#fill();
    this.#quota = quota;
  }

  async request(): Promise<void> {
    const { clock, random, latency, retryAfterMillis } = this.#options;
    const [least, most] = latency;
    const total = least + random() * (most - least);
    await clock.sleep(total / 2);
    const answer = this.#arrive();
    this.arrivals.push({ at: clock.now(), answer });
    await clock.sleep(total / 2);
    if (answer === 'accepted') return;
    if (answer === 'failed') throw new EndpointError('it is down', { disposition: 'retry', status: 503 });
    const wait = retryAfterMillis === undefined ? {} : { retryAfterMillis };
    throw new EndpointError('too many', { disposition: 'throttle', status: 429, ...wait });
  }

  /** Requests that arrived from one time to another, in milliseconds; all, or those with one answer. */
  count(from: number, to: number, answer?: Arrival['answer']): number {
    return this.arrivals.filter((one) => one.at >= from && one.at < to && (answer ?? one.answer) === one.answer).length;
  }

  #arrive(): Arrival['answer'] {
    if (this.isDown) return 'failed';
    this.#fill();
    if (this.#tokens < 1) return 'throttled';
    this.#tokens -= 1;
    return 'accepted';
  }

  #fill(): void {
    const now = this.#options.clock.now();
    this.#tokens = Math.min(this.#options.burst, this.#tokens + ((now - this.#at) * this.#quota) / 1000);
    this.#at = now;
  }
}

/** Asks a simulated endpoint for one number at a time, and gets its double. */
export class SimulatedHandler extends RemoteModelHandler<unknown, number, SimulatedEndpoint> {
  readonly #endpoint: SimulatedEndpoint;

  constructor(endpoint: SimulatedEndpoint, options: RemoteModelHandlerOptions = {}) {
    super({ maxBatchSize: 1, ...options });
    this.#endpoint = endpoint;
  }

  override createClient(): SimulatedEndpoint {
    return this.#endpoint;
  }

  override async request(batch: readonly unknown[], endpoint: SimulatedEndpoint): Promise<readonly number[]> {
    await endpoint.request();
    return batch.map((value) => 2 * Number(value));
  }
}
