import type { PipelineInput } from '../../config/pipeline.ts';
import { PositionIds } from '../../elements/identity.ts';
import { describeError, ElementReadError, FabricError } from '../../errors.ts';
import type { ElementWatch, ReadElement, ReadOptions, ReadRequest } from '../../formats/format.ts';
import { type GivenElement, readGivenElement, refusedGivenElement } from '../../formats/given-elements.ts';
import { readGrouped } from '../../formats/grouping/read-grouped.ts';
import { readObjects } from '../../formats/objects.ts';
import type { BundleRange } from '../../formats/plan.ts';
import { failedElement } from '../../formats/read-element.ts';
import type { NumberRequest } from '../../formats/numbers/number-request.ts';
import { elementsFormat } from '../../formats/registry.ts';
import type { ByteSource } from '../../stores/byte-source.ts';
import { locationOf, openSource, openWhole } from '../../stores/open-source.ts';
import { shiftedSource } from '../../stores/shifted-source.ts';
import type { Bundle, BundleObject, BundleSource } from '../bundle.ts';
import { type FieldOf, fieldReader, keyReader } from '../element-key.ts';
import { type MissingField, missingFields } from '../missing-field.ts';
import type { OwnWork } from './own-work.ts';
import { type ItemContext, itemOf } from './read-item.ts';
import type { WorkItem } from './work-item.ts';

/** Elements that came by themselves are parsed already; a page of them is what goes through functions together. */
const GIVEN_PAGE_ELEMENTS = 256;

type Range = Extract<BundleSource, { kind: 'range' }>;
type Grouped = Extract<BundleSource, { kind: 'grouped' }>;
type Objects = Extract<BundleSource, { kind: 'objects' }>;
type Given = Extract<BundleSource, { kind: 'elements' }>;

export interface ReadBundleOptions {
  readonly input: PipelineInput;
  readonly signal: AbortSignal;
  /** True if an earlier try has written outcomes of this bundle, so that one failure can't replace all of them. */
  readonly hasOutcomes: boolean;
  /** Follows the elements, in a process that runs them one by one. @default none */
  readonly work?: OwnWork | undefined;
  /** Numbers to pack while elements are read, if no work is followed. @default none */
  readonly numbers?: NumberRequest | undefined;
  /** Fields of elements that a model's declared inputs name. @default none */
  readonly inputFields?: readonly string[];
  /** Called when no element at the beginning of an object has a field that the configuration names. */
  readonly onMissingField?: (missing: MissingField) => void;
}

/**
 * Reads a bundle's elements in order, in pages: those that `skipElements` and `only` leave.
 *
 * A range whose source is gone is a single failed element, which stands for the whole range.
 *
 * @throws FabricError `SOURCE_GONE` if some of the range's elements have their outcomes already, or if the bundle has
 *   `needsSource`; `SOURCE_CHANGED` if the source has fewer elements than before: disposition `retry`.
 *   `SOURCE_UNREADABLE` if a store can't read the source.
 */
export function readBundle(bundle: Bundle, options: ReadBundleOptions): AsyncGenerator<readonly WorkItem[]> {
  const { source } = bundle;
  switch (source.kind) {
    case 'range':
    case 'grouped':
      return fromSource(readRange(bundle, source, options));
    case 'objects':
      return fromSource(readObjectList(bundle, source, options));
    case 'elements':
      return readGiven(bundle, source, options);
  }
}

/** Marks a store's errors as the source's: results may be written to a store too, and those errors end the run. */
async function* fromSource(pages: AsyncGenerator<readonly WorkItem[]>): AsyncGenerator<readonly WorkItem[]> {
  try {
    yield* pages;
  } catch (error) {
    if (!(error instanceof FabricError) || !error.code.startsWith('STORE_')) throw error;
    throw new FabricError('SOURCE_UNREADABLE', error.message, { cause: error, disposition: error.disposition });
  }
}

async function* readRange(
  bundle: Bundle,
  source: Range | Grouped,
  { input, signal, hasOutcomes, work, numbers, inputFields, onMissingField }: ReadBundleOptions,
): AsyncGenerator<readonly WorkItem[]> {
  const ids = new PositionIds(bundle.name);
  const context = { ids, input, idOf: fieldReader(input.id), keyOf: keyReader(input.key, bundle.name), work };
  const selection = new Selection(bundle);
  let ordinal = 0;
  try {
    await using opened = await openSource(locationOf(source), { signal });
    for await (const page of readElements(opened, source, {
      name: bundle.name,
      input,
      numbers,
      ...readOptions(signal, work),
    })) {
      if (ordinal === 0 && onMissingField !== undefined && showsFields(source.range)) {
        const named = { id: input.id, key: input.key, inputs: inputFields };
        for (const missing of missingFields(page, named, bundle.name)) onMissingField(missing);
      }
      const items: WorkItem[] = [];
      for (const read of page) {
        if (selection.has(ordinal)) items.push(sourceItem(read, ordinal, context));
        ordinal += 1;
      }
      if (items.length > 0) yield items;
      if (ordinal >= selection.end) return;
    }
  } catch (error) {
    if (!isGone(error)) throw error;
    const mayStandForAll = !hasOutcomes && ordinal === 0 && selection.isAll;
    if (bundle.needsSource === true || !mayStandForAll) throw new SourceGoneError(error);
    yield [goneRange(source, context, error)];
    return;
  }
  selection.expectSeen(ordinal);
}

function readElements(
  opened: ByteSource,
  planned: Range | Grouped,
  options: Pick<ReadRequest, 'name' | 'input' | 'numbers' | 'signal' | 'watch'>,
): AsyncIterable<readonly ReadElement[]> {
  const { range } = planned;
  if (planned.kind === 'grouped') return readGrouped({ ...options, source: opened, range, header: planned.header });
  const source = planned.chunk === true ? shiftedSource(opened, range.start) : opened;
  return elementsFormat(options.input.format).read({ ...options, source, range });
}

async function* readObjectList(
  bundle: Bundle,
  { objects, firstIndex }: Objects,
  { input, signal, work }: ReadBundleOptions,
): AsyncGenerator<readonly WorkItem[]> {
  const ids = new PositionIds(bundle.name);
  const idOf = fieldReader(input.id);
  const selection = new Selection(bundle);
  const selected = objects
    .map((object, ordinal) => ({ ...object, position: firstIndex + ordinal }))
    .filter((_, ordinal) => selection.has(ordinal));
  const open = (object: BundleObject) => openWhole(locationOf(object), { signal });
  const options = readOptions(signal, work, (place) => (selected[place]?.position ?? firstIndex) - firstIndex);
  for await (const page of readObjects({ objects: selected, open, input, ...options })) {
    yield page.map((read) => {
      const ordinal = read.position - firstIndex;
      const { id, path } = objects[ordinal] ?? {};
      const item = sourceItem(read, ordinal, { ids, input, idOf, keyOf: keyReader(input.key, path), work });
      item.shownId = id ?? item.shownId;
      return item;
    });
  }
}

async function* readGiven(
  bundle: Bundle,
  { elements, ordinals }: Given,
  { input, work }: ReadBundleOptions,
): AsyncGenerator<readonly WorkItem[]> {
  const keyOf = keyReader(input.key, undefined);
  // A message's element was parsed before, so its text has no digits that its numbers have lost.
  const context = { ids: new PositionIds(bundle.name), input, idOf: noField, keyOf: withoutText(keyOf), work };
  const selection = new Selection(bundle);
  let page: WorkItem[] = [];
  for (const [index, element] of elements.entries()) {
    const ordinal = ordinals?.[index] ?? index;
    if (!selection.has(ordinal)) continue;
    page.push(givenItem(element, ordinal, context));
    if (page.length < GIVEN_PAGE_ELEMENTS) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

interface WatchedContext extends ItemContext {
  readonly work: OwnWork | undefined;
}

function givenItem(element: unknown, ordinal: number, context: WatchedContext): WorkItem {
  const { input, work } = context;
  const known = work?.known(ordinal);
  const readIt = (): GivenElement => readGivenElement(element, ordinal, input);
  const { read, id, key } =
    known !== undefined
      ? refusedGivenElement(element, ordinal, describeError(known))
      : work === undefined
        ? readIt()
        : work.run(ordinal, readIt);
  const item = sourceItem(read, ordinal, context);
  item.shownId = id;
  item.key = key ?? item.key;
  return item;
}

/** An element that was read, with its fields. */
function sourceItem(read: ReadElement, ordinal: number, context: WatchedContext): WorkItem {
  const { work } = context;
  if (work === undefined || read.failure !== undefined) return itemOf(read, ordinal, context);
  const known = work.known(ordinal);
  if (known !== undefined)
    return itemOf(failedElement(read.position, describeError(known), read.raw), ordinal, context);
  return work.run(ordinal, () => itemOf(read, ordinal, context));
}

/** @param ordinalOf - the ordinal of the element at a place among those that are read. */
function readOptions(
  signal: AbortSignal,
  work: OwnWork | undefined,
  ordinalOf: (place: number) => number = (place) => place,
): ReadOptions {
  if (work === undefined) return { signal };
  const watch: ElementWatch = {
    known(place) {
      const error = work.known(ordinalOf(place));
      return error === undefined ? undefined : describeError(error);
    },
    run: (place, read) => work.run(ordinalOf(place), read),
    hold: (place) => work.hold(ordinalOf(place)),
  };
  return { signal, watch };
}

/** Returns whether the first elements of a range represent the object: rows always do, others only at its beginning. */
function showsFields({ start, header, firstIndex }: Partial<BundleRange>): boolean {
  return header !== undefined || start === 0 || firstIndex === 0;
}

const noField: FieldOf = () => undefined;

function withoutText(fieldOf: FieldOf): FieldOf {
  return (value) => fieldOf(value);
}

function goneRange(
  { range: { start, end } }: Range | Grouped,
  context: ItemContext,
  error: ElementReadError,
): WorkItem {
  const item = itemOf(failedElement(start, describeError(error)), 0, context);
  item.shownId = context.ids.ofRange(start, end);
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

/** The source is gone, and one failure can't represent all of its elements. */
class SourceGoneError extends FabricError {
  override readonly name = 'SourceGone';
  constructor(cause: ElementReadError) {
    super('SOURCE_GONE', cause.message, { cause, disposition: 'retry' });
  }
}
