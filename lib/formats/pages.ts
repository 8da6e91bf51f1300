import type { ErrorDescription } from '../errors.ts';
import { DecodedRun } from './decoded-run.ts';
import type { ElementWatch, PageEntry, ReadElement, ReadOptions } from './format.ts';
import type { Piece, RecordRun } from './records.ts';

const PAGE_ELEMENTS = 256;
/** Maximum elements of a page. Its last run can take it past `PAGE_ELEMENTS`, by up to the records of one run. */
const MAX_PAGE_ELEMENTS = 2 * PAGE_ELEMENTS;
const PAGE_BYTES = 256 * 1024;

/** A complete record that must not be parsed: its element fails with this. */
interface RefusedRecord extends Piece {
  readonly reason: 'refused';
  readonly failure: ErrorDescription;
}

export type FailedRun = Extract<RecordRun, { kind: 'failed' }> | RefusedRecord;

/** Parses the records of one format. */
export interface RecordParser<Entry extends PageEntry = ReadElement> {
  /**
   * Returns the element of the record `[start, end)` of a run, or several; undefined if it has no element: a blank
   * line. Packed rows are returned with their first element, and take those that follow.
   */
  parse(run: DecodedRun, start: number, end: number): Entry | Iterable<Entry> | undefined;
  /**
   * Returns the element of a record that does not end within the limit, or at all, or must not be parsed; undefined if
   * it has no element.
   */
  fail(run: FailedRun): Entry | undefined;
}

/** Parses records into pages. There is a promise for each page, not for each element. */
export async function* parsePages<Entry extends PageEntry>(
  runs: AsyncIterable<RecordRun>,
  parser: RecordParser<Entry>,
  { signal, watch }: ReadOptions = {},
): AsyncGenerator<readonly Entry[]> {
  let page: Entry[] = [];
  let pageBytes = 0;
  /** Elements of the pages before. */
  let before = 0;
  for await (const run of runs) {
    signal?.throwIfAborted();
    const own = watch === undefined ? parser : watched(parser, watch, () => before + page.length);
    for (const full of addElements(run, own, page)) {
      before += full.length;
      yield full;
    }
    pageBytes += run.bytes.length;
    if (page.length < PAGE_ELEMENTS && pageBytes < PAGE_BYTES) continue;
    if (page.length > 0) yield* cutPage(page);
    before += page.length;
    page = [];
    pageBytes = 0;
  }
  if (page.length > 0) yield* cutPage(page);
}

/** Lets a watch follow each record that is parsed. Splitting into records is one pass over bytes, and is not watched. */
function watched<Entry extends PageEntry>(
  parser: RecordParser<Entry>,
  watch: ElementWatch,
  nextPlace: () => number,
): RecordParser<Entry> {
  return {
    parse(run, start, end) {
      const place = nextPlace();
      const failure = watch.known(place);
      if (failure === undefined) return watch.run(place, () => whole(parser.parse(run, start, end)));
      return parser.fail({
        reason: 'refused',
        failure,
        position: run.position + start,
        bytes: run.bytes.subarray(start, end),
      });
    },
    fail: (run) => parser.fail(run),
  };
}

/** Parses all elements of a record now: some are only parsed when they are read. */
function whole<Entry extends PageEntry>(
  parsed: Entry | Iterable<Entry> | undefined,
): Entry | Iterable<Entry> | undefined {
  return parsed === undefined || 'position' in parsed ? parsed : [...parsed];
}

/** Cuts a page that is far too large, because a record had many elements. */
function* cutPage<Entry>(page: readonly Entry[]): Generator<readonly Entry[]> {
  if (page.length <= MAX_PAGE_ELEMENTS) yield page;
  else for (let from = 0; from < page.length; from += PAGE_ELEMENTS) yield page.slice(from, from + PAGE_ELEMENTS);
}

/** Adds a run's elements to the page; yields full pages if one record has very many elements. */
function* addElements<Entry extends PageEntry>(
  run: RecordRun,
  parser: RecordParser<Entry>,
  page: Entry[],
): Generator<readonly Entry[]> {
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
