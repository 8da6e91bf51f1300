import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

export interface QuotaServerOptions {
  /** Requests a second. @default no quota */
  readonly rate?: number;
  /** Requests that it takes at once after a rest. @default 10 */
  readonly burst?: number;
  /** How long an answer takes, from this to that, in milliseconds. @default at once */
  readonly latencyMillis?: readonly [least: number, most: number];
  /** Wait in the answer to a throttled request. @default none */
  readonly retryAfter?: { readonly secs: number; readonly as: 'seconds' | 'date' };
  /** From 0 to 1, below 1. @default Math.random */
  readonly random?: () => number;
}

/** Answer to a request within the quota instead of predictions. */
type Mishap = 'throttle' | 'fail' | 'hang' | 'hang up';

/** An instance of this fails its batch with a 400, as does one that holds it. */
export const REFUSED_INSTANCE = 'refuse me';

/**
 * A model server on this machine with a quota: `POST /predict` with `{ "instances": [...] }` is answered with
 * `{ "predictions": [...] }`, where a number's prediction is its double and anything else's is itself.
 */
export class QuotaServer implements AsyncDisposable {
  readonly counts = { requests: 0, accepted: 0, throttled: 0, failed: 0, refused: 0 };
  /** How often each instance was answered, by its JSON. */
  readonly answers = new Map<string, number>();
  /** Answers to the next requests within the quota, in order. */
  readonly mishaps: Mishap[] = [];
  /** True if it answers every request with 503. */
  isDown = false;
  readonly #options: QuotaServerOptions;
  readonly #server: Server;
  #rate: number;
  #tokens: number;
  #filledAt = performance.now();

  private constructor(options: QuotaServerOptions) {
    this.#options = options;
    this.#rate = options.rate ?? Infinity;
    this.#tokens = options.burst ?? 10;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(options: QuotaServerOptions = {}): Promise<QuotaServer> {
    const server = new QuotaServer(options);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Sets the requests per second from now on. */
  set rate(rate: number) {
    this.#fill();
    this.#rate = rate;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.counts.requests += 1;
    const body = (await json(request)) as { readonly instances?: unknown };
    const [status, answer, headers] = await this.#decide(body, response);
    await this.#pause();
    if (status === undefined || response.destroyed) return;
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(answer));
  }

  async #decide({ instances }: { readonly instances?: unknown }, response: ServerResponse): Promise<Decision> {
    if (this.isDown) return this.#failed(503, 'down for maintenance');
    if (!this.#takeToken()) return this.#throttled();
    const mishap = this.mishaps.shift();
    if (mishap === 'throttle') return this.#throttled();
    if (mishap === 'fail') return this.#failed(500, 'something broke');
    if (mishap === 'hang') return [undefined];
    if (mishap === 'hang up') {
      response.destroy();
      return [undefined];
    }
    if (!Array.isArray(instances)) return this.#refused("the body has no array 'instances'");
    const refused = instances.findIndex((instance) => JSON.stringify(instance).includes(REFUSED_INSTANCE));
    if (refused >= 0) return this.#refused(`instance ${refused} is not one that this model takes`);
    this.counts.accepted += 1;
    for (const instance of instances) {
      const key = JSON.stringify(instance);
      this.answers.set(key, (this.answers.get(key) ?? 0) + 1);
    }
    const predictions = instances.map((instance: unknown) => (typeof instance === 'number' ? 2 * instance : instance));
    return [200, { predictions }];
  }

  #throttled(): Decision {
    this.counts.throttled += 1;
    return [429, { error: 'too many requests' }, this.#retryAfter()];
  }

  #failed(status: number, error: string): Decision {
    this.counts.failed += 1;
    return [status, { error }];
  }

  #refused(error: string): Decision {
    this.counts.refused += 1;
    return [400, { error }];
  }

  #retryAfter(): Record<string, string> {
    const { retryAfter } = this.#options;
    if (retryAfter === undefined) return {};
    const { secs, as } = retryAfter;
    return { 'retry-after': as === 'seconds' ? String(secs) : new Date(Date.now() + secs * 1000).toUTCString() };
  }

  async #pause(): Promise<void> {
    const { latencyMillis: [least, most] = [0, 0], random = Math.random } = this.#options;
    if (most > 0) await sleep(least + random() * (most - least), undefined, { ref: false });
  }

  #takeToken(): boolean {
    this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #fill(): void {
    const now = performance.now();
    const burst = this.#options.burst ?? 10;
    this.#tokens =
      this.#rate === Infinity ? burst : Math.min(burst, this.#tokens + ((now - this.#filledAt) * this.#rate) / 1000);
    this.#filledAt = now;
  }
}

/** No status: no answer. */
type Decision = readonly [status: number | undefined, body?: unknown, headers?: Record<string, string>];
