import { BatchAssembler } from '../batching/batch-assembler.ts';
import type { PipelineModel } from '../config/pipeline-models.ts';
import { carryError, describeError, type ErrorDescription, ModelLoadError } from '../errors.ts';
import type { ModelInfo } from '../hosts/protocol.ts';
import { decodeValues, encodeValues } from '../models/encoded-batch.ts';
import { EndpointBusyError } from '../remote/endpoint/endpoint-error.ts';
import { type BatchAnswer, type ElementAnswer, RemoteEndpoint } from '../remote/endpoint/remote-endpoint.ts';
import type { RemoteModelHandler } from '../remote/remote-model-handler.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { AskingBundle, EngineModel } from './engine-model.ts';
import { LearnedSizes } from './learned-sizes.ts';
import type {
  AskedElement,
  BatchFailure,
  FailedElement,
  InferAnswer,
  InferRequest,
  ModelLabel,
} from './worker-protocol.ts';

export interface RemoteModelServiceOptions {
  readonly model: PipelineModel & { readonly handler: RemoteModelHandler };
  /** Its place among the pipeline's. */
  readonly index: number;
  readonly metrics: Metrics;
  readonly onWarning?: (message: string) => void;
}

/** The elements of one bundle's batch that have no answer yet, waiting to be asked for. */
interface Fragment {
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

type FragmentAnswer =
  | { readonly kind: 'answered'; readonly answers: readonly ElementAnswer[] }
  | { readonly kind: 'failed'; readonly failure: BatchFailure };

/**
 * One model of a pipeline that is served elsewhere. A batch's elements that were answered before, for a worker that was
 * lost or in an earlier attempt at the bundle, are not asked again.
 */
export class RemoteModelService implements EngineModel {
  readonly #options: RemoteModelServiceOptions;
  readonly #endpoint: RemoteEndpoint;
  readonly #learned: LearnedSizes;
  readonly #assembler: BatchAssembler<Fragment> | undefined;
  #label: ModelLabel = { label: '', digest: '' };

  constructor(options: RemoteModelServiceOptions) {
    this.#options = options;
    const { model, metrics, onWarning } = options;
    const { batching } = model.handler;
    this.#endpoint = new RemoteEndpoint({
      handler: model.handler,
      metrics,
      ...(onWarning === undefined ? {} : { onWarning }),
    });
    this.#learned = new LearnedSizes(batching);
    if (batching.maxBatchDurationSecs !== undefined) {
      this.#assembler = new BatchAssembler({
        policy: { ...batching, maxBatchDurationSecs: batching.maxBatchDurationSecs },
        targetSize: (key) => this.#learned.sizes(key).target,
        clock: { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout },
        dispatch: (fragments) => void this.#run(fragments),
      });
    }
  }

  /** Makes the client, and asks the endpoint what its model is. @throws ModelLoadError */
  async open(): Promise<ModelInfo> {
    const startedAt = performance.now();
    const { label, digest = label, inputs } = await this.#endpoint.open();
    this.#label = { label, digest };
    const loadMillis = performance.now() - startedAt;
    return { label, digest, loadMillis, modelBytes: 0, ...(inputs === undefined ? {} : { inputs }) };
  }

  /** Nothing of it is in memory here that is worth its place. */
  async close(): Promise<void> {}

  async privateBytes(): Promise<undefined> {}

  recovered(): void {}

  /** Declared limits are shared by so many engines. */
  shareLimits(fleet: number): void {
    this.#endpoint.shareLimits(fleet);
  }

  async infer(request: InferRequest, bundle: AskingBundle | undefined): Promise<InferAnswer | undefined> {
    const { asked } = request;
    if (bundle === undefined || asked === undefined) return undefined;
    const { index: model } = this.#options;
    const known = asked.elements.map((element) => bundle.journal.find(model, element)?.answer);
    const open = asked.elements.flatMap((_, index) => (known[index] === undefined ? index : []));
    const answer = open.length === 0 ? NOTHING_ASKED : await this.#ask(open, request, bundle);
    if (answer === undefined) return undefined;
    const tries = asked.elements.map((element) => bundle.journal.find(model, element)?.tries ?? 0);
    const common = { sizes: this.#learned.sizes(request.key), tries };
    if (answer.kind === 'failed') return { ...common, ok: false, failure: answer.failure };
    const values: unknown[] = known.map((entry) => entry?.value);
    const failed: FailedElement[] = [];
    open.forEach((index, at) => {
      const one = answer.answers[at];
      if (one?.ok === true) values[index] = one.value;
      else failed.push({ index, error: describeFailure(one?.error) });
    });
    try {
      return { ...common, ok: true, results: encodeValues(values), model: this.#label, failed };
    } catch (error) {
      return { ...common, ok: false, failure: { cause: 'error', error: describeError(error), shared: false } };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#assembler?.[Symbol.dispose]();
  }

  /** Asks for the elements at these indices of a batch. */
  #ask(open: readonly number[], request: InferRequest, bundle: AskingBundle): Promise<FragmentAnswer | undefined> {
    const { promise, resolve } = Promise.withResolvers<FragmentAnswer | undefined>();
    const values = decodeValues(request.batch);
    const { asked, bytes, weight, key, isolating } = request;
    const share = open.length / values.length;
    const fragment: Fragment = {
      key,
      size: open.length,
      bytes: bytes * share,
      weight: weight * share,
      values: open.map((index) => values[index]),
      elements: open.flatMap((index) => asked?.elements[index] ?? []),
      request,
      bundle,
      resolve,
    };
    bundle.track(promise);
    if (this.#assembler === undefined || isolating) void this.#run([fragment]);
    else this.#assembler.offer(fragment);
    return promise;
  }

  async #run(fragments: readonly Fragment[]): Promise<void> {
    const [first] = fragments;
    if (first === undefined) return;
    const { key, closedBy, isolating } = first.request;
    const values = fragments.flatMap((fragment) => fragment.values);
    try {
      const answer = await this.#endpoint.ask(values, {
        ...this.#askOptions(first, fragments),
        onBrokenOff: ({ tries, answers }) => this.#keep(fragments, tries, answers),
      });
      this.#keep(fragments, answer.tries, answer.kind === 'answered' ? answer.answers : []);
      if (answer.kind === 'failed') return this.#failed(fragments, answer);
      const { millis } = answer;
      const size = values.length;
      if (millis !== undefined) {
        this.#learned.succeeded(key, { size, millis, isJoined: fragments.length > 1, closedBy, isolating });
      }
      this.#answered(fragments, answer.answers);
    } catch (error) {
      for (const fragment of fragments) this.#brokenOff(fragment, error);
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
      signal: whenAllAborted(fragments.map(({ bundle }) => bundle.stopSignal)),
      killSignal: whenAllAborted(fragments.map(({ bundle }) => bundle.killSignal)),
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
  #keep(fragments: readonly Fragment[], tries: number, answers: readonly (ElementAnswer | undefined)[]): void {
    const { index: model } = this.#options;
    let start = 0;
    for (const { size, elements, bundle } of fragments) {
      elements.forEach((element, at) => {
        const answer = answers[start + at];
        const before = bundle.journal.find(model, element)?.tries ?? 0;
        bundle.journal.record({
          model,
          ...element,
          tries: before + tries,
          ...(answer?.ok === true ? { answer: { value: answer.value, label: this.#label } } : {}),
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
    if (error instanceof EndpointBusyError) bundle.giveUp(error);
    else if (bundle.stopSignal.aborted) bundle.journal.wasWaiting = true;
    const isOver = bundle.stopSignal.aborted || bundle.killSignal.aborted || error instanceof EndpointBusyError;
    resolve(
      isOver ? undefined : { kind: 'failed', failure: { cause: 'fatal', error: carryError(error), shared: false } },
    );
  }
}

/** An endpoint that answers nothing any more is a model that is not there: of several keyed ones, the others go on. */
function asLoadError(error: Error, endpoint: string): ModelLoadError {
  if (error instanceof ModelLoadError) return error;
  const { message } = describeFailure(error);
  const named = message.startsWith(endpoint) ? message : `${endpoint}: ${message}`;
  return new ModelLoadError(named, { cause: error });
}

/** With the reason that Node's fetch has in the cause alone. */
function describeFailure(error: Error | undefined): ErrorDescription {
  const { name, message } = describeError(error);
  const cause = error instanceof TypeError && error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return { name, message: `${message}${cause}` };
}

const NOTHING_ASKED: FragmentAnswer = { kind: 'answered', answers: [] };

/** A signal that is aborted when the last of these is. */
function whenAllAborted(signals: readonly AbortSignal[]): AbortSignal {
  const [first, ...others] = signals;
  if (first !== undefined && others.length === 0) return first;
  const all = new AbortController();
  let left = signals.length;
  const onAbort = (event: { readonly target: unknown }): void => {
    left -= 1;
    if (left === 0) all.abort((event.target as AbortSignal).reason);
  };
  for (const signal of signals) {
    if (signal.aborted) onAbort({ target: signal });
    else signal.addEventListener('abort', onAbort as (event: Event) => void, { once: true });
  }
  return all.signal;
}
