import type { KeySegment, PipelineInput } from '../config/fabric.ts';
import { PositionIds } from '../elements/identity.ts';
import { describeError, ElementReadError, FabricError } from '../errors.ts';
import type { ReadElement } from '../formats/format.ts';
import { readGivenElement } from '../formats/given-elements.ts';
import { lineFormat } from '../formats/line-format.ts';
import { readObjects } from '../formats/objects.ts';
import { failedElement } from '../formats/read-element.ts';
import { openSource, type SourceLocation } from '../stores/open-source.ts';
import { shiftedSource } from '../stores/shifted-source.ts';
import type { Bundle, BundleObject, BundleSource } from './bundle.ts';
import { WorkItem } from './work-item.ts';

/** Elements that came by themselves are parsed already; a page of them is what goes through functions together. */
const GIVEN_PAGE_ELEMENTS = 256;

type Range = Extract<BundleSource, { kind: 'range' }>;
type Objects = Extract<BundleSource, { kind: 'objects' }>;
type Given = Extract<BundleSource, { kind: 'elements' }>;

export interface ReadBundleOptions {
  readonly input: PipelineInput;
  readonly signal: AbortSignal;
  /** Whether an earlier try has given outcomes of this bundle, so that no single failure can stand for all of it. */
  readonly hasOutcomes: boolean;
}

/**
 * Reads a bundle's elements in order, in pages: those that `skipElements` and `only` leave.
 *
 * A range whose source is gone is a single failed element, which stands for the whole range.
 *
 * @throws FabricError `SOURCE_GONE` where some of the range's elements have their outcomes already, `SOURCE_CHANGED`
 *   where it has fewer than it had: disposition `retry`.
 */
export function readBundle(bundle: Bundle, options: ReadBundleOptions): AsyncGenerator<readonly WorkItem[]> {
  const { source } = bundle;
  switch (source.kind) {
    case 'range':
      return readRange(bundle, source, options);
    case 'objects':
      return readObjectList(bundle, source, options);
    case 'elements':
      return readGiven(bundle, source, options);
  }
}

async function* readRange(
  bundle: Bundle,
  source: Range,
  { input, signal, hasOutcomes }: ReadBundleOptions,
): AsyncGenerator<readonly WorkItem[]> {
  const ids = new PositionIds(bundle.name);
  const selection = new Selection(bundle);
  let ordinal = 0;
  try {
    await using opened = await openSource(locationOf(source), { signal });
    const bytes = source.chunk === true ? shiftedSource(opened, source.range.start) : opened;
    for await (const page of lineFormat(input.format).read(bytes, source.range, input, { signal })) {
      const items: WorkItem[] = [];
      for (const read of page) {
        if (selection.has(ordinal)) items.push(itemOf(read, ordinal, ids, input));
        ordinal += 1;
      }
      if (items.length > 0) yield items;
      if (ordinal >= selection.end) return;
    }
  } catch (error) {
    if (!isGone(error)) throw error;
    if (hasOutcomes || ordinal > 0 || !selection.isAll) throw new SourceGoneError(error);
    yield [goneRange(source, ids, error)];
    return;
  }
  selection.expectSeen(ordinal);
}

async function* readObjectList(
  bundle: Bundle,
  { objects, firstIndex }: Objects,
  { input, signal }: ReadBundleOptions,
): AsyncGenerator<readonly WorkItem[]> {
  const ids = new PositionIds(bundle.name);
  const selection = new Selection(bundle);
  const selected = objects
    .map((object, ordinal) => ({ ...object, position: firstIndex + ordinal }))
    .filter((_, ordinal) => selection.has(ordinal));
  const open = (object: BundleObject) => openSource(locationOf(object), { signal });
  for await (const page of readObjects(selected, open, input, { signal })) {
    yield page.map((read) => {
      const ordinal = read.position - firstIndex;
      const item = itemOf(read, ordinal, ids, input);
      item.shownId = objects[ordinal]?.id ?? item.shownId;
      return item;
    });
  }
}

async function* readGiven(
  bundle: Bundle,
  { elements, ordinals }: Given,
  { input }: ReadBundleOptions,
): AsyncGenerator<readonly WorkItem[]> {
  const ids = new PositionIds(bundle.name);
  const selection = new Selection(bundle);
  let page: WorkItem[] = [];
  for (const [index, element] of elements.entries()) {
    const ordinal = ordinals?.[index] ?? index;
    if (!selection.has(ordinal)) continue;
    const { read, id, key } = readGivenElement(element, ordinal, input);
    const item = new WorkItem(read, ordinal, ids);
    item.shownId = id;
    item.key = key ?? field(read.input, input.key);
    page.push(item);
    if (page.length < GIVEN_PAGE_ELEMENTS) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

function locationOf({ uri, versionId, etag }: SourceLocation): SourceLocation {
  return { uri, ...(versionId === undefined ? {} : { versionId }), ...(etag === undefined ? {} : { etag }) };
}

function itemOf(read: ReadElement, ordinal: number, ids: PositionIds, input: PipelineInput): WorkItem {
  const item = new WorkItem(read, ordinal, ids);
  item.shownId = field(read.input, input.id);
  item.key = field(read.input, input.key);
  return item;
}

function goneRange({ range: { start, end } }: Range, ids: PositionIds, error: ElementReadError): WorkItem {
  const item = new WorkItem(failedElement(start, describeError(error)), 0, ids);
  item.shownId = ids.ofRange(start, end);
  return item;
}

function isGone(error: unknown): error is ElementReadError {
  return error instanceof ElementReadError && error.name === 'SourceGone';
}

/** The elements of a bundle that are to run, by ordinal. */
class Selection {
  /** Ordinals from here on are not to run. */
  readonly end: number;
  readonly #start: number;
  readonly #only: ReadonlySet<number> | undefined;

  constructor({ skipElements = 0, only }: Bundle) {
    this.#start = skipElements;
    this.#only = only === undefined ? undefined : new Set(only);
    this.end = only === undefined ? Infinity : (only.at(-1) ?? -1) + 1;
  }

  get isAll(): boolean {
    return this.#start === 0 && this.#only === undefined;
  }

  has(ordinal: number): boolean {
    return ordinal >= this.#start && (this.#only === undefined || this.#only.has(ordinal));
  }

  /** @throws where the elements that there were once are not all there: `count` were read to the end. */
  expectSeen(count: number): void {
    const expected = this.#only === undefined ? this.#start : this.end;
    if (count >= expected) return;
    throw new FabricError(
      'SOURCE_CHANGED',
      `Cannot read the bundle: it has ${count} of at least ${expected} elements`,
      {
        disposition: 'retry',
      },
    );
  }
}

/** The source is gone, and some of its elements have their outcomes. */
class SourceGoneError extends FabricError {
  override readonly name = 'SourceGone';
  constructor(cause: ElementReadError) {
    const message = `${cause.message}; some of the bundle's elements have their outcomes already`;
    super('SOURCE_GONE', message, { cause, disposition: 'retry' });
  }
}

/** A field of the element as it is shown: a string or a safe integer; anything else gives way. */
function field(input: unknown, name: string | KeySegment | undefined): string | undefined {
  if (typeof name !== 'string' || typeof input !== 'object' || input === null || !Object.hasOwn(input, name))
    return undefined;
  const value = (input as Readonly<Record<string, unknown>>)[name];
  if (typeof value === 'string') return value;
  return Number.isSafeInteger(value) ? String(value) : undefined;
}
