import type { PipelineInput } from '../config/fabric.ts';
import { PositionIds } from '../elements/identity.ts';
import { lineFormat } from '../formats/line-format.ts';
import { readObjects } from '../formats/objects.ts';
import type { ReadElement } from '../formats/format.ts';
import { openFileSource } from '../stores/file-source.ts';
import { shiftedSource } from '../stores/shifted-source.ts';
import type { Bundle, BundleSource } from './bundle.ts';
import { describeError, ElementReadError } from '../errors.ts';
import { failedElement } from '../formats/read-element.ts';
import { WorkItem } from './work-item.ts';

/**
 * Reads a bundle's elements in order, in pages. One whose source is gone is a single failed element, which stands for
 * the whole range.
 */
export async function* readBundle(
  bundle: Bundle,
  input: PipelineInput,
  signal: AbortSignal,
): AsyncGenerator<readonly WorkItem[]> {
  const { source, name } = bundle;
  const ids = new PositionIds(name);
  let ordinal = 0;
  const toItem = (read: ReadElement): WorkItem => {
    const item = new WorkItem(read, ordinal, ids);
    item.shownId = objectId(bundle, read) ?? field(read.input, input.id);
    item.key = field(read.input, input.key);
    ordinal += 1;
    return item;
  };
  try {
    for await (const page of pagesOf(source, input, signal)) yield page.map(toItem);
  } catch (error) {
    if (!(error instanceof ElementReadError) || ordinal > 0 || source.kind !== 'range') throw error;
    const { start, end } = source.range;
    const item = new WorkItem(failedElement(start, describeError(error)), 0, ids);
    item.shownId = ids.ofRange(start, end);
    yield [item];
  }
}

async function* pagesOf(
  source: BundleSource,
  input: PipelineInput,
  signal: AbortSignal,
): AsyncGenerator<readonly ReadElement[]> {
  if (source.kind === 'objects') {
    yield* readObjects(source.objects, source.firstIndex, openFileSource, input, { signal });
    return;
  }
  await using file = await openFileSource(source.uri);
  const bytes = source.chunk === true ? shiftedSource(file, source.range.start) : file;
  yield* lineFormat(input.format).read(bytes, source.range, input, { signal });
}

function objectId({ source }: Bundle, { position }: ReadElement): string | undefined {
  return source.kind === 'objects' ? source.objects[position - source.firstIndex]?.id : undefined;
}

/** A field of the element as it is shown: a string or a safe integer; anything else gives way. */
function field(input: unknown, name: string | undefined): string | undefined {
  if (name === undefined || typeof input !== 'object' || input === null || !Object.hasOwn(input, name))
    return undefined;
  const value = (input as Readonly<Record<string, unknown>>)[name];
  if (typeof value === 'string') return value;
  return Number.isSafeInteger(value) ? String(value) : undefined;
}
