import { deserialize, serialize } from 'node:v8';
import type { AskedElement, ModelLabel } from './worker-protocol.ts';

/** What a model answered for one element, and what it cost. */
export interface JournalEntry extends AskedElement {
  /** The model's place among the pipeline's. */
  readonly model: number;
  /** Requests that the element was in, but for throttled ones. */
  readonly tries: number;
  /** Absent where there was none yet. */
  readonly answer?: { readonly value: unknown; readonly label: ModelLabel };
}

export interface JournalOptions {
  /** Whether the elements of earlier attempts may have stood elsewhere. @default false */
  readonly anyPlace?: boolean;
  /** Whether elements are kept that have their outcomes: the next attempt makes these again. @default false */
  readonly keepsAll?: boolean;
}

/**
 * What remote models answered for the elements of one bundle that have no outcome yet: nothing paid for is asked again,
 * not by another worker, nor in the next attempt, which starts with what the one before left.
 */
export class AnswerJournal {
  readonly #entries = new Map<string, JournalEntry>();
  /** Tries of earlier attempts at the bundle. */
  readonly #triesBefore = new Map<string, number>();
  /** How long the endpoint wants to be left alone that the bundle could not wait for, in milliseconds. */
  retryAfterMillis: number | undefined;
  /** Whether anything was answered that the journal did not start with. */
  hasNewAnswers = false;
  /** Whether elements waited for their turn at an endpoint when the bundle was told to stop. */
  wasWaiting = false;

  readonly #keepsAll: boolean;
  /** By model and fingerprint, where places mean nothing. */
  readonly #byValue: Map<string, JournalEntry> | undefined;

  constructor(entries: Iterable<JournalEntry> = [], { anyPlace = false, keepsAll = false }: JournalOptions = {}) {
    this.#keepsAll = keepsAll;
    this.#byValue = anyPlace ? new Map() : undefined;
    for (const entry of entries) {
      const key = keyOf(entry.model, entry.place);
      this.#entries.set(key, entry);
      this.#triesBefore.set(key, entry.tries);
      this.#byValue?.set(keyOf(entry.model, entry.fingerprint), entry);
    }
  }

  /** What is known of an element, if it is of this very value. */
  find(model: number, { place, fingerprint }: AskedElement): JournalEntry | undefined {
    const entry = this.#entries.get(keyOf(model, place));
    return entry?.fingerprint === fingerprint ? entry : this.#byValue?.get(keyOf(model, fingerprint));
  }

  /** Requests that an element was in before this attempt. */
  triesBefore(model: number, element: AskedElement): number {
    const entry = this.find(model, element);
    return entry === undefined ? 0 : (this.#triesBefore.get(keyOf(model, entry.place)) ?? 0);
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

  /** What is known of elements from an ordinal on. */
  entriesFrom(ordinal: number): readonly JournalEntry[] {
    return [...this.#entries.values()].filter(({ place }) => ordinalOf(place) >= ordinal);
  }
}

/** Entries as bytes, for the next attempt. */
export function encodeEntries(entries: readonly JournalEntry[]): Uint8Array {
  return serialize(entries);
}

/** None where another version of Node wrote them: then it is asked again. */
export function decodeEntries(bytes: Uint8Array): readonly JournalEntry[] {
  try {
    return deserialize(bytes) as JournalEntry[];
  } catch {
    return [];
  }
}

function keyOf(model: number, place: string): string {
  return `${model}:${place}`;
}

function ordinalOf(place: string): number {
  return Number.parseInt(place, 10);
}
