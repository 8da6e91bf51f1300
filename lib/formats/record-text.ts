import type { DecodedRun } from './decoded-run.ts';
import type { ReadElement } from './format.ts';
import type { FailedRun } from './pages.ts';
import { failedElement, failure, invalidUtf8Element, tooLargeElement } from './read-element.ts';
import { LINE_FEED } from './records.ts';

const TAB = 0x09;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;

/** Returns the end of `[start, end)` without its line feed, or its carriage return and line feed. */
export function trimLineEnding(bytes: Buffer, start: number, end: number): number {
  if (end === start || bytes[end - 1] !== LINE_FEED) return end;
  return end - 1 > start && bytes[end - 2] === CARRIAGE_RETURN ? end - 2 : end - 1;
}

/** Checks whether a byte is whitespace in JSON. */
export function isJsonSpace(byte: number | undefined): boolean {
  return byte === SPACE || byte === LINE_FEED || byte === CARRIAGE_RETURN || byte === TAB;
}

export function trimSpaceStart(bytes: Buffer, start: number, end: number): number {
  let trimmed = start;
  while (trimmed < end && isJsonSpace(bytes[trimmed])) trimmed++;
  return trimmed;
}

export function trimSpaceEnd(bytes: Buffer, start: number, end: number): number {
  let trimmed = end;
  while (trimmed > start && isJsonSpace(bytes[trimmed - 1])) trimmed--;
  return trimmed;
}

/** Makes the element of some text of a run, `[start, end)`, or its failure if it is too large or is not text. */
// Not an object of options: it is called for every element.
// oxlint-disable-next-line max-params
export type ParseText = (run: DecodedRun, position: number, start: number, end: number) => ReadElement;

export function parseText(maxElementBytes: number, parse: (text: string, position: number) => ReadElement): ParseText {
  // oxlint-disable-next-line max-params
  return (run, position, start, end) => {
    if (end - start > maxElementBytes) {
      return tooLargeElement(position, run.bytes.subarray(start, end), maxElementBytes);
    }
    const text = run.text(start, end);
    if (text === undefined) return invalidUtf8Element(position, run.bytes.subarray(start, end));
    return parse(text, position);
  };
}

/** Returns the failed element of a line that does not end within the limit, or must not be parsed. */
export function failedLine(run: FailedRun, maxElementBytes: number): ReadElement {
  if (run.reason === 'tooLarge') return tooLargeElement(run.position, run.bytes, maxElementBytes);
  const line = run.bytes.toString('utf8', 0, trimLineEnding(run.bytes, 0, run.bytes.length));
  if (run.reason === 'refused') return failedElement(run.position, run.failure, line);
  const message = `A quoted field that continues in the next line is wrong: it is not closed, text follows its closing quote, or its row is larger than maxElementBytes, ${maxElementBytes} bytes`;
  return failedElement(run.position, failure('UnclosedQuote', message), line);
}
