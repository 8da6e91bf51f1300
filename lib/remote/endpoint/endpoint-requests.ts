import { FabricError } from '../../errors.ts';
import { listIn } from '../../models/batch-results.ts';
import type { InferenceArgs } from '../../models/model-handler.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Clock } from '../../time/clock.ts';
import { FirstAnswer } from './first-answer.ts';
import type { EndpointWatch } from './endpoint-watch.ts';
import type { FlowControl } from '../flow/flow-control.ts';
import { type Judgement, judgeError } from './judge-error.ts';
import type { RemoteModelHandler } from '../remote-model-handler.ts';
import type { RequestGate, Turn } from '../flow/request-gate.ts';
import { addUsage, type TokenUsage } from '../token-usage.ts';
import { type ElementResult, endOf, type RequestOutcome, ResultCountError } from './request-outcome.ts';

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
  /** Maximum certain wait: for a pause that the endpoint asked for, or a declared limit. */
  readonly patienceMillis: number;
  /** True if the request was in the line before. */
  readonly again: boolean;
  readonly signal: AbortSignal;
  readonly killSignal: AbortSignal;
}

/** A request timed out. */
class RequestTimeoutError extends FabricError {
  override readonly name = 'TimeoutError';
  constructor(endpoint: string, millis: number) {
    super('REQUEST_TIMED_OUT', `${endpoint} did not answer within ${millis / 1000} s`, { disposition: 'retry' });
  }
}

/** Makes requests to an endpoint, each in its turn and with its timeout, and reports their outcomes to flow control. */
export class EndpointRequests {
  readonly #options: EndpointRequestsOptions;
  /** True if a request has ever reached the endpoint. */
  hasAnswered = false;
  readonly firstAnswer: FirstAnswer;

  constructor(options: EndpointRequestsOptions) {
    this.#options = options;
    this.firstAnswer = new FirstAnswer(options.clock);
  }

  /** @throws the signals' reasons; EndpointBusyError if its turn does not come in time. */
  async make(batch: readonly unknown[], options: RequestOptions): Promise<RequestOutcome> {
    const { gate, metrics, clock } = this.#options;
    let turn: Turn;
    try {
      turn = await gate.enter(options);
    } finally {
      metrics.add('endpoint_throttled_milli_secs', gate.drainHeldBackMillis());
    }
    metrics.add('endpoint_requests', 1);
    const sent = await this.#send(batch, options);
    if (sent.kind === 'killed') {
      turn.abandoned();
      throw options.killSignal.reason;
    }
    const judged = this.#outcomeOf(sent, { batch, turn, millis: clock.now() - turn.startedAt });
    const outcome = sent.usage === undefined ? judged : { ...judged, usage: sent.usage };
    this.#report(turn, outcome);
    return outcome;
  }

  /** @throws the error of the handler's own `isThrottled` or `isRetryable` */
  #outcomeOf(sent: Exclude<Sent, { readonly kind: 'killed' }>, { batch, turn, millis }: MadeRequest): RequestOutcome {
    try {
      return sent.kind === 'failed' ? this.#failure(sent.error, millis) : this.#answer(batch, sent.results, millis);
    } catch (error) {
      turn.abandoned();
      throw error;
    }
  }

  #answer(batch: readonly unknown[], given: unknown, millis: number): RequestOutcome {
    if (!Array.isArray(given) || given.length !== batch.length) {
      const { handler, watch } = this.#options;
      const error = new ResultCountError(handler.endpointName, batch.length, given);
      if (!Array.isArray(given) || given.length === 1) watch.gaveOne(batch.length);
      return { ok: false, error, timedOut: false, verdict: 'refused', millis };
    }
    // A list with holes has a result there, too: undefined.
    const results = Array.from(given, (value: unknown): ElementResult =>
      value instanceof Error ? { ok: false, error: value, ...this.judge(value) } : { ok: true, value },
    );
    return { ok: true, results, millis };
  }

  #failure(error: Error, millis: number): RequestOutcome {
    return { ok: false, error, timedOut: error instanceof RequestTimeoutError, millis, ...this.judge(error) };
  }

  /** Reports the outcome of a request to flow control, metrics and watch. */
  #report(turn: Turn, outcome: RequestOutcome): void {
    const { flow, watch, metrics, clock } = this.#options;
    const { end, error, retryAfterMillis } = endOf(outcome);
    turn.ended(end, retryAfterMillis);
    this.hasAnswered ||= end !== 'failed';
    const now = clock.now();
    if (end === 'failed' && error !== undefined) return watch.failed(now, error);
    if (end === 'throttled') {
      metrics.add('endpoint_requests_throttled', 1);
      return watch.throttled(now, flow.ratePerSec);
    }
    if (end === 'succeeded') {
      metrics.add('endpoint_requests_accepted', 1);
      metrics.record('endpoint_latency_milli_secs', outcome.millis);
      if (outcome.ok && outcome.results.some(({ ok }) => ok)) this.firstAnswer.accepted();
    }
    watch.succeeded(now);
  }

  /** Judges a failure, with the handler's methods first. */
  judge(error: Error): Judgement {
    const { handler } = this.#options;
    const { verdict, mayBeElements, ...wait } = judgeError(error);
    if (handler.isThrottled(error)) return { verdict: 'throttled', ...wait };
    if (handler.isRetryable(error) || error instanceof RequestTimeoutError) return { verdict: 'retry', ...wait };
    if (verdict !== 'fatal') return { verdict: 'refused' };
    return mayBeElements === true ? { verdict, mayBeElements } : { verdict };
  }

  async #send(batch: readonly unknown[], { timeoutMillis, inferenceArgs, killSignal }: RequestOptions): Promise<Sent> {
    const { handler, client, clock } = this.#options;
    if (killSignal.aborted) return { kind: 'killed' };
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
    killSignal.addEventListener('abort', kill, { once: true });
    // A handler may ignore its signal; its answer is ignored then.
    let usage: TokenUsage | undefined;
    const reportUsage = (reported: TokenUsage): void => void (usage = addUsage(reported, usage));
    const request = async (): Promise<Sent> => {
      try {
        const args = inferenceArgs === undefined ? {} : { inferenceArgs: structuredClone(inferenceArgs) };
        const options = { signal: over.signal, reportUsage, ...args };
        const given: unknown = await handler.request(batch, client, options);
        return { kind: 'answered', results: await listIn(given, batch.length + 1) };
      } catch (thrown) {
        return { kind: 'failed', error: thrown instanceof Error ? thrown : new Error(String(thrown)) };
      }
    };
    try {
      const sent = await Promise.race([ended, request()]);
      return usage === undefined ? sent : { ...sent, usage };
    } finally {
      clock.clearTimeout(timer);
      killSignal.removeEventListener('abort', kill);
    }
  }
}

type Sent = { readonly usage?: TokenUsage } & (
  | { readonly kind: 'answered'; readonly results: unknown }
  | { readonly kind: 'failed'; readonly error: Error }
  | { readonly kind: 'killed' }
);

interface MadeRequest {
  readonly batch: readonly unknown[];
  readonly turn: Turn;
  readonly millis: number;
}
