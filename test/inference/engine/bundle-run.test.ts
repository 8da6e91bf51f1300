import { describe, expect, test } from 'vitest';
import { AnswerJournal } from '../../../lib/inference/engine/answer-journal.ts';
import type { Bundle, OutcomeChunk } from '../../../lib/inference/bundle.ts';
import { BundleRun } from '../../../lib/inference/engine/bundle-run.ts';

const bundle: Bundle = {
  name: 'elements',
  source: { kind: 'elements', elements: Array.from({ length: 20 }, () => ({ input: 1 })) },
  address: {},
  skipElements: 4,
};

const chunkOf = (elements: number, isMidBatch: boolean): OutcomeChunk => ({
  results: new Uint8Array(),
  errors: new Uint8Array(),
  elements,
  succeeded: elements,
  failed: {},
  models: {},
  isMidBatch,
});

const answerAt = (ordinal: number) => ({
  model: 0,
  place: String(ordinal),
  fingerprint: 'a',
  tries: 1,
  answer: { value: ordinal, label: { label: 'm', digest: 'm' } },
});

describe('what is left of a bundle whose worker was lost', () => {
  test('starts over where a batch of a fixed size did, so that its batches are the same, with the answers from there on', async () => {
    const journal = new AnswerJournal([4, 5, 8, 9, 10, 11].map(answerAt));
    const run = new BundleRun({ task: 0, bundle, sink: { write() {} } }, { journal });
    run.track(Promise.resolve());
    await run.write(chunkOf(4, false));
    await run.write(chunkOf(2, true));
    expect(run.rest).toEqual({ bundle: { ...bundle, skipElements: 8 }, skip: 2 });
    expect(journal.entriesFrom(0).map(({ place }) => place)).toEqual(['8', '9', '10', '11']);
    await run.write(chunkOf(2, false));
    expect(run.rest).toEqual({ bundle: { ...bundle, skipElements: 12 }, skip: 0 });
    expect(journal.entriesFrom(0)).toEqual([]);
  });

  test('starts over from its beginning where no endpoint was asked', async () => {
    const run = new BundleRun({ task: 0, bundle, sink: { write() {} } });
    await run.write(chunkOf(4, false));
    expect(run.rest).toEqual({ bundle, skip: 4 });
  });
});
