import { FabricError } from '../../errors.ts';
import type { InferenceArgs } from '../../models/model-handler.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Clock } from '../flow/clock.ts';
import type { EndpointWatch } from './endpoint-watch.ts';
import type { FlowControl } from '../flow/flow-control.ts';
import { type Judgement, judgeError } from './judge-error.ts';
import type { RemoteModelHandler } from '../remote-model-handler.ts';
import type { RequestGate, Turn } from '../flow/request-gate.ts';

export interface EndpointRequestsOptions {
  readonly handler: RemoteModelHandler;
  readonly client: unknown;
  readonly gate: RequestGate;
  readonly flow: FlowControl;
  readonly watch: EndpointWatch;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

export interface RequestOptions {
  readonly weight: number;
  readonly inferenceArgs?: InferenceArgs;
  readonly timeoutMillis: number;
  /** The longest that the endpoint may want to be left alone, or a declared limit hold it back. */
  readonly patienceMillis: number;
  /** It was in the line before. */
  readonly again: boolean;
  readonly signal: AbortSignal;
  readonly killSignal: AbortSignal;
}

/** What a request said of one element. */
export type ElementResult =
  | { readonly ok: true; readonly value: unknown }
  | ({ readonly ok: false; readonly error: Error } & Judgement);

export type RequestOutcome =
  | { readonly ok: true; readonly results: readonly ElementResult[]; readonly millis: number }
  | ({ readonly ok: false; readonly error: Error; readonly timedOut: boolean } & Judgement);

/** A handler that gave too many or too few results. */
class ResultCountError extends FabricError {
  override readonly name = 'ResultCountError';
  constructor(endpoint: string, size: number, given: unknown) {
    const count = Array.isArray(given) ? given.length : typeof given;
    super('RESULT_COUNT', `${endpoint}: request must give one result for each element: got ${count} for ${size}`, {
      disposition: 'poison',
    });
  }
}

/** The request's time was over. */
class RequestTimeoutError extends FabricError {
  override readonly name = 'TimeoutError';
  constructor(endpoint: string, millis: number) {
    super('REQUEST_TIMED_OUT', `${endpoint} did not answer within ${millis / 1000} s`, { disposition: 'retry' });
  }
}

/** Makes requests to an endpoint, each in its turn and within its time, and tells flow control how they went. */
export class EndpointRequests {
  readonly #options: EndpointRequestsOptions;
  /** Whether anything has ever come through to the endpoint. */
  hasAnswered = false;

  constructor(options: EndpointRequestsOptions) {
    this.#options = options;
  }

  /** @throws the signals' reasons; EndpointBusyError where its turn does not come in time. */
  async make(batch: readonly unknown[], options: RequestOptions): Promise<RequestOutcome> {
    const { gate, metrics } = this.#options;
    let turn: Turn;
    try {
      turn = await gate.enter(options);
    } finally {
      metrics.add('endpoint_throttled_milli_secs', gate.takeHeldBackMillis());
    }
    metrics.add('endpoint_requests', 1);
    const sent = await this.#send(batch, options);
    if (sent.kind === 'killed') {
      turn.abandoned();
      throw options.killSignal.reason;
    }
    return sent.kind === 'failed' ? this.#failed(turn, sent.error) : this.#answered(turn, batch, sent.results);
  }

  #answered(turn: Turn, batch: readonly unknown[], given: unknown): RequestOutcome {
    const { handler, metrics, watch, clock } = this.#options;
    const now = clock.now();
    const millis = now - turn.startedAt;
    this.hasAnswered = true;
    if (!Array.isArray(given) || given.length !== batch.length) {
      this.#succeeded(turn, millis);
      const error = new ResultCountError(handler.endpointName, batch.length, given);
      return { ok: false, error, timedOut: false, verdict: 'refused' };
    }
    const results = given.map((value: unknown): ElementResult =>
      value instanceof Error ? { ok: false, error: value, ...this.judge(value) } : { ok: true, value },
    );
    const throttled = results.filter((result) => !result.ok && result.verdict === 'throttled');
    if (throttled.length === 0) this.#succeeded(turn, millis);
    else {
      metrics.add('endpoint_requests_throttled', 1);
      turn.ended('throttled', longestWait(throttled));
      watch.throttled(now, this.#options.flow.ratePerSec);
    }
    return { ok: true, results, millis };
  }

  #succeeded(turn: Turn, millis: number): void {
    const { metrics, watch, clock } = this.#options;
    metrics.add('endpoint_requests_accepted', 1);
    metrics.record('endpoint_latency_milli_secs', millis);
    turn.ended('succeeded');
    watch.succeeded(clock.now());
  }

  #failed(turn: Turn, error: Error): RequestOutcome {
    const { flow, watch, metrics, clock } = this.#options;
    const judgement = this.judge(error);
    const { verdict, retryAfterMillis } = judgement;
    const now = clock.now();
    if (verdict === 'throttled') {
      this.hasAnswered = true;
      metrics.add('endpoint_requests_throttled', 1);
      turn.ended('throttled', retryAfterMillis);
      watch.throttled(now, flow.ratePerSec);
    } else if (verdict === 'retry') {
      turn.ended('failed', retryAfterMillis);
      watch.failed(now, error);
    } else {
      this.hasAnswered ||= verdict === 'refused';
      turn.ended('refused');
      watch.succeeded(now);
    }
    return { ok: false, error, timedOut: error instanceof RequestTimeoutError, ...judgement };
  }

  /** What a failure means, by what the handler says of it. */
  judge(error: Error): Judgement {
    const { handler } = this.#options;
    const { verdict, ...wait } = judgeError(error);
    if (handler.isThrottled(error)) return { verdict: 'throttled', ...wait };
    if (handler.isRetryable(error) || error instanceof RequestTimeoutError) return { verdict: 'retry', ...wait };
    return { verdict: verdict === 'fatal' ? 'fatal' : 'refused' };
  }

  async #send(batch: readonly unknown[], { timeoutMillis, inferenceArgs, killSignal }: RequestOptions): Promise<Sent> {
    const { handler, client, clock } = this.#options;
    const limit = Math.min(timeoutMillis, handler.requestTimeoutSecs * 1000);
    const over = new AbortController();
    const { promise: ended, resolve: end } = Promise.withResolvers<Sent>();
    const kill = (): void => {
      over.abort(killSignal.reason);
      end({ kind: 'killed' });
    };
    const timer = clock.setTimeout(() => {
      const error = new RequestTimeoutError(handler.endpointName, limit);
      end({ kind: 'failed', error });
      over.abort(error);
    }, limit);
    if (killSignal.aborted) kill();
    else killSignal.addEventListener('abort', kill, { once: true });
    // A handler may not heed its signal: nobody waits for it then.
    const request = async (): Promise<Sent> => {
      try {
        const args = inferenceArgs === undefined ? {} : { inferenceArgs: structuredClone(inferenceArgs) };
        return { kind: 'answered', results: await handler.request(batch, client, { signal: over.signal, ...args }) };
      } catch (thrown) {
        return { kind: 'failed', error: thrown instanceof Error ? thrown : new Error(String(thrown)) };
      }
    };
    try {
      return await Promise.race([ended, request()]);
    } finally {
      clock.clearTimeout(timer);
      killSignal.removeEventListener('abort', kill);
    }
  }
}

type Sent =
  | { readonly kind: 'answered'; readonly results: unknown }
  | { readonly kind: 'failed'; readonly error: Error }
  | { readonly kind: 'killed' };

/** Undefined where none says how long. */
function longestWait(results: readonly ElementResult[]): number | undefined {
  const waits = results.flatMap((result) => (result.ok ? [] : (result.retryAfterMillis ?? [])));
  return waits.length === 0 ? undefined : Math.max(...waits);
}
