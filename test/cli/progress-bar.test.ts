import type { WriteStream } from 'node:tty';
import { expect, test } from 'vitest';
import { ProgressBar } from '../../cli/progress-bar.ts';

/** What a stream was given: a terminal, or none. */
function streamOf(isTTY: boolean): { readonly stream: WriteStream; readonly written: string[] } {
  const written: string[] = [];
  // As much of a terminal as the bar asks for.
  const stream = { isTTY, columns: 80, write: (text: string) => written.push(text) } as unknown as WriteStream;
  return { stream, written };
}

test('a bar says what is done before there are elements, and clears that when they come', () => {
  const { stream, written } = streamOf(true);
  const bar = new ProgressBar(stream);
  bar.prepare('grouping n.jsonl by key', 0.123);
  // It was just refreshed.
  bar.prepare('grouping n.jsonl by key', 0.124);
  expect(written).toEqual(['\r\u001b[2Kgrouping n.jsonl by key: 12%']);
  bar.expect(2);
  expect(written[1]).toBe('\r\u001b[2K');
  const bars = written.length;
  bar.prepare('grouping m.jsonl by key', 0.5);
  expect(written).toHaveLength(bars);
  bar.stop();
});

test('a bar leaves a clear line where nothing came of what was done', () => {
  const { stream, written } = streamOf(true);
  const bar = new ProgressBar(stream);
  bar.prepare('grouping n.jsonl by key', 0.5);
  bar.stop();
  expect(written.at(-1)).toBe('\r\u001b[2K');
});

test('a bar writes nothing to what is no terminal', () => {
  const { stream, written } = streamOf(false);
  const bar = new ProgressBar(stream);
  bar.prepare('grouping n.jsonl by key', 0.5);
  bar.expect(2);
  bar.stop();
  expect(written).toEqual([]);
});
