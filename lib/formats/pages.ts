import { DecodedRun } from './decoded-run.ts';
import type { ReadElement, ReadOptions } from './format.ts';
import type { RecordRun } from './records.ts';

const PAGE_ELEMENTS = 256;
/** Maximum elements of a page. Its last run can take it past `PAGE_ELEMENTS`, by up to the records of one run. */
const MAX_PAGE_ELEMENTS = 2 * PAGE_ELEMENTS;
const PAGE_BYTES = 256 * 1024;

export type FailedRun = Extract<RecordRun, { kind: 'failed' }>;

/** A format's own part of reading. */
export interface RecordParser {
  /**
   * Returns the element of the record `[start, end)` of a run, or several; undefined if it has no element: a blank
   * line.
   */
  parse(run: DecodedRun, start: number, end: number): ReadElement | Iterable<ReadElement> | undefined;
  /** The element of a record that does not end within the limit, or at all. */
  fail(run: FailedRun): ReadElement | undefined;
}

/** Parses records into pages. No promise is made for an element, only for a page. */
export async function* parsePages(
  runs: AsyncIterable<RecordRun>,
  parser: RecordParser,
  { signal }: ReadOptions = {},
): AsyncGenerator<readonly ReadElement[]> {
  let page: ReadElement[] = [];
  let pageBytes = 0;
  for await (const run of runs) {
    signal?.throwIfAborted();
    yield* addElements(run, parser, page);
    pageBytes += run.bytes.length;
    if (page.length < PAGE_ELEMENTS && pageBytes < PAGE_BYTES) continue;
    if (page.length > 0) yield* cutPage(page);
    page = [];
    pageBytes = 0;
  }
  if (page.length > 0) yield* cutPage(page);
}

/** A record with many elements would make a page far too large. */
function* cutPage(page: readonly ReadElement[]): Generator<readonly ReadElement[]> {
  if (page.length <= MAX_PAGE_ELEMENTS) yield page;
  else for (let from = 0; from < page.length; from += PAGE_ELEMENTS) yield page.slice(from, from + PAGE_ELEMENTS);
}

/** Adds a run's elements to the page; yields what is full in between, if one record has very many of them. */
function* addElements(run: RecordRun, parser: RecordParser, page: ReadElement[]): Generator<readonly ReadElement[]> {
  switch (run.kind) {
    case 'records': {
      const decoded = new DecodedRun(run);
      let start = 0;
      for (const end of run.ends) {
        const element = parser.parse(decoded, start, end);
        if (element !== undefined && 'position' in element) page.push(element);
        else
          for (const one of element ?? []) {
            page.push(one);
            if (page.length === MAX_PAGE_ELEMENTS) yield page.splice(0);
          }
        start = end;
      }
      return;
    }
    case 'failed': {
      const element = parser.fail(run);
      if (element !== undefined) page.push(element);
      return;
    }
    case 'rest':
  }
}
