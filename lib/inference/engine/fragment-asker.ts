import { BatchAssembler } from '../../batching/batch-assembler.ts';
import type { PipelineModel } from '../../config/pipeline-models.ts';
import { carryError, describeThrown, type ErrorDescription, ModelLoadError } from '../../errors.ts';
import { EndpointBusyError } from '../../remote/endpoint/endpoint-error.ts';
import type { BatchAnswer, ElementAnswer, EndedBatch } from '../../remote/endpoint/batch-answer.ts';
import type { RemoteEndpoint } from '../../remote/endpoint/remote-endpoint.ts';
import type { RemoteModelHandler } from '../../remote/remote-model-handler.ts';
import { addUsage } from '../../remote/token-usage.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { AskingBundle } from './engine-model.ts';
import type { LearnedSizes } from '../learned-sizes.ts';
import type { AskedElement, BatchFailure, InferRequest, ModelLabel } from '../worker-protocol.ts';

/** The elements of one bundle's batch that have no answer yet, waiting to be asked for. */
export interface Fragment {
  readonly key: string;
  readonly size: number;
  readonly bytes: number;
  readonly weight: number;
  readonly values: readonly unknown[];
  readonly elements: readonly AskedElement[];
  readonly request: InferRequest;
  readonly bundle: AskingBundle;
  /** Undefined where its bundle does not go on. */
  readonly resolve: (answer: FragmentAnswer | undefined) => void;
}

export type FragmentAnswer =
  | { readonly kind: 'answered'; readonly answers: readonly ElementAnswer[] }
  | { readonly kind: 'failed'; readonly failure: BatchFailure };

export interface FragmentAskerOptions {
  readonly model: PipelineModel & { readonly handler: RemoteModelHandler };
  /** Its place among the pipeline's. */
  readonly index: number;
  /** Returns the label of the model that answers. */
  readonly label: () => ModelLabel;
  readonly endpoint: RemoteEndpoint;
  readonly learned: LearnedSizes;
  readonly metrics: Metrics;
}

/** Asks an endpoint for fragments of batches, several together where batches go across bundles; keeps what was paid for. */
export class FragmentAsker implements Disposable {
  readonly #options: FragmentAskerOptions;
  readonly #assembler: BatchAssembler<Fragment> | undefined;

  constructor(options: FragmentAskerOptions) {
    this.#options = options;
    const { batching } = options.model.handler;
    if (batching.maxBatchDurationSecs === undefined) return;
    this.#assembler = new BatchAssembler({
      policy: { ...batching, maxBatchDurationSecs: batching.maxBatchDurationSecs },
      targetSize: (key) => options.learned.sizes(key).target,
      clock: { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout },
      dispatch: (fragments) => void this.#run(fragments),
    });
  }

  /** Asks for it, or lets it wait for others; it is resolved in any case. */
  ask(fragment: Fragment): void {
    const assembler = this.#assembler;
    if (assembler === undefined || fragment.request.isolating) return void this.#run([fragment]);
    const { stopSignal } = fragment.bundle;
    if (stopSignal.aborted) return this.#brokenOff(fragment, stopSignal.reason);
    const cancel = (): void => {
      if (assembler.cancel(offered)) this.#brokenOff(offered, stopSignal.reason);
    };
    const resolve: Fragment['resolve'] = (answer) => {
      stopSignal.removeEventListener('abort', cancel);
      fragment.resolve(answer);
    };
    const offered = { ...fragment, resolve };
    stopSignal.addEventListener('abort', cancel, { once: true });
    assembler.offer(offered);
  }

  [Symbol.dispose](): void {
    this.#assembler?.[Symbol.dispose]();
  }

  async #run(fragments: readonly Fragment[]): Promise<void> {
    const [first] = fragments;
    if (first === undefined) return;
    const { endpoint, learned } = this.#options;
    const { key, closedBy, isolating } = first.request;
    const values = fragments.flatMap((fragment) => fragment.values);
    const over = new AbortController();
    try {
      const answer = await endpoint.ask(values, {
        ...this.#askOptions(first, fragments),
        signal: whenAllAborted(
          fragments.map(({ bundle }) => bundle.stopSignal),
          over.signal,
        ),
        killSignal: whenAllAborted(
          fragments.map(({ bundle }) => bundle.killSignal),
          over.signal,
        ),
        onEnded: (batch) => this.#keep(fragments, batch),
      });
      if (answer.kind === 'failed') return this.#failed(fragments, answer);
      const { millis } = answer;
      const size = values.length;
      if (millis !== undefined) {
        learned.succeeded(key, { size, millis, isJoined: fragments.length > 1, closedBy, isolating });
      }
      this.#answered(fragments, answer.answers);
    } catch (error) {
      for (const fragment of fragments) this.#brokenOff(fragment, error);
    } finally {
      over.abort();
    }
  }

  #askOptions({ request: { inferenceArgs, isolating } }: Fragment, fragments: readonly Fragment[]) {
    const { model, index } = this.#options;
    const patience = fragments.flatMap(({ bundle }) => bundle.patienceMillis ?? []);
    const triesBefore = fragments.flatMap(({ bundle, elements }) =>
      elements.map((element) => bundle.journal.triesBefore(index, element)),
    );
    return {
      ...(inferenceArgs === undefined ? {} : { inferenceArgs }),
      weight: fragments.reduce((sum, { weight }) => sum + weight, 0),
      timeoutMillis: model.step.timeoutSecs * 1000,
      isolating,
      triesBefore: Math.max(...triesBefore),
      ...(patience.length === 0 ? {} : { patienceMillis: Math.min(...patience) }),
    };
  }

  #answered(fragments: readonly Fragment[], answers: readonly ElementAnswer[]): void {
    const { metrics } = this.#options;
    metrics.add('num_inferences', answers.filter(({ ok }) => ok).length);
    metrics.record('inference_request_batch_size', answers.length);
    let start = 0;
    for (const { size, resolve } of fragments) {
      resolve({ kind: 'answered', answers: answers.slice(start, start + size) });
      start += size;
    }
  }

  /** Notes what was asked, and what was answered, in the bundles' journals. */
  #keep(fragments: readonly Fragment[], { tries, usage, answers }: EndedBatch): void {
    const { index: model, label } = this.#options;
    let start = 0;
    for (const { size, elements, bundle } of fragments) {
      elements.forEach((element, at) => {
        const answer = answers[start + at];
        const before = bundle.journal.find(model, element);
        const paid = addUsage(before?.usage, usage?.[start + at]);
        bundle.journal.record({
          model,
          ...element,
          tries: (before?.tries ?? 0) + (tries[start + at] ?? 0),
          ...(paid === undefined ? {} : { usage: paid }),
          ...(answer?.ok === true ? { answer: { value: answer.value, label: label() } } : {}),
        });
      });
      start += size;
    }
  }

  #failed(fragments: readonly Fragment[], { cause, error }: Extract<BatchAnswer, { kind: 'failed' }>): void {
    this.#options.metrics.add('failed_batches_counter', 1);
    const { endpointName } = this.#options.model.handler;
    const described = cause === 'fatal' ? carryError(asLoadError(error, endpointName)) : describeFailure(error);
    for (const { resolve } of fragments) {
      resolve({ kind: 'failed', failure: { cause, error: described, shared: fragments.length > 1 } });
    }
  }

  #brokenOff({ bundle, resolve }: Fragment, error: unknown): void {
    const { journal, stopSignal, killSignal } = bundle;
    if (error instanceof EndpointBusyError) bundle.giveUp(error);
    // A request in flight continues until it is killed.
    else if (killSignal.aborted) journal.wasCutOff = true;
    else if (stopSignal.aborted) journal.wasWaiting = true;
    const isOver = stopSignal.aborted || killSignal.aborted || error instanceof EndpointBusyError;
    resolve(
      isOver ? undefined : { kind: 'failed', failure: { cause: 'fatal', error: carryError(error), shared: false } },
    );
  }
}

/** With the reason that Node's fetch has in the cause alone. */
export function describeFailure(error: Error | undefined): ErrorDescription {
  const { name, message, at } = describeThrown(error);
  const cause = error instanceof TypeError && error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return { name, message: `${message}${cause}`, ...(at === undefined ? {} : { at }) };
}

/** Returns the error of an endpoint that no longer answers, as of a model that can't be loaded: other keyed models go on. */
function asLoadError(error: Error, endpoint: string): ModelLoadError {
  if (error instanceof ModelLoadError) return error;
  const { message } = describeFailure(error);
  const named = message.startsWith(endpoint) ? message : `${endpoint}: ${message}`;
  return new ModelLoadError(named, { cause: error });
}

/** A signal that is aborted when the last of these is, unless it is over before. */
function whenAllAborted(signals: readonly AbortSignal[], over: AbortSignal): AbortSignal {
  const [first, ...others] = signals;
  if (first !== undefined && others.length === 0) return first;
  const all = new AbortController();
  let left = signals.length;
  const oneAborted = (signal: AbortSignal): void => {
    left -= 1;
    if (left === 0) all.abort(signal.reason);
  };
  for (const signal of signals) {
    if (signal.aborted) oneAborted(signal);
    else signal.addEventListener('abort', () => oneAborted(signal), { once: true, signal: over });
  }
  return all.signal;
}
