import type { PipelineInput } from '../../config/pipeline.ts';
import { PositionIds } from '../../elements/identity.ts';
import { describeError, ElementReadError, FabricError } from '../../errors.ts';
import type { ElementWatch, PageEntry, ReadElement, ReadOptions, ReadRequest } from '../../formats/format.ts';
import { type GivenElement, readGivenElement, refusedGivenElement } from '../../formats/given-elements.ts';
import { readGrouped } from '../../formats/grouping/read-grouped.ts';
import { readObjects } from '../../formats/objects.ts';
import type { BundleRange } from '../../formats/plan.ts';
import { failedElement } from '../../formats/read-element.ts';
import type { NumberRequest } from '../../formats/numbers/number-request.ts';
import { PackedRows } from '../../formats/numbers/packed-element.ts';
import { elementsFormat } from '../../formats/registry.ts';
import type { ByteSource } from '../../stores/byte-source.ts';
import { locationOf, openSource, openWhole } from '../../stores/open-source.ts';
import { shiftedSource } from '../../stores/shifted-source.ts';
import type { Bundle, BundleObject, BundleSource } from '../bundle.ts';
import { type FieldOf, fieldReader, keyReader } from '../element-key.ts';
import { type MissingField, missingFields } from '../missing-field.ts';
import type { OwnWork } from './own-work.ts';
import { type ItemContext, itemOf } from './read-item.ts';
import { type BundleEntry, itemsOf, RowItems } from './row-items.ts';
import { Selection } from './selection.ts';
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
  /** Fields of elements that a model's declared inputs name. @default none */
  readonly inputFields?: readonly string[];
  /** Called when no element at the beginning of an object has a field that the configuration names. */
  readonly onMissingField?: (missing: MissingField) => void;
}

interface EntryOptions extends ReadBundleOptions {
  /** Numbers to pack while elements are read. Without `work`. @default none */
  readonly numbers?: NumberRequest | undefined;
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
export async function* readBundle(bundle: Bundle, options: ReadBundleOptions): AsyncGenerator<readonly WorkItem[]> {
  for await (const page of readBundleEntries(bundle, options)) yield itemsOf(page);
}

/** Does the same, with packed numbers if these are asked for. */
export function readBundleEntries(bundle: Bundle, options: EntryOptions): AsyncGenerator<readonly BundleEntry[]> {
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
async function* fromSource(pages: AsyncGenerator<readonly BundleEntry[]>): AsyncGenerator<readonly BundleEntry[]> {
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
  { input, signal, hasOutcomes, work, numbers, inputFields, onMissingField }: EntryOptions,
): AsyncGenerator<readonly BundleEntry[]> {
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
        for (const missing of missingFields(elementsIn(page), named, bundle.name)) onMissingField(missing);
      }
      const entries: BundleEntry[] = [];
      for (const read of page) {
        if (read instanceof PackedRows) {
          entries.push(...selection.among(RowItems.of(read, ordinal, context)));
          ordinal += read.count;
          continue;
        }
        if (selection.has(ordinal)) entries.push(sourceItem(read, ordinal, context));
        ordinal += 1;
      }
      if (entries.length > 0) yield entries;
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
  { numbers, ...options }: Pick<ReadRequest, 'name' | 'input' | 'signal' | 'watch'> & Pick<EntryOptions, 'numbers'>,
): AsyncIterable<readonly PageEntry[]> {
  const { range } = planned;
  if (planned.kind === 'grouped') return readGrouped({ ...options, source: opened, range, header: planned.header });
  const source = planned.chunk === true ? shiftedSource(opened, range.start) : opened;
  const format = elementsFormat(options.input.format);
  const request = { ...options, source, range };
  const packed = numbers && format.readPacked?.(request, numbers);
  return packed ?? format.read(request);
}

function elementsIn(page: readonly PageEntry[]): readonly ReadElement[] {
  return page.flatMap((entry) =>
    entry instanceof PackedRows ? Array.from({ length: entry.count }, (_, index) => entry.elementAt(index)) : entry,
  );
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

/** The source is gone, and one failure can't represent all of its elements. */
class SourceGoneError extends FabricError {
  override readonly name = 'SourceGone';
  constructor(cause: ElementReadError) {
    super('SOURCE_GONE', cause.message, { cause, disposition: 'retry' });
  }
}
