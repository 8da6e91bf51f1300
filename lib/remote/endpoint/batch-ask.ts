import { addUsage, type TokenUsage, usageShare } from '../token-usage.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { Backoff } from '../../time/backoff.ts';
import type { Clock } from '../../time/clock.ts';
import { EndpointBusyError, ThrottledTooLongError } from './endpoint-error.ts';
import type { EndpointRequests } from './endpoint-requests.ts';
import { isUnreachable, type Judgement } from './judge-error.ts';
import type { AskOptions, BatchAnswer, ElementAnswer } from './batch-answer.ts';
import type { RemoteModelHandler } from '../remote-model-handler.ts';
import type { ElementResult, RequestOutcome } from './request-outcome.ts';
import { waitFor } from '../../time/wait-for.ts';

/** Short waits, because the pace keeps requests within the quota. */
const THROTTLE_BACKOFF = { firstMillis: 500, maxMillis: 30_000 };

export interface BatchAskOptions {
  readonly handler: RemoteModelHandler;
  readonly requests: EndpointRequests;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: () => number;
}

/** An element that is asked again, and the result that caused it. */
interface AskedAgain {
  readonly index: number;
  readonly result: { readonly ok: false } & Judgement;
}

type Failure = Extract<RequestOutcome, { ok: false }>;
type FailedAnswer = Extract<BatchAnswer, { kind: 'failed' }>;

/**
 * Requests the predictions of one batch until each element is settled. Elements with an answer are not requested again. The
 * others are requested together and, if that fails, one by one.
 */
export class BatchAsk {
  readonly #batch: readonly unknown[];
  readonly #ask: AskOptions;
  readonly #options: BatchAskOptions;
  readonly #answers: (ElementAnswer | undefined)[];
  readonly #elementTries: number[];
  /** Token usage by element; undefined until tokens are counted. */
  #usage: (TokenUsage | undefined)[] | undefined;
  #tries = 0;
  #isAgain = false;
  #millis: number | undefined;
  #retryBackoff = new Backoff();
  #throttleBackoff = new Backoff(THROTTLE_BACKOFF);
  /** Time of the first throttled answer since the last answer that was not throttled. */
  #throttledSince: number | undefined;

  constructor(batch: readonly unknown[], ask: AskOptions, options: BatchAskOptions) {
    this.#batch = batch;
    this.#ask = ask;
    this.#options = options;
    this.#answers = batch.map(() => undefined);
    this.#elementTries = batch.map(() => 0);
  }

  async run(): Promise<BatchAnswer> {
    using _asking = this.#options.requests.firstAnswer.ask();
    try {
      const pieces = [[...this.#batch.keys()]];
      for (let piece = pieces.pop(); piece !== undefined; piece = pieces.pop()) {
        const failed = await this.#settle(piece, (index) => pieces.push([index]));
        if (failed !== undefined) return failed;
      }
    } finally {
      const usage = this.#usage;
      this.#ask.onEnded?.({ tries: this.#elementTries, answers: this.#answers, ...(usage && { usage }) });
    }
    const answers = this.#answers.flatMap((answer) => answer ?? []);
    return {
      kind: 'answered',
      tries: this.#tries,
      answers,
      ...(this.#millis === undefined ? {} : { millis: this.#millis }),
    };
  }

  /** Requests a piece of the batch until it is settled; calls `apart` for elements to request one by one. */
  async #settle(piece: readonly number[], apart: (index: number) => void): Promise<FailedAnswer | undefined> {
    for (let open = piece; open.length > 0;) {
      const outcome = await this.#request(open);
      if (outcome.ok) {
        if (open.length === this.#batch.length && outcome.results.every(({ ok }) => ok)) this.#millis = outcome.millis;
        const again = this.#keep(open, outcome.results);
        open = this.#dropThrottled(again);
        if (open.length > 0) await this.#wait(again.map(({ result }) => result));
      } else if (this.#mayGoAgain(outcome)) {
        open = this.#dropThrottled(open.map((index) => ({ index, result: outcome })));
        if (open.length > 0) await this.#wait([outcome]);
      } else if (await this.#isFatal(outcome)) return this.#failedAnswer(outcome, 'fatal');
      else return this.#giveUp(open, outcome, apart);
    }
    return undefined;
  }

  async #request(open: readonly number[]): Promise<RequestOutcome> {
    const { inferenceArgs, weight, timeoutMillis, signal, killSignal } = this.#ask;
    const outcome = await this.#options.requests.make(
      open.map((index) => this.#batch[index]),
      {
        weight: (weight * open.length) / this.#batch.length,
        ...(inferenceArgs === undefined ? {} : { inferenceArgs }),
        timeoutMillis,
        patienceMillis: this.#ask.patienceMillis ?? Infinity,
        again: this.#isAgain,
        signal,
        killSignal,
      },
    );
    this.#isAgain = true;
    this.#countUsage(open, outcome.usage);
    const charged = open.filter((_, at) => !isThrottled(outcome.ok ? outcome.results[at] : outcome));
    for (const index of charged) this.#elementTries[index] = (this.#elementTries[index] ?? 0) + 1;
    if (charged.length > 0) this.#tries += 1;
    return outcome;
  }

  #countUsage(open: readonly number[], usage: TokenUsage | undefined): void {
    if (usage === undefined) return;
    const counted = (this.#usage ??= this.#batch.map(() => undefined));
    open.forEach((index, at) => {
      counted[index] = addUsage(usageShare(usage, at, open.length), counted[index]);
    });
  }

  /** Stores results that are final. @returns the elements to request again */
  #keep(open: readonly number[], results: readonly ElementResult[]) {
    const again: AskedAgain[] = [];
    open.forEach((index, at) => {
      const result = results[at];
      if (result === undefined) return;
      if (result.ok) this.#answers[index] = { ok: true, value: result.value };
      else if (this.#mayGoAgain(result)) again.push({ index, result });
      else this.#answers[index] = { ok: false, error: result.error };
    });
    return again;
  }

  /** Fails elements that the endpoint has throttled for too long. @returns the elements to request again */
  #dropThrottled(again: readonly AskedAgain[]): number[] {
    const { clock, handler } = this.#options;
    if (again.some(({ result }) => !isThrottled(result))) this.#throttledSince = undefined;
    else this.#throttledSince ??= clock.now();
    const millis = clock.now() - (this.#throttledSince ?? Infinity);
    if (millis < handler.maxThrottledSecs * 1000) return again.map(({ index }) => index);
    const error = new ThrottledTooLongError(handler.endpointName, handler.maxThrottledSecs);
    for (const { index } of again) this.#answers[index] = { ok: false, error };
    return [];
  }

  #mayGoAgain({ verdict }: Judgement): boolean {
    if (verdict === 'throttled') return true;
    // The cause is searched for in smaller pieces instead.
    if (verdict !== 'retry' || (this.#ask.isolating && this.#batch.length > 1)) return false;
    return this.#tries + (this.#ask.triesBefore ?? 0) <= this.#options.handler.numRetries;
  }

  /** Waits before failed requests are retried. @throws EndpointBusyError if the wait is too long */
  async #wait(failures: readonly ({ readonly ok: false } & Judgement)[]): Promise<void> {
    const { clock, random, metrics, handler } = this.#options;
    const areThrottled = failures.every((failure) => isThrottled(failure));
    const backoff = areThrottled ? this.#throttleBackoff : this.#retryBackoff;
    if (areThrottled) this.#throttleBackoff = backoff.next();
    else {
      this.#retryBackoff = backoff.next();
      metrics.add('endpoint_request_retries', 1);
    }
    const atLeast = Math.max(0, ...failures.map(({ retryAfterMillis = 0 }) => retryAfterMillis));
    const millis = backoff.delayMillis(random, atLeast);
    if (millis > (this.#ask.patienceMillis ?? Infinity)) throw new EndpointBusyError(handler.endpointName, millis);
    if (areThrottled) metrics.add('endpoint_throttled_milli_secs', millis);
    await waitFor(millis, { clock, signal: this.#ask.signal });
  }

  /** Checks whether all other requests would fail, too. */
  async #isFatal({ error, verdict, mayBeElements = false }: Failure): Promise<boolean> {
    const { hasAnswered, firstAnswer } = this.#options.requests;
    if (verdict === 'retry') return !hasAnswered && isUnreachable(error);
    return verdict === 'fatal' && !(mayBeElements && (await firstAnswer.isUsable(this.#ask.signal)));
  }

  #giveUp(open: readonly number[], failure: Failure, apart: (index: number) => void): FailedAnswer | undefined {
    const { error, timedOut } = failure;
    if (open.length === this.#batch.length) return this.#failedAnswer(failure, timedOut ? 'timeout' : 'error');
    const [only, ...others] = open;
    if (only !== undefined && others.length === 0) this.#answers[only] = { ok: false, error };
    else open.toReversed().forEach(apart);
    return undefined;
  }

  #failedAnswer({ error }: Failure, cause: FailedAnswer['cause']): FailedAnswer {
    return { kind: 'failed', tries: this.#tries, cause, error };
  }
}

type Ended = { readonly ok: true } | ({ readonly ok: false } & Judgement);

function isThrottled(result: Ended | undefined): boolean {
  return result?.ok === false && result.verdict === 'throttled';
}
