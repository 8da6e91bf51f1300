import { serialize } from 'node:v8';
import { BatchAssembler } from '../../batching/batch-assembler.ts';
import type { RunAnswer } from '../../hosts/model-host.ts';
import { ServedModel } from '../../hosts/served-model.ts';
import type { ModelInfo, ResultFrame } from '../../hosts/protocol.ts';
import type { EncodedBatch } from '../../models/encoded-batch.ts';
import type { ModelHandler } from '../../models/model-handler.ts';
import { fixedBatchSize } from '../../models/onnx-session.ts';
import { freeBytes } from '../../stores/free-bytes.ts';
import type { CounterName, Metrics } from '../../telemetry/metrics.ts';
import type { EngineModel } from './engine-model.ts';
import { type HostedHandler, handlerSpec, originOf, probeOf } from './handler-spec.ts';
import { hostFailure, type HostFailure, runFailure } from './host-failure.ts';
import { type LoadedCopy, LoadNotices } from './load-notices.ts';
import { joinBatches, joinKey, keyOfJoinKey } from './join-batches.ts';
import { LearnedSizes } from '../learned-sizes.ts';
import { UndefinedResults } from './undefined-results.ts';
import type { InferAnswer, InferRequest, RecoveredSize } from '../worker-protocol.ts';

/** A piece of a failed batch gets this many times what its size should take, and at least a second. */
const ISOLATION_SLACK = 10;
const MIN_ISOLATION_MILLIS = 1000;

const INFERENCES_ON: ReadonlyMap<string, CounterName> = new Map([
  ['tensorrt', 'num_inferences_on_tensorrt'],
  ['cuda', 'num_inferences_on_cuda'],
  ['webgpu', 'num_inferences_on_webgpu'],
  ['cpu', 'num_inferences_on_cpu'],
]);

export interface ModelServiceOptions extends HostedHandler {
  /** Returns the `timeoutSecs` of the step that a model's index stands for: several steps may share the model. */
  readonly timeoutSecs: (model: number) => number;
  readonly threads: number;
  /** Number of hosts, each with a copy of the model. */
  readonly copies: number;
  /** The GPUs that copies take in turn. */
  readonly gpus?: { readonly count: number; readonly first: number };
  readonly metrics: Metrics;
  /** True if a bound opens and closes it all the time; else it is opened once. */
  readonly isOnDemand: boolean;
  /** Called if it is out of date, and must be closed and opened again. */
  readonly onStale?: () => void;
  /** Called for each batch that has run, with the time in its host. */
  readonly onInferred?: (millis: number) => void;
  readonly onOutput?: (line: string) => void;
  /** Receives messages that a user should know or act on. */
  readonly onWarning?: (message: string) => void;
  /** Called each time that the model was opened. */
  readonly onOpened?: (info: ModelInfo) => void;
  /** Called each time a copy of the model has been loaded. */
  readonly onModelLoaded?: (loaded: LoadedCopy) => void;
}

/** A batch that a worker asked for, waiting to be run. */
interface Fragment {
  /** The {@link joinKey}: fragments with the same key can share a batch. */
  readonly key: string;
  readonly size: number;
  readonly bytes: number;
  readonly weight: number;
  readonly request: InferRequest;
  readonly resolve: (answer: InferAnswer) => void;
}

/** One model of a pipeline: its hosts, and the batch sizes learned for it, which are kept while it is closed. */
export class ModelService implements EngineModel {
  readonly #options: ModelServiceOptions;
  readonly #handler: ModelHandler;
  readonly #served: ServedModel;
  readonly #assembler: BatchAssembler<Fragment> | undefined;
  readonly #learned: LearnedSizes;
  readonly #notices: LoadNotices;
  readonly #undefinedResults = new UndefinedResults();
  /** The size at which the model fixes its batches; known once it is loaded. */
  #fixedSize: number | undefined;

  constructor(options: ModelServiceOptions) {
    const { metrics } = options;
    const { step, handler } = options.model;
    this.#options = options;
    this.#notices = new LoadNotices(options);
    this.#handler = handler;
    const { batching } = this.#handler;
    this.#learned = new LearnedSizes(batching, options.copies);
    this.#served = new ServedModel({
      copies: options.copies,
      ...(options.gpus === undefined ? {} : { gpus: options.gpus }),
      env: this.#handler.options.envVars ?? {},
      load: { spec: handlerSpec(this.#handler, options), threads: options.threads, ...probeOf(options.model) },
      loadTimeoutSecs: step.loadTimeoutSecs,
      ...originOf(options),
      ...(step.refreshSecs === undefined ? {} : { refreshSecs: step.refreshSecs }),
      onRefresh: (outcome) => metrics.add(outcome === 'new' ? 'model_refreshes' : 'model_refresh_failures', 1),
      onLoad: (info) => this.#notices.loaded(info),
      isOnDemand: options.isOnDemand,
      ...(options.onStale === undefined ? {} : { onStale: options.onStale }),
      ...(options.onOutput === undefined ? {} : { onOutput: options.onOutput }),
      ...(options.onWarning === undefined ? {} : { onWarning: options.onWarning }),
    });
    if (batching.maxBatchDurationSecs !== undefined) {
      this.#assembler = new BatchAssembler({
        policy: { ...batching, maxBatchDurationSecs: batching.maxBatchDurationSecs },
        targetSize: (key) => {
          const { target, ceiling = Infinity } = this.#learned.sizes(keyOfJoinKey(key));
          return this.#fixedSize ?? Math.min(target, ceiling);
        },
        clock: {
          setTimeout: globalThis.setTimeout,
          clearTimeout: globalThis.clearTimeout,
        },
        dispatch: (fragments) => void this.#run(fragments),
      });
    }
  }

  /** Loads the model, unless it is loaded already. @throws ModelLoadError */
  async open(): Promise<ModelInfo> {
    const info = await this.#served.open();
    this.#fixedSize = fixedBatchSize(info.inputs ?? []);
    this.#options.onOpened?.(info);
    return info;
  }

  close(): Promise<void> {
    return this.#served.close();
  }

  privateBytes(): Promise<number | undefined> {
    return this.#served.privateBytes();
  }

  /** Runs a worker's batch; never rejects. */
  infer(request: InferRequest): Promise<InferAnswer> {
    const { promise, resolve } = Promise.withResolvers<InferAnswer>();
    const { key, bytes, weight, batch, isolating } = request;
    const fragment = { key: joinKey(key, batch), bytes, weight, size: batch.size, request, resolve };
    if (this.#assembler === undefined || isolating) void this.#run([fragment]);
    else this.#assembler.offer(fragment);
    return promise;
  }

  /** Records that a batch was too large, and its halves were not. */
  recovered({ key, size, limit }: RecoveredSize): void {
    const isSmaller = this.#learned.recovered(key, size, limit);
    if (limit === 'time') this.#notices.warnOnce('slow', slowBatchWarning(this.#options, size, isSmaller));
  }

  tookOneRow(): void {
    this.#learned.tookOneRow();
    const { place } = this.#options;
    const warning = `the model of ${place} runs one element at a time, as it fails for batches of more`;
    this.#notices.warnOnce('one row', `${warning}: set 'maxBatchSize: 1'`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#assembler?.[Symbol.dispose]();
    await this.#served[Symbol.asyncDispose]();
  }

  async #run(fragments: readonly Fragment[]): Promise<void> {
    const [first] = fragments;
    if (first === undefined) return;
    const { request } = first;
    const size = fragments.reduce((sum, fragment) => sum + fragment.size, 0);
    const timeoutMillis = this.#timeoutMillis(fragments, size);
    try {
      const batches = fragments.map((fragment) => fragment.request.batch);
      const { frame, groups } = joinBatches(batches, this.#fixedSize);
      const { answer, model } = await this.#served.run({
        frame: { ...frame, ...encodedArgs(request) },
        groups,
        timeoutMillis,
      });
      // The host has read the whole batch, and the worker keeps the elements.
      for (const { request } of fragments) request.batch.chunks.forEach(freeBytes);
      if ('groups' in answer) this.#succeeded({ fragments, size }, answer, model);
      else this.#failed(fragments, size, runFailure(answer.frame));
    } catch (error) {
      this.#failed(
        fragments,
        size,
        this.#markSlow(hostFailure(error as Error), timeoutMillis === this.#fullTimeoutMillis(fragments)),
      );
    }
  }

  /** Marks a batch that used the full timeout as too large if its halves succeed; pieces have shorter timeouts. */
  #markSlow(failure: HostFailure, hadFullTimeout: boolean): HostFailure {
    return failure.cause === 'timeout' && hadFullTimeout ? { ...failure, tooLargeFor: 'time' } : failure;
  }

  /** Returns the timeout of a batch. Fragments of several steps have the longest of theirs. */
  #fullTimeoutMillis(fragments: readonly Fragment[]): number {
    return Math.max(...fragments.map(({ request }) => this.#options.timeoutSecs(request.model))) * 1000;
  }

  #timeoutMillis(fragments: readonly Fragment[], size: number): number {
    const timeoutMillis = this.#fullTimeoutMillis(fragments);
    const [first] = fragments;
    if (first?.request.isolating !== true || size === 1) return timeoutMillis;
    const expected = this.#learned.expectedMillis(first.request.key, size);
    return Math.min(timeoutMillis, Math.max(MIN_ISOLATION_MILLIS, expected * ISOLATION_SLACK));
  }

  #succeeded(
    { fragments, size }: { readonly fragments: readonly Fragment[]; readonly size: number },
    { frame, groups }: Extract<RunAnswer, { groups: unknown }>,
    { label, digest = label, device }: ModelInfo,
  ): void {
    const { metrics } = this.#options;
    metrics.add('num_inferences', size);
    const counter = INFERENCES_ON.get(device?.providers[0] ?? '');
    if (counter !== undefined) metrics.add(counter, size);
    const providers = device === undefined ? {} : { providers: device.providers.join('+') };
    metrics.record('inference_request_batch_size', size);
    metrics.record('inference_batch_latency_micro_secs', frame.micros);
    this.#options.onInferred?.(frame.micros / 1000);
    for (const { request } of fragments) {
      if (request.paddingShare !== undefined) metrics.record('inference_batch_padding_share', request.paddingShare);
    }
    this.#learn(fragments, size, frame);
    this.#watchUndefined(size, frame);
    let start = 0;
    frame.fragments.forEach((result, index) => {
      const views = groups.slice(start, start + result.chunks);
      start += result.chunks;
      // Results that go to several workers can't all move with the buffer that they came in.
      const chunks = fragments.length === 1 ? views : views.map((view) => view.slice());
      const fragment = fragments[index];
      fragment?.resolve({
        ok: true,
        results: resultBatch(result, chunks),
        model: { label, digest, ...providers },
        inferenceMillis: (frame.micros / 1000) * ((fragment?.size ?? size) / size),
        sizes: this.#learned.sizes(fragment.request.key),
      });
    });
  }

  #watchUndefined(size: number, { areUndefined = false }: ResultFrame): void {
    const results = this.#undefinedResults.add(size, areUndefined);
    if (results === undefined) return;
    const all = `runInference gave undefined for all of the first ${results} elements`;
    this.#notices.warnOnce(
      'undefined',
      `${all} at ${this.#options.place}, which becomes null: does the function return?`,
    );
  }

  #learn(fragments: readonly Fragment[], size: number, { micros }: ResultFrame): void {
    const [first] = fragments;
    if (first === undefined) return;
    const { key, closedBy, isolating } = first.request;
    const isJoined = fragments.length > 1;
    this.#learned.succeeded(key, { size, millis: micros / 1000, isJoined, closedBy, isolating });
  }

  #failed(fragments: readonly Fragment[], size: number, failure: HostFailure): void {
    this.#options.metrics.add('failed_batches_counter', 1);
    const [first] = fragments;
    const { tooLargeFor } = failure;
    if (tooLargeFor !== undefined && first !== undefined) this.#learned.exceeded(first.request.key, size, tooLargeFor);
    for (const { request, resolve } of fragments) {
      const sizes = this.#learned.sizes(request.key);
      resolve({ ok: false, failure: { ...failure, shared: fragments.length > 1 }, sizes });
    }
  }
}

function slowBatchWarning({ place, model }: ModelServiceOptions, size: number, isSmaller: boolean): string {
  const then = isSmaller
    ? `batches are of at most ${Math.ceil(size / 2)} from now on`
    : "their size is fixed, and each batch that takes so long ends the model's process";
  return (
    `a batch of ${size} elements took longer than 'timeoutSecs' (${model.step.timeoutSecs} s) at ${place}, and its ` +
    `halves did not: ${then}. Raise 'timeoutSecs' or lower 'maxBatchSize'`
  );
}

/** Fragments that share a batch have the same arguments: these are part of their key. */
function encodedArgs({ inferenceArgs }: InferRequest): { readonly inferenceArgs?: string } {
  return inferenceArgs === undefined ? {} : { inferenceArgs: serialize(inferenceArgs).toString('base64') };
}

function resultBatch(result: ResultFrame['fragments'][number], chunks: Uint8Array[]): EncodedBatch {
  const { size, tensors } = result;
  return tensors === undefined ? { kind: 'values', size, chunks } : { kind: 'tensors', size, tensors, chunks };
}
