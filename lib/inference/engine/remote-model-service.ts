import { describeThrown } from '../../errors.ts';
import type { ModelInfo } from '../../hosts/protocol.ts';
import { decodeValues, encodeValues } from '../../models/encoded-batch.ts';
import type { JournalEntry } from './answer-journal.ts';
import type { AskingBundle, EngineModel } from './engine-model.ts';
import {
  describeFailure,
  type Fragment,
  type FragmentAnswer,
  FragmentAsker,
  type FragmentAskerOptions,
} from './fragment-asker.ts';
import { LearnedSizes } from '../learned-sizes.ts';
import type { FailedElement, InferAnswer, InferRequest, ModelLabel } from '../worker-protocol.ts';

export interface RemoteModelServiceOptions extends Omit<FragmentAskerOptions, 'label' | 'learned'> {
  /** Called each time that the model was opened. */
  readonly onOpened?: (info: ModelInfo) => void;
}

/**
 * One model of a pipeline that is served elsewhere. A batch's elements that were answered before, for a worker that was
 * lost or in an earlier attempt at the bundle, are not asked again.
 */
export class RemoteModelService implements EngineModel {
  readonly #options: RemoteModelServiceOptions;
  readonly #learned: LearnedSizes;
  readonly #asker: FragmentAsker;
  #label: ModelLabel = { label: '', digest: '' };

  constructor(options: RemoteModelServiceOptions) {
    this.#options = options;
    this.#learned = new LearnedSizes(options.model.handler.batching);
    this.#asker = new FragmentAsker({ ...options, learned: this.#learned, label: () => this.#label });
  }

  /** Makes the client, and asks the endpoint what its model is. @throws ModelLoadError */
  async open(): Promise<ModelInfo> {
    const startedAt = performance.now();
    const { label, digest = label, inputs, outputs } = await this.#options.endpoint.open();
    this.#label = { label, digest };
    const loadMillis = performance.now() - startedAt;
    const tensors = { ...(inputs === undefined ? {} : { inputs }), ...(outputs === undefined ? {} : { outputs }) };
    const info = { label, digest, loadMillis, modelBytes: 0, ...tensors };
    this.#options.onOpened?.(info);
    return info;
  }

  /** Nothing of it is in memory here that is worth its place. */
  async close(): Promise<void> {}

  async privateBytes(): Promise<undefined> {}

  recovered(): void {}

  /** Does nothing: batches of remote models have one row for each element. */
  tookOneRow(): void {}

  async infer(request: InferRequest, bundle: AskingBundle | undefined): Promise<InferAnswer | undefined> {
    const { asked } = request;
    if (bundle === undefined || asked === undefined) return undefined;
    const { index: model } = this.#options;
    const known = asked.elements.map((element) => this.#answerIn(bundle.journal.find(model, element)));
    const open = asked.elements.flatMap((_, index) => (known[index] === undefined ? index : []));
    const answer = open.length === 0 ? NOTHING_ASKED : await this.#ask(open, request, bundle);
    if (answer === undefined) return undefined;
    const entries = asked.elements.map((element) => bundle.journal.find(model, element));
    const tries = entries.map((entry) => entry?.tries ?? 0);
    const usage = entries.map((entry) => entry?.usage);
    const isPaid = usage.some((one) => one !== undefined);
    const common = { sizes: this.#learned.sizes(request.key), tries, ...(isPaid ? { usage } : {}) };
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
      return { ...common, ok: false, failure: { cause: 'error', error: describeThrown(error), shared: false } };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#asker[Symbol.dispose]();
  }

  /** Returns the entry's answer, unless another model at the same endpoint gave it. */
  #answerIn(entry: JournalEntry | undefined): JournalEntry['answer'] {
    const { label, digest } = this.#label;
    return entry?.answer?.label.digest === digest && entry.answer.label.label === label ? entry.answer : undefined;
  }

  /** Asks for the elements at these indices of a batch. Values that can't be decoded here are a batch that fails. */
  async #ask(
    open: readonly number[],
    request: InferRequest,
    bundle: AskingBundle,
  ): Promise<FragmentAnswer | undefined> {
    let values: readonly unknown[];
    try {
      values = decodeValues(request.batch);
    } catch (error) {
      return { kind: 'failed', failure: { cause: 'error', error: describeThrown(error), shared: false } };
    }
    const { promise, resolve } = Promise.withResolvers<FragmentAnswer | undefined>();
    const { asked, bytes, weight, key } = request;
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
    this.#asker.ask(fragment);
    return promise;
  }
}

const NOTHING_ASKED: FragmentAnswer = { kind: 'answered', answers: [] };
