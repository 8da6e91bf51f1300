import { describe, expect, test } from 'vitest';
import { AnswerJournal, decodeEntries, encodeEntries, type JournalEntry } from '../../lib/inference/answer-journal.ts';

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

test('an answer that can not be cloned does not take the others with it', () => {
  const uncloneable = entryAt('1', 'b', () => 'a function');
  expect(decodeEntries(encodeEntries([entryAt('0', 'a'), uncloneable]))).toEqual([entryAt('0', 'a')]);
});
