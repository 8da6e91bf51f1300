import type { Element, ObjectInput } from '../../elements/element.ts';
import type { PositionIds } from '../../elements/identity.ts';
import { PackedElement } from '../../formats/numbers/packed-element.ts';
import { ElementReadError, type ErrorDescription, describeThrown } from '../../errors.ts';
import type { ReadElement } from '../../formats/format.ts';
import type { InferenceArgs } from '../../models/model-handler.ts';
import type { TokenUsage } from '../../remote/token-usage.ts';
import { toJson } from './json.ts';
import type { ModelLabel } from '../worker-protocol.ts';

export interface ItemFailure {
  readonly stage: string;
  readonly error: ErrorDescription;
}

/** A bundle's elements in input order, some at a time. */
export type Pages = AsyncIterable<readonly WorkItem[]>;

/** One element on its way through the steps of its pipeline, until it has its outcome. */
export class WorkItem {
  /** Its place in its bundle. */
  readonly ordinal: number;
  /** An id that is shown instead of the position: a field of the element, for one. */
  shownId: string | undefined;
  key: string | undefined;
  failure: ItemFailure | undefined;
  /** True if a filter stopped it: its prediction is `null`. */
  isRefused = false;
  /** Times that the element was in a batch that ran. */
  tries = 0;
  /** Tokens that remote models counted for it, in all steps. */
  usage: TokenUsage | undefined;
  /** True if a batch of a fixed size was open after it: a run that starts with the next element has other batches. */
  isMidBatch = false;
  /** Its own arguments for `runInference`. */
  inferenceArgs: InferenceArgs | undefined;
  /** The prediction in JSON, if the last step wrote it so: then there is no value. */
  predictionJson: string | undefined;
  /** The models that inferred on it, by step. The list may be shared with other elements. */
  models: readonly ModelLabel[] | undefined;
  #place: string | undefined;
  /** Its byte offset or index in the job. */
  readonly position: number;
  readonly #ids: PositionIds;
  readonly #packed: PackedElement | undefined;
  readonly #raw: string | undefined;
  /** True if the text could be parsed. */
  readonly #isParsed: boolean;
  /** Input as it was read, if there is no text to read it from again. */
  #input: unknown;
  #value: unknown;
  /** `read`: the value is as it was read; `forgotten`: so it is, and not kept; `made`: a step gave it. */
  #valueState: 'read' | 'forgotten' | 'made' = 'read';

  constructor(read: ReadElement, ordinal: number, ids: PositionIds) {
    this.ordinal = ordinal;
    this.shownId = undefined;
    this.key = undefined;
    this.#place = undefined;
    this.position = read.position;
    this.#ids = ids;
    if (read instanceof PackedElement) {
      this.#packed = read;
      this.#isParsed = true;
      this.#valueState = 'forgotten';
      this.shownId = read.id;
      this.key = read.key;
      return;
    }
    const { raw, input, failure } = read;
    this.#raw = raw;
    this.#isParsed = failure === undefined;
    this.#input = raw === undefined ? input : undefined;
    this.#value = raw === undefined ? ownCopy(input) : input;
    this.failure = failure === undefined ? undefined : { stage: 'read', error: failure };
  }

  /** Place in its bundle: its ordinal; for a piece also its index among the pieces, `17/0`. */
  get place(): string {
    return this.#place ?? String(this.ordinal);
  }

  /** Its numbers as they were packed when it was read, if no step has replaced its value. */
  get packed(): PackedElement | undefined {
    return this.#valueState === 'made' ? undefined : this.#packed;
  }

  /** True if no step has replaced the value that was read. */
  get isAsRead(): boolean {
    return this.#valueState !== 'made';
  }

  /** Result of the step before. */
  get value(): unknown {
    if (this.#valueState === 'forgotten') {
      this.#value = this.input;
      this.#valueState = 'read';
    }
    return this.#value;
  }

  set value(value: unknown) {
    this.#value = value;
    this.#valueState = 'made';
  }

  /**
   * Lets go of a value that is packed in a batch and can be read again from its text, should the batch fail. What lives
   * until its batch is answered is what the collector has to copy, and parsed values are most of it.
   */
  forgetValue(): void {
    if (this.#valueState !== 'read' || this.failure !== undefined) return;
    if (this.#raw === undefined && this.#packed === undefined) return;
    this.#value = undefined;
    this.#valueState = 'forgotten';
  }

  /**
   * Returns the same element for one of several branches, independent until the branches join. The branch has a separate
   * copy of a value that was just read; a value that a step returned is shared by the branches.
   */
  forBranch(): WorkItem {
    const own = this.#derived();
    if (this.#valueState === 'made') own.value = this.#value;
    else if (this.#packed !== undefined) return own;
    else if (this.#raw === undefined) own.#value = ownCopy(this.#input);
    else {
      // The next access reads it again.
      own.#value = this.#value;
      own.#valueState = this.#valueState;
      this.#value = undefined;
      this.#valueState = 'forgotten';
    }
    return own;
  }

  /** A piece of it, which functions see beside the id, key and input of the whole. */
  piece(value: unknown, index: number): WorkItem {
    const piece = this.#derived();
    piece.#place = `${this.place}/${index}`;
    piece.value = value;
    return piece;
  }

  /** Returns a placeholder that keeps its place in the order through steps that skip it. */
  bystander(): WorkItem {
    const bystander = this.#derived();
    bystander.refuse();
    return bystander;
  }

  #derived(): WorkItem {
    const read = this.#packed ?? { position: this.position, raw: this.#raw, input: undefined, failure: undefined };
    const item = new WorkItem(read, this.ordinal, this.#ids);
    item.#input = this.#input;
    item.#place = this.#place;
    item.shownId = this.shownId;
    item.key = this.key;
    item.inferenceArgs = this.inferenceArgs;
    return item;
  }

  /** Returns the context for functions beside the value; `input` is as it was read, even if functions changed their value. */
  context(): Element {
    return new ElementContext(this);
  }

  get id(): string {
    return this.shownId ?? this.#ids.at(this.position);
  }

  get idJson(): string {
    if (this.shownId === undefined) return this.#ids.jsonAt(this.position);
    return this.#packed?.hasPlainId === true ? `"${this.shownId}"` : JSON.stringify(this.shownId);
  }

  get input(): unknown {
    if (this.#packed !== undefined) return this.#packed.input;
    if (this.#raw === undefined || !this.#isParsed) return this.#input;
    return JSON.parse(this.#raw) as unknown;
  }

  /** Approximate bytes of the input in memory; 0 for a row. */
  get inputBytes(): number {
    if (this.#packed !== undefined) return this.#packed.inputBytes;
    if (this.#raw !== undefined) return this.#raw.length;
    return isObjectInput(this.#input) ? this.#input.bytes.byteLength : 0;
  }

  /** The input in JSON, on one line: the element's own text where it has one; an object without its bytes. */
  get inputJson(): string {
    const raw = this.#packed === undefined ? this.#raw : this.#packed.raw;
    if (raw === undefined && this.#packed !== undefined) return toJson(withoutBytes(this.#packed.input));
    const input = this.#input;
    if (raw !== undefined && !this.#isParsed) return JSON.stringify(raw);
    if (raw !== undefined) return raw.includes('\n') || raw.includes('\r') ? raw.replaceAll(/[\r\n]+/g, ' ') : raw;
    if (isObjectInput(input)) return JSON.stringify({ uri: input.uri, contentType: input.contentType });
    return toJson(withoutBytes(input));
  }

  /** True if it has its outcome already, and skips the remaining steps. */
  get isThrough(): boolean {
    return this.failure !== undefined || this.isRefused;
  }

  /** Ends it here: its prediction is `null`. */
  refuse(): void {
    this.isRefused = true;
    this.value = null;
  }

  fail(stage: string, thrown: unknown): void {
    this.failure = { stage: thrown instanceof ElementReadError ? 'read' : stage, error: describeThrown(thrown) };
    this.value = undefined;
  }
}

/** Returns the start of an element's line of results. */
export function lineHead(idJson: string, key: string | undefined): string {
  return key === undefined ? `{"id":${idJson}` : `{"id":${idJson},"key":${JSON.stringify(key)}`;
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

/** A row has no text to be read from again, and functions may change the one that they get. Bytes are not copied. */
function ownCopy(input: unknown): unknown {
  if (typeof input !== 'object' || input === null || ArrayBuffer.isView(input)) return input;
  if (Array.isArray(input)) return input.map(ownCopy);
  const copy: Record<string, unknown> = { ...input };
  for (const [name, value] of Object.entries(copy)) if (typeof value === 'object') copy[name] = ownCopy(value);
  return copy;
}

/** Returns a row without its bytes, which lines leave out. */
function withoutBytes(input: unknown): unknown {
  if (typeof input !== 'object' || input === null) return input;
  if (Array.isArray(input)) return input.map((item) => (item instanceof Uint8Array ? null : withoutBytes(item)));
  const fields = Object.entries(input).filter(([, value]) => !(value instanceof Uint8Array));
  return Object.fromEntries(fields.map(([name, value]) => [name, withoutBytes(value)]));
}

function isObjectInput(input: unknown): input is ObjectInput {
  if (typeof input !== 'object' || input === null || !('bytes' in input && 'uri' in input)) return false;
  return input.bytes instanceof Uint8Array;
}
