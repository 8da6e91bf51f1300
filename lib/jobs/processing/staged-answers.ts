import type { Pipeline } from '../../config/fabric.ts';
import { asksEndpoints } from '../../config/pipeline-models.ts';
import { AnswerJournal, decodeEntries, encodeEntries, type JournalEntry } from '../../inference/answer-journal.ts';
import type { ProcessOptions } from '../../inference/engine.ts';
import { EndpointBusyError } from '../../remote/endpoint/endpoint-error.ts';
import { getBytes, type StoreOptions } from '../../stores/object-store.ts';
import type { OutputBucket } from '../commit/part-metadata.ts';
import type { Deadline } from '../fabric-ports.ts';
import type { PartPlace } from '../output-layout.ts';

/** A bundle waits here for an endpoint that wants to be left alone for no longer than this; a function is paid for while it waits. */
const MAX_PATIENCE_MILLIS = 60_000;
/** Of the time that a run has, the share that requests which are under way have to end when it is over. */
const DRAIN_SHARE = 0.04;
const MAX_DRAIN_MILLIS = 10_000;

/**
 * What remote models have answered for elements of a bundle that have no outcome yet, from one attempt to the next: at
 * `<staging>.answers`. Who takes it up asks only for what it does not hold; at worst, where attempts overlap, something
 * is asked again.
 */
export class StagedAnswers {
  readonly journal: AnswerJournal;
  readonly #place: Pick<PartPlace, 'staging'>;
  readonly #output: OutputBucket;

  private constructor(place: Pick<PartPlace, 'staging'>, output: OutputBucket, journal: AnswerJournal) {
    this.#place = place;
    this.#output = output;
    this.journal = journal;
  }

  /** Takes up what an earlier attempt left; nothing is looked for where the pipeline asks no endpoint. */
  static async take(
    place: Pick<PartPlace, 'staging'>,
    { pipeline, output }: { readonly pipeline: Pipeline; readonly output: OutputBucket },
    { signal, anyPlace = false }: StoreOptions & { readonly anyPlace?: boolean },
  ): Promise<StagedAnswers> {
    const entries = asksEndpoints(pipeline) ? await read(place, output, { signal }) : [];
    return new StagedAnswers(place, output, new AnswerJournal(entries, { anyPlace }));
  }

  /** How an engine is to run the bundle. */
  processOptions(deadline: Deadline): ProcessOptions {
    const drainMillis = Math.min(MAX_DRAIN_MILLIS, deadline.remainingMillis() * DRAIN_SHARE);
    return { signal: deadline.signal, journal: this.journal, patienceMillis: MAX_PATIENCE_MILLIS, drainMillis };
  }

  /** Whether the bundle waited for an endpoint when it was broken off, and how long that wants to be left alone. */
  get at(): { readonly throttled: boolean; readonly delayMillis: number | undefined } {
    const { wasWaiting, retryAfterMillis } = this.journal;
    return { throttled: wasWaiting || retryAfterMillis !== undefined, delayMillis: retryAfterMillis };
  }

  /** Leaves what there is of elements from an ordinal on for the next attempt. */
  async stage(ordinal: number): Promise<void> {
    const entries = this.journal.entriesFrom(ordinal);
    if (entries.length === 0) return;
    const { store, bucket } = this.#output;
    await store.put({ bucket, key: keyOf(this.#place) }, encodeEntries(entries));
  }
}

/** Whether a bundle was given up because an endpoint takes no more requests for a while. */
export function isThrottle(error: unknown): error is EndpointBusyError {
  return error instanceof EndpointBusyError;
}

function keyOf({ staging }: Pick<PartPlace, 'staging'>): string {
  return `${staging}.answers`;
}

async function read(
  place: Pick<PartPlace, 'staging'>,
  { store, bucket }: OutputBucket,
  { signal }: StoreOptions,
): Promise<readonly JournalEntry[]> {
  const bytes = await getBytes(store, { bucket, key: keyOf(place) }, { signal });
  return bytes === undefined ? [] : decodeEntries(bytes);
}
