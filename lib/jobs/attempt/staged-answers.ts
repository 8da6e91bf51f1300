import { configDigest } from '../../config/config-digest.ts';
import type { Pipeline } from '../../config/pipeline.ts';
import { asksEndpoints } from '../../config/pipeline-models.ts';
import { AnswerJournal, type JournalOptions } from '../../inference/engine/answer-journal.ts';
import type { ProcessOptions } from '../../inference/engine/engine.ts';
import { decodeEntries, encodeEntries } from '../../inference/engine/journal-bytes.ts';
import { EndpointBusyError } from '../../remote/endpoint/endpoint-error.ts';
import { isStoreBusy } from '../../stores/patience.ts';
import { getBytes, type ObjectAddress, type StoreOptions } from '../../stores/object-store.ts';
import type { OutputBucket, Deadline } from '../fabric-ports.ts';
import type { PartPlace } from '../output-layout.ts';

/**
 * A bundle waits here for an endpoint that wants to be left alone for no longer than this, or than its run lasts: a function
 * is paid for while it waits.
 */
const MAX_PATIENCE_MILLIS = 60_000;
/** Share of a run's remaining time that requests in flight have to end after its deadline. */
const DRAIN_SHARE = 0.04;
const MAX_DRAIN_MILLIS = 10_000;
const CONFIG_DIGITS = 12;

/**
 * Answers of remote models for elements of a bundle that have no outcome yet, kept from one attempt to the next at
 * `<staging>.<digest of the configuration>.answers`, as another configuration may need other answers. The next attempt
 * requests only answers that are missing; at worst, where attempts overlap, some are requested again.
 */
export class StagedAnswers {
  readonly journal: AnswerJournal;
  readonly #address: ObjectAddress;
  readonly #output: OutputBucket;

  private constructor(address: ObjectAddress, output: OutputBucket, journal: AnswerJournal) {
    this.#address = address;
    this.#output = output;
    this.journal = journal;
  }

  /** Takes up what an earlier attempt left; nothing is looked for where the pipeline asks no endpoint. */
  static async open(
    { staging }: Pick<PartPlace, 'staging'>,
    { pipeline, output }: { readonly pipeline: Pipeline; readonly output: OutputBucket },
    { signal, ...options }: StoreOptions & JournalOptions,
  ): Promise<StagedAnswers> {
    const config = configDigest(pipeline).slice(0, CONFIG_DIGITS);
    const address = { bucket: output.bucket, key: `${staging}.${config}.answers` };
    const bytes = asksEndpoints(pipeline) ? await getBytes(output.store, address, { signal }) : undefined;
    const entries = bytes === undefined ? [] : decodeEntries(bytes);
    return new StagedAnswers(address, output, new AnswerJournal(entries, options));
  }

  /** How an engine is to run the bundle. */
  processOptions(deadline: Deadline): ProcessOptions {
    const remaining = deadline.remainingMillis();
    const patienceMillis = Math.min(MAX_PATIENCE_MILLIS, remaining);
    const drainMillis = Math.min(MAX_DRAIN_MILLIS, deadline.drainMillis ?? remaining * DRAIN_SHARE);
    return { signal: deadline.signal, journal: this.journal, patienceMillis, drainMillis };
  }

  /** Returns whether the bundle waited for an endpoint at its end, and how long that wants no requests. */
  get at(): { readonly throttled: boolean; readonly delayMillis: number | undefined } {
    const { wasWaiting, wasCutOff, retryAfterMillis } = this.journal;
    // Requests behind others that hang waited for those.
    const throttled = retryAfterMillis !== undefined || (wasWaiting && !wasCutOff);
    return { throttled, delayMillis: retryAfterMillis };
  }

  /** Leaves what there is of elements from an ordinal on for the next attempt. */
  async stage(ordinal: number): Promise<void> {
    const entries = this.journal.entriesFrom(ordinal);
    if (entries.length === 0) return;
    await this.#output.store.put(this.#address, encodeEntries(entries));
  }
}

/** Returns whether a bundle was broken off because an endpoint or a store takes no more requests for a while. */
export function isThrottle(error: unknown): boolean {
  return error instanceof EndpointBusyError || isStoreBusy(error);
}
