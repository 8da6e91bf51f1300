import { describeError, ModelLoadError } from '../../errors.ts';
import { Backoff } from '../../time/backoff.ts';
import type { Clock } from '../../time/clock.ts';
import { type Judgement, judgeError } from './judge-error.ts';
import type { EndpointInfo, RemoteModelHandler } from '../remote-model-handler.ts';
import { waitFor } from '../../time/wait-for.ts';

/** Maximum time that an endpoint can ask a run to wait before its first request. A longer one ends the run. */
const MAX_OPENING_WAIT_MILLIS = 60_000;

export interface EndpointConnectionOptions {
  readonly handler: RemoteModelHandler;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Creates an endpoint's client and asks for a description of the model, with retries. */
export class EndpointConnection {
  readonly #options: EndpointConnectionOptions;

  constructor(options: EndpointConnectionOptions) {
    this.#options = options;
  }

  /** @throws ModelLoadError; its disposition is `retry` if another attempt may succeed. */
  async open(): Promise<{ readonly client: unknown; readonly info: EndpointInfo }> {
    const { handler } = this.#options;
    const client = await this.#again(() => handler.createClient());
    const info = await this.#again(() => this.#describe(client));
    return { client, info };
  }

  async #again<T>(work: () => Promise<T> | T): Promise<T> {
    const { handler, clock, random } = this.#options;
    let backoff = new Backoff();
    for (let tries = 1; ; tries += 1) {
      try {
        return await work();
      } catch (error) {
        const { retryAfterMillis = 0 } = judgeError(error);
        const isPassing = this.#isPassing(error);
        if (!isPassing || tries > handler.numRetries || retryAfterMillis > MAX_OPENING_WAIT_MILLIS)
          throw this.#loadError(error, isPassing);
        const millis = backoff.delayMillis(random, retryAfterMillis);
        await waitFor(millis, { clock, signal: NEVER_ABORTED });
        backoff = backoff.next();
      }
    }
  }

  async #describe(client: unknown): Promise<EndpointInfo> {
    const { handler, clock } = this.#options;
    if (handler.describe === undefined) return { label: handler.constructor.name };
    const over = new AbortController();
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = clock.setTimeout(() => {
      const text = `${handler.endpointName} did not say within ${handler.requestTimeoutSecs} s what its model is`;
      const error = new ModelLoadError(text, { disposition: 'retry' });
      reject(error);
      over.abort(error);
    }, handler.requestTimeoutSecs * 1000);
    try {
      return await Promise.race([promise, handler.describe(client, { signal: over.signal })]);
    } finally {
      clock.clearTimeout(timer);
    }
  }

  #isPassing(error: unknown): boolean {
    const { handler } = this.#options;
    const passing: readonly Judgement['verdict'][] = ['retry', 'throttled'];
    return passing.includes(judgeError(error).verdict) || handler.isRetryable(error) || handler.isThrottled(error);
  }

  #loadError(error: unknown, isPassing: boolean): ModelLoadError {
    const { endpointName } = this.#options.handler;
    const { message } = describeError(error);
    const text = message.startsWith(endpointName) ? message : `${endpointName} can't be used: ${message}`;
    return new ModelLoadError(text, { cause: error, disposition: isPassing ? 'retry' : 'fatal' });
  }
}

const NEVER_ABORTED = new AbortController().signal;
