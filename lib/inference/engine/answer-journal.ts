import type { TokenUsage } from '../../remote/token-usage.ts';
import type { AskedElement, ModelLabel } from '../worker-protocol.ts';

/** Answer of a model for one element, and its cost. */
export interface JournalEntry extends AskedElement {
  /** The model's place among the pipeline's. */
  readonly model: number;
  /** Requests that the element was in, but for throttled ones. */
  readonly tries: number;
  /** Tokens counted for these requests that are not in a committed part; absent if no tokens were counted. */
  readonly usage?: TokenUsage;
  /** Absent if there was no answer yet. */
  readonly answer?: { readonly value: unknown; readonly label: ModelLabel };
}

export interface JournalOptions {
  /** True if elements had other places in earlier attempts, so that only values identify them. @default false */
  readonly anyPlace?: boolean;
  /** Keeps elements that have their outcomes, because the next attempt creates these again. @default false */
  readonly keepsAll?: boolean;
}

/**
 * Answers of remote models for the elements of one bundle that have no outcome yet. A paid answer is not requested again,
 * neither by another worker nor by the next attempt, which starts with the journal of the attempt before.
 */
export class AnswerJournal {
  readonly #entries = new Map<string, JournalEntry>();
  /** Entries of earlier attempts without places, by model and fingerprint. Each is for the first element that asks. */
  readonly #unplaced = new Map<string, JournalEntry[]>();
  /** Tries of earlier attempts at the bundle. */
  readonly #triesBefore = new Map<string, number>();
  /** How long the endpoint wants to be left alone that the bundle could not wait for, in milliseconds. */
  retryAfterMillis: number | undefined;
  /** True if there are answers that the journal did not start with. */
  hasNewAnswers = false;
  /** True if elements waited for their turn at an endpoint when the bundle was stopped. */
  wasWaiting = false;
  /** True if an endpoint had not answered a request of the bundle when the time for waiting ended. */
  wasCutOff = false;
  readonly #keepsAll: boolean;

  constructor(entries: Iterable<JournalEntry> = [], { anyPlace = false, keepsAll = false }: JournalOptions = {}) {
    this.#keepsAll = keepsAll;
    for (const entry of entries) {
      if (anyPlace) this.#setAside(entry);
      else this.#adopt(entry);
    }
  }

  /** Returns the entry of an element, if its value is the same. */
  find(model: number, { place, fingerprint }: AskedElement): JournalEntry | undefined {
    const entry = this.#entries.get(keyOf(model, place));
    if (entry?.fingerprint === fingerprint) return entry;
    const unplaced = this.#unplaced.get(keyOf(model, fingerprint))?.shift();
    return unplaced === undefined ? undefined : this.#adopt({ ...unplaced, place });
  }

  /** Requests that an element was in before this attempt. */
  triesBefore(model: number, element: AskedElement): number {
    return this.find(model, element) === undefined ? 0 : (this.#triesBefore.get(keyOf(model, element.place)) ?? 0);
  }

  record(entry: JournalEntry): void {
    this.hasNewAnswers ||= entry.answer !== undefined;
    this.#entries.set(keyOf(entry.model, entry.place), entry);
  }

  /** Lets go of elements before an ordinal: they have their outcomes. */
  forgetBefore(ordinal: number): void {
    if (this.#keepsAll) return;
    for (const [key, { place }] of this.#entries) if (ordinalOf(place) < ordinal) this.#entries.delete(key);
  }

  /** Marks the tokens of these elements as part of a committed part, so that they are not counted again. */
  forgetUsage(ordinals: readonly number[]): void {
    const committed = new Set(ordinals);
    for (const [key, { usage, ...entry }] of this.#entries) {
      if (usage !== undefined && committed.has(ordinalOf(entry.place))) this.#entries.set(key, entry);
    }
  }

  /** Returns the entries of elements from an ordinal on. */
  entriesFrom(ordinal: number): readonly JournalEntry[] {
    const placed = [...this.#entries.values()].filter(({ place }) => ordinalOf(place) >= ordinal);
    return [...placed, ...[...this.#unplaced.values()].flat()];
  }

  #adopt(entry: JournalEntry): JournalEntry {
    const key = keyOf(entry.model, entry.place);
    this.#entries.set(key, entry);
    this.#triesBefore.set(key, entry.tries);
    return entry;
  }

  #setAside(entry: JournalEntry): void {
    const key = keyOf(entry.model, entry.fingerprint);
    this.#unplaced.set(key, [...(this.#unplaced.get(key) ?? []), entry]);
  }
}

function keyOf(model: number, place: string): string {
  return `${model}:${place}`;
}

function ordinalOf(place: string): number {
  return Number.parseInt(place, 10);
}
