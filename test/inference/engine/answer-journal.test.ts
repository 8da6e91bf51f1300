import { describe, expect, test } from 'vitest';
import { AnswerJournal, type JournalEntry } from '../../../lib/inference/engine/answer-journal.ts';
import { decodeEntries, encodeEntries } from '../../../lib/inference/engine/journal-bytes.ts';

const entryAt = (place: string, fingerprint: string, value: unknown = place): JournalEntry => ({
  model: 0,
  place,
  fingerprint,
  tries: 2,
  answer: { value, label: { label: 'm', digest: 'm' } },
});

describe('the answers of elements that may stand elsewhere by now', () => {
  test('are each for one element of the same value, also where several have it', () => {
    const journal = new AnswerJournal([entryAt('3', 'same', 'a'), entryAt('5', 'same', 'b')], { anyPlace: true });
    expect(journal.find(0, { place: '1', fingerprint: 'same' })?.answer?.value).toBe('a');
    expect(journal.find(0, { place: '1', fingerprint: 'same' })?.answer?.value).toBe('a');
    expect(journal.triesBefore(0, { place: '1', fingerprint: 'same' })).toBe(2);
    expect(journal.find(0, { place: '2', fingerprint: 'same' })?.answer?.value).toBe('b');
    expect(journal.find(0, { place: '3', fingerprint: 'same' })).toBeUndefined();
  });

  test('are not lost to another element that now stands where theirs did', () => {
    const journal = new AnswerJournal([entryAt('2', 'c')], { anyPlace: true });
    journal.record(entryAt('2', 'd'));
    expect(journal.entriesFrom(1).map(({ fingerprint }) => fingerprint)).toEqual(['d', 'c']);
    expect(journal.find(0, { place: '1', fingerprint: 'c' })?.answer?.value).toBe('2');
  });
});

test('tokens that are in a committed part are not counted once more; answers stay', () => {
  const usage = { inputTokens: 10, cachedInputTokens: 4, outputTokens: 3, reasoningTokens: 1 };
  const entries = [entryAt('0', 'a'), entryAt('1/0', 'b'), entryAt('2', 'c')];
  const journal = new AnswerJournal(entries.map((entry) => Object.assign(entry, { usage })));
  journal.forgetUsage([0, 1]);
  expect(decodeEntries(encodeEntries(journal.entriesFrom(0)))).toEqual([
    entryAt('0', 'a'),
    entryAt('1/0', 'b'),
    { ...entryAt('2', 'c'), usage },
  ]);
});
