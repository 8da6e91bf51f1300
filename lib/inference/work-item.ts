import type { Element, ObjectInput } from '../elements/element.ts';
import type { PositionIds } from '../elements/identity.ts';
import { ElementReadError, type ErrorDescription, describeError } from '../errors.ts';
import type { ReadElement } from '../formats/format.ts';
import { toJson } from './json.ts';

export interface ItemFailure {
  readonly stage: string;
  readonly error: ErrorDescription;
}

/** One element on its way through the steps of its pipeline, until it has its outcome. */
export class WorkItem {
  /** Its place in its bundle. */
  readonly ordinal: number;
  /** An id that is shown instead of the position: a field of the element, for one. */
  shownId: string | undefined;
  key: string | undefined;
  /** What the step before gave. */
  value: unknown;
  failure: ItemFailure | undefined;
  /** Times that the element was in a batch that ran. */
  tries = 0;
  /** The models that inferred on it, by step. The list may be shared with other elements. */
  models: readonly string[] | undefined;
  readonly #read: ReadElement;
  readonly #ids: PositionIds;

  constructor(read: ReadElement, ordinal: number, ids: PositionIds) {
    this.#read = read;
    this.#ids = ids;
    this.ordinal = ordinal;
    this.shownId = undefined;
    this.key = undefined;
    this.value = read.raw === undefined ? ownCopy(read.input) : read.input;
    this.failure = read.failure === undefined ? undefined : { stage: 'read', error: read.failure };
  }

  /** What functions see beside the value; `input` is as it was read, whatever functions did to their value. */
  context(): Element {
    return new ElementContext(this);
  }

  get id(): string {
    return this.shownId ?? this.#ids.at(this.#read.position);
  }

  get idJson(): string {
    return this.shownId === undefined ? this.#ids.jsonAt(this.#read.position) : JSON.stringify(this.shownId);
  }

  get input(): unknown {
    const { raw, input } = this.#read;
    return raw === undefined || this.#read.failure !== undefined ? input : (JSON.parse(raw) as unknown);
  }

  /** The input in JSON, on one line: the element's own text where it has one; an object without its bytes. */
  get inputJson(): string {
    const { raw, input, failure } = this.#read;
    if (failure !== undefined && raw !== undefined) return JSON.stringify(raw);
    if (raw !== undefined) return raw.includes('\n') || raw.includes('\r') ? raw.replaceAll(/[\r\n]+/g, ' ') : raw;
    if (isObjectInput(input)) return JSON.stringify({ uri: input.uri, contentType: input.contentType });
    return toJson(input);
  }

  fail(stage: string, thrown: unknown): void {
    this.failure = { stage: thrown instanceof ElementReadError ? 'read' : stage, error: describeError(thrown) };
    this.value = undefined;
  }
}

class ElementContext implements Element {
  readonly #item: WorkItem;
  constructor(item: WorkItem) {
    this.#item = item;
  }
  get id(): string {
    return this.#item.id;
  }
  // An element without a key has an undefined one here: a getter can't be absent.
  get key(): string {
    return this.#item.key as string;
  }
  get input(): unknown {
    return this.#item.input;
  }
}

/** A row has no text to be read from again, and functions may change the one that they get. */
function ownCopy(input: unknown): unknown {
  return typeof input === 'object' && input !== null && !Array.isArray(input) ? { ...input } : input;
}

function isObjectInput(input: unknown): input is ObjectInput {
  return typeof input === 'object' && input !== null && 'bytes' in input && input.bytes instanceof Uint8Array;
}
