import type { ModelLabel } from './worker-protocol.ts';

/** An element's value on its way into a remote model. */
export interface AskedElement {
  /** Its place in its bundle; of a piece of it, also the pieces' places: `17`, `17/0/2`. */
  readonly place: string;
  /** Digest of the value and its arguments: an answer to another value is no answer to this one. */
  readonly fingerprint: string;
}

/** What a model answered for one element, and what it cost. */
export interface JournalEntry extends AskedElement {
  /** The model's place among the pipeline's. */
  readonly model: number;
  /** Requests that the element was in, but for throttled ones. */
  readonly tries: number;
  /** Absent where there was none yet. */
  readonly answer?: { readonly value: unknown; readonly label: ModelLabel };
}

/**
 * What remote models answered for the elements of one bundle that have no outcome yet: nothing paid for is asked again,
 * not by another worker, nor in the next attempt, which starts with what the one before left.
 */
export class AnswerJournal {
  readonly #entries = new Map<string, JournalEntry>();
  /** How long the endpoint wants to be left alone that the bundle could not wait for, in milliseconds. */
  retryAfterMillis: number | undefined;
  /** Whether anything was answered that the journal did not start with. */
  hasNewAnswers = false;
  /** Whether the bundle had to wait for an endpoint's quota. */
  wasThrottled = false;

  constructor(entries: Iterable<JournalEntry> = []) {
    for (const entry of entries) this.#entries.set(keyOf(entry.model, entry.place), entry);
  }

  /** What is known of an element, if it is of this very value. */
  find(model: number, { place, fingerprint }: AskedElement): JournalEntry | undefined {
    const entry = this.#entries.get(keyOf(model, place));
    return entry?.fingerprint === fingerprint ? entry : undefined;
  }

  record(entry: JournalEntry): void {
    this.hasNewAnswers ||= entry.answer !== undefined;
    this.#entries.set(keyOf(entry.model, entry.place), entry);
  }

  /** Lets go of elements before an ordinal: they have their outcomes. */
  forgetBefore(ordinal: number): void {
    for (const [key, { place }] of this.#entries) if (ordinalOf(place) < ordinal) this.#entries.delete(key);
  }

  /** What is known of elements from an ordinal on. */
  entriesFrom(ordinal: number): readonly JournalEntry[] {
    return [...this.#entries.values()].filter(({ place }) => ordinalOf(place) >= ordinal);
  }
}

function keyOf(model: number, place: string): string {
  return `${model}:${place}`;
}

function ordinalOf(place: string): number {
  return Number.parseInt(place, 10);
}
